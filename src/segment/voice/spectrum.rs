//! The magnitudes of the frequencies in a frame of sound. PURE.

use std::f64::consts::TAU;

/// Samples of a frame, and of the transform.
pub const FRAME: usize = 256;
/// Magnitudes of a frame: from 0 to 8 kHz in steps of 62.5 Hz.
pub const BINS: usize = FRAME / 2 + 1;

/// The tables of the transform.
#[derive(Debug, Clone)]
pub struct Spectrum {
    window: [f32; FRAME],
    /// cos and sin of `TAU * k / FRAME`.
    turns: [(f32, f32); FRAME / 2],
    reversed: [u8; FRAME],
}

impl Spectrum {
    /// Tables for a periodic Hann window.
    pub fn new() -> Self {
        let angle = |k: usize| TAU * k as f64 / FRAME as f64;
        Self {
            window: std::array::from_fn(|n| (0.5 - 0.5 * angle(n).cos()) as f32),
            turns: std::array::from_fn(|k| (angle(k).cos() as f32, angle(k).sin() as f32)),
            reversed: std::array::from_fn(|n| (n as u8).reverse_bits()),
        }
    }

    /// The magnitudes of two frames, by one complex transform of both.
    pub fn of_two(&self, one: &[f32], other: &[f32]) -> [[f32; BINS]; 2] {
        let (mut re, mut im) = ([0.0; FRAME], [0.0; FRAME]);
        for n in 0..FRAME {
            let from = usize::from(self.reversed[n]);
            re[n] = one[from] * self.window[from];
            im[n] = other[from] * self.window[from];
        }
        self.transform(&mut re, &mut im);
        let mut magnitudes = [[0.0; BINS]; 2];
        for k in 0..BINS {
            let mirror = (FRAME - k) % FRAME;
            let magnitude = |a: f32, b: f32| 0.5 * (a * a + b * b).sqrt();
            magnitudes[0][k] = magnitude(re[k] + re[mirror], im[k] - im[mirror]);
            magnitudes[1][k] = magnitude(im[k] + im[mirror], re[mirror] - re[k]);
        }
        magnitudes
    }

    /// Cooley and Tukey's, radix 2, of values in bit-reversed order.
    fn transform(&self, re: &mut [f32; FRAME], im: &mut [f32; FRAME]) {
        let mut half = 1;
        while half < FRAME {
            for start in (0..FRAME).step_by(2 * half) {
                for k in 0..half {
                    let (cos, sin) = self.turns[k * (FRAME / 2 / half)];
                    let (a, b) = (start + k, start + k + half);
                    let (turned_re, turned_im) = (re[b] * cos + im[b] * sin, im[b] * cos - re[b] * sin);
                    (re[b], im[b]) = (re[a] - turned_re, im[a] - turned_im);
                    (re[a], im[a]) = (re[a] + turned_re, im[a] + turned_im);
                }
            }
            half *= 2;
        }
    }
}
