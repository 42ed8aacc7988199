//! Writes instants as the server does: UTC with `Z`, and six fraction digits unless they are all zero.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// To text.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    if at.subsec_nanosecond() == 0 {
        serializer.collect_str(at)
    } else {
        serializer.collect_str(&format_args!("{at:.6}"))
    }
}

/// From text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer)
}
