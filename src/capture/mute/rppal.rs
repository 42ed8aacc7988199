//! The mute switch on a Raspberry Pi's GPIO registers. EDGE: with that of the LEDs the only file that uses `rppal`.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use std::io;

use rppal::gpio::{Error, Gpio, InputPin};

use super::Switch;
use crate::config::MuteConfig;

/// The pin; when dropped it is what it was before.
#[derive(Debug)]
pub struct Register {
    pin: InputPin,
    active_low: bool,
}

impl Register {
    /// Takes the pin, pulled to the level at which the switch is off.
    ///
    /// # Errors
    /// When this is no Raspberry Pi, or its GPIO registers cannot be reached (`/dev/gpiomem`).
    pub fn open(config: &MuteConfig) -> Result<Self, Error> {
        let MuteConfig { pin, active_low } = *config;
        let pin = Gpio::new()?.get(pin)?;
        let pin = if active_low { pin.into_input_pullup() } else { pin.into_input_pulldown() };
        Ok(Self { pin, active_low })
    }
}

impl Switch for Register {
    fn is_on(&mut self) -> io::Result<bool> {
        Ok(self.pin.is_low() == self.active_low)
    }
}
