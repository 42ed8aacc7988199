//! From any number of channels to one, by what is in them. PURE.
//!
//! Channels share the mix as in an automatic mixer with gain sharing (Dugan, US patent 3 992 584): each has the share of the
//! speech-band energy that stands out in it. While nothing stands out, the shares stay, so that no word is torn. A channel of the
//! opposite polarity is turned over, and one without any sound has no share.

use crate::limits::{SAMPLE_RATE_HZ, WINDOW_SAMPLES};

/// Corner of the filter before everything is measured: hum and offset are no speech.
const SPEECH_FROM_HZ: f32 = 250.0;

/// Shares change from block to block of this many frames, in a ramp as long.
const BLOCK: usize = WINDOW_SAMPLES;

/// Of a level and the one before it, so much is believed: 30 ms.
const LEVEL_FOLLOWS: f32 = 1.0 / 3.0;

/// A floor doubles in 40 blocks where nothing is as quiet: sound that lasts becomes the background within seconds.
const FLOOR_RISES: f32 = 1.0175;

/// Energy this many times the floor stands out: 6 dB, which noise never does over 30 ms.
const STANDS_OUT: f32 = 4.0;

/// Mean square below which a channel holds nothing: rounding, an open input of a good converter.
const DEAD: f32 = 1.0;

/// Before anything stands out, a channel so much weaker than the strongest has no share: 30 dB.
const WEAK: f32 = 1e-3;

/// If less than this of the strongest channel's amplitude is in the mix, the shares change within so many blocks; otherwise they
/// take a second.
const HEARD_WELL: f32 = 0.5;
const AT_ONCE: f32 = 0.7;
const AT_ONCE_BLOCKS: u32 = 8;
const SLOWLY: f32 = 0.01;

/// How alike two channels are is followed over ten blocks.
const LIKENESS_KEEPS: f32 = 0.9;

/// Correlation from which a channel is turned over, and from which it is turned back.
const OPPOSITE: f32 = -0.6;
const ALIKE: f32 = 0.2;

/// Mixes interleaved sound of one source.
#[derive(Debug, Clone)]
pub struct Mixer {
    channels: Vec<Channel>,
    /// The channel to which the others' polarity is compared.
    reference: usize,
    /// Frames of the block that is going on.
    frames: usize,
    /// Whether something has stood out yet.
    has_heard: bool,
    /// Blocks for which the shares still change at once.
    hurry: u32,
}

#[derive(Debug, Clone, Default)]
struct Channel {
    filter: [OnePole; 2],
    /// Sums over the block.
    energy: f32,
    product: f32,
    /// Mean square, followed; `None` before the first block.
    level: Option<f32>,
    floor: f32,
    /// Followed sums for the correlation with the reference.
    own: f32,
    others: f32,
    with_reference: f32,
    is_turned: bool,
    /// Of the mix, 0 to 1.
    share: f32,
    /// Gain at the start of this block and at its end.
    gain: (f32, f32),
}

/// A high-pass filter of first order.
#[derive(Debug, Clone, Copy, Default)]
struct OnePole {
    before: f32,
    out: f32,
}

impl OnePole {
    fn pass(&mut self, sample: f32) -> f32 {
        const KEEPS: f32 = 1.0 / (1.0 + std::f32::consts::TAU * SPEECH_FROM_HZ / SAMPLE_RATE_HZ as f32);
        self.out = KEEPS * (self.out + sample - self.before);
        self.before = sample;
        self.out
    }
}

impl Mixer {
    /// For so many channels, one at least.
    pub fn new(channels: usize) -> Self {
        let count = channels.max(1);
        let share = 1.0 / count as f32;
        let channel = Channel { share, gain: (share, share), ..Channel::default() };
        Self { channels: vec![channel; count], reference: 0, frames: 0, has_heard: false, hurry: 0 }
    }

    /// How many channels it takes.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Mixes whole frames, one sample of each channel after the other, at [`SAMPLE_RATE_HZ`]; what does not fill a frame is left
    /// out.
    pub fn mix(&mut self, interleaved: &[i16]) -> Vec<i16> {
        if self.channels.len() == 1 {
            return interleaved.to_vec();
        }
        interleaved.chunks_exact(self.channels.len()).map(|frame| self.mix_frame(frame)).collect()
    }

    fn mix_frame(&mut self, frame: &[i16]) -> i16 {
        let along = self.frames as f32 / BLOCK as f32;
        let [mut first, mut second] = self.channels[self.reference].filter;
        let reference = second.pass(first.pass(f32::from(frame[self.reference])));
        let mut mixed = 0.0;
        for (channel, sample) in self.channels.iter_mut().zip(frame) {
            let sample = f32::from(*sample);
            let (from, to) = channel.gain;
            mixed += sample * (from + (to - from) * along);
            let [first, second] = &mut channel.filter;
            let filtered = second.pass(first.pass(sample));
            channel.energy += filtered * filtered;
            channel.product += filtered * reference;
        }
        self.frames += 1;
        if self.frames == BLOCK {
            self.end_block();
        }
        // A conversion to a whole number saturates.
        mixed.round() as i16
    }

