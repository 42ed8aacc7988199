//! The controls of a microphone's card. EDGE. Nothing fails here: what cannot be read is not there.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use alsa::Mixer;
use alsa::mixer::{Selem, SelemChannelId};
use alsa::pcm::PCM;

use super::open::{card_of, quietly};
use crate::capture::gain::{CaptureMixer, Control, MixerDevice, Volume};

/// The mixer of the card that is behind a PCM, through converters and `dsnoop`; else the one with the PCM's name, as a sound server
/// has (alsa-plugins, `ctl_pulse.c`).
pub(super) fn device(pcm: &PCM, name: &str) -> MixerDevice {
    let number = quietly(|| pcm.info()).ok().map(|info| info.get_card()).filter(|number| *number >= 0);
    let number = number.or_else(|| card_of(name).map(|card| card.get_index()));
    number.map_or_else(|| MixerDevice::Named(name.to_owned()), MixerDevice::Card)
}

/// What can be set now.
pub fn capture_mixer(device: &MixerDevice) -> CaptureMixer {
    let name = match device {
        MixerDevice::Card(number) => format!("hw:{number}"),
        MixerDevice::Named(name) => name.clone(),
    };
    let controls = quietly(|| {
        let mixer = Mixer::new(&name, true)?;
        Ok::<_, alsa::Error>(mixer.iter().filter_map(Selem::new).filter_map(|one| control(&one)).collect())
    });
    match controls {
        Ok(controls) => CaptureMixer { device: Some(device.clone()), controls },
        Err(_) => CaptureMixer::default(),
    }
}

/// Of several channels the first: they are set together.
fn control(element: &Selem<'_>) -> Option<Control> {
    let channel = SelemChannelId::mono();
    let (min, max) = element.get_capture_volume_range();
    let volume = element.has_capture_volume().then(|| element.get_capture_volume(channel).ok()).flatten();
    let volume = volume.filter(|_| min < max).map(|value| Volume { value, min, max });
    let is_on = element.has_capture_switch().then(|| element.get_capture_switch(channel).ok()).flatten();
    let is_on = is_on.map(|state| state != 0);
    let id = element.get_id();
    // As alsamixer writes it (`mixer_controls.c`, `create_name`).
    let name = match (id.get_name().ok()?, id.get_index()) {
        (name, 0) => name.to_owned(),
        (name, index) => format!("{name} {index}"),
    };
    (volume.is_some() || is_on.is_some()).then_some(Control { name, volume, is_on })
}
