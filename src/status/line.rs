//! The one live line of `listener run` on a terminal. PURE.

use crate::event::Progress;
use crate::spool::Kind;

/// Cells of the level bar. The threshold stands at two thirds of it, so that speech is seen to pass it.
const BAR_CELLS: usize = 12;
const THRESHOLD_CELL: usize = BAR_CELLS * 2 / 3;

/// The line, at most `columns` wide: level against threshold, speaking or not, and the counts.
pub fn line(progress: &Progress, waiting: usize, columns: usize) -> String {
    let threshold = progress.threshold;
    let recorded = |kind| progress.tally(kind).recorded;
    let delivered: u64 = Kind::ALL.iter().map(|kind| progress.tally(*kind).delivered).sum();
    let voice = if progress.speaking { "speaking" } else { "quiet   " };
    let line = format!(
        "{} {:>5.0}/{threshold:.0} {voice}  utterances {}  clips {}  pictures {}  waiting {waiting}  delivered {delivered}",
        bar(progress.rms, threshold),
        progress.rms,
        recorded(Kind::Utterance),
        recorded(Kind::Clip),
        recorded(Kind::Picture),
    );
    line.chars().take(columns).collect()
}

/// A bar on a logarithmic scale, as loudness is heard: 6 dB a cell.
fn bar(rms: f32, threshold: f32) -> String {
    let octaves = (rms.max(1.0) / threshold.max(1.0)).log2().floor() as i32;
    let filled = (THRESHOLD_CELL as i32 + octaves).clamp(0, BAR_CELLS as i32) as usize;
    let cell = |at: usize| match (at < filled, at == THRESHOLD_CELL) {
        (true, _) => '█',
        (false, true) => '│',
        (false, false) => '·',
    };
    (0..BAR_CELLS).map(cell).collect()
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
        assert_eq!(bar(4999.0, 5000.0), "███████·│···");
        assert_eq!(bar(5000.0, 5000.0), "████████│···");
        assert_eq!(bar(10_000.0, 5000.0), "█████████···");
        assert_eq!(bar(0.0, 5000.0), "········│···");
        assert_eq!(bar(32_768.0, 1.0), "████████████");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_line_and_never_wraps_it() {
        assert_eq!(line(&Progress::default(), 0, 20).chars().count(), 20);
    }
}
