use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::clock::SystemClock;
use crate::supervise::{OnFailure, record};

/// A real encoder, and behind it what makes it a bad one.
const GOOD: &str =
    "video/x-raw,format=I420 ! x264enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=12";
const ERRS: &str = "identity error-after=12";
const SWALLOWS: &str = "identity drop-probability=1.0";
/// Holds the first frame for an hour, and takes no other.
const STALLS: &str = "clocksync ts-offset=3600000000000";

fn small() -> VideoConfig {
    VideoConfig {
        camera: "test".into(),
        width: 160,
        height: 120,
        frame_rate: 12,
        video_length_s: 1,
        frame_interval_s: 1,
    }
}

/// What came of watching until `enough` clips were recorded or a fault was told.
struct Came {
    clips: Vec<Seen>,
    pictures: usize,
    faults: Vec<String>,
    /// The rungs that were tried, in order.
    rungs: Vec<Rung>,
    took: Duration,
}

/// Watches with an encoder that `fault` makes a bad one on the rungs it says so of.
fn watch(enough: usize, fault: impl Fn(Rung) -> Option<&'static str> + Send + 'static) -> Came {
    watch_by(Arc::new(SystemClock), enough, fault, |_, faults| faults > 0)
}

/// The same until `is_over`, by the numbers of pictures and faults; by a clock.
fn watch_by(
    clock: Arc<dyn Clock>,
    enough: usize,
    fault: impl Fn(Rung) -> Option<&'static str> + Send + 'static,
    is_over: impl Fn(usize, usize) -> bool,
) -> Came {
    crate::capture::gstreamer::init().expect("GStreamer");
    let folder = tempfile::tempdir().expect("a folder");
    let (keep, kept) = sync_channel(64);
    let (told, faults) = sync_channel(64);
    let (tried, rungs) = sync_channel(64);
    let stop = Arc::new(AtomicBool::new(false));
    let outlets = Outlets {
        tell: Arc::new(move |event| {
            if let Event::Fault(fault) = event {
                told.send(fault.text).expect("the test listens");
            }
        }),
        keep,
        uid: Uuid::nil(),
        stop: Arc::clone(&stop),
        scratch: folder.path().into(),
        clock,
    };
    let plan = move |_: &VideoSource, config: &VideoConfig, rung: Rung| {
        tried.send(rung).expect("the test listens");
        let bad = fault(rung).map_or_else(String::new, |bad| format!(" ! {bad}"));
        let encoder = (rung != Rung::PicturesOnly).then(|| format!("{GOOD}{bad}"));
        let config = config.clone();
        Ok(Plan { config, encoder, memory: Memory::Copied, said: String::new() })
    };
    let mut watch = Watch::by_plan(&small(), Uuid::nil(), Box::new(plan));
    let began = Instant::now();
    let stage = thread::spawn(move || {
        let tell = Arc::clone(&outlets.tell);
        let stop = Arc::clone(&outlets.stop);
        record(Part::Camera, OnFailure::TryAgain, &stop, &*tell, || watch.record(&outlets));
    });
    let (mut clips, mut pictures, mut told) = (Vec::new(), 0, Vec::new());
    while clips.len() < enough && !is_over(pictures, told.len()) && began.elapsed() < Duration::from_secs(40) {
        match kept.recv_timeout(Duration::from_millis(100)) {
            Ok(Recording::Seen(seen @ Seen::Clip { .. })) => clips.push(seen),
            Ok(Recording::Seen(Seen::Picture { .. })) => pictures += 1,
            _ => {}
        }
        told.extend(faults.try_iter());
    }
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let drained = |kept: Receiver<Recording>| thread::spawn(move || kept.into_iter().count());
    let drain = drained(kept);
    stage.join().expect("the stage ends");
    drain.join().expect("nothing is left");
    Came { clips, pictures, faults: told, rungs: rungs.try_iter().collect(), took }
}

fn is_preferred(rung: Rung) -> bool {
    matches!(rung, Rung::Preferred { .. })
}

fn uids(clips: &[Seen]) -> Vec<Uuid> {
    clips.iter().filter_map(|clip| if let Seen::Clip { uid, .. } = clip { Some(*uid) } else { None }).collect()
}

