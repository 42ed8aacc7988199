//! Three LEDs on whatever the machine has for them. EDGE.
//!
//! What becomes of the LEDs when the program ends: told to stop, it darkens them first. Killed, it leaves the registers as
//! they are; lines of the character device the kernel takes back, which darkens them on an upstream kernel (pins go back to
//! being inputs) and leaves them as they are on Raspberry Pi's (raspberrypi/linux, pull requests 6117 and 6150). Whoever
//! takes the pins next takes them dark.

use std::io;

#[cfg(feature = "device")]
use crate::config::LedsConfig;

/// Three LEDs that can be lit: health, attention, data.
pub trait Pins: Send {
    /// Lights and darkens them.
    ///
    /// # Errors
    /// When the pins cannot be reached any more.
    fn write(&mut self, lit: [bool; 3]) -> io::Result<()>;
}

/// Takes the pins, dark: by the registers where the kernel hands them out, by the kernel where it does not.
///
/// # Errors
/// Why neither goes, in a line.
#[cfg(feature = "device")]
pub fn open(leds: &LedsConfig) -> Result<Box<dyn Pins>, String> {
    use super::gpiocdev::Lines;
    use super::rppal::Registers;

    let no_registers = match Registers::open(leds) {
        Ok(pins) => return Ok(Box::new(pins)),
        Err(error) => error,
    };
    match Lines::open(leds) {
        Ok(pins) => Ok(Box::new(pins)),
        Err(no_lines) => {
            Err(format!("the status LEDs stay dark, they need a Raspberry Pi: {no_registers}; {no_lines}"))
        }
    }
}

/// The levels that light and darken; true is high.
pub fn levels(lit: [bool; 3], active_low: bool) -> [bool; 3] {
    lit.map(|lit| lit != active_low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leds_between_pin_and_supply_are_lit_by_low_pins() {
        assert_eq!(levels([true, false, true], false), [true, false, true]);
        assert_eq!(levels([true, false, true], true), [false, true, false]);
    }
}
