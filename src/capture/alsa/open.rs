//! Finding a microphone of ALSA and opening it.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: devices")]

use std::ffi::CString;
use std::sync::Arc;

use alsa::card::{self, Card};
use alsa::device_name::{Hint, HintIter};
use alsa::pcm::{Access, Format, Frames, HwParams, PCM, TstampType};
use alsa::{Direction, Output, ValueOr};
use rustix::io::Errno;

use super::Microphone;
use crate::capture::microphone::{
    Known, Trouble, arranged, channels, instead, is_passed_over, missing, taken, trouble,
};
use crate::capture::stamp::{BUFFER_SAMPLES, StampClock};
use crate::capture::{MicrophoneInfo, SourceError};
use crate::clock::Clock;
use crate::limits::{CHUNK_SAMPLES, SAMPLE_RATE_HZ};

/// Opens a microphone, again and again if it must: what it takes in place of what was asked for is said once.
pub struct Opener {
    wanted: String,
    clock: Arc<dyn Clock>,
    /// What was last opened: that it is gone is told in the same words by reading and by opening.
    opened: Option<String>,
    said: Option<String>,
}

impl Opener {
    /// `wanted`: what ALSA calls it, or a part of its name, of its description, or of its card's name.
    pub fn new(wanted: &str, clock: Arc<dyn Clock>) -> Self {
        Self { wanted: wanted.to_owned(), clock, opened: None, said: None }
    }

    /// Opens it and starts it.
    ///
    /// # Errors
    /// When there is none, when another program has it, or when it gives no sound that can be converted.
    pub fn open(&mut self) -> Result<Microphone, SourceError> {
        let microphone = self.find()?;
        self.opened = Some(microphone.name().to_owned());
        Ok(microphone)
    }

    fn find(&mut self) -> Result<Microphone, SourceError> {
        let error = match self.start(&self.wanted) {
            Ok(microphone) => return Ok(microphone),
            Err(error) => error,
        };
        let why = kind(errno(error));
        if !matches!(why, Trouble::Missing | Trouble::Refused) {
            return Err(told(&self.wanted, error));
        }
        let known = known();
        let mut failed = match (why, &self.opened) {
            (_, Some(name)) if why == Trouble::Missing || *name != self.wanted => trouble(name, Trouble::Unplugged, ""),
            (Trouble::Missing, _) => missing(&self.wanted, &known),
            _ => told(&self.wanted, error),
        };
        let mut first = true;
        for name in instead(&self.wanted, why, &known) {
            match self.start(&name) {
                Ok(microphone) => {
                    self.say(taken(&self.wanted, why, &name));
                    return Ok(microphone);
                }
                Err(error) if !is_passed_over(kind(errno(error))) => return Err(told(&name, error)),
                Err(error) if first && !matches!(kind(errno(error)), Trouble::Missing | Trouble::Refused) => {
                    (failed, first) = (told(&name, error), false);
                }
                Err(error) => log::debug!("microphone {name:?}: {error}"),
            }
        }
        Err(failed)
    }

    fn say(&mut self, line: String) {
        if self.said.as_ref() != Some(&line) {
            log::info!("{line}");
            self.said = Some(line);
        }
    }

    fn start(&self, name: &str) -> alsa::Result<Microphone> {
        let Opened { pcm, channels, stamps } = quietly(|| {
            let opened = open_converting(name)?;
            opened.pcm.start().map(|()| opened)
        })?;
        log::debug!("microphone {name:?}: {channels} channels; time stamps by the clock {stamps:?} are asked for");
        Ok(Microphone::started(name, pcm, channels, stamps, Arc::clone(&self.clock)))
    }
}

/// The microphones that ALSA knows, those to try first at the front.
pub fn list() -> Vec<MicrophoneInfo> {
    arranged(hints().into_iter().filter_map(microphone))
}

fn hints() -> Vec<Hint> {
    quietly(|| HintIter::new_str(None, "pcm").map(|hints| hints.collect())).unwrap_or_default()
}

fn microphone(hint: Hint) -> Option<MicrophoneInfo> {
    let description = hint.desc.unwrap_or_default().lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let name = hint.name.filter(|_| hint.direction != Some(Direction::Playback))?;
    Some(MicrophoneInfo { name, description })
}

/// The microphones that ALSA lists with what their cards are called, and the cards of which it lists nothing.
fn known() -> Vec<Known> {
    let hints = hints();
    let listed: Vec<_> = hints.iter().filter_map(|hint| card_of(hint.name.as_deref()?)).collect();
    let known = arranged(hints.into_iter().filter_map(microphone)).into_iter().map(|microphone| {
        let card_names = card_of(&microphone.name).map(names).unwrap_or_default();
        Known { microphone, card_names }
    });
    let hidden = quietly(|| card::Iter::new().flatten().filter(|card| !listed.contains(card)).collect::<Vec<_>>());
    let hidden = hidden.into_iter().map(|card| {
        let (name, card_names) = (format!("plughw:CARD={}", card.get_index()), names(card));
        let microphone = MicrophoneInfo { name, description: card_names.join(", ") };
        Known { microphone, card_names }
    });
    known.chain(hidden).collect()
}

