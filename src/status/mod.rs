//! What the stages' reports look like to a person.

pub mod file;
mod journal;
pub mod leds;
pub mod line;
#[cfg(feature = "device")]
pub mod rppal;
pub mod terminal;
