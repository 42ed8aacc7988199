//! What was heard over a whole recording, in as many columns as a picture has pixels to show. PURE.

#![warn(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "PURE, below an edge"
)]

use crate::limits::{PLOT_COLUMNS, SAMPLE_RATE_HZ, WINDOW_SAMPLES};
use crate::segment::Gauge;

/// The waveform's resolution to begin with: a millisecond.
const WAVE_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 1000;

/// Sound as it is drawn. However long it is, its memory is bounded: columns are joined as it grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Windows heard.
    windows: u64,
    wave: Columns<Extent>,
    levels: Columns<Gauge>,
}

/// The lowest and the highest sample of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The lowest.
    pub low: i16,
    /// The highest.
    pub high: i16,
}

impl Default for Trace {
    fn default() -> Self {
        Self { windows: 0, wave: Columns::new(Extent::join), levels: Columns::new(louder) }
    }
}

impl Trace {
    /// Adds a window of [`WINDOW_SAMPLES`], and what the segmenter made of it.
    pub fn hear(&mut self, window: &[i16], gauge: Gauge) {
        self.windows += 1;
        window.chunks(WAVE_SAMPLES).filter_map(Extent::of).for_each(|extent| self.wave.push(extent));
        self.levels.push(gauge);
    }

    /// Seconds of sound.
    pub fn length_s(&self) -> f64 {
        self.windows as f64 * WINDOW_SAMPLES as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// The waveform: columns, each with the second at its middle.
    pub fn wave(&self) -> impl Iterator<Item = (f64, Extent)> {
        self.wave.at(WAVE_SAMPLES)
    }

    /// Columns of windows, each with the second at its middle: the loudest of its windows, with the threshold that this
    /// one met.
    pub fn levels(&self) -> impl Iterator<Item = (f64, Gauge)> {
        self.levels.at(WINDOW_SAMPLES)
    }
}

impl Extent {
    fn of(samples: &[i16]) -> Option<Self> {
        Some(Self { low: *samples.iter().min()?, high: *samples.iter().max()? })
    }

    fn join(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

fn louder(before: Gauge, after: Gauge) -> Gauge {
    if after.level >= before.level { after } else { before }
}

/// At most [`PLOT_COLUMNS`] columns of as many items each.
#[derive(Debug, Clone)]
struct Columns<T> {
    join: fn(T, T) -> T,
    columns: Vec<T>,
    /// Items in each column, but for the last.
    items: usize,
    in_last: usize,
}

impl<T: PartialEq> PartialEq for Columns<T> {
    fn eq(&self, other: &Self) -> bool {
        (&self.columns, self.items, self.in_last) == (&other.columns, other.items, other.in_last)
    }
}

impl<T: Copy> Columns<T> {
    fn new(join: fn(T, T) -> T) -> Self {
        Self { join, columns: Vec::with_capacity(PLOT_COLUMNS), items: 1, in_last: 0 }
    }

    fn push(&mut self, item: T) {
        let join = self.join;
        match self.columns.last_mut() {
            Some(last) if self.in_last < self.items => {
                *last = join(*last, item);
                self.in_last += 1;
                return;
            }
            _ => {}
        }
        if self.columns.len() == PLOT_COLUMNS {
            self.columns = self.columns.chunks(2).filter_map(|pair| pair.iter().copied().reduce(join)).collect();
            self.items *= 2;
        }
        self.columns.push(item);
        self.in_last = 1;
    }

    fn at(&self, item_samples: usize) -> impl Iterator<Item = (f64, T)> {
        let width_s = (self.items * item_samples) as f64 / f64::from(SAMPLE_RATE_HZ);
        (0..).zip(&self.columns).map(move |(at, column)| ((f64::from(at) + 0.5) * width_s, *column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(level: f32, threshold: f32) -> Gauge {
        Gauge { level, floor: None, threshold, voice: None }
    }

    #[test]
    fn nothing_that_sticks_out_is_lost_however_many_windows_share_a_column() {
        let mut trace = Trace::default();
        for at in 0..100_000 {
            let loud = at == 54_321;
            let mut window = [0; WINDOW_SAMPLES];
            window[7] = if loud { 20_000 } else { 0 };
            window[8] = if loud { -20_000 } else { 0 };
            trace.hear(&window, if loud { gauge(5000.0, 640.0) } else { gauge(10.0, 40.0) });
        }
        assert_eq!(trace.length_s(), 1000.0);
        assert!((PLOT_COLUMNS / 2..=PLOT_COLUMNS).contains(&trace.levels().count()));
        assert!((PLOT_COLUMNS / 2..=PLOT_COLUMNS).contains(&trace.wave().count()));
        let loud: Vec<_> = trace.levels().filter(|(_, gauge)| gauge.level > 10.0).collect();
        assert_eq!(loud.len(), 1);
        assert!((loud[0].0 - 543.2).abs() < 1.0 && loud[0].1.threshold == 640.0, "{loud:?}");
        let waves: Vec<_> = trace.wave().filter(|(_, extent)| extent.high > 0).collect();
        assert_eq!(waves.len(), 1);
        assert!((waves[0].0 - 543.2).abs() < 1.0 && waves[0].1.low == -20_000, "{waves:?}");
    }

    #[test]
    fn a_short_sound_is_shown_by_the_millisecond_and_its_levels_by_the_window() {
        let mut trace = Trace::default();
        (0..10).for_each(|_| trace.hear(&[1; WINDOW_SAMPLES], gauge(1.0, 40.0)));
        assert_eq!((trace.length_s(), trace.wave().count(), trace.levels().count()), (0.1, 100, 10));
        assert_eq!(trace.levels().next().map(|(at_s, _)| at_s), Some(0.005));
    }
}
