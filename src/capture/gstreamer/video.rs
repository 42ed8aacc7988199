//! From a stream of pictures to clips and single pictures.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: a device, and threads that wait for it"
)]

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use jiff::Timestamp;
use uuid::Uuid;

use super::clip::ClipWriter;
use super::decoder::Patience;
use super::file::Reading;
use super::{Pipeline, appsink, running_time};
use crate::capture::jpeg::{self, Jpegs};
use crate::capture::ladder::Memory;
use crate::capture::pipeline::{self, VideoSource};
use crate::capture::run::Run;
use crate::capture::schedule::{Clips, Cut, KeyFrames, Pictures, frame_length};
use crate::capture::timeline::Timeline;
use crate::capture::vitals::{Trouble, Vitals};
use crate::capture::{Seen, SourceError};
use crate::clock::{Clock, signed};
use crate::config::VideoConfig;
use crate::limits::CAMERA_SETTLE;

/// How long one wait for a frame lasts at most, so that errors and a stop are noticed.
const LONGEST_WAIT: gst::ClockTime = gst::ClockTime::from_mseconds(250);

/// Encoded frames of a live source are taken a few at a time: to wake two threads for every one costs more processor time
/// than all that is done with it.
const LIVE_REST: Duration = Duration::from_millis(200);

/// A stream of pictures on its way to clips and pictures.
#[derive(Debug)]
pub struct Video {
    taps: Taps,
    /// Between two looks for encoded frames; a file that is played without pacing is not kept waiting.
    rest: Duration,
    config: VideoConfig,
    origin: Origin,
}

/// What gives the pictures, and says what is wrong with them.
#[derive(Debug)]
enum Origin {
    Live(Pipeline),
    File(Arc<Reading>),
}

/// Where a pipeline that holds what [`pipeline::branches`] describes is listened in on.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    clips: gst_app::AppSink,
    pictures: gst_app::AppSink,
    encoder_input: Arc<AtomicU64>,
    timeline: Arc<Mutex<Timeline>>,
}

/// A clock that the time line follows, and the pipeline whose running time it is.
pub(super) struct Followed {
    pub clock: Arc<dyn Clock>,
    pub pipeline: gst::glib::WeakRef<gst::Pipeline>,
}

/// Where recordings go.
pub struct Desk<'a> {
    /// The run they belong to.
    pub run: &'a Mutex<Run>,
    /// Makes the id of a new run.
    pub fresh: &'a (dyn Fn() -> Uuid + Sync),
    /// The file for a clip of this run that begins at this time.
    pub clip_file: &'a (dyn Fn(Uuid, Timestamp) -> PathBuf + Sync),
    /// Takes what is finished.
    pub tell: &'a (dyn Fn(Seen) + Sync),
    /// Told of each encoded frame.
    pub alive: &'a (dyn Fn() + Sync),
    /// Whether the recording is to end.
    pub is_over: &'a (dyn Fn() -> bool + Sync),
}

/// Why a recording ended that was not told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// What was wrong.
    pub trouble: Trouble,
    /// From the first encoded frame to the last; `None`: there was none.
    pub ran: Option<Duration>,
}

