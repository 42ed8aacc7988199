//! From a stream of pictures to clips and single pictures.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::clip::ClipWriter;
use super::{Pipeline, encoder, running_time};
use crate::capture::camera::{Choice, PixelSource};
use crate::capture::schedule::{Clips, Cut, KeyFrames, Pictures, frame_length};
use crate::capture::timeline::Timeline;
use crate::capture::{Seen, SourceError};
use crate::clock::{Clock, signed};
use crate::config::VideoConfig;
use crate::limits::PICTURE_STALL;

/// How long one wait for a frame lasts at most, so that errors and a stop are noticed.
const LONGEST_WAIT: gst::ClockTime = gst::ClockTime::from_mseconds(250);

/// Encoded frames that may wait while a clip is being closed: a few seconds' worth.
const ENCODED_IN_FLIGHT: u32 = 120;

/// Pictures that may wait: some seconds' worth.
const PICTURES_IN_FLIGHT: u32 = 8;

/// Where pictures come from, live.
#[derive(Debug, Clone, PartialEq)]
pub enum VideoSource {
    /// A V4L2 camera.
    Camera {
        /// Its device file.
        device: String,
        /// The format it is opened in.
        format: Choice,
    },
    /// GStreamer's moving ball.
    Test,
}

impl std::fmt::Display for VideoSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Test => f.write_str("test picture"),
            Self::Camera { device, format: Choice { fourcc, width, height, frame_rate, .. } } => {
                write!(f, "{device}, {fourcc} {width}x{height} at {frame_rate}")
            }
        }
    }
}

/// A stream of pictures on its way to clips and pictures.
#[derive(Debug)]
pub struct Video {
    clips: gst_app::AppSink,
    pictures: gst_app::AppSink,
    timeline: Arc<Mutex<Timeline>>,
    config: VideoConfig,
    pipeline: Arc<Pipeline>,
}

impl Video {
    /// Opens a live source and starts it.
    pub fn open(source: &VideoSource, config: &VideoConfig, clock: Arc<dyn Clock>) -> Result<Self, SourceError> {
        let VideoConfig { width, height, frame_rate, .. } = config;
        let source_description = match source {
            VideoSource::Test => format!(
                "videotestsrc is-live=true pattern=ball background-color=0xff1d3557 foreground-color=0xffffb703 \
                 ! video/x-raw,format=I420,width={width},height={height},framerate={frame_rate}/1"
            ),
            VideoSource::Camera { format, .. } => {
                let Choice { width, height, frame_rate, .. } = format;
                // Cameras say 29.97 in fractions of their own; one of a hundred to either side is the same rate.
                let hundredths = [0.99, 1.01].map(|factor| (frame_rate * factor * 100.0).round());
                let size = format!(
                    "width={width},height={height},framerate=(fraction)[{}/100,{}/100]",
                    hundredths[0], hundredths[1]
                );
                match format.source {
                    PixelSource::Mjpeg => {
                        format!("v4l2src name=camera ! image/jpeg,{size} ! jpegdec")
                    }
                    PixelSource::Raw => {
                        format!("v4l2src name=camera ! video/x-raw,{size}")
                    }
                }
            }
        };
        let source_rate = match source {
            VideoSource::Camera { format, .. } => format.frame_rate,
            VideoSource::Test => f64::from(*frame_rate),
        };
        let description = description(config, source_rate, false)?;
        let pipeline = Pipeline::parse(&format!("{source_description} ! {description}"))?;
        if let VideoSource::Camera { device, .. } = source {
            pipeline.element("camera")?.set_property("device", device);
        }
        // V4L2 stamps frames with CLOCK_MONOTONIC, which is this clock.
        pipeline.0.use_clock(Some(&gst::SystemClock::obtain()));
        let timeline = Arc::new(Mutex::new(Timeline::starting_at(clock.now())));
        let video = Self::tap(Arc::new(pipeline), timeline, config, Some(clock))?;
        video.pipeline.play()?;
        Ok(video)
    }

    /// Taps a pipeline that holds what [`description`] describes. With a clock, the time line follows it.
    pub(super) fn tap(
        pipeline: Arc<Pipeline>,
        timeline: Arc<Mutex<Timeline>>,
        config: &VideoConfig,
        clock: Option<Arc<dyn Clock>>,
    ) -> Result<Self, SourceError> {
        let encoder = sink_pad(&pipeline.element("encoder")?)?;
        let mut key_frames = KeyFrames::every(config.video_length_s);
        let (weak, line) = (pipeline.0.downgrade(), Arc::clone(&timeline));
        on_frame(&encoder, move |pad, running| {
            let mut line = line.lock().expect("no panic while held");
            if let (Some(clock), Some(pipeline)) = (&clock, weak.upgrade())
                && let Some(base_time) = pipeline.base_time()
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
            }
            Keep::Yes
        });

