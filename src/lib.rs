//! Listens and watches in a room and feeds a conversational assistant's API, losing nothing.
//!
//! ```text
//! microphone ─ ALSA ─┐
//!                    ├─> capture ─> segment ─┐
//! camera ─ GStreamer ┴─> encode (H.264, JPEG)┴─> spool ─> upload ─> API: file, row, task
//!                                           (on disk)
//!                       each stage ──> event ──> status: live line, log, status.json
//! ```
//!
//! The modules stand in the order in which data flows. Those marked PURE do no IO and read no clock: time, randomness
//! and devices are passed in by the files marked EDGE, each of which is the only one to import what it is named for.
//! `ARCHITECTURE.md` says what each part must not know; clippy (`clippy.toml`) and `tests/tidy.rs` hold them to it.

// Tests are exempt.
#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "a pure file does not do this: have it passed in, or move it to an edge, a file that begins with `#![expect(…)]`"
    )
)]

pub mod cli;
pub mod config;
pub mod limits;
pub mod provision;
pub mod repair;

pub mod capture;
pub mod segment;
pub mod spool;
pub mod upload;

#[cfg(feature = "device")]
pub mod command;
#[cfg(feature = "device")]
pub mod daemon;
pub mod supervise;

pub mod event;
pub mod status;

pub mod item;

pub mod clock;
pub mod device_id;
pub mod durable;
