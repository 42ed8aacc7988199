//! The picture stage: the camera, the encoder, and what is tried when either fails. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: a device, random numbers, and threads"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;

use super::camera::{self, Wanted};
use super::encoder::{self, Encoder, Hardware};
use super::gstreamer::{Desk, Stopped, Video, find_encoders, libcamera_cameras, trial_rate};
use super::keeper::Recording;
use super::ladder::{Ladder, Memory, Remedy, Rung};
use super::pipeline::{self, VideoSource};
use super::run::Run;
use super::stages::Outlets;
use super::vitals::Trouble;
use super::{Seen, SourceError, v4l};
use crate::clock::Clock;
use crate::config::VideoConfig;
use crate::event::{Event, Fault, Part};
use crate::item::name;
use crate::limits::{HEARTBEAT_INTERVAL, PREFERRED_RETRY, STAGE_HANG};
use crate::supervise::Retry;

/// How the next pipeline is to be built.
#[derive(Debug, Clone)]
struct Plan {
    /// At a rate that can be held.
    config: VideoConfig,
    /// The encoder, in the words of a pipeline; without one there are no clips.
    encoder: Option<String>,
    memory: Memory,
    /// What is said of it.
    said: String,
}

/// Makes a plan for a source on one of the ladder's rungs.
type Planner = dyn Fn(&VideoSource, &VideoConfig, Rung) -> Result<Plan, SourceError> + Send;

/// Watches through one camera, from pipeline to pipeline.
pub struct Watch {
    config: VideoConfig,
    ladder: Ladder,
    plan: Box<Planner>,
    run: Mutex<Run>,
    said: String,
    /// The last trouble of an encoder.
    encoder_trouble: String,
    /// A fault says that there are no clips. Only a clip clears it.
    is_without_clips: AtomicBool,
}

impl Watch {
    /// What is seen belongs to the run `uid`.
    pub fn new(config: &VideoConfig, uid: Uuid, clock: Arc<dyn Clock>) -> Self {
        let plan = move |source: &_, config: &_, rung| plan(source, config, rung, &*clock);
        Self::by_plan(config, uid, Box::new(plan))
    }

    fn by_plan(config: &VideoConfig, uid: Uuid, plan: Box<Planner>) -> Self {
        let (ladder, run, said) = (Ladder::default(), Mutex::new(Run::new(uid)), String::new());
        Self {
            config: config.clone(),
            ladder,
            plan,
            run,
            said,
            encoder_trouble: String::new(),
            is_without_clips: false.into(),
        }
    }

    /// Records from the camera until that fails or the stage is told to stop.
    ///
    /// # Errors
    /// When it fails, with what is to be done about it.
    pub fn record(&mut self, outlets: &Outlets) -> Result<(), Retry> {
        let source = find_camera(&self.config)?;
        let rung = self.ladder.rung(outlets.clock.monotonic());
        let plan = match (self.plan)(&source, &self.config, rung) {
            Ok(plan) => plan,
            // There is no encoder, or none that could be tried.
            Err(error) => return Err(self.after(&source, Trouble::Encoder(error.0), None, false, outlets)),
        };
        if self.said != plan.said {
            log::info!("camera: {source}; encoder: {}", plan.said);
            self.said.clone_from(&plan.said);
        }
        let clock = Arc::clone(&outlets.clock);
        let opened = Video::open(&source, &plan.config, plan.encoder.as_deref(), plan.memory, clock);
        let opened = opened.map_err(|trouble| Stopped { trouble, ran: None });
        let is_shared = plan.memory == Memory::Shared;
        match opened.and_then(|video| self.see(&video, outlets)) {
            Err(Stopped { trouble, ran }) => Err(self.after(&source, trouble, ran, is_shared, outlets)),
            Ok(_) if outlets.stop.load(Ordering::Relaxed) => Ok(()),
            Ok(_) if self.ladder.climbs(outlets.clock.monotonic()) => {
                Err(Retry::AtOnce("the best encoder is tried again".into()))
            }
            // Unplugged, a camera may end its pipeline as a film would. What it gave before is no reason not to share again.
            Ok(_) => {
                let ended = Trouble::Camera("the pictures have ended".into());
                Err(self.after(&source, ended, Some(Duration::ZERO), is_shared, outlets))
            }
        }
    }

    /// What becomes of a trouble, after a pipeline gave frames for `ran`.
    fn after(
        &mut self,
        source: &VideoSource,
        trouble: Trouble,
        ran: Option<Duration>,
        is_shared: bool,
        outlets: &Outlets,
    ) -> Retry {
        if let Trouble::Encoder(text) = &trouble {
            self.encoder_trouble.clone_from(text);
        }
        match self.ladder.after(&trouble, ran, is_shared, outlets.clock.monotonic()) {
            Remedy::Rebuild => Retry::AtOnce(format!("{trouble}; trying again")),
            Remedy::TellAndWait => failed(source, &trouble).into(),
        }
    }

    /// The event for the first picture or clip: a fault while there are no clips.
    fn state(&self) -> Event {
        if !self.ladder.is_without_clips() {
            return Event::Recording(Part::Camera);
        }
        let text = format!(
            "no clips: pictures cannot be encoded: {}; a smaller --width and --height or a \
             lower --frame_rate may help. Pictures go on, and the encoder is tried again every {} minutes",
            self.encoder_trouble,
            PREFERRED_RETRY.as_secs() / 60
        );
        Event::Fault(Fault::new(Part::Camera, text))
    }

