//! Sound from a microphone. EDGE: only this folder uses `alsa`.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: a device, and a thread that waits for it"
)]

mod control;
mod open;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use alsa::pcm::{PCM, State};
use jiff::Timestamp;
use rustix::io::Errno;

pub use self::control::capture_mixer;
pub use self::open::{Opener, list};
use self::open::{errno, quietly, told};
use super::channels::Mixer;
use super::gain::MixerDevice;
use super::losses::LossReport;
use super::microphone::{Trouble, trouble};
use super::stamp::{Now, StampClock, Status, time_of_first};
use super::{SoundSource, SourceError};
use crate::clock::Clock;
use crate::limits::{CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES, SAMPLE_RATE_HZ, SOUND_STALL};
use crate::segment::SoundChunk;

/// With a converter in between, the device can be ready before a converted sample is; do not spin meanwhile.
const NOT_YET: Duration = Duration::from_millis(5);

/// What a chunk holds before it is read. A PCM of the type `file` says that it has filled all of a chunk even at the
/// end of its file, and when a pipe held less (alsa-lib 1.2.8 to 1.2.16, `pcm_file.c`, `snd_pcm_file_readi`); what
/// still looks like this was not written. Noise, so that no sound is taken for it.
fn untouched(samples: usize) -> Vec<i16> {
    (1..=samples as u32).map(|i| (i.wrapping_mul(0x9E37_79B9) >> 16) as i16).collect()
}

/// Fewer samples than this at the end of a read may look untouched by chance; eight do so once in 2^128.
const LEAST_UNTOUCHED: usize = 8;

/// A microphone that records. Open it in the thread that reads it: libasound is kept from writing to standard error
/// thread by thread.
pub struct Microphone {
    name: String,
    pcm: PCM,
    mixer: Mixer,
    /// What a chunk of all its channels holds before it is read.
    untouched: Vec<i16>,
    clock: Arc<dyn Clock>,
    stamps: StampClock,
    is_stamped: Option<bool>,
    overruns: u64,
    losses: LossReport,
}

impl Microphone {
    /// Opens a microphone and starts it: the PCM of that name, or else the first with that in its name
    /// ([`Opener`]).
    ///
    /// # Errors
    /// When there is none, when another program has it, or when it gives no sound that can be converted.
    pub fn open(name: &str, clock: Arc<dyn Clock>) -> Result<Self, SourceError> {
        Opener::new(name, clock).open()
    }

    /// A microphone that has just been started.
    fn started(name: &str, pcm: PCM, channels: u32, stamps: StampClock, clock: Arc<dyn Clock>) -> Self {
        let (name, losses) = (name.to_owned(), LossReport::default());
        let mixer = Mixer::new(channels as usize);
        let untouched = untouched(LONGEST_CHUNK_SAMPLES * mixer.channels());
        Self { name, pcm, mixer, untouched, clock, stamps, is_stamped: None, overruns: 0, losses }
    }

    /// What ALSA calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its gain is set ([`capture_mixer`]).
    pub fn mixer_device(&self) -> MixerDevice {
        control::device(&self.pcm, &self.name)
    }

    /// How often sound was lost because it was not read in time, or because the machine slept.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Sleeps until all but the last of so many samples have been recorded: the device wakes who waits every 20 ms.
    fn sleep_through(&self, samples: usize) {
        let waiting = self.pcm.avail_update().map_or(samples, |frames| frames.max(0) as usize);
        let samples = samples.saturating_sub(waiting + CHUNK_SAMPLES) as u32;
        thread::sleep(Duration::from_secs(1) * samples / SAMPLE_RATE_HZ);
    }

    /// Waits for frames and takes what there is; says how many. `None` when the microphone hangs.
    fn take(&self, into: &mut [i16], give_up: Duration) -> alsa::Result<Option<usize>> {
        loop {
            let left = give_up.saturating_sub(self.clock.monotonic());
            if left.is_zero() || !self.pcm.wait(Some(left.as_millis() as u32 + 1))? {
                return Ok(None);
            }
            match self.pcm.io_i16()?.readi(into) {
                Ok(frames) => return Ok(Some(frames)),
                Err(error) if matches!(errno(error), Errno::AGAIN | Errno::INTR) => thread::sleep(NOT_YET),
                Err(error) => return Err(error),
            }
        }
    }

