//! Which microphones are shown first, and what is said of one that does not work. PURE.

use super::{MicrophoneInfo, SourceError};
use crate::limits::SOUND_STALL;

const CHOOSE: &str = r#"choose one of those that "listener devices" lists with --default_microphone"#;

/// The kinds of PCM to try first: sound servers, then cards through ALSA's converter.
const FIRST: [&str; 7] = ["pulse", "pipewire", "default", "sysdefault", "plughw", "hw", "dsnoop"];

/// Converters that ALSA and its plugins list as if they were devices.
const NO_MICROPHONE: [&str; 7] = ["null", "lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix"];

/// Why a microphone fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    Busy,
    Forbidden,
    NoSound,
    Unplugged,
    Hangs,
    Other,
}

/// What is wrong and what to do; `why` in the words of the system.
pub(super) fn trouble(name: &str, trouble: Trouble, why: &str) -> SourceError {
    SourceError(match trouble {
        Trouble::Missing => format!("no microphone {name:?}: {why}; plug one in, or {CHOOSE}"),
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
mod tests {
    use super::*;

    #[test]
    fn sound_servers_are_listed_first_then_cards_and_nothing_twice() {
        let listed = ["null", "speex", "hw:CARD=A", "front:CARD=A", "plughw:CARD=A", "default", "pulse", "hw:CARD=A"];
        let listed = listed.map(|name| MicrophoneInfo { name: name.to_owned(), description: String::new() });
        let names: Vec<_> = arranged(listed).into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["pulse", "default", "plughw:CARD=A", "hw:CARD=A", "front:CARD=A"]);
    }

    #[test]
    fn every_trouble_is_one_line_that_says_what_to_do() {
        use Trouble::{Busy, Forbidden, Hangs, Missing, NoSound, Other, Unplugged};
        for kind in [Busy, Forbidden, Hangs, Missing, NoSound, Other, Unplugged] {
            let said = trouble("hw:1,0", kind, "so it is").to_string();
            assert!(said.contains("\"hw:1,0\"") && said.contains("; ") && !said.contains('\n'), "{said}");
        }
    }
}
