//! The time axis of a plot. PURE.

#![warn(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "PURE, below an edge"
)]

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// The time axis, from 0 to this many seconds.
pub struct Seconds(pub f64);

impl Ranged for Seconds {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, at_s: &f64, (left, right): (i32, i32)) -> i32 {
        left + (at_s / self.0 * f64::from(right - left)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        ticks(self.0)
    }

    fn range(&self) -> Range<f64> {
        0.0..self.0
    }
}

impl ValueFormatter<f64> for Seconds {
    fn format(at_s: &f64) -> String {
        clock(*at_s)
    }
}

/// The seconds that stand at the axis: sixteen at most, on round times.
fn ticks(length_s: f64) -> Vec<f64> {
    const STEPS_S: [f64; 14] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0];
    let hours = (length_s / 16.0 / 3600.0).ceil() * 3600.0;
    let step_s = STEPS_S.into_iter().find(|step_s| length_s / step_s <= 16.0).unwrap_or(hours);
    (0..=(length_s / step_s) as u32).map(|at| f64::from(at) * step_s).collect()
}

/// What the numbers at the axis are.
pub fn unit(length_s: f64) -> &'static str {
    match length_s {
        ..60.0 => "seconds",
        60.0..3600.0 => "seconds, minutes:seconds",
        _ => "minutes:seconds, hours:minutes:seconds",
    }
}

/// A time at the axis: seconds below a minute, then minutes and seconds, with hours before them if there are any.
fn clock(at_s: f64) -> String {
    if at_s < 59.5 {
        return format!("{}", (at_s * 100.0).round() / 100.0);
    }
    let seconds = at_s.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_round_times_of_which_there_is_room_for_each() {
        let written = |length_s: f64| ticks(length_s).into_iter().map(clock).collect::<Vec<_>>();
        assert_eq!(written(0.32), ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]);
        assert_eq!(written(3.1).len(), 16);
        assert_eq!(written(75.0)[11..], ["55", "1:00", "1:05", "1:10", "1:15"]);
        assert_eq!(written(3600.0)[..3], ["0", "5:00", "10:00"]);
        assert_eq!(written(86_400.0)[..2], ["0", "2:00:00"]);
    }
}
