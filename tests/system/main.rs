//! The program as a user runs it, against the stand-in for the API. Tests under `slow` have a stage of their own.

mod api;
mod cut_short;
mod end_to_end;
mod faults;
mod gain;
mod hearing;
mod indicate;
mod journal;
mod media;
mod meter;
mod microphone;
mod odd;
mod process;
mod slow;
mod spool;
mod stages;
