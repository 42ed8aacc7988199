//! How long to wait after a failure. PURE: randomness is passed in.

use std::time::Duration;

use crate::limits::{ALONE_MOST, BACKOFF_FIRST, BACKOFF_MOST};

/// The wait after the `failures`th failure in a row: exponential with full jitter, between the first wait and the
/// longest, so that a street of boxes does not come back at once after a power cut. `jitter` is from 0 to 1.
pub fn wait(failures: u32, jitter: f64) -> Duration {
    let ceiling = doubled(failures).min(BACKOFF_MOST);
    BACKOFF_FIRST + (ceiling - BACKOFF_FIRST).mul_f64(jitter.clamp(0.0, 1.0))
}

/// The wait of an item that fails by itself: twice as long each time, up to an hour, and a quarter less at most, so that
/// those that failed together part.
pub fn alone(failures: u32, jitter: f64) -> Duration {
    doubled(failures).min(ALONE_MOST).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

fn doubled(failures: u32) -> Duration {
    BACKOFF_FIRST.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
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
    fn an_item_alone_waits_twice_as_long_each_time_up_to_an_hour() {
        let waits: Vec<u64> = (1..15).map(|failures| alone(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(alone(u32::MAX, 1.0), ALONE_MOST.mul_f64(0.75));
    }

    #[test]
    fn chance_decides_within_the_bounds() {
        for failures in 0..100 {
            for jitter in [-1.0, 0.0, 0.3, 1.0, 7.0] {
                assert!((BACKOFF_FIRST..=BACKOFF_MOST).contains(&wait(failures, jitter)));
                assert!((BACKOFF_FIRST.mul_f64(0.75)..=ALONE_MOST).contains(&alone(failures, jitter)));
            }
        }
    }
}
