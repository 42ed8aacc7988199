use std::collections::HashSet;
use std::str::FromStr;
use std::time::Instant;

use super::*;
use crate::capture::encoder::{self, Found, HARDWARE_DRIVER, Hardware, V4l2Encoder};
use crate::capture::gstreamer::find_encoders;
use crate::capture::pipeline::Frames;
use crate::clock::SystemClock;

fn config(frame_rate: u32) -> VideoConfig {
    VideoConfig { camera: "test".into(), width: 160, height: 120, frame_rate, video_length_s: 1, frame_interval_s: 1 }
}

/// On a Pi, as far as the choice goes.
fn hardware(element: &str) -> encoder::Encoder {
    let found = V4l2Encoder { element: element.into(), device: "/dev/video11".into(), driver: HARDWARE_DRIVER.into() };
    let found = Found { v4l2: vec![found], software: vec![] };
    encoder::choose(&found, &config(12), Hardware::Allowed).expect("hardware")
}

/// Records for `length` and gives what was seen.
fn seen(video: &Video, folder: &std::path::Path, length: Duration) -> Vec<Seen> {
    let (run, stop, seen) = (Mutex::new(Run::new(Uuid::nil())), AtomicBool::new(false), Mutex::new(Vec::new()));
    let began = Instant::now();
    let desk = Desk {
        run: &run,
        fresh: &Uuid::new_v4,
        clip_file: &|_, start| folder.join(format!("{}.mp4", start.as_nanosecond())),
        tell: &|one| {
            seen.lock().expect("no panic").push(one);
            stop.fetch_or(began.elapsed() >= length, Ordering::Relaxed);
        },
        alive: &|| {},
        is_over: &|| stop.load(Ordering::Relaxed),
    };
    video.record(&desk).expect("it records");
    seen.into_inner().expect("no panic")
}

#[test]
fn a_camera_that_gives_jpeg_has_its_own_bytes_kept_and_every_other_frame_thinned_before_it_is_decoded() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let config = config(12);
    let frames = Frames { rate: 24.0, are_jpeg: true };
    let encoder = encoder::choose(&find_encoders(), &config, Hardware::Failed).expect("an encoder");
    let part = pipeline::encoder_part(&encoder, &config, frames, Memory::Copied);
    // A camera in all but its cable: its JPEG is of a quality of its own.
    let pipeline = Pipeline::parse(&format!(
        "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=24/1 \
         ! jpegenc quality=40 ! identity name=camera ! {}",
        pipeline::branches(&config, frames, Some(&part), pipeline::Timing::AtOnce)
    ))
    .expect("it is built");
    let given = Arc::new(Mutex::new(HashSet::new()));
    let noted = Arc::clone(&given);
    let camera = pipeline.element("camera").and_then(|camera| sink_pad(&camera)).expect("a camera");
    camera.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let bytes = info.buffer().and_then(|buffer| buffer.map_readable().ok()).map(|bytes| bytes.to_vec());
        noted.lock().expect("no panic").extend(bytes);
        gst::PadProbeReturn::Ok
    });
    let encoded = Arc::clone(&count(&sink_pad(&pipeline.element("encoder").expect("named")).expect("a pad")));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let timeline = Arc::new(Mutex::new(Timeline::starting_at(clock.now())));
    let video = Video::live(pipeline, timeline, &config, clock).expect("it is tapped");
    let Origin::Live(pipeline) = &video.origin else { panic!("a live one") };
    pipeline.play().expect("it plays");
    let folder = tempfile::tempdir().expect("a folder");
    let seen = seen(&video, folder.path(), Duration::from_secs(3));

    let given = given.lock().expect("no panic");
    let pictures: Vec<_> =
        seen.iter().filter_map(|one| if let Seen::Picture { jpeg, .. } = one { Some(jpeg) } else { None }).collect();
    assert!(pictures.len() >= 3 && pictures.iter().all(|jpeg| given.contains(*jpeg)), "{} pictures", pictures.len());
    assert!(seen.iter().any(|one| matches!(one, Seen::Clip { .. })));
    let (encoded, given) = (encoded.load(Ordering::Relaxed), given.len() as u64);
    assert!(encoded * 2 <= given + 4, "{encoded} frames were decoded of {given}");
}

