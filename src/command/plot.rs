//! A recording and what was made of it as a picture, in SVG. PURE.

#![warn(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "PURE, below an edge"
)]

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Seconds, unit};
use super::trace::Trace;
use crate::segment::Gauge;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it is about.
    pub title: String,
    /// What was heard.
    pub trace: Trace,
    /// The utterances found, from when to when, in seconds.
    pub utterances: Vec<(f64, f64)>,
}

/// Pixels, for a recording of any length.
const SIZE: (u32, u32) = (1600, 520);
const HEAD: i32 = 34;
const WAVE: i32 = 176;
const LEFT_MARGIN: u32 = 12;
const LEFT: u32 = 72;
const RIGHT: u32 = 20;

/// A title as long as this ends before the legend.
const TITLE_CHARS: usize = 100;

/// A character of a label needs about this much room; labels of short utterances stand in rows, and are left out if all are full.
const LABEL_CHAR: i32 = 8;
const LABEL_ROWS: usize = 3;
const LABEL_HEIGHT: i32 = 16;

/// From silence to the loudest sound, RMS of 16-bit samples.
const LEVELS: Range<f64> = 1.0..32_768.0;

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
const SOUND: RGBColor = RGBColor(0x5b, 0x6b, 0x7c);
const LEVEL: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const THRESHOLD: RGBColor = RGBColor(0xc6, 0x28, 0x28);
const FLOOR: RGBColor = RGBColor(0xd0, 0x8a, 0x00);
/// How sure the detector is that somebody speaks: from the middle of the waveform (not at all, or not asked) to its top.
const VOICE: RGBColor = RGBColor(0x8e, 0x3b, 0xb0);
/// Utterances; nothing else has this colour.
const UTTERANCE: RGBColor = RGBColor(0x2e, 0x9e, 0x4f);

/// Two corners, in pixels.
type Span = [(i32, i32); 2];
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws it.
///
/// # Errors
/// None that is known: the picture is kept in memory.
pub fn svg(plot: &Plot) -> anyhow::Result<String> {
    let mut text = String::new();
    draw(plot, &SVGBackend::with_string(&mut text, SIZE).into_drawing_area())?;
    Ok(text)
}

fn draw(plot: &Plot, root: &Area) -> anyhow::Result<()> {
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(HEAD);
    let (upper, lower) = body.split_vertically(WAVE);
    let length_s = plot.trace.length_s().max(0.01);

    let mut wave = chart(&upper).build_cartesian_2d(Seconds(length_s), -1.0..1.0)?;
    wave.configure_mesh()
        .disable_x_axis()
        .y_labels(3)
        .y_desc("sound")
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14))
        .draw()?;
    let mut levels = chart(&lower).x_label_area_size(44).build_cartesian_2d(Seconds(length_s), LEVELS.log_scale())?;
    levels
        .configure_mesh()
        .x_desc(unit(length_s))
        .y_label_formatter(&|level| format!("{level:.0}"))
        .y_desc("energy (RMS)")
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14))
        .draw()?;

    let spans = spans(&plot.utterances, length_s, &wave, &levels);
    for span in &spans {
        root.draw(&Rectangle::new(*span, UTTERANCE.mix(0.18).filled()))?;
    }
    let outline = outline(&plot.trace);
    wave.plotting_area().draw(&Polygon::new(outline.clone(), SOUND))?;
    wave.plotting_area().draw(&PathElement::new(outline, SOUND))?;
    if plot.trace.levels().any(|(_, gauge)| gauge.voice.is_some()) {
        let voice = plot.trace.levels().map(|(at_s, gauge)| (at_s, f64::from(gauge.voice.unwrap_or(0.0))));
        wave.plotting_area().draw(&PathElement::new(voice.collect::<Vec<_>>(), VOICE.stroke_width(2)))?;
    }
    let line = |of: fn(&Gauge) -> Option<f32>| -> Vec<(f64, f64)> {
        let point = |(at_s, gauge): (f64, Gauge)| Some((at_s, f64::from(of(&gauge)?).max(LEVELS.start)));
        plot.trace.levels().filter_map(point).collect()
    };
    let floor = line(|gauge| gauge.floor);
    let followed = !floor.is_empty();
    let area = levels.plotting_area();
    area.draw(&PathElement::new(line(|gauge| Some(gauge.level)), LEVEL))?;
    area.draw(&PathElement::new(floor, FLOOR.stroke_width(2)))?;
    area.draw(&PathElement::new(line(|gauge| Some(gauge.threshold)), THRESHOLD.stroke_width(2)))?;
    label(root, &spans, &plot.utterances)?;
    head.draw_text(
        &shown(&plot.title),
        &font(18).pos(Pos::new(HPos::Left, VPos::Center)),
        ((LEFT_MARGIN + LEFT) as i32, HEAD / 2),
    )?;
    legend(&head, followed)?;
    root.present()?;
    Ok(())
}

fn chart<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart.margin_left(LEFT_MARGIN).margin_right(RIGHT).margin_bottom(6).y_label_area_size(LEFT);
    chart
}

fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// The corners of the utterances' rectangles, over both charts.
fn spans<Y: Ranged, Z: Ranged>(
    utterances: &[(f64, f64)],
    length_s: f64,
    wave: &ChartContext<SVGBackend, Cartesian2d<Seconds, Y>>,
    levels: &ChartContext<SVGBackend, Cartesian2d<Seconds, Z>>,
) -> Vec<Span> {
    let (_, above) = wave.plotting_area().get_pixel_range();
    let (columns, below) = levels.plotting_area().get_pixel_range();
    let pixel = |at_s: f64| Seconds(length_s).map(&at_s, (columns.start, columns.end));
    utterances.iter().map(|(from, to)| [(pixel(*from), above.start), (pixel(*to), below.end)]).collect()
}

