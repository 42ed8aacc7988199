//! The one live line on a terminal: of `listener run`, and of `listener meter`. PURE.

use crate::event::Progress;
use crate::item::Kind;
use crate::segment::Reading;

/// Cells of the level bar. The threshold stands at two thirds of it, so that speech is seen to pass it.
const BAR_CELLS: usize = 12;

/// A meter is all about its bar, where the terminal is wide enough for a long one.
const METER_CELLS: usize = 24;
const METER_COLUMNS: usize = 100;

/// What a bar shows between its ends, however many cells it has: 12 doublings, 72 dB.
const BAR_OCTAVES: f32 = 12.0;

/// The line, at most `columns` wide: level against threshold, speaking or not, and the counts.
pub fn line(progress: &Progress, waiting: usize, columns: usize) -> String {
    let threshold = progress.threshold;
    let recorded = |kind| progress.tally(kind).recorded;
    let delivered: u64 = Kind::ALL.iter().map(|kind| progress.tally(*kind).delivered).sum();
    let voice = voice(progress.speaking);
    let line = format!(
        "{} {:>5.0}/{threshold:.0} {voice}  utterances {}  clips {}  pictures {}  waiting {waiting}  delivered {delivered}",
        bar(progress.rms, threshold, BAR_CELLS),
        progress.rms,
        recorded(Kind::Utterance),
        recorded(Kind::Clip),
        recorded(Kind::Picture),
    );
    line.chars().take(columns).collect()
}

/// The line of the meter, at most `columns` wide.
pub fn meter(reading: &Reading, columns: usize) -> String {
    let cells = if columns < METER_COLUMNS { BAR_CELLS } else { METER_CELLS };
    let line = format!("{} {}", bar(reading.level, reading.threshold, cells), meter_words(reading));
    line.chars().take(columns).collect()
}

/// The same without a bar, for a log. It fits beside a short bar into 80 columns.
pub fn meter_words(reading: &Reading) -> String {
    let number = |level: Option<f32>| level.map_or("-".to_owned(), |level| format!("{level:.0}"));
    format!(
        "level {:>5.0}  floor {:>5}  threshold {:>5.0} {}  suitable {:>5}",
        reading.level,
        number(reading.floor),
        reading.threshold,
        voice(reading.speaking),
        number(reading.suitable),
    )
}

fn voice(speaking: bool) -> &'static str {
    if speaking { "speaking" } else { "quiet   " }
}

/// A bar on a logarithmic scale, as loudness is heard.
fn bar(rms: f32, threshold: f32, cells: usize) -> String {
    let threshold_cell = cells * 2 / 3;
    let octaves = (rms.max(1.0) / threshold.max(1.0)).log2();
    let beyond = (octaves * cells as f32 / BAR_OCTAVES).floor() as i32;
    let filled = (threshold_cell as i32 + beyond).clamp(0, cells as i32) as usize;
    let cell = |at: usize| match (at < filled, at == threshold_cell) {
        (true, _) => '█',
        (false, true) => '│',
        (false, false) => '·',
    };
    (0..cells).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn the_line_shows_level_against_threshold_and_the_counts() {
        let mut progress = Progress::default();
        progress.add(&Event::Level { rms: 10_000.0, threshold: 5000.0, speaking: true });
        progress.add(&Event::Recorded(Kind::Utterance));
        progress.add(&Event::Delivered(Kind::Utterance));
        assert_eq!(
            line(&progress, 3, 200),
            "█████████··· 10000/5000 speaking  utterances 1  clips 0  pictures 0  waiting 3  delivered 1"
        );
    }

    #[test]
    fn the_bar_passes_its_mark_exactly_at_the_threshold() {
        let short = |rms, threshold| bar(rms, threshold, BAR_CELLS);
        assert_eq!(short(4999.0, 5000.0), "███████·│···");
        assert_eq!(short(5000.0, 5000.0), "████████│···");
        assert_eq!(short(10_000.0, 5000.0), "█████████···");
        assert_eq!(short(0.0, 5000.0), "········│···");
        assert_eq!(short(32_768.0, 1.0), "████████████");
    }

    #[test]
    fn a_long_bar_passes_its_mark_there_too_and_has_cells_of_3_db() {
        assert_eq!(bar(4999.0, 5000.0, 24), "███████████████·│·······");
        assert_eq!(bar(5000.0, 5000.0, 24), "████████████████│·······");
        assert_eq!(bar(5000.0 * 1.42, 5000.0, 24), "█████████████████·······");
    }

    const READING: Reading =
        Reading { level: 1234.4, floor: Some(71.0), threshold: 617.2, speaking: true, suitable: Some(640.0) };

    #[test]
    fn the_meter_shows_all_it_reads_in_80_columns() {
        let line = meter(&READING, 80);
        assert_eq!(line, "█████████··· level  1234  floor    71  threshold   617 speaking  suitable   640");
    }

    #[test]
    fn a_meter_says_what_it_does_not_know_yet_and_never_wraps() {
        let line = meter_words(&Reading { floor: None, speaking: false, suitable: None, ..READING });
        assert_eq!(line, "level  1234  floor     -  threshold   617 quiet     suitable     -");
        assert_eq!(meter(&READING, 30).chars().count(), 30);
        assert_eq!(meter(&READING, 120).chars().count(), 25 + line.chars().count());
    }

    #[test]
    fn a_narrow_terminal_cuts_the_line_and_never_wraps_it() {
        assert_eq!(line(&Progress::default(), 0, 20).chars().count(), 20);
    }
}
