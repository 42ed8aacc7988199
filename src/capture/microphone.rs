//! Which microphone is taken, which are shown first, and what is said of one that does not work. PURE.

use super::{MicrophoneInfo, SourceError};
use crate::limits::SOUND_STALL;

const CHOOSE: &str = r#"choose one of those that "listener devices" lists with --default_microphone"#;

/// The sound server, asked for by default. Where none runs, the hardware itself is taken.
const SERVER: &str = "pulse";

/// What ALSA takes for the hardware when nothing is said.
const DEFAULT: &str = "default";

/// A card through ALSA's converter: any rate, any number of channels, and the driver's own time stamps.
const CARD: &str = "plughw";

/// The kinds of PCM to try first: sound servers, then cards through ALSA's converter.
const FIRST: [&str; 7] = [SERVER, "pipewire", DEFAULT, "sysdefault", CARD, "hw", "dsnoop"];

/// Converters that ALSA and its plugins list as if they were devices.
const NO_MICROPHONE: [&str; 7] = ["null", "lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix"];

/// More channels than this no card has; a converter claims thousands.
const MOST_CHANNELS: u32 = 32;

/// So many microphones are named in a line; more are not read.
const NAMED: usize = 5;

/// How many channels to open a microphone with, whose hardware gives `native` of them at least, as far as is known. They are
/// mixed by what is in them, which a sound server would not do: it is asked for two.
pub(super) fn channels(name: &str, native: Option<u32>) -> u32 {
    let is_server =
        [SERVER, "pipewire"].iter().any(|server| name == *server || name.starts_with(&format!("{server}:")));
    let least = if is_server { 2 } else { 1 };
    native.filter(|native| *native <= MOST_CHANNELS).unwrap_or(least).max(least)
}

/// Why a microphone fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    Refused,
    Busy,
    Forbidden,
    NoSound,
    Unplugged,
    Hangs,
    Other,
}

/// A microphone, and its card if it is on one.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub microphone: MicrophoneInfo,
    /// The card's names, short and long; none if it is on no card.
    pub card_names: Vec<String>,
}

/// What to open, one after the other, when there is no PCM `wanted`, or when it refuses: those that have the text in
/// their name, their description or the name of their card; instead of the sound server, the hardware.
pub(super) fn instead(wanted: &str, trouble: Trouble, known: &[Known]) -> Vec<String> {
    let mut names = Vec::new();
    if wanted == SERVER && matches!(trouble, Trouble::Missing | Trouble::Refused) {
        let cards: Vec<_> = known.iter().filter(|one| !one.card_names.is_empty()).collect();
        if !cards.is_empty() {
            names.push(DEFAULT.to_owned());
            names.extend(
                cards.iter().filter(|one| kind(&one.microphone) == CARD).map(|one| one.microphone.name.clone()),
            );
        }
    } else if trouble == Trouble::Missing {
        let part = plain(wanted);
        let (cards, others): (Vec<_>, Vec<_>) =
            known.iter().filter(|one| has(one, &part)).partition(|one| kind(&one.microphone) == CARD);
        names.extend(cards.into_iter().chain(others).map(|one| one.microphone.name.clone()));
    }
    names.retain(|name| name != wanted);
    names
}

fn has(known: &Known, part: &str) -> bool {
    let MicrophoneInfo { name, description } = &known.microphone;
    let texts = [name, description].into_iter().chain(&known.card_names);
    !part.is_empty() && texts.map(|text| plain(text)).any(|text| text.contains(part))
}

/// A text without what is written differently elsewhere: capitals; and PortAudio, which the earlier client used, has
/// "card: device (hw:1,0)" (`pa_linux_alsa.c`) for ALSA's "card, device" (alsa-lib, `namehint.c`, `get_dev_name`).
fn plain(text: &str) -> String {
    let text = text.trim().to_lowercase().replace(": ", ", ");
    match text.rsplit_once(" (hw:") {
        Some((names, number)) if number.ends_with(')') => names.to_owned(),
        _ => text,
    }
}

/// Whether the next one is to be tried: a microphone that is only busy is waited for, and no other taken for it.
pub(super) fn is_passed_over(trouble: Trouble) -> bool {
    !matches!(trouble, Trouble::Busy | Trouble::Forbidden)
}

/// What is said once when another PCM is opened than the one by that name.
pub(super) fn taken(wanted: &str, trouble: Trouble, name: &str) -> String {
    match trouble {
        Trouble::Refused => format!("microphone {wanted:?} refuses the connection: {name:?} is taken instead"),
        _ if wanted == SERVER => format!("no microphone {wanted:?}: {name:?} is taken instead"),
        _ => format!("microphone {wanted:?} is {name:?}"),
    }
}

/// Neither a PCM of that name nor a microphone with it in its name: what there is.
pub(super) fn missing(wanted: &str, known: &[Known]) -> SourceError {
    let others = known.iter().map(|one| one.microphone.name.as_str()).filter(|name| *name != wanted);
    let others: Vec<_> = others.collect();
    let named = others[..others.len().min(NAMED)].join(", ");
    let more = if others.len() > NAMED { r#", or another that "listener devices" lists,"# } else { "" };
    SourceError(match named.is_empty() {
        true => format!("no microphone {wanted:?}, nor any other; plug one in"),
        false => format!("no microphone {wanted:?}; plug it in, or choose {named}{more} with --default_microphone"),
    })
}

/// A microphone that ends, as a device does that is unplugged; a recording ends so.
pub(super) fn ended(name: &str) -> SourceError {
    SourceError(format!("microphone {name:?} gives no more sound; plug it in again"))
}

/// What is wrong and what to do; `why` in the words of the system.
pub(super) fn trouble(name: &str, trouble: Trouble, why: &str) -> SourceError {
    SourceError(match trouble {
        Trouble::Missing => format!("no microphone {name:?}: {why}; plug one in, or {CHOOSE}"),
        Trouble::Refused => {
            format!("microphone {name:?}: {why}; start the sound server, plug in a microphone, or {CHOOSE}")
        }
        Trouble::Busy => format!("microphone {name:?} is in use by another program; stop that program, or {CHOOSE}"),
        Trouble::Forbidden => {
            format!("microphone {name:?} may not be opened: {why}; add this user to the group \"audio\"")
        }
        Trouble::NoSound => format!("microphone {name:?} gives no sound that can be converted: {why}; {CHOOSE}"),
        Trouble::Unplugged => format!("microphone {name:?} is gone; plug it in again"),
        Trouble::Hangs => {
            let seconds = SOUND_STALL.as_secs();
            format!("microphone {name:?} hangs: no sound for {seconds} s; plug it in again, or {CHOOSE}")
        }
        Trouble::Other => format!("microphone {name:?} does not work: {why}; plug it in again, or {CHOOSE}"),
    })
}

/// The best to try first, without duplicates and what is no microphone.
pub(super) fn arranged(microphones: impl IntoIterator<Item = MicrophoneInfo>) -> Vec<MicrophoneInfo> {
    let mut found: Vec<MicrophoneInfo> = Vec::new();
    for microphone in microphones {
        let known = found.iter().any(|other| other.name == microphone.name);
        if !known && !NO_MICROPHONE.contains(&kind(&microphone)) {
            found.push(microphone);
        }
    }
    found.sort_by_key(|one| FIRST.iter().position(|first| *first == kind(one)).unwrap_or(FIRST.len()));
    found
}

/// The name of a PCM without its arguments.
fn kind(microphone: &MicrophoneInfo) -> &str {
    microphone.name.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