    /// Records what a pipeline gives; says whether that was anything.
    ///
    /// # Errors
    /// When it fails.
    pub fn see(&self, video: &Video, outlets: &Outlets) -> Result<bool, Stopped> {
        let told = AtomicBool::new(false);
        let has_no_clips = &self.is_without_clips;
        let needs_clip = has_no_clips.load(Ordering::Relaxed) && !self.ladder.is_without_clips();
        let (state, ladder) = (self.state(), &self.ladder);
        // The two appsinks are taken from by two threads, and a channel's sender is not shared between threads.
        let keep = Mutex::new(outlets.keep.clone());
        let heartbeat = Mutex::new(Duration::ZERO);
        video.record(&Desk {
            run: &self.run,
            fresh: &Uuid::new_v4,
            clip_file: &|uid, start| outlets.scratch.join(name::unfinished_clip(uid, start)),
            tell: &|seen: Seen| {
                let is_news = !needs_clip || matches!(seen, Seen::Clip { .. });
                if is_news && !told.swap(true, Ordering::Relaxed) {
                    (outlets.tell)(state.clone());
                    has_no_clips.store(matches!(state, Event::Fault(_)), Ordering::Relaxed);
                }
                // Waits for room: what is seen is held up, and at last lost by the source, only when the disk stands
                // still. The keeper outlives the stages; without it there is nothing to keep for.
                let _ = keep.lock().expect("no panic while held").send(Recording::Seen(seen));
            },
            alive: &|| {
                let now = outlets.clock.monotonic();
                let mut due = heartbeat.lock().expect("no panic while held");
                if now >= *due {
                    *due = now + HEARTBEAT_INTERVAL;
                    (outlets.tell)(Event::Alive { part: Part::Camera, within: STAGE_HANG });
                }
            },
            is_over: &|| outlets.stop.load(Ordering::Relaxed) || ladder.climbs(outlets.clock.monotonic()),
        })?;
        Ok(told.load(Ordering::Relaxed))
    }
}

fn failed(source: &VideoSource, trouble: &Trouble) -> SourceError {
    match (source, trouble) {
        (VideoSource::Test, _) => SourceError(trouble.to_string()),
        (_, Trouble::Camera(text)) => {
            let camera = source.property().map_or_else(String::new, |(_, name)| format!(" {name}"));
            SourceError(format!("camera{camera}: {text}; plug it in again, or close the program that uses it"))
        }
        (_, Trouble::Encoder(text)) => SourceError(format!(
            "pictures cannot be encoded, neither in hardware nor in software: {text}; a smaller --width and --height or a \
             lower --frame_rate may help"
        )),
    }
}

/// The camera of the configuration, and the format that comes nearest to the one wished for.
///
/// # Errors
/// When it is not there, or gives nothing that can be used.
pub fn find_camera(config: &VideoConfig) -> Result<VideoSource, SourceError> {
    let name = match config.camera.as_str() {
        "test" => return Ok(VideoSource::Test),
        "libcamera" => return libcamera().ok_or_else(|| SourceError(NO_LIBCAMERA.into())),
        "auto" => None,
        name => Some(name),
    };
    let cameras = v4l::list();
    let camera = match (camera::choose_camera(&cameras, name), name) {
        (Ok(camera), _) => camera,
        (Err(error), None) => return libcamera().ok_or(error),
        (Err(error), Some(_)) => return Err(error),
    };
    let wanted = Wanted { width: config.width, height: config.height, frame_rate: config.frame_rate };
    match camera::choose_format(&camera.formats, &wanted) {
        Some(format) => Ok(VideoSource::Camera { device: camera.device.clone(), format }),
        None => Err(SourceError(format!(
            "camera {} ({}) gives no format that can be used; choose another with --camera",
            camera.device, camera.card
        ))),
    }
}

const NO_LIBCAMERA: &str =
    "libcamera finds no camera; check its cable, and that GStreamer's libcamera plugin is installed";

fn libcamera() -> Option<VideoSource> {
    libcamera_cameras().into_iter().next().map(|name| VideoSource::Libcamera { name })
}

/// The encoder for pictures as they are configured.
///
/// # Errors
/// When none is installed.
pub fn find_encoder(config: &VideoConfig) -> Result<Encoder, SourceError> {
    encoder::choose(&find_encoders(), config, Hardware::Allowed)
}

fn plan(source: &VideoSource, config: &VideoConfig, rung: Rung, clock: &dyn Clock) -> Result<Plan, SourceError> {
    let found = find_encoders();
    let (encoder, memory, config, said) = match rung {
        Rung::Preferred { memory, .. } => {
            let encoder = encoder::choose(&found, config, Hardware::Allowed)?;
            // Only pixels that a camera writes can be read where they are.
            let can_share = encoder.is_hardware()
                && matches!(source, VideoSource::Camera { .. })
                && !source.frames(config).are_jpeg;
            let said = encoder.to_string();
            (encoder, if can_share { memory } else { Memory::Copied }, config.clone(), said)
        }
        Rung::Reduced { .. } => {
            let encoder = encoder::choose(&found, config, Hardware::Failed)?;
            let measured = trial_rate(&encoder, config, clock)?;
            let frame_rate = encoder::sustainable_rate(measured, config.frame_rate);
            let said = format!("{encoder}; at {frame_rate} frames a second, of {measured:.0} that it can");
            (encoder, Memory::Copied, VideoConfig { frame_rate, ..config.clone() }, said)
        }
        Rung::PicturesOnly => {
            let (config, said) = (config.clone(), "none: there are pictures, and no clips".into());
            return Ok(Plan { config, encoder: None, memory: Memory::Copied, said });
        }
    };
    let part = pipeline::encoder_part(&encoder, &config, source.frames(&config), memory);
    Ok(Plan { config, encoder: Some(part), memory, said })
}

#[cfg(test)]
mod tests;