#[test]
fn an_encoder_that_errs_is_rebuilt_and_then_replaced_and_what_it_gave_is_kept() {
    let came = watch(6, |rung| is_preferred(rung).then_some(ERRS));
    assert_eq!(came.faults, Vec::<String>::new());
    assert!(came.clips.len() >= 6, "{:?}", came.rungs);
    let [first, second, third] = came.rungs[..] else { panic!("{:?}", came.rungs) };
    assert!(matches!(first, Rung::Preferred { rebuilt: false, .. }), "{first:?}");
    assert!(matches!(second, Rung::Preferred { rebuilt: true, .. }), "{second:?}");
    assert_eq!(third, Rung::Reduced { rebuilt: false });
    // Built anew within a moment, clips may begin in the same second; then they are of different runs.
    let mut names: Vec<String> = came
        .clips
        .iter()
        .filter_map(|clip| match clip {
            Seen::Clip { uid, start, .. } => Some(format!("{uid} {}", start.as_second())),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), came.clips.len(), "{:?}", uids(&came.clips));
}

#[test]
fn an_encoder_that_swallows_every_frame_is_rebuilt_and_then_replaced() {
    let came = watch(1, |rung| is_preferred(rung).then_some(SWALLOWS));
    assert_eq!((came.clips.len(), came.faults.len()), (1, 0));
    assert_eq!(came.rungs.len(), 3, "{:?}", came.rungs);
    // Twice three seconds, and a clip of one second.
    assert!(came.took > Duration::from_secs(6), "{:?}", came.took);
}

#[test]
fn an_encoder_that_stalls_is_replaced() {
    let came = watch(1, |rung| is_preferred(rung).then_some(STALLS));
    assert_eq!((came.clips.len(), came.faults.len()), (1, 0));
    assert_eq!(came.rungs.last(), Some(&Rung::Reduced { rebuilt: false }));
}

#[test]
fn a_camera_that_ends_as_a_film_would_is_told_and_waited_for() {
    let came = watch(1_000, |_| Some("identity eos-after=18"));
    assert_eq!(came.faults, ["the pictures have ended"]);
    assert!(!came.clips.is_empty(), "what was recorded before is kept");
}

#[test]
fn when_software_fails_too_pictures_go_on_and_it_is_told_what_to_do() {
    let fails = |rung| (rung != Rung::PicturesOnly).then_some(SWALLOWS);
    let came = watch_by(Arc::new(SystemClock), 1_000, fails, |pictures, faults| faults > 0 && pictures >= 12);
    assert_eq!((came.clips.len(), came.faults.len()), (0, 1), "{:?}", came.faults);
    assert!(came.faults[0].contains("no clips") && came.faults[0].contains("--frame_rate"), "{:?}", came.faults);
    assert!(came.pictures >= 12, "the last rungs gave one a second: {:?}", came.rungs);
    assert_eq!(came.rungs.len(), 5, "{:?}", came.rungs);
}

/// A clock whose monotonic time jumps ahead when it has been asked for often enough: ten minutes pass in a moment.
struct Hasty {
    asked: AtomicU64,
}

impl Clock for Hasty {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        let jumps = self.asked.fetch_add(1, Ordering::Relaxed) / 100;
        SystemClock.monotonic() + PREFERRED_RETRY * jumps as u32
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

    fn wall_minus_monotonic(&self) -> jiff::SignedDuration {
        SystemClock.wall_minus_monotonic()
    }
}

#[test]
fn an_encoder_that_comes_back_is_taken_again_after_some_minutes() {
    // The hardware errs, is rebuilt, errs again, and is well when it is tried the third time.
    let tried = AtomicU64::new(0);
    let fails = move |rung| (is_preferred(rung) && tried.fetch_add(1, Ordering::Relaxed) < 2).then_some(ERRS);
    let came = watch_by(Arc::new(Hasty { asked: AtomicU64::new(0) }), 12, fails, |_, faults| faults > 0);
    assert_eq!(came.faults, Vec::<String>::new());
    let [first, second, lower, again] = came.rungs[..4] else { panic!("{:?}", came.rungs) };
    assert!(is_preferred(first) && is_preferred(second), "{:?}", came.rungs);
    assert_eq!(lower, Rung::Reduced { rebuilt: false });
    assert!(matches!(again, Rung::Preferred { rebuilt: true, .. }), "{:?}", came.rungs);
}
