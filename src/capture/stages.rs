//! The capture stages: a thread for sound and one for pictures, from whatever source. EDGE.

#![expect(clippy::disallowed_types, reason = "EDGE: threads")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use uuid::Uuid;

use super::alsa::Opener;
use super::gstreamer::{File, Pace};
use super::keeper::Recording;
use super::test_sound::TestSound;
use super::watch::{self, Watch};
use super::{SourceError, listen, microphone};
use crate::clock::Clock;
use crate::config::{Config, VideoConfig};
use crate::event::{Event, Part};
use crate::supervise::{self, OnFailure, Retry};

/// Where sound and pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The microphone and the camera of the configuration.
    Devices,
    /// Generated ones.
    Test,
    /// A recorded file.
    File {
        /// The file.
        path: PathBuf,
        /// How fast it is played.
        pace: Pace,
    },
}

/// What the stages need of the rest.
#[derive(Clone)]
pub struct Outlets {
    /// Takes reports.
    pub tell: Arc<dyn Fn(Event) + Send + Sync>,
    /// Takes recordings; full, it holds the stages up.
    pub keep: SyncSender<Recording>,
    /// The run: new at every start.
    pub uid: Uuid,
    /// Ends the stages.
    pub stop: Arc<AtomicBool>,
    /// Where clips are written.
    pub scratch: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Starts the stages. They end when the source does, or when told to.
///
/// # Errors
/// When a file cannot be played. A device that is missing is waited for.
pub fn start(source: &Source, config: &Config, outlets: &Outlets) -> Result<Vec<JoinHandle<()>>, SourceError> {
    super::gstreamer::init()?;
    match source {
        Source::Devices => Ok(devices(config, outlets)),
        Source::Test => Ok(test(config, outlets)),
        Source::File { path, pace } => {
            let encoder = watch::find_encoder(&config.video)?;
            let file = File::open(path, *pace, Some((&config.video, &encoder)), &*outlets.clock)?;
            file.play()?;
            Ok(from_file(file, config, outlets))
        }
    }
}

fn devices(config: &Config, outlets: &Outlets) -> Vec<JoinHandle<()>> {
    let settings = config.audio.settings;
    let mut opener = Opener::new(&config.audio.microphone, Arc::clone(&outlets.clock));
    let sound = stage(Part::Microphone, OnFailure::TryAgain, outlets, move |outlets| {
        let mut microphone = opener.open()?;
        hear(&mut microphone, settings, outlets)?;
        match outlets.stop.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(microphone::ended(microphone.name()).into()),
        }
    });
    vec![sound, pictures(&config.video, outlets)]
}

fn test(config: &Config, outlets: &Outlets) -> Vec<JoinHandle<()>> {
    let settings = config.audio.settings;
    let sound = stage(Part::Microphone, OnFailure::GiveUp, outlets, move |outlets| {
        Ok(hear(&mut TestSound::new(Arc::clone(&outlets.clock)), settings, outlets)?)
    });
    vec![sound, pictures(&test_video(&config.video), outlets)]
}

/// The settings with the test picture in place of the camera.
pub fn test_video(config: &VideoConfig) -> VideoConfig {
    VideoConfig { camera: "test".into(), ..config.clone() }
}

fn pictures(config: &VideoConfig, outlets: &Outlets) -> JoinHandle<()> {
    let mut watch = Watch::new(config, outlets.uid, Arc::clone(&outlets.clock));
    stage(Part::Camera, OnFailure::TryAgain, outlets, move |outlets| watch.record(outlets))
}

fn from_file(file: File, config: &Config, outlets: &Outlets) -> Vec<JoinHandle<()>> {
    file.missing.into_iter().for_each(|fault| (outlets.tell)(Event::Fault(fault)));
    let settings = config.audio.settings;
    let sound = file.sound.map(|mut sound| {
        stage(Part::Microphone, OnFailure::GiveUp, outlets, move |outlets| Ok(hear(&mut sound, settings, outlets)?))
    });
    let watch = Watch::new(&config.video, outlets.uid, Arc::clone(&outlets.clock));
    let pictures = file.video.map(|video| {
        stage(Part::Camera, OnFailure::GiveUp, outlets, move |outlets| {
            let seen = watch.see(&video, outlets).map_err(|stopped| SourceError(stopped.trouble.to_string()))?;
            match seen || outlets.stop.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err(video.nothing_seen().into()),
            }
        })
    });
    sound.into_iter().chain(pictures).collect()
}

fn stage(
    part: Part,
    on_failure: OnFailure,
    outlets: &Outlets,
    mut attempt: impl FnMut(&Outlets) -> Result<(), Retry> + Send + 'static,
) -> JoinHandle<()> {
    let outlets = outlets.clone();
    supervise::named(&part.to_string(), move || {
        supervise::record(part, on_failure, &outlets.stop, &*outlets.tell, || attempt(&outlets));
    })
}

fn hear(
    source: &mut dyn super::SoundSource,
    settings: crate::segment::Settings,
    outlets: &Outlets,
) -> Result<(), SourceError> {
    listen::listen(source, settings, &outlets.stop, &*outlets.tell, &|recording| keep(outlets, recording))
}

/// Waits for room: sound is held up, and at last lost by the source, only when the disk stands still.
fn keep(outlets: &Outlets, recording: Recording) {
    // The keeper outlives the stages; without it there is nothing to keep for.
    let _ = outlets.keep.send(recording);
}
