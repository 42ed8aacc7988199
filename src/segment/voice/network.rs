//! Silero VAD 6.2: the probability that somebody speaks, for each 32 ms of sound. PURE.
//!
//! ```text
//! 64 + 512 samples ─ spectrum ─> 4 × 129 ─ four convolutions ─> 128 ─ LSTM, which remembers ─> 128 ─> one probability
//! ```
//!
//! The weights are those of the Python package `silero-vad` 6.2.3, MIT licence, beside this file. The arithmetic is
//! additions, multiplications and square roots in a fixed order, so that every processor gets the same bits.

use super::spectrum::{BINS, FRAME, Spectrum};

/// Samples that one probability is about.
pub const STEP: usize = 512;
/// And those from before it that are looked at, too.
const CONTEXT: usize = 64;
/// The sound is mirrored at its end by this much.
const MIRRORED: usize = 64;
const HOP: usize = 128;

/// What the LSTM remembers.
const UNITS: usize = 128;

const WEIGHTS: &[u8] = include_bytes!("silero_vad_16k.f32");

/// Weights of one layer in the order in which they are needed: for each lane of outputs all inputs, and for each input the
/// outputs of the lane. So the outputs of a lane are summed side by side, each in the order of the inputs.
#[derive(Debug)]
struct Layer {
    weights: Vec<[f32; LANE]>,
    biases: Vec<f32>,
}

const LANE: usize = 32;

impl Layer {
    /// `weight(output, input)`.
    fn new(outputs: usize, inputs: usize, weight: impl Fn(usize, usize) -> f32, biases: Vec<f32>) -> Self {
        let lanes = (0..outputs).step_by(LANE);
        let weights = lanes
            .flat_map(|lane| (0..inputs).map(move |input| (lane, input)))
            .map(|(lane, input)| std::array::from_fn(|output| weight(lane + output, input)));
        Self { weights: weights.collect(), biases }
    }

    /// The outputs, before any non-linearity.
    fn apply<const N: usize>(&self, inputs: &[f32]) -> [f32; N] {
        let mut outputs = [0.0; N];
        let lanes = self.weights.chunks_exact(inputs.len()).zip(self.biases.chunks_exact(LANE));
        for (outputs, (weights, biases)) in outputs.chunks_exact_mut(LANE).zip(lanes) {
            let mut sums = [0.0; LANE];
            for (weights, &input) in weights.iter().zip(inputs) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += weight * input;
                }
            }
            for (output, (sum, bias)) in outputs.iter_mut().zip(sums.iter().zip(biases)) {
                *output = sum + bias;
            }
        }
        outputs
    }
}

/// Reads the weights one array after the other.
struct Reader(&'static [u8]);

impl Reader {
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        let (these, rest) = self.0.split_at(4 * count);
        self.0 = rest;
        these.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
    }

    /// A convolution over three frames: its inputs are `[frame][channel]`.
    fn convolution(&mut self, outputs: usize, channels: usize) -> Layer {
        let weights = self.numbers(outputs * channels * 3);
        let weight =
            |output: usize, input: usize| weights[(output * channels + input % channels) * 3 + input / channels];
        Layer::new(outputs, 3 * channels, weight, self.numbers(outputs))
    }

    fn lstm(&mut self) -> Layer {
        let (inputs, memory) = (self.numbers(4 * UNITS * UNITS), self.numbers(4 * UNITS * UNITS));
        let (input_biases, memory_biases) = (self.numbers(4 * UNITS), self.numbers(4 * UNITS));
        let biases = input_biases.iter().zip(&memory_biases).map(|(one, other)| one + other).collect();
        let weight = |output: usize, input: usize| match input.checked_sub(UNITS) {
            None => inputs[output * UNITS + input],
            Some(input) => memory[output * UNITS + input],
        };
        Layer::new(4 * UNITS, 2 * UNITS, weight, biases)
    }
}

/// The layers, which never change.
#[derive(Debug)]
pub struct Network {
    spectrum: Spectrum,
    first: Layer,
    second: Layer,
    third: Layer,
    fourth: Layer,
    lstm: Layer,
    last: Vec<f32>,
    last_bias: f32,
}

/// What the network remembers of the sound so far.
#[derive(Debug, Clone)]
pub struct Memory {
    context: [f32; CONTEXT],
    hidden: [f32; UNITS],
    cell: [f32; UNITS],
}

impl Memory {
    /// Nothing was heard yet.
    pub const fn empty() -> Self {
        Self { context: [0.0; CONTEXT], hidden: [0.0; UNITS], cell: [0.0; UNITS] }
    }
}

impl Network {
    /// Puts the weights into the order in which they are needed.
    pub fn new() -> Self {
        let mut reader = Reader(WEIGHTS);
        Self {
            spectrum: Spectrum::new(),
            first: reader.convolution(128, BINS),
            second: reader.convolution(64, 128),
            third: reader.convolution(64, 64),
            fourth: reader.convolution(128, 64),
            lstm: reader.lstm(),
            last: reader.numbers(UNITS),
            last_bias: reader.numbers(1)[0],
        }
    }

