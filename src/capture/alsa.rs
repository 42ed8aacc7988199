//! Sound from a microphone. EDGE: the only file that uses `alsa`.

use std::ffi::CString;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use alsa::device_name::HintIter;
use alsa::pcm::{Access, Format, Frames, HwParams, PCM};
use alsa::{Direction, Output, ValueOr};
use jiff::Timestamp;
use rustix::io::Errno;

use super::microphone::{Trouble, arranged, trouble};
use super::{MicrophoneInfo, SoundSource, SourceError};
use crate::clock::{Clock, signed};
use crate::limits::{CHUNK_SAMPLES, SAMPLE_RATE_HZ, SOUND_STALL};
use crate::segment::SoundChunk;

/// Half a second waits in the driver while the machine is busy; a longer pause is an overrun.
const BUFFER_SAMPLES: Frames = SAMPLE_RATE_HZ as Frames / 2;

/// No device holds back more than a second of sound; a driver that says so is wrong.
const MOST_DELAY_SAMPLES: Frames = SAMPLE_RATE_HZ as Frames;

/// With a converter in between, the device can be ready before a converted sample is; do not spin meanwhile.
const NOT_YET: Duration = Duration::from_millis(5);

/// What a chunk holds before it is read. A PCM of the type `file` says that it has filled all of a chunk even at the
/// end of its file, and when a pipe held less (alsa-lib 1.2.8 to 1.2.16, `pcm_file.c`, `snd_pcm_file_readi`); what
/// still looks like this was not written. Noise, so that no sound is taken for it.
const UNTOUCHED: [i16; CHUNK_SAMPLES] = {
    let mut noise = [0; CHUNK_SAMPLES];
    let mut i = 0;
    while i < CHUNK_SAMPLES {
        noise[i] = ((i as u32 + 1).wrapping_mul(0x9E37_79B9) >> 16) as i16;
        i += 1;
    }
    noise
};

/// Fewer samples than this at the end of a read may look untouched by chance; eight do so once in 2^128.
const LEAST_UNTOUCHED: usize = 8;

/// A microphone that records. Open it in the thread that reads it: libasound is kept from writing to standard error
/// thread by thread.
pub struct Microphone {
    name: String,
    pcm: PCM,
    clock: Arc<dyn Clock>,
    overruns: u64,
}

impl Microphone {
    /// Opens the microphone that ALSA knows by this name, and starts it.
    ///
    /// # Errors
    /// When there is none, when another program has it, or when it gives no sound that can be converted.
    pub fn open(name: &str, clock: Arc<dyn Clock>) -> Result<Self, SourceError> {
        let pcm = quietly(|| open_converting(name).and_then(|pcm| pcm.start().map(|()| pcm)))
            .map_err(|error| told(name, error))?;
        Ok(Self { name: name.to_owned(), pcm, clock, overruns: 0 })
    }

    /// How often sound was lost because it was not read in time, or because the machine slept.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Waits for samples and takes what there is. `None` when the microphone hangs.
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
    fn time_of_first(&self, read: usize) -> Timestamp {
        let waiting = match self.pcm.delay() {
            Ok(samples) => samples.clamp(0, MOST_DELAY_SAMPLES) as u64,
            Err(error) if is_gap(errno(error)) => BUFFER_SAMPLES as u64,
            Err(_) => 0,
        };
        let age = Duration::from_nanos((waiting + read as u64) * 1_000_000_000 / u64::from(SAMPLE_RATE_HZ));
        self.clock.now() - signed(age)
    }

    /// Goes on after an overrun or a sleep of the machine. `snd_pcm_resume` is not tried: it may be asked for ever,
    /// and what the device would give is as old as the sleep.
    fn go_on(&mut self, error: alsa::Error) -> Result<(), SourceError> {
        self.overruns += 1;
        log::warn!("microphone {:?}: sound was lost: {}", self.name, text(errno(error)));
        quietly(|| self.pcm.prepare().and_then(|()| self.pcm.start())).map_err(|error| told(&self.name, error))
    }
}

