//! What the three status LEDs say (design, "LEDs"). PURE: patterns are data, time is passed in.

use std::time::Duration;

use super::health::{Attention, Data, Health, Recording};

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
    /// A short flash, then a long dark: neither off, nor one of the patterns of a box at work.
    pub const GLINT: Self = Self(&[150, 2850]);
    /// 4 Hz.
    pub const FAST_BLINK: Self = Self(&[125, 125]);
    /// Three short flashes; the round is longer than they are shown.
    pub const THREE_FLASHES: Self = Self(&[150, 150, 150, 150, 150, 9250]);
    /// Irregular to the eye.
    pub const FLICKER: Self = Self(&[50, 100, 50, 50, 150, 100, 50, 150]);
    /// One LED after the other: health, attention, data. Begun at the same moment, they stay in step.
    pub const IN_TURN: [Self; 3] = [Self(&[500, 1000]), Self(&[0, 500, 500, 500]), Self(&[0, 1000, 500])];

    /// So many blinks, then a pause; from two, since one would be a slow blink.
    const BLINKS: [Self; 7] = [
        Self(&[300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
        Self(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 1800]),
    ];

    /// 2 to 8 blinks, then a pause.
    const fn blinks(count: usize) -> Self {
        Self::BLINKS[count - 2]
    }

    /// Whether the LED is lit, so long after the pattern began.
    pub fn is_lit(self, at: Duration) -> bool {
        self.step(at).0.is_multiple_of(2)
    }

    /// How long it stays as it is then; `None` if for ever.
    pub fn until_change(self, at: Duration) -> Option<Duration> {
        let (now, left) = self.step(at);
        let mut wait = left;
        for ahead in 1..=self.0.len() {
            let next = (now + ahead) % self.0.len();
            if next % 2 != now % 2 && self.0[next] > 0 {
                return Some(wait);
            }
            wait += Duration::from_millis(self.0[next].into());
        }
        None
    }

    /// Which step it is in, and for how long still.
    fn step(self, at: Duration) -> (usize, Duration) {
        let ends = self.0.iter().scan(Duration::ZERO, |end, ms| {
            *end += Duration::from_millis((*ms).into());
            Some(*end)
        });
        let round: u64 = self.0.iter().copied().map(u64::from).sum();
        let within = Duration::from_nanos((at.as_nanos() % u128::from(round * 1_000_000)) as u64);
        let step = ends.enumerate().find(|(_, end)| within < *end);
        // The last step ends with the round.
        step.map_or((0, Duration::ZERO), |(step, end)| (step, end - within))
    }
}

/// One row of the card.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The LED.
    pub led: &'static str,
    /// What it does, in words.
    pub looks: &'static str,
    /// And as it is played, by the LEDs in the order of [`NAMES`]; of a row of one LED only its own counts.
    pub patterns: [Pattern; 3],
    /// What that means.
    pub says: &'static str,
    /// What a person can do.
    pub remedy: &'static str,
}

impl Meaning {
    /// Whether the LED at this place in [`NAMES`] takes part.
    fn is_of(&self, led: usize) -> bool {
        self.led == NAMES[led] || self.led == ALL
    }
}

/// All three together.
pub const ALL: &str = "all three";

/// The LEDs' names.
pub const NAMES: [&str; 3] = ["health", "attention", "data"];

