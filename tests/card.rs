//! The printed card says what the LEDs play. `LISTENER_WRITE_CARD=1 cargo nextest run --test card` draws it anew.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use listener::status::leds::{ALL, CARD, Meaning, NAMES, Pattern};

const SECONDS: u32 = 6;
const PX_PER_S: u32 = 60;
const ROW_PX: usize = 30;
const BAR_PX: usize = 24;
const LOOKS_PX: u32 = 110;
const TIME_PX: u32 = 270;
const SAYS_PX: u32 = TIME_PX + SECONDS * PX_PER_S + 20;
/// Of text in 14 px. DejaVu Sans, among the widest fonts that a reader may have for `sans-serif`, takes 6.9 on the average.
const CHARACTER_PX: u32 = 8;
const STEP_MS: u32 = 25;

fn colour(led: &str) -> &'static str {
    match led {
        "health" => "#2e9e44",
        "attention" => "#d5342b",
        "data" => "#2f6fd0",
        _ => "#555",
    }
}

/// Spans in which it is lit, in milliseconds.
fn lit(pattern: Pattern) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for at in (0..SECONDS * 1000).step_by(STEP_MS as usize) {
        if pattern.is_lit(Duration::from_millis(at.into())) {
            match spans.last_mut() {
                Some(span) if span.1 == at => span.1 += STEP_MS,
                _ => spans.push((at, at + STEP_MS)),
            }
        }
    }
    spans
}

/// One for all three where they do the same, else one for each.
fn bars(Meaning { led, patterns, .. }: &Meaning) -> Vec<(&'static str, Pattern)> {
    if *led == ALL && patterns.iter().any(|pattern| *pattern != patterns[0]) {
        return NAMES.map(colour).into_iter().zip(*patterns).collect();
    }
    vec![(colour(led), patterns[0])]
}

/// The room that a text takes at most.
fn text_px(text: &str) -> u32 {
    text.chars().count() as u32 * CHARACTER_PX
}

fn draw() -> Result<String, std::fmt::Error> {
    let width = SAYS_PX + CARD.iter().map(|meaning| text_px(meaning.says)).max().unwrap_or_default();
    let height = CARD.len() * ROW_PX + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut led_before = "";
    for (row, meaning) in CARD.iter().enumerate() {
        let Meaning { led, looks, says, .. } = meaning;
        let (top, colour) = (12 + row * ROW_PX, colour(led));
        let text = top + 17;
        if *led != led_before {
            writeln!(svg, "<text x=\"12\" y=\"{text}\" font-weight=\"bold\" fill=\"{colour}\">{led}</text>")?;
            led_before = led;
        }
        writeln!(svg, "<text x=\"{LOOKS_PX}\" y=\"{text}\">{looks}</text>")?;
        let width = SECONDS * PX_PER_S;
        writeln!(svg, "<rect x=\"{TIME_PX}\" y=\"{top}\" width=\"{width}\" height=\"{BAR_PX}\" fill=\"#e4e4e4\"/>")?;
        let bars = bars(meaning);
        let height = BAR_PX / bars.len();
        for (bar, (colour, pattern)) in bars.into_iter().enumerate() {
            let y = top + bar * height;
            for (from, to) in lit(pattern) {
                let (x, width) = (TIME_PX + from * PX_PER_S / 1000, (to - from) * PX_PER_S / 1000);
                writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>")?;
            }
        }
        writeln!(svg, "<text x=\"{SAYS_PX}\" y=\"{text}\">{says}</text>")?;
    }
    let below = height - 12;
    for second in 0..=SECONDS {
        let x = TIME_PX + second * PX_PER_S;
        writeln!(svg, "<text x=\"{x}\" y=\"{below}\" font-size=\"11\" text-anchor=\"middle\">{second} s</text>")?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn docs(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn the_picture_shows_what_is_played() {
    let drawn = draw().expect("text");
    if std::env::var_os("LISTENER_WRITE_CARD").is_some() {
        std::fs::write(docs("leds.svg"), &drawn).expect("writable");
    }
    let kept = std::fs::read_to_string(docs("leds.svg")).expect("docs/leds.svg");
    assert!(kept == drawn, "docs/leds.svg is not what the LEDs play: draw it anew (first lines of this file)");
}

#[test]
fn no_text_in_the_picture_is_cut_off_or_covered() {
    let svg = std::fs::read_to_string(docs("leds.svg")).expect("docs/leds.svg");
    let document = roxmltree::Document::parse(&svg).expect("XML");
    let number =
        |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).and_then(|text| text.parse::<u32>().ok());
    let width = number(document.root_element(), "width").expect("a width");
    for node in document.descendants().filter(|node| node.has_tag_name("text")) {
        let (text, left) = (node.text().expect("text"), number(node, "x").expect("a place"));
        let column_ends = [LOOKS_PX, TIME_PX, width].into_iter().find(|end| *end > left).expect("within the picture");
        // The seconds below stand around their places.
        let is_second = node.attribute("text-anchor").is_some();
        assert!(is_second || left + text_px(text) <= column_ends, "{text:?} does not fit into its column");
    }
}

#[test]
fn the_card_has_every_row_and_no_other() {
    let card = std::fs::read_to_string(docs("leds.md")).expect("docs/leds.md");
    let rows: Vec<_> = card.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let row = |Meaning { led, looks, says, remedy, .. }: &Meaning| format!("| {led} | {looks} | {says} | {remedy} |");
    assert_eq!(rows, CARD.iter().map(row).collect::<Vec<_>>());
}
