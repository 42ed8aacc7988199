//! How long speakers wait, as counts in fixed buckets: they can be added up over runs and boxes. PURE.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Upper bounds, in milliseconds: fine around what the usual pause leaves, coarse where there was no network. What is
/// longer than the last is counted beyond them.
pub const BOUNDS_MS: [u32; 16] =
    [50, 100, 200, 300, 350, 400, 450, 500, 750, 1_000, 2_000, 5_000, 10_000, 60_000, 600_000, 3_600_000];

/// Counts of durations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BOUNDS_MS.len() + 1],
}

impl Histogram {
    /// Counts one. A duration below zero comes from a clock that was set back, and counts as none at all.
    pub fn add(&mut self, duration: SignedDuration) {
        let ms = duration.as_millis();
        self.counts[BOUNDS_MS.partition_point(|bound| i128::from(*bound) < ms)] += 1;
    }
}

/// `{"50": 0, …, "3600000": 0, "longer": 0}`, each counted in one bucket only.
impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        for (at, count) in self.counts.iter().enumerate() {
            map.serialize_entry(&bound(at), count)?;
        }
        map.end()
    }
}

/// What is not named is zero.
impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(Self { counts: std::array::from_fn(|at| counts.get(&bound(at)).copied().unwrap_or_default()) })
    }
}

fn bound(at: usize) -> String {
    BOUNDS_MS.get(at).map_or("longer".to_owned(), u32::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_counted_in_the_first_bucket_that_holds_it() {
        let mut histogram = Histogram::default();
        for ms in [-5, 50, 51, 749, 750, 751, 3_600_000, 3_600_001] {
            histogram.add(SignedDuration::from_millis(ms));
        }
        let json = serde_json::to_value(&histogram).expect("serialises");
        let counts: Vec<_> = ["50", "100", "750", "1000", "3600000", "longer"].map(|bound| json[bound].clone()).into();
        assert_eq!(counts, [2, 1, 2, 1, 1, 1]);
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(BOUNDS_MS.len() + 1));
    }
}