/// The LEDs' whole language. Codes are for people, so they never change meaning.
pub const CARD: [Meaning; 20] = [
    row(NAMES[0], "off", Pattern::OFF, "no power, or not started", "check the power supply; wait a minute"),
    row(NAMES[0], "slow blink", Pattern::SLOW_BLINK, "starting: waiting for camera and microphone", "plug both in"),
    row(NAMES[0], "steady", Pattern::STEADY, "camera and microphone are recording", NOTHING),
    row(
        NAMES[0],
        "double blink",
        Pattern::DOUBLE_BLINK,
        "one of them is missing; the other goes on",
        "plug it in again, or another one",
    ),
    row(
        NAMES[0],
        "a flash every 3 s",
        Pattern::GLINT,
        "muted: nothing is recorded",
        "turn the mute switch off to be heard again",
    ),
    row(NAMES[1], "off", Pattern::OFF, "nothing to do", NOTHING),
    row(
        NAMES[1],
        "fast blink",
        Pattern::FAST_BLINK,
        "waiting for a provisioning file",
        "plug in a stick with `listener.toml` on it",
    ),
    row(
        NAMES[1],
        "2 blinks, pause",
        Pattern::blinks(2),
        "the provisioning file, or the update, is not valid; nothing changes",
        "read `listener-result.txt` or `listener-update-result.txt` on the stick, put that right, plug the stick in again",
    ),
    row(
        NAMES[1],
        "3 blinks, pause",
        Pattern::blinks(3),
        "no network, or no time server: the clock is not set",
        "check the network; let NTP (UDP port 123) through; nothing is lost meanwhile",
    ),
    row(
        NAMES[1],
        "4 blinks, pause",
        Pattern::blinks(4),
        "the API or its storage cannot be reached",
        "check the network and `api_domain`; nothing is lost meanwhile",
    ),
    row(
        NAMES[1],
        "5 blinks, pause",
        Pattern::blinks(5),
        "the token is refused",
        "put the right `token` into `listener.toml`",
    ),
    row(
        NAMES[1],
        "6 blinks, pause",
        Pattern::blinks(6),
        "the home is unknown",
        "put the right `home_id` into `listener.toml`",
    ),
    row(
        NAMES[1],
        "7 blinks, pause",
        Pattern::blinks(7),
        "the disk is full: pictures are being dropped",
        "get the network back, so that what waits can be delivered",
    ),
    row(
        NAMES[1],
        "8 blinks, pause",
        Pattern::blinks(8),
        "the API refuses some recordings",
        "`listener status` says why; put that right, then `listener spool retry` sends them again",
    ),
    row(
        NAMES[1],
        "steady",
        Pattern::STEADY,
        "a fault that a restart did not cure",
        "pull the plug, wait 10 seconds, plug it in; `listener status` says what is at fault",
    ),
    row(NAMES[2], "off", Pattern::OFF, "nothing waiting", NOTHING),
    row(NAMES[2], "steady", Pattern::STEADY, "someone is being recorded speaking", NOTHING),
    row(NAMES[2], "flicker", Pattern::FLICKER, "delivering", "nothing; do not pull the plug if you can wait"),
    row(ALL, "three short flashes", Pattern::THREE_FLASHES, "the provisioning file was taken", "pull the stick out"),
    Meaning {
        led: ALL,
        looks: "one after the other",
        patterns: Pattern::IN_TURN,
        says: "an update is being written",
        remedy: "do not pull the plug, nor the stick; the box starts again by itself",
    },
];

/// What there is to do when all is well.
pub const NOTHING: &str = "nothing";

const fn row(
    led: &'static str,
    looks: &'static str,
    pattern: Pattern,
    says: &'static str,
    remedy: &'static str,
) -> Meaning {
    Meaning { led, looks, patterns: [pattern; 3], says, remedy }
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
    pub const OFF: Self = Self::all(Pattern::OFF);

    const fn all(pattern: Pattern) -> Self {
        Self { health: pattern, attention: pattern, data: pattern }
    }

    /// What this health looks like.
    pub fn of(health: &Health) -> Self {
        if health.has_taken_file {
            return Self::all(Pattern::THREE_FLASHES);
        }
        if health.is_updating {
            let [health, attention, data] = Pattern::IN_TURN;
            return Self { health, attention, data };
        }
        Self {
            health: match health.recording {
                Recording::NotStarted => Pattern::OFF,
                Recording::Starting => Pattern::SLOW_BLINK,
                Recording::Both => Pattern::STEADY,
                Recording::One => Pattern::DOUBLE_BLINK,
                Recording::Muted => Pattern::GLINT,
            },
            attention: match health.attention.first() {
                None => Pattern::OFF,
                Some(Attention::NoFile) => Pattern::FAST_BLINK,
                Some(Attention::FileNotValid) => Pattern::blinks(2),
                Some(Attention::Network) => Pattern::blinks(3),
                Some(Attention::Api) => Pattern::blinks(4),
                Some(Attention::Token) => Pattern::blinks(5),
                Some(Attention::Home) => Pattern::blinks(6),
                Some(Attention::Disk) => Pattern::blinks(7),
                Some(Attention::Refused) => Pattern::blinks(8),
                Some(Attention::Fault) => Pattern::STEADY,
            },
            data: match health.data {
                Data::Nothing => Pattern::OFF,
                Data::Speaking => Pattern::STEADY,
                Data::Delivering => Pattern::FLICKER,
            },
        }
    }

    /// What each of them says, by the card: health, attention, data.
    pub fn meanings(self) -> [Option<&'static Meaning>; 3] {
        let patterns = self.patterns();
        std::array::from_fn(|led| CARD.iter().find(|row| row.is_of(led) && row.patterns[led] == patterns[led]))
    }

    fn patterns(self) -> [Pattern; 3] {
        [self.health, self.attention, self.data]
    }
}