/// The card in a PCM's name, as in `plughw:CARD=C920,DEV=0`.
pub(super) fn card_of(pcm: &str) -> Option<Card> {
    let (_, after) = pcm.split_once("CARD=")?;
    let id = CString::new(after.split(',').next()?).ok()?;
    quietly(|| Card::from_str(&id)).ok()
}

/// Short and long: "USB Device 0x46d:0x825" and that with the place where it is plugged in.
fn names(card: Card) -> Vec<String> {
    quietly(|| [card.get_name(), card.get_longname()].into_iter().flatten().collect())
}

/// A PCM that is set up and not started.
struct Opened {
    pcm: PCM,
    channels: u32,
    stamps: StampClock,
}

/// Opens a PCM, and asks for the fewest channels that the hardware behind it gives. A converter before it gives any number, and
/// makes one of two by adding them up, whatever is in them.
fn open_and_ask(name: &str) -> alsa::Result<(PCM, Option<u32>)> {
    let least = |pcm: &PCM| HwParams::any(pcm).and_then(|hardware| hardware.get_channels_min()).ok();
    let pcm = open_pcm(name)?;
    let info = pcm.info().ok().map(|info| (info.get_card(), info.get_device()));
    let Some((card @ 0.., device)) = info else {
        let native = least(&pcm);
        return Ok((pcm, native));
    };
    // The card cannot be opened twice.
    drop(pcm);
    let native = open_pcm(&format!("hw:{card},{device}")).ok().and_then(|pcm| least(&pcm));
    Ok((open_pcm(name)?, native))
}

/// Opens a microphone as it is, or through ALSA's converter if it has another rate.
fn open_converting(name: &str) -> alsa::Result<Opened> {
    let (pcm, native) = open_and_ask(name)?;
    let channels = channels(name, native);
    match set_up(pcm, channels) {
        Err(error) if errno(error) == Errno::INVAL => set_up(open_pcm(&converting(name))?, channels),
        opened => opened,
    }
}

/// Without blocking: a busy microphone fails at once, and a read waits no longer than `wait`.
fn open_pcm(name: &str) -> alsa::Result<PCM> {
    let name = CString::new(name).map_err(|_| alsa::Error::new("open", Errno::NOENT.raw_os_error()))?;
    PCM::open(&name, Direction::Capture, true)
}

/// The name of ALSA's converter before a microphone (alsa-lib: `alsa.conf`, `pcm.plug`; escapes: `conf.c`,
/// `parse_string`).
fn converting(name: &str) -> String {
    format!("plug:SLAVE='{}'", name.replace('\\', r"\\").replace('\'', r"\'"))
}

fn set_up(pcm: PCM, channels: u32) -> alsa::Result<Opened> {
    let stamps = {
        let hardware = HwParams::any(&pcm)?;
        hardware.set_access(Access::RWInterleaved)?;
        hardware.set_format(Format::s16())?;
        hardware.set_channels(channels)?;
        hardware.set_rate(SAMPLE_RATE_HZ, ValueOr::Nearest)?;
        hardware.set_buffer_size_near(BUFFER_SAMPLES as Frames)?;
        hardware.set_period_size_near(CHUNK_SAMPLES as Frames, ValueOr::Nearest)?;
        pcm.hw_params(&hardware)?;
        let software = pcm.sw_params_current()?;
        software.set_avail_min(CHUNK_SAMPLES as Frames)?;
        // Without them sound is timed when it is read.
        let _ = software.set_tstamp_mode(true).and_then(|()| software.set_tstamp_type(TstampType::Monotonic));
        pcm.sw_params(&software)?;
        match pcm.sw_params_current().and_then(|current| current.get_tstamp_type()) {
            Ok(TstampType::Monotonic) => StampClock::Monotonic,
            Ok(TstampType::Gettimeofday) => StampClock::Wall,
            _ => StampClock::Unknown,
        }
    };
    Ok(Opened { pcm, channels, stamps })
}

pub(super) fn errno(error: alsa::Error) -> Errno {
    // Some functions of the crate give the number as libasound does, negative.
    Errno::from_raw_os_error(error.errno().abs())
}

/// "No such file or directory", without "(os error 2)".
fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn kind(errno: Errno) -> Trouble {
    match errno {
        Errno::NOENT | Errno::NXIO => Trouble::Missing,
        // PulseAudio's plugin without a server, and PipeWire's.
        Errno::CONNREFUSED | Errno::HOSTDOWN => Trouble::Refused,
        Errno::BUSY | Errno::AGAIN => Trouble::Busy,
        Errno::ACCESS | Errno::PERM => Trouble::Forbidden,
        Errno::INVAL => Trouble::NoSound,
        Errno::NODEV => Trouble::Unplugged,
        _ => Trouble::Other,
    }
}

pub(super) fn told(name: &str, error: alsa::Error) -> SourceError {
    let errno = errno(error);
    trouble(name, kind(errno), &text(errno))
}

/// Keeps what libasound has to say off standard error: it goes to the debug log. Every call begins with an empty
/// buffer, so what is said between calls does not pile up beyond the next.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let said = Output::local_error_handler();
    let result = work();
    if let Ok(said) = said {
        said.borrow().to_string().lines().for_each(|line| log::debug!("libasound: {line}"));
    }
    result
}
