//! The status LEDs on a Raspberry Pi's GPIO registers. EDGE: the only file that uses `rppal`.

use std::io;

use rppal::gpio::{Error, Gpio, OutputPin};

use super::player::{PINS, Pins};

/// The pins; when dropped they are what they were before.
pub struct Registers([OutputPin; 3]);

impl Registers {
    /// Takes the pins, dark.
    ///
    /// # Errors
    /// When this is no Raspberry Pi, or its GPIO registers cannot be reached (`/dev/gpiomem`).
    pub fn open() -> Result<Self, Error> {
        let gpio = Gpio::new()?;
        let [health, attention, data] = PINS.map(|pin| gpio.get(pin).map(|pin| pin.into_output_low()));
        Ok(Self([health?, attention?, data?]))
    }
}

impl Pins for Registers {
    fn write(&mut self, lit: [bool; 3]) -> io::Result<()> {
        self.0.iter_mut().zip(lit).for_each(|(pin, lit)| if lit { pin.set_high() } else { pin.set_low() });
        Ok(())
    }
}