/// Patterns on their way: each LED's begins when it is first shown, so that codes are counted from their first blink.
#[derive(Debug, Clone, Copy)]
pub struct Playing {
    lights: Lights,
    since: [Duration; 3],
}

impl Playing {
    /// All dark.
    pub fn dark(now: Duration) -> Self {
        Self { lights: Lights::OFF, since: [now; 3] }
    }

    /// Goes on with these.
    pub fn change(&mut self, lights: Lights, now: Duration) {
        for (since, (before, after)) in
            self.since.iter_mut().zip(self.lights.patterns().into_iter().zip(lights.patterns()))
        {
            if before != after {
                *since = now;
            }
        }
        self.lights = lights;
    }

    /// Which are lit.
    pub fn are_lit(&self, now: Duration) -> [bool; 3] {
        self.each(now).map(|(pattern, at)| pattern.is_lit(at))
    }

    /// How long they stay as they are now; `None` if for ever.
    pub fn until_change(&self, now: Duration) -> Option<Duration> {
        self.each(now).into_iter().filter_map(|(pattern, at)| pattern.until_change(at)).min()
    }

    fn each(&self, now: Duration) -> [(Pattern, Duration); 3] {
        let patterns = self.lights.patterns();
        std::array::from_fn(|led| (patterns[led], now.saturating_sub(self.since[led])))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// How often a pattern goes from dark to lit in a time.
    fn flashes(pattern: Pattern, within: Duration) -> usize {
        let lit: Vec<bool> =
            (0..within.as_millis() as u64).map(|ms| pattern.is_lit(Duration::from_millis(ms))).collect();
        usize::from(lit[0]) + lit.windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    #[test]
    fn codes_can_be_counted_and_end_in_a_pause() {
        for count in 2..=8 {
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
    fn every_pattern_of_an_led_has_one_meaning() {
        for (row, led) in
            CARD.iter().flat_map(|row| [0, 1, 2].map(|led| (row, led))).filter(|(row, led)| row.is_of(*led))
        {
            let same = CARD.iter().filter(|other| other.is_of(led) && other.patterns[led] == row.patterns[led]);
            assert_eq!(same.count(), 1, "{} {}", row.led, row.looks);
        }
    }

    #[test]
    fn whatever_health_there_is_is_on_the_card_and_whatever_is_on_the_card_is_shown() {
        use Attention::*;
        let attention = [None, Some(FileNotValid), Some(Fault), Some(NoFile), Some(Network), Some(Api)];
        let attention = attention.into_iter().chain([Some(Token), Some(Home), Some(Disk), Some(Refused)]);
        let recording = [Recording::NotStarted, Recording::Starting, Recording::Both, Recording::One, Recording::Muted];
        let data = [Data::Nothing, Data::Speaking, Data::Delivering];
        let mut shown = Vec::new();
        for attention in attention {
            for (recording, data) in recording.into_iter().flat_map(|recording| data.map(|data| (recording, data))) {
                for (has_taken_file, is_updating) in [(false, false), (false, true), (true, false), (true, true)] {
                    let attention = attention.into_iter().collect();
                    let ended = Health::ended(BTreeMap::new());
                    let health = Health { recording, attention, data, has_taken_file, is_updating, ..ended };
                    shown.extend(Lights::of(&health).meanings().map(|row| row.expect("on the card")));
                }
            }
        }
        for row in &CARD {
            let is_shown = |shown: &&Meaning| shown.led == row.led && shown.patterns == row.patterns;
            assert!(shown.iter().any(is_shown), "{} {}", row.led, row.looks);
        }
    }

    #[test]
    fn the_most_urgent_code_wins() {
        let mut health = Health::ended(BTreeMap::new());
        for (attention, pattern) in [
            (Attention::Refused, Pattern::blinks(8)),
            (Attention::Disk, Pattern::blinks(7)),
            (Attention::Token, Pattern::blinks(5)),
            (Attention::Api, Pattern::blinks(4)),
            (Attention::NoFile, Pattern::FAST_BLINK),
            (Attention::Fault, Pattern::STEADY),
            (Attention::FileNotValid, Pattern::blinks(2)),
        ] {
            health.attention.insert(attention);
            assert_eq!(Lights::of(&health).attention, pattern);
        }
    }

    #[test]
    fn a_file_that_was_taken_is_three_flashes_of_all_at_once() {
        let health = Health { has_taken_file: true, ..Health::ended(BTreeMap::new()) };
        let mut playing = Playing::dark(Duration::from_secs(7));
        let start = Duration::from_millis(7_770);
        playing.change(Lights::of(&health), start);
        let shown: Vec<_> = (0..2000).map(|ms| playing.are_lit(start + Duration::from_millis(ms))).collect();
        assert!(shown.iter().all(|lit| lit[0] == lit[1] && lit[1] == lit[2]), "together");
        assert_eq!(flashes(Pattern::THREE_FLASHES, crate::limits::TAKEN_SHOWN), 3);
        assert!(shown[0][0], "at once");
    }

    #[test]
    fn while_an_update_is_written_always_one_led_is_lit_one_after_the_other() {
        let health = Health { is_updating: true, ..Health::ended(BTreeMap::new()) };
        let mut playing = Playing::dark(Duration::from_secs(7));
        let begun = Duration::from_millis(8_123);
        playing.change(Lights { health: Pattern::STEADY, ..Lights::OFF }, Duration::from_secs(8));
        playing.change(Lights::of(&health), begun);
        for ms in 0..4500 {
            let mut expected = [false; 3];
            expected[ms as usize / 500 % 3] = true;
            assert_eq!(playing.are_lit(begun + Duration::from_millis(ms)), expected, "after {ms} ms");
        }
    }

    #[test]
    fn a_pattern_begins_when_it_is_shown_and_goes_on_while_others_change() {
        let mut playing = Playing::dark(Duration::ZERO);
        let at = Duration::from_millis;
        playing.change(Lights { attention: Pattern::blinks(2), ..Lights::OFF }, at(1234));
        assert_eq!(playing.are_lit(at(1234)), [false, true, false]);
        playing.change(Lights { attention: Pattern::blinks(2), data: Pattern::FLICKER, ..Lights::OFF }, at(1600));
        assert_eq!(playing.are_lit(at(1600)), [false, false, true], "300 ms lit, then 300 dark");
        assert!(playing.are_lit(at(1534 + 300))[1]);
    }

    #[test]
    fn between_changes_nobody_needs_to_wake() {
        for pattern in CARD.iter().flat_map(|row| row.patterns) {
            for ms in (0..21_000).step_by(7) {
                let at = Duration::from_micros(ms * 1000 + 333);
                let is_same = |wait: Duration| pattern.is_lit(at) == pattern.is_lit(at + wait);
                match pattern.until_change(at) {
                    Some(wait) => {
                        assert!(!is_same(wait), "{pattern:?} changes at {at:?} + {wait:?}");
                        assert!(is_same(wait - Duration::from_nanos(1)));
                        assert!(is_same(wait / 2));
                    }
                    None => assert!(pattern == Pattern::OFF || pattern == Pattern::STEADY),
                }
            }
        }
        let still = Lights { health: Pattern::STEADY, ..Lights::OFF };
        let mut playing = Playing::dark(Duration::ZERO);
        playing.change(still, Duration::ZERO);
        assert_eq!(playing.until_change(Duration::from_secs(5)), None);
        playing.change(Lights { data: Pattern::FLICKER, ..still }, Duration::from_secs(6));
        assert_eq!(playing.until_change(Duration::from_millis(6010)), Some(Duration::from_millis(40)));
    }
}