impl Video {
    /// Opens a live source and starts it. `encoder` is what [`pipeline::encoder_part`] says of an encoder; without one there are no
    /// clips.
    ///
    /// # Errors
    /// When the camera cannot be opened or the pipeline cannot be built.
    pub fn open(
        source: &VideoSource,
        config: &VideoConfig,
        encoder: Option<&str>,
        memory: Memory,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Trouble> {
        let not_built = |error: SourceError| Trouble::Encoder(error.0);
        let pipeline = Pipeline::parse(&pipeline::live(source, config, encoder, memory)).map_err(not_built)?;
        if let Some((property, value)) = source.property() {
            pipeline.element("camera").map_err(not_built)?.set_property(property, value);
        }
        // V4L2 stamps frames with CLOCK_MONOTONIC, which is this clock.
        pipeline.0.use_clock(Some(&gst::SystemClock::obtain()));
        let timeline = Arc::new(Mutex::new(Timeline::starting_at(clock.now())));
        let video = Self::live(pipeline, timeline, config, clock).map_err(not_built)?;
        if let Origin::Live(pipeline) = &video.origin {
            pipeline.start()?;
        }
        Ok(video)
    }

    /// The pictures of a live pipeline, whose time line follows the clock.
    fn live(
        pipeline: Pipeline,
        timeline: Arc<Mutex<Timeline>>,
        config: &VideoConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let followed = Followed { clock, pipeline: pipeline.0.downgrade() };
        let taps = Taps::on(pipeline.0.upcast_ref(), timeline, config, Some(followed))?;
        Ok(Self { taps, rest: LIVE_REST, config: config.clone(), origin: Origin::Live(pipeline) })
    }

    /// The pictures of a file.
    pub(super) fn of_file(taps: Taps, config: &VideoConfig, reading: Arc<Reading>) -> Self {
        Self { taps, rest: Duration::ZERO, config: config.clone(), origin: Origin::File(reading) }
    }

    /// That a file had pictures and none was seen.
    pub fn nothing_seen(&self) -> SourceError {
        match &self.origin {
            Origin::Live(_) => SourceError("no picture came".into()),
            Origin::File(reading) => reading.nothing_seen(),
        }
    }
}

impl Taps {
    /// On a bin that holds what [`pipeline::branches`] describes.
    pub(super) fn on(
        bin: &gst::Bin,
        timeline: Arc<Mutex<Timeline>>,
        config: &VideoConfig,
        followed: Option<Followed>,
    ) -> Result<Self, SourceError> {
        let element = super::element(bin, "encoder")?;
        let encoder = sink_pad(&element)?;
        let encoder_input = count(&encoder);
        let weak_element = element.downgrade();
        let mut key_frames = KeyFrames::every(config.video_length_s);
        let line = Arc::clone(&timeline);
        on_frame(&encoder, move |pad, running, _| {
            let mut line = line.lock().expect("no panic while held");
            if let Some(Followed { clock, pipeline }) = &followed
                && let Some(base_time) = pipeline.upgrade().and_then(|pipeline| pipeline.base_time())
            {
                let zero_of_monotonic = clock.wall_minus_monotonic();
                let epoch = jiff::Timestamp::UNIX_EPOCH + (zero_of_monotonic + signed(base_time.into()));
                line.observe(running, epoch);
            }
            if key_frames.wanted(running, &line) {
                let event = gst_video::DownstreamForceKeyUnitEvent::builder()
                    .running_time(gst::ClockTime::try_from(running).ok())
                    .all_headers(true)
                    .build();
                pad.send_event(event);
                weak_element.upgrade().iter().for_each(force_key_frame);
            }
            Keep::Yes
        });

        let picture = sink_pad(&super::element(bin, "picture")?)?;
        let (mut pictures, mut jpegs) = (Pictures::every(config.frame_interval_s), Jpegs::default());
        let line = Arc::clone(&timeline);
        on_frame(&picture, move |pad, running, frame| {
            let taken = line.lock().expect("no panic while held").wall(running);
            let is_jpeg = || pad.current_caps().is_some_and(|caps| caps.structure(0).is_some_and(is_jpeg));
            let is_good = || !is_jpeg() || frame.map_readable().is_ok_and(|frame| jpegs.take(&frame).is_some());
            if pictures.wanted(taken, is_good) { Keep::Yes } else { Keep::No }
        });
        let (clips, pictures) = (appsink(bin, "clips")?, appsink(bin, "pictures")?);
        Ok(Self { clips, pictures, encoder_input, timeline })
    }
}

impl Video {
    /// Records until it is told to stop or the source has ended.
    ///
    /// # Errors
    /// When the source fails or gives nothing more. What was recorded before has been told.
    pub fn record(&self, desk: &Desk) -> Result<(), Stopped> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.take_pictures(&over, desk));
            let result = self.record_clips(desk);
            over.store(true, Ordering::Relaxed);
            result
        })
    }

    fn take_pictures(&self, over: &AtomicBool, desk: &Desk) {
        while !self.taps.pictures.is_eos() {
            // What has come is still taken when the clips are over: they may have been encoded faster.
            let Some(sample) = self.taps.pictures.try_pull_sample(LONGEST_WAIT) else {
                if over.load(Ordering::Relaxed) { return } else { continue }
            };
            let (Some(running), Some(buffer)) = (running_time(&sample), sample.buffer()) else { continue };
            let Ok(frame) = buffer.map_readable() else { continue };
            // What has no end has passed for one of a camera that sends none.
            let Some(jpeg) = jpeg::whole(&frame).or_else(|| jpeg::whole_without_end(&frame).map(Cow::from)) else {
                continue;
            };
            let taken = self.wall(running);
            let uid = desk.run.lock().expect("no panic while held").of_picture(taken, desk.fresh);
            (desk.tell)(Seen::Picture { uid, taken, jpeg: jpeg.into_owned() });
        }
    }

    fn record_clips(&self, desk: &Desk) -> Result<(), Stopped> {
        let mut schedule = Clips::of(self.config.video_length_s);
        let mut open: Option<ClipWriter> = None;
        let (mut first, mut last, mut until) = (None, Duration::ZERO, Duration::ZERO);
        let (mut vitals, mut patience) = (Vitals::default(), Patience::default());
        let result = loop {
            if (desk.is_over)() {
                break Ok(());
            }
            let Some(sample) = self.next_encoded() else {
                match self.trouble(&mut vitals, &mut patience) {
                    Some(trouble) => break Err(trouble),
                    None if self.taps.clips.is_eos() => break Ok(()),
                    None => continue,
                }
            };
            vitals.came_out();
            patience = Patience::default();
            (desk.alive)();
            let (Some(running), Some(buffer), Some(caps)) = (running_time(&sample), sample.buffer(), sample.caps())
            else {
                continue;
            };
            first.get_or_insert(running);
            if !caps.structure(0).is_some_and(is_encoded) {
                until = running;
                continue;
            }
            let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let cut = schedule.on_frame(running, is_key, &self.taps.timeline.lock().expect("no panic while held"));
            if cut == Cut::Begin {
                self.close(open.take(), last..running, &schedule, desk);
                let start = self.wall(running);
                let uid = desk.run.lock().expect("no panic while held").of_clip(start, desk.fresh);
                let file = (desk.clip_file)(uid, start);
                open = ClipWriter::create(uid, &file, caps, running)
                    .map_err(|error| (desk.tell)(Seen::ClipLost(error.0)))
                    .ok();
            }
            if let Some(clip) = &mut open
                && let Err(error) = clip.push(buffer, running)
            {
                (desk.tell)(Seen::ClipLost(error.0));
                open = None;
            }
            // A still picture has none, or next to none.
            let length = buffer.duration().filter(|length| *length >= gst::ClockTime::MSECOND);
            until = running + length.map_or(frame_length(self.config.frame_rate), Duration::from);
            last = running;
        };
        self.close(open, last..until, &schedule, desk);
        result.map_err(|trouble| Stopped { trouble, ran: first.map(|first| until.saturating_sub(first)) })
    }

    /// What is wrong, now that nothing has come for a while.
    fn trouble(&self, vitals: &mut Vitals, patience: &mut Patience) -> Option<Trouble> {
        let waited = self.rest + Duration::from(LONGEST_WAIT);
        let hang = vitals.waited(waited, self.taps.encoder_input.load(Ordering::Relaxed));
        match &self.origin {
            Origin::Live(pipeline) => pipeline.trouble().or(hang),
            Origin::File(reading) => {
                // A film may show one picture for long, and an encoded one waits for its time.
                let is_encoder = |hang: &Trouble| matches!(hang, Trouble::Encoder(_)) && !reading.decoder.is_early();
                let hang = hang.filter(is_encoder).map(|hang| hang.to_string());
                let stall = patience.waited(waited, &reading.decoder);
                let why = reading.decoder.error().or(hang).or(stall)?;
                Some(Trouble::Camera(reading.trouble(&why)))
            }
        }
    }

    fn next_encoded(&self) -> Option<gst::Sample> {
        self.taps.clips.try_pull_sample(gst::ClockTime::ZERO).or_else(|| {
            thread::sleep(self.rest);
            self.taps.clips.try_pull_sample(LONGEST_WAIT)
        })
    }

    /// `last` is from when until when the last frame lasted.
    fn close(&self, clip: Option<ClipWriter>, last: Range<Duration>, schedule: &Clips, desk: &Desk) {
        let Some(clip) = clip else { return };
        let timeline = self.taps.timeline.lock().expect("no panic while held");
        let (start, end) = schedule.bounds(clip.started(), last.start, last.end, &timeline);
        drop(timeline);
        let uid = clip.uid();
        match clip.finish() {
            Ok(file) => (desk.tell)(Seen::Clip { uid, start, end, file }),
            Err(error) => (desk.tell)(Seen::ClipLost(error.0)),
        }
    }

    fn wall(&self, running: Duration) -> Timestamp {
        self.taps.timeline.lock().expect("no panic while held").wall(running)
    }
}

