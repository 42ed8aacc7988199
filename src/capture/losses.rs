//! How often a microphone's sound was lost, said now and then. PURE.

use std::time::Duration;

use crate::limits::LOSS_LOG_INTERVAL;

/// Says how often sound was lost: at once the first time, then at most once in [`LOSS_LOG_INTERVAL`].
#[derive(Debug, Default)]
pub(super) struct LossReport {
    said: u64,
    said_at: Option<Duration>,
}

impl LossReport {
    /// What there is to say when, at monotonic time `now`, sound has been lost `total` times.
    pub fn line(&mut self, now: Duration, total: u64) -> Option<String> {
        let is_due = self.said_at.is_none_or(|at| now >= at + LOSS_LOG_INTERVAL);
        if total <= self.said || !is_due {
            return None;
        }
        let times = match (total - self.said, self.said_at) {
            (1, None) => String::new(),
            (new, None) => format!(" {new} times"),
            (new, Some(_)) => format!(" again, {new} of {total} times"),
        };
        (self.said, self.said_at) = (total, Some(now));
        Some(format!("sound was lost{times}: it was not read in time, or the machine slept"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(report: &mut LossReport, seconds: u64, total: u64) -> Option<String> {
        let line = report.line(Duration::from_secs(3600 + seconds), total);
        line.map(|line| line.split(':').next().unwrap_or_default().to_owned())
    }

    #[test]
    fn nothing_is_said_while_nothing_is_lost() {
        assert_eq!(said(&mut LossReport::default(), 0, 0), None);
    }

    #[test]
    fn the_first_loss_is_said_at_once_and_what_follows_once_a_minute_with_its_number() {
        let mut report = LossReport::default();
        assert_eq!(said(&mut report, 0, 1).as_deref(), Some("sound was lost"));
        assert_eq!(said(&mut report, 1, 2), None);
        assert_eq!(said(&mut report, 59, 40), None);
        assert_eq!(said(&mut report, 60, 40).as_deref(), Some("sound was lost again, 39 of 40 times"));
        assert_eq!(said(&mut report, 61, 41), None);
        assert_eq!(said(&mut report, 200, 41).as_deref(), Some("sound was lost again, 1 of 41 times"));
        assert_eq!(said(&mut report, 300, 41), None);
    }

    #[test]
    fn losses_are_said_when_the_minute_is_over_even_if_none_follows() {
        let mut report = LossReport::default();
        assert!(said(&mut report, 0, 3).is_some_and(|line| line.ends_with("lost 3 times")));
        assert_eq!(said(&mut report, 30, 4), None);
        assert!(said(&mut report, 60, 4).is_some());
    }
}
