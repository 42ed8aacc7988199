//! The times of a file's frames and samples as one line that only goes forward. PURE.
//!
//! Joined files begin again at zero, headers lie, and counters wrap. What follows such a jump follows on what came before it.

use std::time::Duration;

/// A gap longer than this is a fault of the clock in the file, and is closed: played at its own pace, it would be waited for.
const LONGEST_GAP: Duration = Duration::from_secs(60);

/// How far a stream's times may go back before its clock counts as having begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Samples follow on each other.
    Sound,
    /// Frames may be out of order by as much as a decoder holds, and rounded.
    Pictures,
}

impl Kind {
    fn tolerance(self) -> Duration {
        match self {
            Self::Sound => Duration::from_millis(50),
            Self::Pictures => Duration::from_millis(500),
        }
    }
}

/// All streams of one file.
#[derive(Debug, Default)]
pub struct Times {
    /// How far the file has come, by whichever stream.
    reached: Duration,
}

/// One stream of it.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    /// What is added to its own times, in nanoseconds.
    shift_ns: i128,
    /// When the last piece began, and how far the stream has come.
    last: Option<(Duration, Duration)>,
}

impl Stream {
    /// A stream that nothing has come of.
    pub fn new(kind: Kind) -> Self {
        Self { kind, shift_ns: 0, last: None }
    }
}

impl Times {
    /// When a piece of `length` begins that says of itself to begin at `said`, if it says anything. Each begins later than the one
    /// before.
    pub fn place(&mut self, stream: &mut Stream, said: Option<Duration>, length: Duration) -> Duration {
        let (before, until) = stream.last.unwrap_or_default();
        let said = said.unwrap_or_else(|| {
            let own = until.as_nanos() as i128 - stream.shift_ns;
            Duration::from_nanos(u64::try_from(own.max(0)).unwrap_or(u64::MAX))
        });
        let shifted = said.as_nanos() as i128 + stream.shift_ns;
        let mut at = Duration::from_nanos(u64::try_from(shifted.max(0)).unwrap_or(u64::MAX));
        let least = until.as_nanos() as i128 - stream.kind.tolerance().as_nanos() as i128;
        let went_back = stream.last.is_some() && shifted < least;
        if went_back || at > self.reached.max(until).saturating_add(LONGEST_GAP) {
            stream.shift_ns += until.as_nanos() as i128 - shifted;
            at = until;
        }
        if stream.last.is_some() {
            at = at.max(before + Duration::from_micros(1));
        }
        let until = until.max(at.saturating_add(length));
        stream.last = Some((at, until));
        self.reached = self.reached.max(until);
        at
    }

    /// How far the file has come.
    pub fn reached(&self) -> Duration {
        self.reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(40);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn placed(kind: Kind, said_ms: &[u64]) -> Vec<u128> {
        let (mut times, mut stream) = (Times::default(), Stream::new(kind));
        said_ms.iter().map(|said| times.place(&mut stream, Some(ms(*said)), FRAME).as_millis()).collect()
    }

    #[test]
    fn times_that_go_forward_stay_as_they_are_gaps_included() {
        assert_eq!(placed(Kind::Sound, &[0, 40, 80, 5_000, 5_040]), [0, 40, 80, 5_000, 5_040]);
        assert_eq!(placed(Kind::Pictures, &[8_000, 8_040]), [8_000, 8_040]);
    }

    #[test]
    fn a_clock_that_begins_again_follows_on() {
        let joined: Vec<u64> = (0..100).chain(0..100).map(|frame| frame * 40).collect();
        let expected: Vec<u128> = (0..200).map(|frame| frame * 40).collect();
        assert_eq!(placed(Kind::Sound, &joined), expected);
        assert_eq!(placed(Kind::Pictures, &joined), expected);
    }

    #[test]
    fn a_jump_that_nobody_would_wait_for_is_closed() {
        assert_eq!(placed(Kind::Sound, &[0, 40, 95_443_717, 95_443_757, 95_443_797]), [0, 40, 80, 120, 160]);
        assert_eq!(placed(Kind::Sound, &[u64::MAX / 1_000_000, 0]), [0, 40]);
    }

    #[test]
    fn a_stream_may_begin_late_where_another_has_come_that_far() {
        let (mut times, mut sound, mut film) =
            (Times::default(), Stream::new(Kind::Sound), Stream::new(Kind::Pictures));
        (0..3_000).for_each(|frame| {
            times.place(&mut film, Some(FRAME * frame), FRAME);
        });
        assert_eq!(times.place(&mut sound, Some(ms(120_000)), FRAME), ms(120_000));
    }

    #[test]
    fn a_piece_without_a_time_follows_on() {
        let (mut times, mut stream) = (Times::default(), Stream::new(Kind::Sound));
        let said = [Some(ms(0)), None, Some(ms(80)), Some(ms(0)), None];
        let begins = said.map(|said| times.place(&mut stream, said, FRAME).as_millis());
        assert_eq!(begins, [0, 40, 80, 120, 160]);
    }

    #[test]
    fn no_two_frames_begin_at_once() {
        assert_eq!(placed(Kind::Pictures, &[0, 40, 40, 20, 80]), [0, 40, 40, 40, 80]);
        let (mut times, mut stream) = (Times::default(), Stream::new(Kind::Pictures));
        let begins = [0, 40, 40, 20, 80].map(|said| times.place(&mut stream, Some(ms(said)), Duration::ZERO));
        assert!(begins.windows(2).all(|pair| pair[0] < pair[1]), "{begins:?}");
    }
}
