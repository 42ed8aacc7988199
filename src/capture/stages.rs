//! The capture stages: a thread for sound and one for pictures, from whatever source. EDGE.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::alsa::Opener;
use super::camera::{self, Wanted};
use super::gstreamer::{File, Pace, Video, VideoSource};
use super::test_sound::TestSound;
use super::{Seen, SourceError, listen, microphone, v4l};
use crate::clock::Clock;
use crate::config::{Config, VideoConfig};
use crate::event::{Event, Part};
use crate::spool::Recording;
use crate::supervise::{self, OnFailure};

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
            let file = File::open(path, *pace, Some(&config.video), &*outlets.clock)?;
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
            false => Err(microphone::ended(microphone.name())),
        }
    });
    let video = config.video.clone();
    let pictures = stage(Part::Camera, OnFailure::TryAgain, outlets, move |outlets| {
        let source = find_camera(&video)?;
        let opened = Video::open(&source, &video, Arc::clone(&outlets.clock));
        opened.and_then(|camera| watch(&camera, outlets)).map_err(|error| camera_failed(&source, &error))
    });
    vec![sound, pictures]
}

fn test(config: &Config, outlets: &Outlets) -> Vec<JoinHandle<()>> {
    let settings = config.audio.settings;
    let sound = stage(Part::Microphone, OnFailure::GiveUp, outlets, move |outlets| {
        hear(&mut TestSound::new(Arc::clone(&outlets.clock)), settings, outlets)
    });
    let video = config.video.clone();
    let pictures = stage(Part::Camera, OnFailure::GiveUp, outlets, move |outlets| {
        watch(&Video::open(&VideoSource::Test, &video, Arc::clone(&outlets.clock))?, outlets)
    });
    vec![sound, pictures]
}

fn from_file(file: File, config: &Config, outlets: &Outlets) -> Vec<JoinHandle<()>> {
    let settings = config.audio.settings;
    let sound = file.sound.map(|mut sound| {
        stage(Part::Microphone, OnFailure::GiveUp, outlets, move |outlets| hear(&mut sound, settings, outlets))
    });
    let pictures =
        file.video.map(|video| stage(Part::Camera, OnFailure::GiveUp, outlets, move |outlets| watch(&video, outlets)));
    sound.into_iter().chain(pictures).collect()
}

fn stage(
    part: Part,
    on_failure: OnFailure,
    outlets: &Outlets,
    mut attempt: impl FnMut(&Outlets) -> Result<(), SourceError> + Send + 'static,
) -> JoinHandle<()> {
    let outlets = outlets.clone();
    thread::spawn(move || {
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

fn watch(video: &Video, outlets: &Outlets) -> Result<(), SourceError> {
    let told = AtomicBool::new(false);
    // The two appsinks are taken from by two threads, and a channel's sender is not shared between threads.
    let outlets = Mutex::new(outlets.clone());
    let (scratch, stop) = {
        let outlets = outlets.lock().expect("no panic while held");
        (outlets.scratch.clone(), Arc::clone(&outlets.stop))
    };
    video.record(&scratch, &stop, &|seen: Seen| {
        let outlets = outlets.lock().expect("no panic while held");
        if !told.swap(true, Ordering::Relaxed) {
            (outlets.tell)(Event::Recording(Part::Camera));
        }
        keep(&outlets, Recording::Seen(seen));
    })
}

/// Waits for room: recordings are held up, and at last lost by the source, only when the disk stands still.
fn keep(outlets: &Outlets, recording: Recording) {
    // The keeper outlives the stages; without it there is nothing to keep for.
    let _ = outlets.keep.send(recording);
}

/// The camera of the configuration, and the format that comes nearest to the one wished for.
///
/// # Errors
/// When it is not there, or gives nothing that can be used.
pub fn find_camera(config: &VideoConfig) -> Result<VideoSource, SourceError> {
    let name = match config.camera.as_str() {
        "test" => return Ok(VideoSource::Test),
        "auto" => None,
        name => Some(name),
    };
    let cameras = v4l::list();
    let camera = camera::choose_camera(&cameras, name)?;
    let wanted = Wanted { width: config.width, height: config.height, frame_rate: config.frame_rate };
    match camera::choose_format(&camera.formats, &wanted) {
        Some(format) => Ok(VideoSource::Camera { device: camera.device.clone(), format }),
        None => Err(SourceError(format!(
            "camera {} ({}) gives no format that can be used; choose another with --camera",
            camera.device, camera.card
        ))),
    }
}

fn camera_failed(source: &VideoSource, error: &SourceError) -> SourceError {
    match source {
        VideoSource::Camera { device, .. } => {
            SourceError(format!("camera {device}: {error}; plug it in again, or close the program that uses it"))
        }
        VideoSource::Test => error.clone(),
    }
}
