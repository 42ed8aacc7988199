//! Plays what the LEDs are to say, on whatever pins there are. EDGE: a thread.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::leds::Lights;
use crate::clock::Clock;

/// BCM numbers of health, attention, data (design, `[leds]`): pins 11, 13 and 15 of the header, beside each other.
pub const PINS: [u8; 3] = [17, 27, 22];

/// The shortest flash of any pattern is 50 ms.
const TICK: Duration = Duration::from_millis(25);

/// Three LEDs that can be lit: health, attention, data. Dropped, they are dark.
pub trait Pins: Send {
    /// Lights and darkens them.
    ///
    /// # Errors
    /// When the pins cannot be reached any more.
    fn write(&mut self, lit: [bool; 3]) -> io::Result<()>;
}

/// The thread that plays.
#[derive(Debug)]
pub struct Player {
    lights: Arc<Mutex<Option<Lights>>>,
    thread: JoinHandle<()>,
}

impl Player {
    /// Starts to play; dark at first.
    pub fn start(mut pins: Box<dyn Pins>, clock: Arc<dyn Clock>) -> Self {
        let lights = Arc::new(Mutex::new(Some(Lights::OFF)));
        let shown = Arc::clone(&lights);
        let thread = thread::spawn(move || {
            let mut written = None;
            // `None` ends it.
            while let Some(lights) = *shown.lock().expect("no panic while held") {
                let lit = lights.are_lit(clock.monotonic());
                if written != Some(lit) {
                    if let Err(error) = pins.write(lit) {
                        log::warn!("the status LEDs cannot be lit any more: {error}");
                        return;
                    }
                    written = Some(lit);
                }
                thread::sleep(TICK);
            }
        });
        Self { lights, thread }
    }

    /// What is to be played from now on.
    pub fn show(&self, lights: Lights) {
        *self.lights.lock().expect("no panic while held") = Some(lights);
    }

    /// Ends playing, and waits until the LEDs are dark.
    pub fn stop(self) {
        *self.lights.lock().expect("no panic while held") = None;
        // The thread does not panic; if it did, the pins are as it left them.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::clock::SystemClock;
    use crate::status::leds::Pattern;

    /// What would be written to pins; there are none to be had on a test machine.
    struct Noted(Sender<[bool; 3]>);

    impl Pins for Noted {
        fn write(&mut self, lit: [bool; 3]) -> io::Result<()> {
            self.0.send(lit).map_err(io::Error::other)
        }
    }

    #[test]
    fn what_is_shown_is_written_when_it_changes() {
        let (note, noted) = channel();
        let player = Player::start(Box::new(Noted(note)), Arc::new(SystemClock));
        assert_eq!(noted.recv(), Ok([false; 3]));
        player.show(Lights { health: Pattern::STEADY, attention: Pattern::OFF, data: Pattern::SLOW_BLINK });
        let two_rounds: Vec<_> = noted.iter().take(3).collect();
        assert!(two_rounds.iter().all(|lit| lit[0] && !lit[1]), "{two_rounds:?}");
        assert!(two_rounds.windows(2).all(|pair| pair[0][2] != pair[1][2]), "{two_rounds:?}");
        player.stop();
        assert_eq!(noted.into_iter().count(), 0, "the pins are let go");
    }
}
