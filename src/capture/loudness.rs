//! How loud the sound of a microphone was, as far as its gain can be judged by it. PURE.

/// A sample this close to full scale was cut off: converters stop there, and mixing several channels may round.
const FULL_SCALE: u16 = i16::MAX as u16 - 3;

/// Speech that is not cut off touches full scale for a sample or two; a pitch of 100 Hz for no longer.
const CLIPPED_RUN: usize = 3;

/// Clipping goes on for 100 ms altogether: a door or a knock on the table is shorter.
const CLIPPED_PIECES: u32 = 5;

/// And over a long time it is a hundredth of the speech at least, since someone may shout once.
const CLIPPED_PART: u32 = 100;

/// With less speech than 200 ms its level is not known.
const SPEECH_PIECES: u32 = 10;

/// Sound stands out that is three octaves, 18 dB, above the quietest quarter for 100 ms: no noise does, and no click.
const OUT_OCTAVES: usize = 3;
const OUT_PIECES: u32 = 5;
const QUIET_PART: u32 = 4;

/// The loudest twentieth of speech may be a knock on the table.
const OUTLIERS_PART: u32 = 20;

/// A 16-bit sample without its sign has 16 octaves, the one of zero included.
const OCTAVES: usize = 17;

/// What was heard so far. Memory does not grow with it.
#[derive(Debug, Clone, Default)]
pub struct Loudness {
    peak: u16,
    /// All pieces by the octave of their peak.
    pieces: [u32; OCTAVES],
    clipped: u32,
    /// The pieces with speech by the octave of their peak: how many, and the highest peak.
    speech: [(u32, u16); OCTAVES],
}

impl Loudness {
    /// Hears a piece of 20 ms, and whether anybody speaks in it.
    pub fn hear(&mut self, samples: &[i16], is_speech: bool) {
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
        self.peak = self.peak.max(peak);
        self.clipped += u32::from(is_clipped(samples));
        let octave = (u16::BITS - peak.leading_zeros()) as usize;
        self.pieces[octave] += 1;
        if is_speech {
            let (count, highest) = &mut self.speech[octave];
            *count += 1;
            *highest = peak.max(*highest);
        }
    }

    /// How many pieces were heard.
    pub fn pieces(&self) -> u32 {
        self.pieces.iter().sum()
    }

    /// Whether something was distinctly louder than what is heard all the time.
    pub fn stands_out(&self) -> bool {
        let mut quiet = self.pieces() / QUIET_PART;
        let below = self.pieces.iter().take_while(|count| {
            let is_below = **count <= quiet;
            quiet = quiet.saturating_sub(**count);
            is_below
        });
        let from = below.count() + OUT_OCTAVES;
        self.pieces.iter().skip(from).sum::<u32>() >= OUT_PIECES
    }

    /// The loudest sample of all.
    pub fn peak(&self) -> u16 {
        self.peak
    }

    /// What speech reaches, without the odd knock; `None` if there was hardly any.
    pub fn speech_peak(&self) -> Option<u16> {
        let pieces = self.speech_pieces();
        let mut left = pieces / OUTLIERS_PART;
        let mut usual = self.speech.iter().rev().skip_while(|(count, _)| {
            let is_odd = *count <= left;
            left = left.saturating_sub(*count);
            is_odd
        });
        usual.next().map(|(_, highest)| *highest).filter(|_| pieces >= SPEECH_PIECES)
    }

    /// Whether loud sound is cut off at full scale, again and again.
    pub fn is_clipped(&self) -> bool {
        self.clipped >= CLIPPED_PIECES.max(self.speech_pieces() / CLIPPED_PART)
    }

    fn speech_pieces(&self) -> u32 {
        self.speech.iter().map(|(count, _)| count).sum()
    }
}

fn is_clipped(samples: &[i16]) -> bool {
    let is_full = |sample: i16| sample.unsigned_abs() >= FULL_SCALE;
    let mut runs = samples.chunk_by(|a, b| is_full(*a) && is_full(*b) && (*a < 0) == (*b < 0));
    runs.any(|run| run.len() >= CLIPPED_RUN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of a tone of 300 Hz, cut off where 16 bits end.
    fn tone(pieces: usize, amplitude: f32) -> Vec<i16> {
        let wave = |i: usize| (i as f32 * 300.0 / 16_000.0 * std::f32::consts::TAU).sin();
        (0..pieces * 320).map(|i| (amplitude * wave(i)) as i16).collect()
    }

    fn heard(sounds: &[(&[i16], bool)]) -> Loudness {
        let mut loudness = Loudness::default();
        for (sound, is_speech) in sounds {
            sound.chunks(320).for_each(|piece| loudness.hear(piece, *is_speech));
        }
        loudness
    }

    #[test]
    fn the_level_of_speech_is_that_of_speech_alone() {
        let loudness = heard(&[(&tone(100, 9000.0), false), (&tone(50, 200.0), true)]);
        assert!((195..=200).contains(&loudness.speech_peak().unwrap_or_default()), "{loudness:?}");
        assert!(loudness.peak() > 8900);
    }

    #[test]
    fn a_knock_during_speech_is_not_its_level() {
        let loudness = heard(&[(&tone(100, 200.0), true), (&tone(4, 20_000.0), true)]);
        assert!(loudness.speech_peak() <= Some(200), "{loudness:?}");
    }

    #[test]
    fn a_word_stands_out_and_neither_noise_nor_a_click_does() {
        let (quiet, word) = (tone(100, 10.0), tone(5, 150.0));
        assert!(heard(&[(&quiet, false), (&word, false)]).stands_out());
        assert!(!heard(&[(&quiet, false), (&tone(2, 9000.0), false)]).stands_out(), "a click");
        assert!(!heard(&[(&quiet, false), (&tone(50, 40.0), false)]).stands_out(), "noise that varies");
        assert!(!Loudness::default().stands_out());
    }

    #[test]
    fn of_hardly_any_speech_the_level_is_not_known() {
        assert_eq!(heard(&[(&tone(9, 200.0), true), (&tone(100, 200.0), false)]).speech_peak(), None);
        assert_eq!(Loudness::default().speech_peak(), None);
    }

    #[test]
    fn the_lowest_sample_is_no_riddle() {
        assert_eq!(heard(&[(&[i16::MIN; 320 * 10], true)]).speech_peak(), Some(32_768));
    }

    #[test]
    fn sound_that_is_cut_off_is_clipped() {
        assert!(heard(&[(&tone(10, 40_000.0), true)]).is_clipped());
        assert!(heard(&[(&tone(10, 40_000.0), false)]).is_clipped(), "whoever makes it");
    }

    #[test]
    fn loud_sound_single_peaks_and_one_knock_are_not_clipped() {
        assert!(!heard(&[(&tone(100, 32_700.0), true)]).is_clipped());
        let peaks: Vec<_> = (0..32_000).map(|i| if i % 160 < 2 { i16::MAX } else { 100 }).collect();
        assert!(!heard(&[(&peaks, true)]).is_clipped(), "two samples at a time");
        assert!(!heard(&[(&tone(4, 40_000.0), true), (&tone(100, 5000.0), true)]).is_clipped());
    }

    #[test]
    fn one_shout_in_a_long_time_is_not_clipping() {
        let (speech, shout) = (tone(2000, 5000.0), tone(10, 40_000.0));
        assert!(!heard(&[(&speech, true), (&shout, true)]).is_clipped());
        assert!(heard(&[(&speech, false), (&shout, true)]).is_clipped());
    }
}
