//! What the stages' reports look like to a person.

pub mod file;
#[cfg(feature = "device")]
pub mod gpiocdev;
pub mod health;
pub mod histogram;
mod journal;
pub mod ledger;
pub mod leds;
pub mod line;
pub mod pins;
pub mod player;
pub mod report;
#[cfg(feature = "device")]
pub mod rppal;
pub mod socket;
pub mod terminal;
pub mod words;