    /// When the first of the last `read` samples was taken.
    fn time_of_first(&mut self, read: usize) -> Timestamp {
        let status = self.status();
        let now = Now {
            wall: self.clock.now(),
            monotonic: self.clock.monotonic(),
            wall_minus_monotonic: self.clock.wall_minus_monotonic(),
        };
        let (time, is_stamped) = time_of_first(&status, read, &now);
        // Once, and when it changes; an overrun is no change.
        if !status.is_overrun && self.is_stamped != Some(is_stamped) {
            self.is_stamped = Some(is_stamped);
            let by = if is_stamped { "ALSA's time stamps" } else { "when it is read: no usable time stamps" };
            log::debug!("microphone {:?}: sound is timed by {by}", self.name);
        }
        time
    }

    /// Stamp and delay from one question: asked one after the other, the device would have moved on between them.
    fn status(&self) -> Status {
        let unknown = Status { stamp: Duration::ZERO, clock: self.stamps, delay_samples: 0, is_overrun: false };
        let Ok(status) = self.pcm.status() else {
            return unknown;
        };
        let stamp = status.get_htstamp();
        let stamp = match (u64::try_from(stamp.tv_sec), u32::try_from(stamp.tv_nsec)) {
            (Ok(seconds), Ok(nanos @ ..1_000_000_000)) => Duration::new(seconds, nanos),
            _ => Duration::ZERO,
        };
        let is_overrun = matches!(status.get_state(), State::XRun | State::Suspended);
        #[allow(clippy::useless_conversion, reason = "a long has 32 bits on some machines")]
        Status { stamp, delay_samples: i64::from(status.get_delay()), is_overrun, ..unknown }
    }

    fn tell_losses(&mut self) {
        if let Some(line) = self.losses.line(self.clock.monotonic(), self.overruns) {
            log::warn!("microphone {:?}: {line}", self.name);
        }
    }

    /// Goes on after an overrun or a sleep of the machine. `snd_pcm_resume` is not tried: it may be asked for ever,
    /// and what the device would give is as old as the sleep.
    fn go_on(&mut self, error: alsa::Error) -> Result<(), SourceError> {
        self.overruns += 1;
        log::debug!("microphone {:?}: {error}", self.name);
        self.tell_losses();
        quietly(|| self.pcm.prepare().and_then(|()| self.pcm.start())).map_err(|error| told(&self.name, error))
    }
}

impl SoundSource for Microphone {
    /// A PCM of the type `file` ends; behind a converter it does not, but repeats its last buffer: alsa-lib then gives
    /// no sign of the end.
    fn read(&mut self, samples: usize) -> Result<Option<SoundChunk>, SourceError> {
        self.tell_losses();
        let give_up = self.clock.monotonic() + SOUND_STALL;
        let samples = samples.min(LONGEST_CHUNK_SAMPLES);
        self.sleep_through(samples);
        let channels = self.mixer.channels();
        let mut interleaved = self.untouched[..samples * channels].to_vec();
        // In frames, of which the mix has a sample each.
        let (mut filled, mut went_on, mut captured) = (0, false, Timestamp::default());
        while filled < samples {
            let from = filled * channels;
            let rest = &mut interleaved[from..];
            match self.take(rest, give_up) {
                Ok(Some(claimed)) => match written(&rest[..claimed * channels], &self.untouched[from..]) / channels {
                    0 => break,
                    frames => filled += frames,
                },
                Ok(None) => return Err(trouble(&self.name, Trouble::Hangs, "")),
                Err(error) if is_gap(errno(error)) && !went_on => {
                    self.go_on(error)?;
                    went_on = true;
                    if filled > 0 {
                        break;
                    }
                    continue;
                }
                Err(error) => return Err(told(&self.name, error)),
            }
            captured = self.time_of_first(filled);
        }
        let samples = self.mixer.mix(&interleaved[..filled * channels]);
        Ok((filled > 0).then_some(SoundChunk { captured, samples }))
    }
}

/// How many of the samples that were claimed to be read were written.
fn written(read: &[i16], untouched: &[i16]) -> usize {
    let same = read.iter().zip(untouched).rev().take_while(|(read, untouched)| read == untouched).count();
    if same < LEAST_UNTOUCHED { read.len() } else { read.len() - same }
}

fn is_gap(errno: Errno) -> bool {
    matches!(errno, Errno::PIPE | Errno::STRPIPE)
}
