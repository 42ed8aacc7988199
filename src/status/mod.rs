//! What the stages' reports look like to a person.

pub mod file;
mod journal;
pub mod line;
pub mod terminal;
