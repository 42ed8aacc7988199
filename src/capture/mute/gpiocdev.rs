//! The mute switch on the kernel's GPIO character device, for kernels without `/dev/gpiomem`. EDGE: with that of the LEDs
//! the only file that uses `gpiocdev`.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use std::io;

use gpiocdev::Request;
use gpiocdev::line::{Bias, Value};

use super::Switch;
use crate::config::MuteConfig;
use crate::status::gpiocdev::chip;

/// The pin; the kernel takes it back when dropped.
#[derive(Debug)]
pub struct Line {
    request: Request,
    pin: u32,
}

impl Line {
    /// Takes the pin, pulled to the level at which the switch is off.
    ///
    /// # Errors
    /// When there is no such chip, or the pin is in use, or the device may not be opened.
    pub fn open(config: &MuteConfig) -> io::Result<Self> {
        let pin = u32::from(config.pin);
        let mut request = Request::builder();
        request.on_chip(chip()?).with_consumer("listener").with_line(pin).as_input();
        if config.active_low {
            request.with_bias(Bias::PullUp).as_active_low();
        } else {
            request.with_bias(Bias::PullDown);
        }
        let request = request.request().map_err(io::Error::other)?;
        Ok(Self { request, pin })
    }
}

impl Switch for Line {
    fn is_on(&mut self) -> io::Result<bool> {
        self.request.value(self.pin).map(|value| value == Value::Active).map_err(io::Error::other)
    }
}