    /// The probability that somebody speaks in the next [`STEP`] samples, from -1 to 1.
    pub fn hear(&self, memory: &mut Memory, samples: &[f32; STEP]) -> f32 {
        let mut sound = [0.0; CONTEXT + STEP + MIRRORED];
        sound[..CONTEXT].copy_from_slice(&memory.context);
        sound[CONTEXT..CONTEXT + STEP].copy_from_slice(samples);
        memory.context.copy_from_slice(&sound[STEP..STEP + CONTEXT]);
        for n in 0..MIRRORED {
            sound[CONTEXT + STEP + n] = sound[CONTEXT + STEP - 2 - n];
        }

        // Each layer looks at three frames; before the first and behind the last there is nothing.
        let mut spectra = [[0.0; BINS]; 6];
        for pair in 0..2 {
            let frame = |n: usize| &sound[n * HOP..n * HOP + FRAME];
            let of_two = self.spectrum.of_two(frame(2 * pair), frame(2 * pair + 1));
            spectra[2 * pair + 1..2 * pair + 3].copy_from_slice(&of_two);
        }
        let mut first = [[0.0; 128]; 6];
        for n in 0..4 {
            first[n + 1] = positive(self.first.apply(spectra[n..n + 3].as_flattened()));
        }
        let mut second = [[0.0; 64]; 3];
        for n in 0..2 {
            second[n + 1] = positive(self.second.apply(first[2 * n..2 * n + 3].as_flattened()));
        }
        let mut third = [[0.0; 64]; 3];
        third[1] = positive(self.third.apply(second.as_flattened()));
        let fourth: [f32; 128] = positive(self.fourth.apply(third.as_flattened()));

        let mut inputs = [[0.0; UNITS]; 2];
        inputs[0] = fourth;
        inputs[1] = memory.hidden;
        let gates: [f32; 4 * UNITS] = self.lstm.apply(inputs.as_flattened());
        let mut sum = self.last_bias;
        for unit in 0..UNITS {
            let gate = |n: usize| gates[n * UNITS + unit];
            let cell = sigmoid(gate(1)) * memory.cell[unit] + sigmoid(gate(0)) * tanh(gate(2));
            let hidden = sigmoid(gate(3)) * tanh(cell);
            (memory.cell[unit], memory.hidden[unit]) = (cell, hidden);
            sum += self.last[unit] * hidden.max(0.0);
        }
        sigmoid(sum)
    }
}

fn positive<const N: usize>(values: [f32; N]) -> [f32; N] {
    values.map(|value| value.max(0.0))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

fn tanh(x: f32) -> f32 {
    2.0 / (1.0 + exp(-2.0 * x)) - 1.0
}

/// `e^x`, to a few units in the last place. The C library's differs from processor to processor.
fn exp(x: f32) -> f32 {
    // x = whole * ln 2 + rest, and the rest is at most ln 2 / 2 either way.
    let x = x.clamp(-80.0, 80.0);
    let whole = (x * std::f32::consts::LOG2_E).round();
    let rest = (x - whole * 0.693_145_75) - whole * 1.428_606_8e-6;
    let terms = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let power = terms.iter().fold(0.0, |sum, term| sum * rest + term);
    power * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic_voice::synthetic_voice;

    fn hear(network: &Network, sound: &[i16]) -> Vec<f32> {
        let mut memory = Memory::empty();
        let steps = sound.as_chunks::<STEP>().0.iter();
        steps.map(|step| network.hear(&mut memory, &step.map(|sample| f32::from(sample) / 32768.0))).collect()
    }

    /// A tone that rises from 100 to 3000 Hz and wavers in loudness, in whole numbers that are the same everywhere.
    fn sweep() -> Vec<i16> {
        let (mut phase, mut chance) = (0u32, 1u32);
        let sample = |n: u32| {
            phase = phase.wrapping_add((100 + n / 6) * (u32::MAX / 16_000));
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let triangle = ((phase >> 16) as i32 - 32_768).abs() - 16_384;
            (triangle * (n / 40 % 100) as i32 / 100 + (chance >> 20) as i32 / 8 - 256) as i16
        };
        (0..16 * STEP as u32).map(sample).collect()
    }

    #[test]
    fn it_agrees_with_onnxruntime() {
        // onnxruntime 1.32, by the graph of the package's silero_vad_16k_op15.onnx with these weights.
        let expected = [
            0.1089444,
            0.3848486,
            0.2415864,
            0.1205749,
            0.06669798,
            0.0536375,
            0.02825046,
            0.02201724,
            0.0133085,
            0.01997927,
            0.0116742,
            0.00815478,
            0.009021193,
            0.0004021227,
            0.0001632571,
            0.002749234,
        ];
        let found = hear(&Network::new(), &sweep());
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
        }
    }

    #[test]
    fn a_voice_is_told_from_hiss_and_silence() {
        let network = Network::new();
        let mut chance = 1u32;
        let hiss: Vec<i16> = (0..16_000)
            .map(|_| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (chance >> 20) as i16 - 2048
            })
            .collect();
        assert!(hear(&network, &hiss)[5..].iter().all(|answer| *answer < 0.1));
        assert!(hear(&network, &[0; 16_000])[5..].iter().all(|answer| *answer < 0.1));
        let voice = hear(&network, &synthetic_voice(16_000, 8_000.0));
        let mean = voice[5..].iter().sum::<f32>() / voice[5..].len() as f32;
        assert!(mean > 0.7, "{voice:?}");
    }

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for n in -400..400 {
            let x = n as f32 / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-5, "{x}");
        }
    }
}
