//! What the three status LEDs say (design, "LEDs"). PURE: patterns are data, time is passed in.

use std::time::Duration;

use crate::event::{Part, Progress};

/// One LED's pattern, slow enough to be counted by a person: how long it is lit, dark, lit and so on in milliseconds,
/// over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern(&'static [u16]);

impl Pattern {
    /// Dark.
    pub const OFF: Self = Self(&[0, 1000]);
    /// Lit.
    pub const STEADY: Self = Self(&[1000]);
    /// 0.5 Hz.
    pub const SLOW_BLINK: Self = Self(&[1000, 1000]);
    /// Two short flashes, then a pause.
    pub const DOUBLE_BLINK: Self = Self(&[150, 150, 150, 1550]);
    /// Irregular to the eye.
    pub const FLICKER: Self = Self(&[50, 100, 50, 50, 150, 100, 50, 150]);

    /// So many blinks, then a pause; from two, since one would be a slow blink.
    const BLINKS: [Self; 6] = [
        Self(&[300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
    ];

    /// 2 to 7 blinks, then a pause.
    const fn blinks(count: usize) -> Self {
        Self::BLINKS[count - 2]
    }

    /// Whether the LED is lit at this time since any beginning.
    pub fn is_lit(self, at: Duration) -> bool {
        let round: u128 = self.0.iter().copied().map(u128::from).sum();
        let mut left = at.as_millis() % round;
        for (step, ms) in self.0.iter().copied().map(u128::from).enumerate() {
            if left < ms {
                return step % 2 == 0;
            }
            left -= ms;
        }
        false
    }
}

/// One row of the card.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The LED.
    pub led: &'static str,
    /// What it does, in words.
    pub looks: &'static str,
    /// And as it is played.
    pub pattern: Pattern,
    /// What that means.
    pub says: &'static str,
}

/// The LEDs' whole language. Codes are for people, so they never change meaning.
pub const CARD: [Meaning; 13] = [
    row("health", "off", Pattern::OFF, "no power, or not started"),
    row("health", "slow blink", Pattern::SLOW_BLINK, "starting: waiting for camera and microphone"),
    row("health", "steady", Pattern::STEADY, "camera and microphone are recording"),
    row("health", "double blink", Pattern::DOUBLE_BLINK, "one of them is missing; the other goes on"),
    row("attention", "off", Pattern::OFF, "nothing to do"),
    row("attention", "3 blinks, pause", Pattern::blinks(3), "no network, or no time server: the clock is not set"),
    row("attention", "4 blinks, pause", Pattern::blinks(4), "the API or its storage cannot be reached"),
    row("attention", "5 blinks, pause", Pattern::blinks(5), "the token is refused"),
    row("attention", "6 blinks, pause", Pattern::blinks(6), "the home is unknown"),
    row("attention", "7 blinks, pause", Pattern::blinks(7), "the disk is full: pictures are being dropped"),
    row("data", "off", Pattern::OFF, "nothing waiting"),
    row("data", "steady", Pattern::STEADY, "someone is being recorded speaking"),
    row("data", "flicker", Pattern::FLICKER, "delivering"),
];

const fn row(led: &'static str, looks: &'static str, pattern: Pattern, says: &'static str) -> Meaning {
    Meaning { led, looks, pattern, says }
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
    /// All dark.
    pub const OFF: Self = Self { health: Pattern::OFF, attention: Pattern::OFF, data: Pattern::OFF };

    /// What the stages' reports so far look like.
    pub fn of(progress: &Progress, waiting: usize) -> Self {
        let health = match [Part::Microphone, Part::Camera].map(|part| progress.is_recording(part)) {
            [true, true] => Pattern::STEADY,
            [false, false] => Pattern::SLOW_BLINK,
            [true, false] | [false, true] => Pattern::DOUBLE_BLINK,
        };
        let attention = progress.faults().keys().find_map(|part| code(*part)).map_or(Pattern::OFF, Pattern::blinks);
        let data = match (progress.speaking, waiting) {
            (true, _) => Pattern::STEADY,
            (false, 0) => Pattern::OFF,
            (false, _) => Pattern::FLICKER,
        };
        Self { health, attention, data }
    }

    /// Which are lit: health, attention, data.
    pub fn are_lit(self, at: Duration) -> [bool; 3] {
        [self.health, self.attention, self.data].map(|pattern| pattern.is_lit(at))
    }
}

/// The attention code; the fault that comes first in [`Part`]'s order is shown. A missing device shows in health.
fn code(part: Part) -> Option<usize> {
    match part {
        Part::Clock => Some(3),
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
            let round = Duration::from_millis(count as u64 * 600 + 1500);
            assert_eq!(flashes(Pattern::blinks(count), round), count);
            assert!(!Pattern::blinks(count).is_lit(round - Duration::from_millis(1)));
            assert!(Pattern::blinks(count).is_lit(round), "and begin again");
        }
        assert_eq!(flashes(Pattern::SLOW_BLINK, Duration::from_secs(10)), 5);
        assert_eq!(flashes(Pattern::DOUBLE_BLINK, Duration::from_secs(2)), 2);
    }

    #[test]
    fn off_is_dark_and_steady_is_lit_at_every_moment() {
        let moments = || (0..3000).map(Duration::from_millis);
        assert!(moments().all(|at| !Pattern::OFF.is_lit(at) && Pattern::STEADY.is_lit(at)));
    }

    #[test]
    fn whatever_an_led_says_is_on_the_card() {
        let mut progress = Progress::default();
        let mut seen = vec![Lights::of(&progress, 0), Lights::of(&progress, 1)];
        progress.add(&Event::SpeechStarted);
        progress.add(&Event::Recording(Part::Camera));
        seen.push(Lights::of(&progress, 0));
        progress.add(&Event::Recording(Part::Microphone));
        for part in [Part::Disk, Part::Home, Part::Token, Part::Storage, Part::Api, Part::Clock] {
            progress.add(&Event::Fault(Fault::new(part, "at fault")));
            seen.push(Lights::of(&progress, 0));
        }
        let is_on_card = |led, pattern| CARD.iter().any(|row| row.led == led && row.pattern == pattern);
        for Lights { health, attention, data } in seen {
            assert!(is_on_card("health", health) && is_on_card("attention", attention) && is_on_card("data", data));
        }
    }

    #[test]
    fn health_tells_starting_from_degraded_from_well() {
        let mut progress = Progress::default();
        assert_eq!(Lights::of(&progress, 0).health, Pattern::SLOW_BLINK);
        progress.add(&Event::Recording(Part::Microphone));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::DOUBLE_BLINK);
        progress.add(&Event::Recording(Part::Camera));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::STEADY);
        progress.add(&Event::Fault(Fault::new(Part::Camera, "unplugged")));
        assert_eq!(Lights::of(&progress, 0).health, Pattern::DOUBLE_BLINK);
    }

    #[test]
    fn the_most_urgent_code_wins() {
        let mut progress = Progress::default();
        progress.add(&Event::Fault(Fault::new(Part::Disk, "full")));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::blinks(7));
        progress.add(&Event::Fault(Fault::new(Part::Token, "refused")));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::blinks(5));
        progress.add(&Event::Cleared(Part::Token));
        assert_eq!(Lights::of(&progress, 1).attention, Pattern::blinks(7));
    }
}
