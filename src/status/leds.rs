//! What the three status LEDs say (design, "LEDs"). PURE: patterns are data, time is passed in.

use std::time::Duration;

use crate::event::{Part, Progress};

/// One LED's pattern, slow enough to be counted by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Dark.
    Off,
    /// Lit.
    Steady,
    /// 0.5 Hz.
    SlowBlink,
    /// Two short flashes, then a pause.
    DoubleBlink,
    /// So many blinks, then a pause.
    Blinks(u32),
    /// Irregular to the eye.
    Flicker,
}

const BLINK_MS: u128 = 300;
const BLINKS_PAUSE_MS: u128 = 1500;

impl Pattern {
    /// Whether the LED is lit at this time since any beginning.
    pub fn is_lit(self, at: Duration) -> bool {
        let ms = at.as_millis();
        match self {
            Self::Off => false,
            Self::Steady => true,
            Self::SlowBlink => ms % 2000 < 1000,
            Self::DoubleBlink => matches!(ms % 2000, 0..150 | 300..450),
            Self::Blinks(count) => {
                let blinking = u128::from(count) * 2 * BLINK_MS;
                let within = ms % (blinking + BLINKS_PAUSE_MS);
                within < blinking && within % (2 * BLINK_MS) < BLINK_MS
            }
            Self::Flicker => matches!(ms % 700, 0..50 | 150..200 | 250..400 | 500..550),
        }
    }
}

/// The three LEDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lights {
    /// Green: whether camera and microphone record.
    pub health: Pattern,
    /// Red: what a person has to do.
    pub attention: Pattern,
    /// Blue: speech and delivery.
    pub data: Pattern,
}

impl Lights {
    /// What the stages' reports so far look like.
    pub fn of(progress: &Progress, waiting: usize) -> Self {
        let health = match [Part::Microphone, Part::Camera].map(|part| progress.is_recording(part)) {
            [true, true] => Pattern::Steady,
            [false, false] => Pattern::SlowBlink,
            [true, false] | [false, true] => Pattern::DoubleBlink,
        };
        let attention = progress.faults().keys().find_map(|part| code(*part)).map_or(Pattern::Off, Pattern::Blinks);
        let data = match (progress.speaking, waiting) {
            (true, _) => Pattern::Steady,
            (false, 0) => Pattern::Off,
            (false, _) => Pattern::Flicker,
        };
        Self { health, attention, data }
    }

    /// All dark.
    pub const OFF: Self = Self { health: Pattern::Off, attention: Pattern::Off, data: Pattern::Off };

    /// Which are lit: health, attention, data.
    pub fn are_lit(self, at: Duration) -> [bool; 3] {
        [self.health, self.attention, self.data].map(|pattern| pattern.is_lit(at))
    }
}

/// The attention code; the fault that comes first in [`Part`]'s order is shown. A missing device shows in health.
fn code(part: Part) -> Option<u32> {
    match part {
        Part::Api | Part::Storage => Some(4),
        Part::Token => Some(5),
        Part::Home => Some(6),
        Part::Disk => Some(7),
        Part::Microphone | Part::Camera => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Fault};

    /// How often a pattern goes from dark to lit in a time.
    fn flashes(pattern: Pattern, within: Duration) -> usize {
        let lit: Vec<bool> =
            (0..within.as_millis() as u64).map(|ms| pattern.is_lit(Duration::from_millis(ms))).collect();
        usize::from(lit[0]) + lit.windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    #[test]
    fn codes_can_be_counted_and_end_in_a_pause() {
        for count in 2..=7 {
            let round = Duration::from_millis(u64::from(count) * 600 + 1500);
            assert_eq!(flashes(Pattern::Blinks(count), round), count as usize);
            assert!(!Pattern::Blinks(count).is_lit(round - Duration::from_millis(1)));
        }
        assert_eq!(flashes(Pattern::SlowBlink, Duration::from_secs(10)), 5);
        assert_eq!(flashes(Pattern::DoubleBlink, Duration::from_secs(2)), 2);
    }

    #[test]
    fn health_tells_starting_from_degraded_from_well() {
        let mut progress = Progress::default();
        assert_eq!(Lights::of(&progress, 0).health, Pattern::SlowBlink);
        progress.add(&Event::Recording(Part::Microphone));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::DoubleBlink);
        progress.add(&Event::Recording(Part::Camera));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::Steady);
        progress.add(&Event::Fault(Fault::new(Part::Camera, "unplugged")));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::DoubleBlink);
    }

    #[test]
    fn the_most_urgent_code_wins() {
        let mut progress = Progress::default();
        progress.add(&Event::Fault(Fault::new(Part::Disk, "full")));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::Blinks(7));
        progress.add(&Event::Fault(Fault::new(Part::Token, "refused")));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::Blinks(5));
        progress.add(&Event::Cleared(Part::Token));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::Blinks(7));
    }
}