/// The waveform as one closed line: along its highest samples, and back along its lowest.
fn outline(trace: &Trace) -> Vec<(f64, f64)> {
    let height = |sample: i16| f64::from(sample) / 32_768.0;
    let there = trace.wave().map(|(at_s, extent)| (at_s, height(extent.high)));
    let mut outline: Vec<_> = there.collect();
    let mut back: Vec<_> = trace.wave().map(|(at_s, extent)| (at_s, height(extent.low))).collect();
    back.reverse();
    outline.extend(back);
    outline
}

/// From when to when, where there is room for it.
fn label(root: &Area, spans: &[Span], utterances: &[(f64, f64)]) -> anyhow::Result<()> {
    let style = font(14).color(&RGBColor(0x1b, 0x5e, 0x20));
    let mut free_from = [0; LABEL_ROWS];
    for ([(left, top), _], (from_s, to_s)) in spans.iter().zip(utterances) {
        let text = format!("{from_s:.2}–{to_s:.2}");
        let width = LABEL_CHAR * text.chars().count() as i32;
        let left = (*left).min(SIZE.0 as i32 - width);
        let Some(row) = free_from.iter().position(|free| *free <= left) else { continue };
        free_from[row] = left + width;
        root.draw_text(&text, &style, (left + 2, top + 2 + row as i32 * LABEL_HEIGHT))?;
    }
    Ok(())
}

fn legend(head: &Area, followed: bool) -> anyhow::Result<()> {
    let of_room = [("background", FLOOR, 2), ("voice", VOICE, 2)].into_iter().filter(|_| followed);
    let entries = [("energy", LEVEL, 2), ("threshold", THRESHOLD, 2)].into_iter().chain(of_room);
    let mut left = SIZE.0 as i32 - 597;
    let style = font(15).pos(Pos::new(HPos::Left, VPos::Center));
    for (name, colour, width) in entries.chain([("utterance, seconds", UTTERANCE, 10)]) {
        let line = PathElement::new([(left, HEAD / 2), (left + 22, HEAD / 2)], colour.stroke_width(width));
        head.draw(&line)?;
        head.draw_text(name, &style, (left + 28, HEAD / 2))?;
        left += 52 + 7 * name.len() as i32;
    }
    Ok(())
}

/// A file's name may hold what XML may not, and be longer than there is room for.
fn shown(title: &str) -> String {
    title
        .chars()
        .take(TITLE_CHARS)
        .map(|c| if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WINDOW_SAMPLES;

    fn plot(title: &str, windows: u32, utterances: &[(f64, f64)]) -> String {
        let mut trace = Trace::default();
        for at in 0..windows {
            let level = if at % 200 < 100 { 3000.0 } else { 0.0 };
            trace
                .hear(&[level as i16; WINDOW_SAMPLES], Gauge { level, floor: Some(0.0), threshold: 40.0, voice: None });
        }
        svg(&Plot { title: title.into(), trace, utterances: utterances.into() }).expect("it is drawn")
    }

    fn rectangles(svg: &str) -> usize {
        svg.lines().filter(|line| line.starts_with("<rect") && line.contains("#2E9E4F")).count()
    }

    #[test]
    fn every_utterance_is_a_span_that_bears_its_seconds() {
        let svg = plot("talk.wav", 1000, &[(0.5, 2.25), (4.0, 9.875)]);
        assert_eq!(rectangles(&svg), 2);
        assert!(svg.contains("0.50–2.25") && svg.contains("4.00–9.88"));
    }

    #[test]
    fn a_file_of_any_name_gives_well_formed_xml() {
        let svg = plot("a<b>&\"c\"\u{7}.wav", 100, &[]);
        let text = roxmltree::Document::parse(&svg)
            .expect("XML")
            .root()
            .descendants()
            .filter_map(|n| n.text())
            .collect::<String>();
        assert!(text.contains("a<b>&\"c\"?.wav"));
    }

    #[test]
    fn what_the_detector_of_voices_says_is_drawn_where_it_is_asked() {
        let drawn = |voice| {
            let mut trace = Trace::default();
            let gauge = Gauge { level: 100.0, floor: Some(10.0), threshold: 40.0, voice };
            (0..100).for_each(|_| trace.hear(&[100; WINDOW_SAMPLES], gauge));
            let svg = svg(&Plot { title: "talk.wav".into(), trace, utterances: vec![] }).expect("it is drawn");
            // Once in the legend.
            svg.matches("#8E3BB0").count()
        };
        assert_eq!((drawn(None), drawn(Some(0.9))), (1, 2));
    }

    #[test]
    fn a_recording_without_sound_is_drawn_too() {
        assert_eq!(rectangles(&plot("nothing.wav", 0, &[])), 0);
    }

    #[test]
    fn an_hour_takes_hardly_more_room_than_a_minute() {
        let spans: Vec<_> = (0..600).map(|at| (f64::from(at) * 6.0, f64::from(at) * 6.0 + 2.0)).collect();
        let svg = plot("long.wav", 360_000, &spans);
        assert_eq!(rectangles(&svg), 600);
        assert!(svg.len() < 400_000, "{}", svg.len());
    }
}