        let jpeg = sink_pad(&pipeline.element("jpeg")?)?;
        let mut pictures = Pictures::every(config.frame_interval_s);
        let line = Arc::clone(&timeline);
        on_frame(&jpeg, move |_, running| {
            let taken = line.lock().expect("no panic while held").wall(running);
            if pictures.wanted(taken) { Keep::Yes } else { Keep::No }
        });
        Ok(Self {
            clips: pipeline.appsink("clips")?,
            pictures: pipeline.appsink("pictures")?,
            timeline,
            config: config.clone(),
            pipeline,
        })
    }

    /// Records until `stop` is set or the source has ended; clips are written in `scratch`.
    ///
    /// # Errors
    /// When the source fails or gives nothing more. What was recorded before has been told.
    pub fn record(&self, scratch: &Path, stop: &AtomicBool, tell: &(dyn Fn(Seen) + Sync)) -> Result<(), SourceError> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.take_pictures(&over, tell));
            let result = self.record_clips(scratch, stop, tell);
            over.store(true, Ordering::Relaxed);
            result
        })
    }

    fn take_pictures(&self, over: &AtomicBool, tell: &dyn Fn(Seen)) {
        while !over.load(Ordering::Relaxed) && !self.pictures.is_eos() {
            let Some(sample) = self.pictures.try_pull_sample(LONGEST_WAIT) else { continue };
            let (Some(running), Some(buffer)) = (running_time(&sample), sample.buffer()) else { continue };
            let Ok(jpeg) = buffer.map_readable() else { continue };
            tell(Seen::Picture { taken: self.wall(running), jpeg: jpeg.to_vec() });
        }
    }

    fn record_clips(&self, scratch: &Path, stop: &AtomicBool, tell: &dyn Fn(Seen)) -> Result<(), SourceError> {
        let mut schedule = Clips::of(self.config.video_length_s);
        let mut open: Option<ClipWriter> = None;
        let mut until = Duration::ZERO;
        let mut silent = Duration::ZERO;
        let result = loop {
            if stop.load(Ordering::Relaxed) || self.clips.is_eos() {
                break Ok(());
            }
            let Some(sample) = self.clips.try_pull_sample(LONGEST_WAIT) else {
                silent += LONGEST_WAIT.into();
                match self.pipeline.error() {
                    Some(error) => break Err(SourceError(error)),
                    None if silent >= PICTURE_STALL => {
                        break Err(SourceError(format!("no picture for {} s", PICTURE_STALL.as_secs())));
                    }
                    None => continue,
                }
            };
            silent = Duration::ZERO;
            let (Some(running), Some(buffer), Some(caps)) = (running_time(&sample), sample.buffer(), sample.caps())
            else {
                continue;
            };
            let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let cut = schedule.on_frame(running, is_key, &self.timeline.lock().expect("no panic while held"));
            if cut == Cut::Begin {
                self.close(open.take(), running, &schedule, tell);
                let path = scratch.join(format!("{}.mp4", running.as_nanos()));
                open = ClipWriter::create(&path, caps, running).map_err(|error| tell(Seen::ClipLost(error.0))).ok();
            }
            if let Some(clip) = &open
                && let Err(error) = clip.push(buffer, running)
            {
                tell(Seen::ClipLost(error.0));
                open = None;
            }
            until = running + buffer.duration().map_or(frame_length(self.config.frame_rate), Duration::from);
        };
        self.close(open, until, &schedule, tell);
        result
    }

    fn close(&self, clip: Option<ClipWriter>, until: Duration, schedule: &Clips, tell: &dyn Fn(Seen)) {
        let Some(clip) = clip else { return };
        let (start, end) = schedule.bounds(clip.started(), until, &self.timeline.lock().expect("no panic while held"));
        match clip.finish() {
            Ok(file) => tell(Seen::Clip { start, end, file }),
            Err(error) => tell(Seen::ClipLost(error.0)),
        }
    }

    fn wall(&self, running: Duration) -> jiff::Timestamp {
        self.timeline.lock().expect("no panic while held").wall(running)
    }
}

/// What every source of pictures leads into. `source_rate` is in frames a second; `keep_pace`: frames are handed out at
/// the time they are due.
pub(super) fn description(config: &VideoConfig, source_rate: f64, keep_pace: bool) -> Result<String, SourceError> {
    let VideoConfig { width, height, frame_rate, .. } = config;
    let encoder = encoder::description(config)?;
    // Only where there are too many: of frames whose time stamps were rounded, videorate would take some for surplus.
    let thinned = if source_rate > f64::from(*frame_rate) + 0.5 {
        format!("videorate drop-only=true ! video/x-raw,framerate={frame_rate}/1 ! ")
    } else {
        String::new()
    };
    // I420 is said explicitly: of an RGB picture x264 would make 4:4:4, which browsers do not play.
    Ok(format!(
        "{thinned}videoscale ! videoconvert \
         ! video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1 \
         ! tee name=frames \
         frames. ! queue ! {encoder} ! h264parse ! video/x-h264,stream-format=avc,alignment=au \
         ! appsink name=clips sync={keep_pace} max-buffers={ENCODED_IN_FLIGHT} \
         frames. ! queue ! jpegenc name=jpeg ! appsink name=pictures sync={keep_pace} max-buffers={PICTURES_IN_FLIGHT}"
    ))
}

fn sink_pad(element: &gst::Element) -> Result<gst::Pad, SourceError> {
    element.static_pad("sink").ok_or_else(|| SourceError(format!("{} has no input", element.name())))
}

/// Whether a frame goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Calls `decide` with the running time of every frame that arrives at a pad.
fn on_frame(pad: &gst::Pad, decide: impl FnMut(&gst::Pad, Duration) -> Keep + Send + 'static) {
    let decide = Mutex::new(decide);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let running = info.buffer().and_then(|buffer| buffer.pts()).and_then(|pts| {
            let segment = pad.sticky_event::<gst::event::Segment>(0)?;
            segment.segment().downcast_ref::<gst::ClockTime>()?.to_running_time(pts)
        });
        let keep = running.map(|running| decide.lock().expect("no panic while held")(pad, running.into()));
        if keep == Some(Keep::No) {
            // Taken and dropped here: the bindings hand GStreamer 1.22 a null to free when told `Drop`.
            drop(info.take_buffer());
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}