    fn end_block(&mut self) {
        self.frames = 0;
        let reference_energy = self.channels[self.reference].energy;
        self.channels.iter_mut().for_each(|channel| channel.measure(reference_energy));
        let strongest = self.channels.iter().map(Channel::level).fold(0.0, f32::max);
        let standing_out: Vec<f32> = self.channels.iter().map(Channel::stands_out).collect();
        let (sum, most) = standing_out.iter().fold((0.0, 0.0), |(sum, most), one| (sum + one, f32::max(most, *one)));
        if sum > 0.0 {
            self.has_heard = true;
            let heard: f32 =
                self.channels.iter().zip(&standing_out).map(|(channel, one)| channel.share * one.sqrt()).sum();
            self.hurry = if heard < HEARD_WELL * most.sqrt() { AT_ONCE_BLOCKS } else { self.hurry.saturating_sub(1) };
            let follow = if self.hurry > 0 { AT_ONCE } else { SLOWLY };
            for (channel, one) in self.channels.iter_mut().zip(&standing_out) {
                channel.share += (one / sum - channel.share) * follow;
            }
        } else if !self.has_heard && strongest > DEAD {
            let live = |channel: &Channel| channel.level() > DEAD && channel.level() >= strongest * WEAK;
            let count = self.channels.iter().filter(|channel| live(channel)).count() as f32;
            self.channels.iter_mut().for_each(|channel| channel.share = if live(channel) { 1.0 / count } else { 0.0 });
        }
        self.choose_reference();
        self.channels.iter_mut().for_each(Channel::next_gain);
    }

    /// The channel with the largest share; one that has almost as much stays, since another begins with nothing known.
    fn choose_reference(&mut self) {
        let shares = self.channels.iter().map(|channel| channel.share).enumerate();
        let Some((largest, share)) = shares.max_by(|one, other| one.1.total_cmp(&other.1)) else { return };
        if share > 2.0 * self.channels[self.reference].share {
            self.reference = largest;
            let is_turned = self.channels[largest].is_turned;
            for channel in &mut self.channels {
                (channel.own, channel.others, channel.with_reference) = (0.0, 0.0, 0.0);
                // The new reference keeps its side, and so do the others beside it.
                channel.is_turned ^= is_turned;
            }
        }
    }
}

impl Channel {
    fn level(&self) -> f32 {
        self.level.unwrap_or_default()
    }

    fn measure(&mut self, reference_energy: f32) {
        let now = self.energy / BLOCK as f32;
        let (level, floor) = match self.level {
            Some(before) => {
                let level = before + (now - before) * LEVEL_FOLLOWS;
                (level, level.min(self.floor * FLOOR_RISES))
            }
            None => (now, now),
        };
        (self.level, self.floor) = (Some(level), floor.max(DEAD));
        let follow = |sum: &mut f32, new: f32| *sum = *sum * LIKENESS_KEEPS + new;
        follow(&mut self.own, self.energy);
        follow(&mut self.others, reference_energy);
        follow(&mut self.with_reference, self.product);
        let scale = (self.own * self.others).sqrt();
        let alike = if scale > 0.0 { self.with_reference / scale } else { 0.0 };
        self.is_turned = if self.is_turned { alike < ALIKE } else { alike < OPPOSITE };
        (self.energy, self.product) = (0.0, 0.0);
    }

    /// The energy that stands out from the channel's own background.
    fn stands_out(&self) -> f32 {
        (self.level() - STANDS_OUT * self.floor).max(0.0)
    }

