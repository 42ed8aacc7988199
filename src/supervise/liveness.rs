//! Whether the threads make progress: sound, frames and deliveries advance, or what hinders them is told. PURE.

#![warn(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "PURE, below an edge"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{Event, Part};
use crate::limits::STAGE_HANG;

/// Until when each thread has to be heard of again, by the part it serves. Durations are monotonic.
#[derive(Debug, Default)]
pub struct Liveness {
    due: BTreeMap<Part, Duration>,
}

impl Liveness {
    /// Takes in what a thread has told.
    pub fn add(&mut self, event: &Event, now: Duration) {
        let (part, within) = match event {
            Event::Level { .. } => (Part::Microphone, STAGE_HANG),
            // A device that is missing is tried again, and its fault told again, every few seconds.
            Event::Fault(fault) if self.due.contains_key(&fault.part) => (fault.part, STAGE_HANG),
            Event::Alive { part, within } => (*part, *within),
            Event::Over(part) => {
                self.due.remove(part);
                return;
            }
            _ => return,
        };
        self.due.insert(part, now.saturating_add(within));
    }

    /// The threads that have not been heard of in time.
    pub fn hanging(&self, now: Duration) -> Vec<Part> {
        self.due.iter().filter(|(_, due)| **due < now).map(|(part, _)| *part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fault;

    const MOMENT: Duration = Duration::from_millis(1);

    fn level() -> Event {
        Event::Level { rms: 1.0, threshold: 2.0, speaking: false }
    }

    #[test]
    fn sound_that_stops_coming_is_a_hang_and_sound_that_comes_is_none() {
        let mut liveness = Liveness::default();
        liveness.add(&level(), Duration::ZERO);
        assert_eq!(liveness.hanging(STAGE_HANG), []);
        assert_eq!(liveness.hanging(STAGE_HANG + MOMENT), [Part::Microphone]);
        liveness.add(&level(), STAGE_HANG);
        assert_eq!(liveness.hanging(STAGE_HANG + MOMENT), []);
    }

    #[test]
    fn a_device_that_is_waited_for_is_no_hang_as_long_as_its_fault_is_told() {
        let mut liveness = Liveness::default();
        liveness.add(&Event::Alive { part: Part::Camera, within: STAGE_HANG }, Duration::ZERO);
        liveness.add(&Event::Fault(Fault::new(Part::Camera, "unplugged")), STAGE_HANG);
        assert_eq!(liveness.hanging(STAGE_HANG * 2), []);
        assert_eq!(liveness.hanging(STAGE_HANG * 2 + MOMENT), [Part::Camera]);
    }

    #[test]
    fn a_long_upload_has_the_time_it_asked_for() {
        let mut liveness = Liveness::default();
        liveness.add(&Event::Alive { part: Part::Api, within: STAGE_HANG * 10 }, Duration::ZERO);
        assert_eq!(liveness.hanging(STAGE_HANG * 10), []);
        assert_eq!(liveness.hanging(STAGE_HANG * 10 + MOMENT), [Part::Api]);
    }

    #[test]
    fn what_has_ended_is_no_longer_waited_for() {
        let mut liveness = Liveness::default();
        liveness.add(&level(), Duration::ZERO);
        liveness.add(&Event::Over(Part::Microphone), Duration::ZERO);
        assert_eq!(liveness.hanging(Duration::MAX), []);
    }
}
