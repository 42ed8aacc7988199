//! Files and films that are not as they should be: heard and seen to their end, or refused in a line.

mod films;
mod inputs;
mod made;
mod sounds;
