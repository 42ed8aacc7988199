//! The status LEDs on a Raspberry Pi's GPIO pins. EDGE: the only file that uses `rppal`.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rppal::gpio::{Error, Gpio, OutputPin};

use super::leds::Lights;
use crate::clock::Clock;

/// BCM numbers of health, attention, data (design, `[leds]`): pins 11, 13 and 15 of the header, beside each other.
const PINS: [u8; 3] = [17, 27, 22];

/// The shortest flash of any pattern is 50 ms.
const TICK: Duration = Duration::from_millis(25);

/// Plays what the LEDs are to say, in a thread of its own.
#[derive(Debug)]
pub struct Leds {
    lights: Arc<Mutex<Option<Lights>>>,
    player: JoinHandle<()>,
}

impl Leds {
    /// Takes the pins and starts to play; dark at first.
    ///
    /// # Errors
    /// When this is no Raspberry Pi, or its GPIO registers cannot be reached (`/dev/gpiomem`).
    pub fn start(clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let gpio = Gpio::new()?;
        let [health, attention, data] = PINS.map(|pin| gpio.get(pin).map(|pin| pin.into_output_low()));
        let mut pins = [health?, attention?, data?];
        let lights = Arc::new(Mutex::new(Some(Lights::OFF)));
        let shown = Arc::clone(&lights);
        let player = thread::spawn(move || {
            // `None` ends it, and the pins fall back to what they were.
            while let Some(lights) = *shown.lock().expect("no panic while held") {
                lights.are_lit(clock.monotonic()).iter().zip(&mut pins).for_each(|(lit, pin)| write(pin, *lit));
                thread::sleep(TICK);
            }
        });
        Ok(Self { lights, player })
    }

    /// What is to be played from now on.
    pub fn show(&self, lights: Lights) {
        *self.lights.lock().expect("no panic while held") = Some(lights);
    }

    /// Ends playing, and waits until the pins are what they were.
    pub fn stop(self) {
        *self.lights.lock().expect("no panic while held") = None;
        // The player does not panic; if it did, the pins are as it left them.
        let _ = self.player.join();
    }
}

fn write(pin: &mut OutputPin, lit: bool) {
    if lit { pin.set_high() } else { pin.set_low() }
}