#[test]
fn only_the_frames_that_become_pictures_reach_the_jpeg_encoder() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let config = config(24);
    let encoder = encoder::choose(&find_encoders(), &config, Hardware::Failed).expect("an encoder");
    let frames = VideoSource::Test.frames(&config);
    let part = pipeline::encoder_part(&encoder, &config, frames, Memory::Copied);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let video = Video::open(&VideoSource::Test, &config, Some(&part), Memory::Copied, clock).expect("it opens");
    let Origin::Live(pipeline) = &video.origin else { panic!("a live one") };
    let jpeg = pipeline
        .0
        .iterate_elements()
        .into_iter()
        .flatten()
        .find(|element| element.factory().is_some_and(|factory| factory.name() == "jpegenc"));
    let encoded = count(&sink_pad(&jpeg.expect("an encoder for pictures")).expect("a pad"));
    let folder = tempfile::tempdir().expect("a folder");
    let seen = seen(&video, folder.path(), Duration::from_secs(3));
    let pictures = seen.iter().filter(|one| matches!(one, Seen::Picture { .. })).count() as u64;
    assert!(pictures >= 3 && encoded.load(Ordering::Relaxed) <= pictures + 1, "{encoded:?} for {pictures}");
}

/// The machine's clock, set back or forward by so many milliseconds.
struct SetClock(std::sync::atomic::AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn boottime(&self) -> Duration {
        SystemClock.boottime()
    }

    fn boot(&self) -> Uuid {
        SystemClock.boot()
    }

    fn is_set(&self) -> bool {
        true
    }
}

#[test]
fn a_clock_that_is_set_back_ends_the_clip_and_no_name_comes_twice() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let config = VideoConfig { video_length_s: 2, ..config(12) };
    let encoder = encoder::choose(&find_encoders(), &config, Hardware::Failed).expect("an encoder");
    let part = pipeline::encoder_part(&encoder, &config, VideoSource::Test.frames(&config), Memory::Copied);
    let clock = Arc::new(SetClock(0.into()));
    let seen_by: Arc<dyn Clock> = Arc::<SetClock>::clone(&clock);
    let video = Video::open(&VideoSource::Test, &config, Some(&part), Memory::Copied, seen_by).expect("it opens");
    let folder = tempfile::tempdir().expect("a folder");
    let setter = thread::spawn(move || {
        thread::sleep(Duration::from_millis(3_300));
        clock.0.store(-3_000, Ordering::Relaxed);
    });
    let seen = seen(&video, folder.path(), Duration::from_secs(7));
    setter.join().expect("it is set");

    let clips: Vec<_> = seen
        .iter()
        .filter_map(|one| match one {
            Seen::Clip { uid, start, end, .. } => Some((*uid, *start, *end)),
            _ => None,
        })
        .collect();
    let back: Vec<_> =
        clips.windows(2).filter(|pair| pair[1].1 < pair[0].2 - jiff::SignedDuration::from_secs(2)).collect();
    assert_eq!(back.len(), 1, "one clip ends where another begins three seconds earlier: {clips:?}");
    let names: HashSet<_> = clips.iter().map(|(uid, start, _)| (*uid, start.as_second())).collect();
    assert_eq!(names.len(), clips.len(), "{clips:?}");
    for (_, start, end) in &clips {
        let minute = |time: &Timestamp| time.as_second().div_euclid(60);
        assert!(start < end && minute(start) == minute(&(*end - jiff::SignedDuration::from_nanos(1))), "{clips:?}");
    }
}

#[test]
fn a_snapshot_is_one_jpeg_of_the_wanted_size() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let jpeg = snapshot(&VideoSource::Test, &config(12)).expect("a picture");
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
}