impl SoundSource for Microphone {
    /// A PCM of the type `file` ends; behind a converter it does not, but repeats its last buffer: alsa-lib then gives
    /// no sign of the end.
    fn read(&mut self) -> Result<Option<SoundChunk>, SourceError> {
        let give_up = self.clock.monotonic() + SOUND_STALL;
        let mut chunk = SoundChunk { captured: Timestamp::default(), samples: UNTOUCHED.to_vec() };
        let (mut filled, mut went_on) = (0, false);
        while filled < CHUNK_SAMPLES {
            let rest = &mut chunk.samples[filled..];
            match self.take(rest, give_up) {
                Ok(Some(claimed)) => match written(&rest[..claimed], &UNTOUCHED[filled..]) {
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
            chunk.captured = self.time_of_first(filled);
        }
        chunk.samples.truncate(filled);
        Ok((filled > 0).then_some(chunk))
    }
}

/// The microphones that ALSA knows, those to try first at the front.
pub fn list() -> Vec<MicrophoneInfo> {
    let hints = quietly(|| HintIter::new_str(None, "pcm").map(|hints| hints.collect::<Vec<_>>()));
    let microphones = hints.unwrap_or_default().into_iter().filter(|hint| hint.direction != Some(Direction::Playback));
    arranged(microphones.filter_map(|hint| {
        let description = hint.desc.unwrap_or_default().lines().map(str::trim).collect::<Vec<_>>().join(", ");
        Some(MicrophoneInfo { name: hint.name?, description })
    }))
}

/// Opens a microphone as it is, or through ALSA's converter if it has another rate or more channels.
fn open_converting(name: &str) -> alsa::Result<PCM> {
    match open_as(name) {
        Err(error) if errno(error) == Errno::INVAL => open_as(&converting(name)),
        opened => opened,
    }
}

/// The name of ALSA's converter before a microphone (alsa-lib: `alsa.conf`, `pcm.plug`; escapes: `conf.c`,
/// `parse_string`).
fn converting(name: &str) -> String {
    format!("plug:SLAVE='{}'", name.replace('\\', r"\\").replace('\'', r"\'"))
}

fn open_as(name: &str) -> alsa::Result<PCM> {
    let name = CString::new(name).map_err(|_| alsa::Error::new("open", Errno::NOENT.raw_os_error()))?;
    // Without blocking: a busy microphone is told at once, and a read waits no longer than `wait`.
    let pcm = PCM::open(&name, Direction::Capture, true)?;
    {
        let hardware = HwParams::any(&pcm)?;
        hardware.set_access(Access::RWInterleaved)?;
        hardware.set_format(Format::s16())?;
        hardware.set_channels(1)?;
        hardware.set_rate(SAMPLE_RATE_HZ, ValueOr::Nearest)?;
        hardware.set_buffer_size_near(BUFFER_SAMPLES)?;
        hardware.set_period_size_near(CHUNK_SAMPLES as Frames, ValueOr::Nearest)?;
        pcm.hw_params(&hardware)?;
        let software = pcm.sw_params_current()?;
        software.set_avail_min(CHUNK_SAMPLES as Frames)?;
        pcm.sw_params(&software)?;
    }
    Ok(pcm)
}

/// How many of the samples that were claimed to be read were written.
fn written(read: &[i16], untouched: &[i16]) -> usize {
    let same = read.iter().zip(untouched).rev().take_while(|(read, untouched)| read == untouched).count();
    if same < LEAST_UNTOUCHED { read.len() } else { read.len() - same }
}

fn is_gap(errno: Errno) -> bool {
    matches!(errno, Errno::PIPE | Errno::STRPIPE)
}

fn errno(error: alsa::Error) -> Errno {
    // Some functions of the crate give the number as libasound does, negative.
    Errno::from_raw_os_error(error.errno().abs())
}

/// "No such file or directory", without "(os error 2)".
fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn told(name: &str, error: alsa::Error) -> SourceError {
    let errno = errno(error);
    let kind = match errno {
        Errno::NOENT | Errno::NXIO => Trouble::Missing,
        Errno::BUSY | Errno::AGAIN => Trouble::Busy,
        Errno::ACCESS | Errno::PERM => Trouble::Forbidden,
        Errno::INVAL => Trouble::NoSound,
        Errno::NODEV => Trouble::Unplugged,
        _ => Trouble::Other,
    };
    trouble(name, kind, &text(errno))
}

/// Keeps what libasound has to say off standard error: it goes to the debug log. Every call begins with an empty
/// buffer, so what is said between calls does not pile up beyond the next.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let said = Output::local_error_handler();
    let result = work();
    if let Ok(said) = said {
        said.borrow().to_string().lines().for_each(|line| log::debug!("libasound: {line}"));
    }
    result
}
