//! The mute switch: while it is on, no device is open.

#[cfg(feature = "device")]
mod gpiocdev;
#[cfg(feature = "device")]
mod rppal;

use std::fmt;
use std::io;

#[cfg(feature = "device")]
use crate::config::MuteConfig;

/// A switch that says that nothing be recorded.
pub trait Switch: Send + fmt::Debug {
    /// Whether it is on.
    ///
    /// # Errors
    /// When it cannot be read. Nobody then knows whether recording is wanted, so nothing may be recorded.
    fn is_on(&mut self) -> io::Result<bool>;
}

/// The switch of the configuration: by the registers where the kernel hands them out, by the kernel where it does not.
///
/// # Errors
/// When its pin cannot be read either way: somebody wants a switch, and nothing may be recorded without it.
#[cfg(feature = "device")]
pub fn open(config: &MuteConfig) -> io::Result<Box<dyn Switch>> {
    let no_registers = match rppal::Register::open(config) {
        Ok(switch) => return Ok(Box::new(switch)),
        Err(error) => error,
    };
    match gpiocdev::Line::open(config) {
        Ok(switch) => Ok(Box::new(switch)),
        Err(no_line) => Err(io::Error::other(format!(
            "the mute switch at pin {} cannot be read, so nothing is recorded: {no_registers}; {no_line}; take [mute] out \
             of listener.toml if there is no switch",
            config.pin
        ))),
    }
}
