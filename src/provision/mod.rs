//! A provisioning file: what is taken of it, and what is answered. PURE.

mod answer;

pub use answer::answer;

use crate::config::{self, Config, Problems, RawConfig};

/// What the bytes of a `listener.toml` that has to stand by itself ask for.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn judge(bytes: &[u8]) -> Result<Config, Problems> {
    RawConfig::parse_alone(&config::decode(bytes)?)
}
