//! Trying again until it works, and who has not been heard of meanwhile. EDGE: it waits.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: threads, and waits"
)]

mod liveness;
pub mod systemd;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::event::{Event, Fault, Part};
use crate::limits::{DEVICE_RETRY, STAGE_HANG, STATUS_TICK};

pub use liveness::Liveness;

/// Starts a thread that `top -H` and a debugger show by this name.
pub fn named(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.into()).spawn(work).expect("the system has room for a handful of threads")
}

/// What becomes of a source that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// A device may be plugged in again: it is waited for.
    TryAgain,
    /// A recorded file will not mend itself.
    GiveUp,
}

/// Why an attempt ended, and when the next one is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// Now: it mends itself. Logged, and no fault.
    AtOnce(String),
    /// When a person, or the device, has had time: told as a fault.
    Later(String),
}

/// Lets `attempt` record from a source until that ends or `stop` is set. Failures are told; while a source is missing
/// the other stages go on.
pub fn record(
    part: Part,
    on_failure: OnFailure,
    stop: &AtomicBool,
    tell: &dyn Fn(Event),
    mut attempt: impl FnMut() -> Result<(), Retry>,
) {
    while !stop.load(Ordering::Relaxed) {
        tell(Event::Alive { part, within: STAGE_HANG });
        match attempt() {
            Ok(()) => break,
            Err(Retry::AtOnce(why)) => {
                log::warn!("{part}: {why}");
                continue;
            }
            Err(Retry::Later(why)) => tell(Event::Fault(Fault::new(part, why))),
        }
        if on_failure == OnFailure::GiveUp {
            break;
        }
        wait(DEVICE_RETRY, stop);
    }
    tell(Event::Over(part));
}

fn wait(patience: Duration, stop: &AtomicBool) {
    let mut left = patience;
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        let rest = STATUS_TICK.min(left);
        thread::sleep(rest);
        left -= rest;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_file_that_fails_is_given_up_and_its_fault_told() {
        let told = RefCell::new(Vec::new());
        let stop = AtomicBool::new(false);
        let tell = |event| told.borrow_mut().push(event);
        record(Part::Camera, OnFailure::GiveUp, &stop, &tell, || Err(Retry::Later("broken".into())));
        let begun = Event::Alive { part: Part::Camera, within: STAGE_HANG };
        let fault = Event::Fault(Fault::new(Part::Camera, "broken"));
        assert_eq!(*told.borrow(), [begun, fault, Event::Over(Part::Camera)]);
    }

    #[test]
    fn a_device_that_fails_is_tried_again_until_it_works() {
        let stop = AtomicBool::new(false);
        let mut tries = 0;
        record(Part::Microphone, OnFailure::TryAgain, &stop, &|_| {}, || {
            tries += 1;
            if tries < 2 { Err(Retry::Later("busy".into())) } else { Ok(()) }
        });
        assert_eq!(tries, 2);
    }
}