    fn next_gain(&mut self) {
        let to = if self.is_turned { -self.share } else { self.share };
        self.gain = (self.gain.1, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = SAMPLE_RATE_HZ as usize;

    /// Syllables of 150 ms with gaps of 80 ms, from `from` to `to`; silence elsewhere.
    fn voice(from: usize, to: usize, loudness: f32) -> impl Fn(usize) -> f32 {
        move |at| {
            let is_spoken = (from..to).contains(&at) && (at - from) % 3680 < 2400;
            let tone = |hz: f32| (at as f32 * hz * std::f32::consts::TAU / SAMPLE_RATE_HZ as f32).sin();
            if is_spoken { loudness * (tone(700.0) + tone(1330.0)) / 2.0 } else { 0.0 }
        }
    }

    fn noise(seed: u32, loudness: f32) -> impl Fn(usize) -> f32 {
        move |at| {
            let mut mixed = (at as u32 ^ seed.rotate_left(16)).wrapping_mul(0x9E37_79B9);
            mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B);
            loudness * ((mixed >> 16) as f32 / 32768.0 - 1.0)
        }
    }

    fn mixed(seconds: usize, channels: &[&dyn Fn(usize) -> f32]) -> Vec<i16> {
        let frames = 0..seconds * SECOND;
        let sound: Vec<i16> = frames.flat_map(|at| channels.iter().map(move |one| one(at).round() as i16)).collect();
        Mixer::new(channels.len()).mix(&sound)
    }

    fn rms(sound: &[i16]) -> f32 {
        crate::segment::rms(sound)
    }

    /// How loud the mix is where the voice is, beside the voice alone.
    fn heard(mix: &[i16], voice: &dyn Fn(usize) -> f32, from: usize, to: usize) -> f32 {
        let alone: Vec<i16> = (from..to).map(|at| voice(at) as i16).collect();
        rms(&mix[from..to]) / rms(&alone)
    }

    #[test]
    fn one_channel_comes_through_as_it_is() {
        let sound: Vec<i16> = (0..500).map(|at| (at * 67 % 311) as i16 - 150).collect();
        assert_eq!(Mixer::new(1).mix(&sound), sound);
    }

    #[test]
    fn two_equal_channels_are_that_sound() {
        let voice = voice(SECOND, 3 * SECOND, 8000.0);
        let expected: Vec<i16> = (0..4 * SECOND).map(|at| voice(at).round() as i16).collect();
        assert_eq!(mixed(4, &[&voice, &voice]), expected);
    }

    #[test]
    fn how_the_sound_comes_in_pieces_makes_no_difference() {
        let (left, right) = (voice(SECOND, 2 * SECOND, 8000.0), noise(1, 100.0));
        let sound: Vec<i16> = (0..3 * SECOND).flat_map(|at| [left(at) as i16, right(at) as i16]).collect();
        let (mut whole, mut pieces) = (Mixer::new(2), Mixer::new(2));
        let in_pieces: Vec<i16> = sound.chunks(2 * 37).flat_map(|piece| pieces.mix(piece)).collect();
        assert_eq!(whole.mix(&sound), in_pieces);
    }

    #[test]
    fn a_microphone_whose_channels_are_opposite_is_heard_from_the_first_word() {
        for background in [0.0, 20.0] {
            let (speech, hiss) = (voice(1600, 2 * SECOND, 6000.0), noise(3, background));
            let (left, right) = (|at| speech(at) + hiss(at), |at| -speech(at) - hiss(at));
            let mix = mixed(3, &[&left, &right]);
            assert!(heard(&mix, &speech, 1600, 4000) > 0.9, "the first syllable beside {background}");
            assert!(heard(&mix, &speech, 4000, 2 * SECOND) > 0.98);
        }
    }

    #[test]
    fn a_dead_channel_takes_nothing_from_the_other() {
        let (speech, hiss) = (voice(1600, 2 * SECOND, 6000.0), noise(3, 20.0));
        let (live, dead) = (|at| speech(at) + hiss(at), |_| 0.0);
        for channels in [[&live as &dyn Fn(usize) -> f32, &dead], [&dead, &live]] {
            assert!(heard(&mixed(3, &channels), &speech, 1600, 2 * SECOND) > 0.95);
        }
    }

    #[test]
    fn speech_on_the_third_of_eight_is_heard_over_the_noise_of_the_others() {
        let speech = voice(1600, 2 * SECOND, 4000.0);
        let noises: Vec<_> = (0..8).map(|seed| noise(seed, 400.0)).collect();
        let third = |at| speech(at) + noises[2](at);
        let mut channels: Vec<&dyn Fn(usize) -> f32> = noises.iter().map(|one| one as &dyn Fn(usize) -> f32).collect();
        channels[2] = &third;
        assert!(heard(&mixed(3, &channels), &speech, 1600, 2 * SECOND) > 0.85);
    }

    #[test]
    fn a_hum_on_one_channel_gives_way_to_soft_speech_on_the_other() {
        let speech = voice(2 * SECOND, 4 * SECOND, 400.0);
        let hum = |at: usize| 12_000.0 * (at as f32 * 100.0 * std::f32::consts::TAU / SAMPLE_RATE_HZ as f32).sin();
        let mix = mixed(5, &[&hum, &speech]);
        let spoken = 2 * SECOND + 2000..4 * SECOND;
        let alone: Vec<i16> = spoken.clone().map(|at| speech(at) as i16).collect();
        let heard = rms(&mix[spoken]) / rms(&alone);
        assert!(heard < 1.5, "with the hum it is {heard} times as loud");
    }

    #[test]
    fn two_people_with_a_channel_each_are_both_heard_from_their_first_word() {
        let (one, other) = (voice(SECOND, 11 * SECOND, 5000.0), voice(12 * SECOND, 14 * SECOND, 3000.0));
        let (hiss, hush) = (noise(1, 20.0), noise(2, 20.0));
        let mix = mixed(15, &[&|at| one(at) + hiss(at), &|at| other(at) + hush(at)]);
        assert!(heard(&mix, &one, SECOND, 11 * SECOND) > 0.9);
        let first = heard(&mix, &other, 12 * SECOND, 12 * SECOND + 2400);
        assert!(first > 0.8, "of its first syllable only {first}");
        assert!(heard(&mix, &other, 12 * SECOND, 14 * SECOND) > 0.9);
    }

    #[test]
    fn the_loudest_sound_does_not_overflow() {
        let mix = Mixer::new(2).mix(&[i16::MIN; 4000]);
        assert!(mix.iter().all(|sample| *sample == i16::MIN));
        let opposite: Vec<i16> = (0..4000).flat_map(|_| [i16::MIN, i16::MAX]).collect();
        Mixer::new(2).mix(&opposite);
    }
}