/// One picture of a live source, as JPEG, when it has settled.
///
/// # Errors
/// When the source gives none.
pub fn snapshot(source: &VideoSource, config: &VideoConfig) -> Result<Vec<u8>, SourceError> {
    let pipeline = Pipeline::parse(&pipeline::snapshot(source, config))?;
    if let Some((property, value)) = source.property() {
        pipeline.element("camera")?.set_property(property, value);
    }
    let pictures = pipeline.appsink("pictures")?;
    let as_error = |trouble: Trouble| SourceError(trouble.to_string());
    pipeline.start().map_err(as_error)?;
    let (mut vitals, mut first, mut jpegs) = (Vitals::default(), None, Jpegs::default());
    loop {
        let Some(sample) = pictures.try_pull_sample(LONGEST_WAIT) else {
            match pipeline.trouble().or(vitals.waited(LONGEST_WAIT.into(), 0)) {
                Some(trouble) => return Err(as_error(trouble)),
                None => continue,
            }
        };
        vitals.came_out();
        let taken = running_time(&sample).unwrap_or_default();
        if taken >= *first.get_or_insert(taken) + CAMERA_SETTLE {
            let frame = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
            if let Some(jpeg) = frame.as_ref().and_then(|frame| jpegs.take(frame)) {
                return Ok(jpeg.into_owned());
            }
            if jpegs.are_useless() {
                return Err(SourceError(
                    "the camera gives no whole picture; try another cable, or another camera".into(),
                ));
            }
        }
    }
}

