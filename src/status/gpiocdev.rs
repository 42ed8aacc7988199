//! The status LEDs on the kernel's GPIO character device, for kernels without `/dev/gpiomem`. EDGE: with that of the
//! mute switch the only file that uses `gpiocdev`.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use std::io;
use std::path::PathBuf;

use gpiocdev::Request;
use gpiocdev::line::Value;

use super::pins::Pins;
use crate::config::LedsConfig;

/// The labels of the chips whose lines are numbered as BCM does: `pinctrl-bcm2711` on a Pi 4, `pinctrl-bcm2835` on
/// earlier ones (Linux, drivers/pinctrl/bcm/pinctrl-bcm2835.c).
const CHIP_LABEL: &str = "pinctrl-bcm2";

/// The pins; the kernel takes them back when dropped.
pub struct Lines {
    request: Request,
    pins: [u8; 3],
}

impl Lines {
    /// Takes the pins, dark.
    ///
    /// # Errors
    /// When there is no such chip, or a pin is in use, or the device may not be opened.
    pub fn open(leds: &LedsConfig) -> io::Result<Self> {
        let mut request = Request::builder();
        request.on_chip(chip()?).with_consumer("listener").with_lines(&leds.pins.map(u32::from));
        if leds.active_low {
            request.as_active_low();
        }
        let request = request.as_output(Value::Inactive).request().map_err(io::Error::other)?;
        Ok(Self { request, pins: leds.pins })
    }
}

/// The chip whose lines are numbered as BCM does.
///
/// # Errors
/// When there is none: this is no Raspberry Pi.
pub fn chip() -> io::Result<PathBuf> {
    for chip in gpiocdev::chip::chips().map_err(io::Error::other)? {
        let info = gpiocdev::Chip::from_path(&chip).and_then(|chip| chip.info()).map_err(io::Error::other)?;
        if info.label.starts_with(CHIP_LABEL) {
            return Ok(chip);
        }
    }
    Err(io::Error::other("there is no GPIO chip of a Raspberry Pi"))
}

impl Pins for Lines {
    fn write(&mut self, lit: [bool; 3]) -> io::Result<()> {
        for (pin, lit) in self.pins.into_iter().zip(lit) {
            self.request.set_value(pin.into(), lit.into()).map_err(io::Error::other)?;
        }
        Ok(())
    }
}
