//! The mute switch: while it is on, no device is open. PURE, but for whoever reads the pin.

use std::fmt;
use std::io;

/// A switch that says that nothing be recorded.
pub trait Switch: Send + fmt::Debug {
    /// Whether it is on.
    ///
    /// # Errors
    /// When it cannot be read. Nobody then knows whether recording is wanted, so nothing may be recorded.
    fn is_on(&mut self) -> io::Result<bool>;
}