/// Counts the frames that arrive at a pad.
pub(super) fn count(pad: &gst::Pad) -> Arc<AtomicU64> {
    let frames = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&frames);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    frames
}

/// V4L2's encoders pass over the event that asks for a key frame; the driver has a control for it, which can be set
/// while the device is open (gstv4l2object.c, `PROP_EXTRA_CONTROLS`).
fn force_key_frame(encoder: &gst::Element) {
    if encoder.has_property("extra-controls") {
        encoder.set_property("extra-controls", gst::Structure::builder("controls").field("force_key_frame", 1).build());
    }
}

pub(super) fn sink_pad(element: &gst::Element) -> Result<gst::Pad, SourceError> {
    element.static_pad("sink").ok_or_else(|| SourceError(format!("{} has no input", element.name())))
}

/// Whether a frame goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

fn is_encoded(caps: &gst::StructureRef) -> bool {
    caps.name() == "video/x-h264"
}

fn is_jpeg(caps: &gst::StructureRef) -> bool {
    caps.name() == "image/jpeg"
}

/// Calls `decide` with the running time of every frame that arrives at a pad, and the frame.
fn on_frame(pad: &gst::Pad, decide: impl FnMut(&gst::Pad, Duration, &gst::BufferRef) -> Keep + Send + 'static) {
    let decide = Mutex::new(decide);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let frame = info.buffer().and_then(|frame| {
            let segment = pad.sticky_event::<gst::event::Segment>(0)?;
            let running = segment.segment().downcast_ref::<gst::ClockTime>()?.to_running_time(frame.pts()?)?;
            Some((running.into(), frame))
        });
        let keep = frame.map(|(running, frame)| decide.lock().expect("no panic while held")(pad, running, frame));
        if keep == Some(Keep::No) {
            // Taken and dropped here: the bindings hand GStreamer 1.22 a null to free when told `Drop`.
            drop(info.take_buffer());
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests;