#[test]
fn a_camera_that_is_not_there_is_the_cameras_trouble() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let format = crate::capture::camera::Choice {
        source: crate::capture::camera::PixelSource::Raw,
        fourcc: "YUYV".into(),
        width: 160,
        height: 120,
        frame_rate: 12.0,
    };
    let source = VideoSource::Camera { device: "/dev/video-that-is-not-there".into(), format };
    let part = "videoconvert ! video/x-raw,format=I420 ! x264enc name=encoder";
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened = Video::open(&source, &config(12), Some(part), Memory::Copied, clock);
    assert!(
        matches!(&opened, Err(Trouble::Camera(text)) if text.contains("/dev/video-that-is-not-there")),
        "{opened:?}"
    );
}

#[test]
fn what_the_hardware_is_asked_for_is_understood_by_gstreamer() {
    crate::capture::gstreamer::init().expect("GStreamer");
    let part = hardware("v4l2h264enc").element(&config(12), Memory::Copied);
    let (element, caps) = part.split_once(" ! ").expect("an element and its caps");
    let caps = gst::Caps::from_str(caps).expect("caps");
    let structure = caps.structure(0).expect("one");
    assert_eq!((structure.get::<&str>("profile"), structure.get::<&str>("level")), (Ok("high"), Ok("4")));
    let controls = element.split('"').nth(1).expect("controls in quotes");
    let controls = gst::Structure::from_str(controls).expect("a structure");
    assert_eq!(controls.get::<i32>("h264_i_frame_period"), Ok(12));
    assert_eq!(controls.get::<i32>("repeat_sequence_header"), Ok(1));
}

mod needs_v4l2h264enc {
    use super::*;

    #[test]
    #[ignore = "needs a Raspberry Pi's encoder"]
    fn a_pipeline_with_the_hardwares_encoder_is_built() {
        crate::capture::gstreamer::init().expect("GStreamer");
        let encoder = hardware("v4l2h264enc");
        let frames = VideoSource::Test.frames(&config(12));
        let part = pipeline::encoder_part(&encoder, &config(12), frames, Memory::Copied);
        Pipeline::parse(&pipeline::live(&VideoSource::Test, &config(12), Some(&part), Memory::Copied))
            .expect("it is built");
    }
}

/// What comes out at the end of a pipeline that is given these bytes, if any are given.
fn made(description: &str, given: Option<&[u8]>) -> Vec<u8> {
    let pipeline = Pipeline::parse(&format!("{description} ! appsink name=made sync=false")).expect("it is built");
    if let Some(given) = given {
        let source: gst_app::AppSrc = pipeline.element("given").expect("named").downcast().expect("a source");
        source.push_buffer(gst::Buffer::from_slice(given.to_vec())).expect("it takes it");
        source.end_of_stream().expect("it ends");
    }
    let sink = pipeline.appsink("made").expect("a sink");
    pipeline.play().expect("it plays");
    let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(10)).expect("something");
    let bytes = sample.buffer().expect("bytes").map_readable().expect("readable").to_vec();
    pipeline.0.set_state(gst::State::Null).expect("it ends");
    bytes
}

#[test]
fn a_frame_without_huffman_tables_shows_what_it_showed_with_them() {
    crate::capture::gstreamer::init().expect("GStreamer");
    // By default libjpeg writes the tables of the standard.
    let given = made("videotestsrc num-buffers=1 ! video/x-raw,width=160,height=120 ! jpegenc", None);
    let mut bare = given.clone();
    while let Some(at) = bare.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
        let length = usize::from(u16::from_be_bytes([bare[at + 2], bare[at + 3]]));
        bare.drain(at..at + 2 + length);
    }
    assert!(given.len() - bare.len() > 400, "there were tables");
    let mended = jpeg::whole(&bare).expect("it is whole").into_owned();
    let decode = |jpeg: &[u8]| made("appsrc name=given caps=image/jpeg ! jpegdec", Some(jpeg));
    assert!(decode(&mended) == decode(&given), "another picture");
    assert_eq!(jpeg::whole(&given).as_deref(), Some(&given[..]), "a whole one stays as it is");
}
