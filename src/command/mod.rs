//! The commands that look and answer, as opposed to `run`.

pub mod check;
pub mod devices;
pub mod segment;
