//! The status LEDs on a Raspberry Pi's GPIO registers. EDGE: the only file that uses `rppal`.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use std::io;

use rppal::gpio::{Error, Gpio, OutputPin, Pin};

use super::pins::{Pins, levels};
use crate::config::LedsConfig;

/// The pins; when dropped they are what they were before.
pub struct Registers {
    pins: [OutputPin; 3],
    active_low: bool,
}

impl Registers {
    /// Takes the pins, dark.
    ///
    /// # Errors
    /// When this is no Raspberry Pi, or its GPIO registers cannot be reached (`/dev/gpiomem`).
    pub fn open(leds: &LedsConfig) -> Result<Self, Error> {
        let gpio = Gpio::new()?;
        let LedsConfig { pins, active_low } = *leds;
        let take = |pin: Pin| if active_low { pin.into_output_high() } else { pin.into_output_low() };
        let [health, attention, data] = pins.map(|pin| gpio.get(pin).map(take));
        Ok(Self { pins: [health?, attention?, data?], active_low })
    }
}

impl Pins for Registers {
    fn write(&mut self, lit: [bool; 3]) -> io::Result<()> {
        let levels = levels(lit, self.active_low);
        self.pins.iter_mut().zip(levels).for_each(|(pin, high)| if high { pin.set_high() } else { pin.set_low() });
        Ok(())
    }
}
