//! How long to wait after a failure. PURE: randomness is passed in.

use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MOST};

/// The wait after the `failures`th failure in a row: exponential with full jitter, between the first wait and the
/// longest, so that a street of boxes does not come back at once after a power cut. `jitter` is from 0 to 1.
pub fn wait(failures: u32, jitter: f64) -> Duration {
    let ceiling = BACKOFF_FIRST.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(BACKOFF_MOST);
    BACKOFF_FIRST + (ceiling - BACKOFF_FIRST).mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_a_minute_and_stay_there() {
        let longest: Vec<u64> = (1..9).map(|failures| wait(failures, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(wait(u32::MAX, 1.0), BACKOFF_MOST);
    }

    #[test]
    fn chance_decides_within_the_bounds() {
        for failures in 0..100 {
            for jitter in [-1.0, 0.0, 0.3, 1.0, 7.0] {
                assert!((BACKOFF_FIRST..=BACKOFF_MOST).contains(&wait(failures, jitter)));
            }
        }
    }
}
