//! A file on its way to decoded streams, whatever its container does: pads that come late, come again, or never.
//!
//! ```text
//! filesrc | fdsrc ─> decodebin ─ first pad with sound ──> times made good ─> branch for sound
//!                             └─ first pad with pictures ─> times made good ─> branch for pictures
//! ```

#![expect(clippy::disallowed_macros, reason = "EDGE: GStreamer, and the log")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_pbutils as pbutils;

use super::input::Input;
use super::{Pipeline, retime};
use crate::capture::SourceError;
use crate::capture::retime::{Kind, Times};
use crate::limits::{FILE_LOOK, FILE_STALL};

/// How long one wait lasts at most, so that errors are noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// The same where nobody waits for the answer.
const A_WHILE: Duration = Duration::from_millis(250);

const LOST: &str = "one of its streams had ended before it could be taken";

/// Makes what takes a stream of these caps: a bin with a pad `sink`. `None`: it is not wanted.
pub(super) type MakeBranch = dyn Fn(Kind, &gst::CapsRef) -> Result<Option<gst::Bin>, SourceError> + Send + Sync;

/// Why a file cannot be read on.
#[derive(Debug)]
pub(super) enum Failed {
    /// It had ended before anybody could take of it, or gave nothing, as may happen by chance: worth another try.
    ByChance(SourceError),
    /// It would fail again.
    ForGood(SourceError),
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Decoder {
    pub pipeline: Arc<Pipeline>,
    shared: Arc<Shared>,
    /// The sinks keep to the clock, this far ahead of it.
    ahead: Option<Duration>,
    error: Mutex<Option<String>>,
}

/// What the streaming threads know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub times: Mutex<Times>,
    /// Pieces that have come out of the decoders, ends of streams among them.
    pub arrivals: AtomicU64,
    /// Pieces that were read of the file.
    reads: AtomicU64,
    bytes_read: AtomicU64,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    branches: Vec<(Kind, gst::Bin)>,
    undecodable: Vec<(Kind, String)>,
    is_all: bool,
    /// Something is in it that nobody takes.
    is_partly_unwanted: bool,
    /// A stream had ended before anybody could take of it.
    is_lost: bool,
    refusal: Option<SourceError>,
}

impl Found {
    /// Nothing is in the file that is wanted.
    fn holds_nothing(&self) -> bool {
        self.is_all && self.branches.is_empty() && self.refusal.is_none()
    }
}

impl Shared {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().expect("no panic while held")
    }

    /// Changes whenever something is read or comes out.
    fn moves(&self) -> u64 {
        self.reads.load(Ordering::Relaxed) + self.arrivals.load(Ordering::Relaxed)
    }

    fn refusal(&self) -> Option<SourceError> {
        self.found().refusal.clone()
    }

    /// The file is not what can be played.
    pub fn refuse(&self, why: String) {
        self.found().refusal.get_or_insert(SourceError(why));
    }
}

impl Decoder {
    /// Opens a file and waits until it is known what is in it, for `longest` without anything being read of it. `ahead`: how far ahead of the clock the branches are, where they
    /// keep to it.
    pub fn open(
        input: &Input,
        element: &str,
        ahead: Option<Duration>,
        branch: Box<MakeBranch>,
        longest: Duration,
    ) -> Result<Self, Failed> {
        let decoder = Self::build(input, element, ahead, branch).map_err(Failed::ForGood)?;
        decoder.pipeline.pause().map_err(Failed::ForGood)?;
        decoder.wait_for_streams(longest)?;
        Ok(decoder)
    }

    /// How far a file goes by what is in it. `element`: `parsebin`, which decodes nothing and knows not every file, or `decodebin`.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub fn length(input: &Input, element: &str) -> Result<Duration, SourceError> {
        let sink = |_: Kind, _: &gst::CapsRef| {
            let sink = gst::parse::bin_from_description("queue name=entrance ! fakesink sync=false async=false", true);
            sink.map(Some).map_err(|error| SourceError(super::missing_plugin(&error)))
        };
        // parsebin does not say that it has no more pads: its streams are not waited for.
        let decoder = Self::build(input, element, None, Box::new(sink))?;
        decoder.pipeline.play()?;
        let mut patience = Patience::default();
        while !decoder.pipeline.is_over(A_WHILE)? {
            let why = decoder.shared.refusal().map(|refusal| refusal.0);
            let lost = decoder.shared.found().is_lost.then(|| LOST.to_owned());
            if let Some(why) = why.or(lost).or_else(|| patience.waited(A_WHILE, &decoder)) {
                return Err(SourceError(why));
            }
        }
        Ok(decoder.reached())
    }

    fn build(
        input: &Input,
        element: &str,
        ahead: Option<Duration>,
        branch: Box<MakeBranch>,
    ) -> Result<Self, SourceError> {
        let pipeline = Pipeline::parse(&format!("{} ! {element} name=decoder", input.element()))?;
        input.give(&pipeline)?;
        let decoder = Self { pipeline: Arc::new(pipeline), shared: Arc::default(), ahead, error: Mutex::default() };
        decoder.connect(branch)?;
        Ok(decoder)
    }

    fn connect(&self, branch: Box<MakeBranch>) -> Result<(), SourceError> {
        let element = self.pipeline.element("decoder")?;
        let source = self.pipeline.element("source")?.static_pad("src");
        let shared = Arc::clone(&self.shared);
        source.and_then(|pad| {
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let bytes = info.buffer().map_or(0, |buffer| buffer.size() as u64);
                shared.reads.fetch_add(1, Ordering::Relaxed);
                shared.bytes_read.fetch_add(bytes, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            })
        });
        if let Some(pad) = element.static_pad("src") {
            attach(&pad, &self.pipeline.0, &self.shared, &*branch)?;
            self.shared.found().is_all = true;
            return Ok(());
        }
        let (shared, weak) = (Arc::clone(&self.shared), self.pipeline.0.downgrade());
        element.connect_pad_added(move |_, pad| {
            if let Some(pipeline) = weak.upgrade()
                && let Err(error) = attach(pad, &pipeline, &shared, &*branch)
            {
                shared.refuse(error.0);
            }
        });
        let shared = Arc::clone(&self.shared);
        element.connect_no_more_pads(move |_| shared.found().is_all = true);
        let shared = Arc::clone(&self.shared);
        element.connect("unknown-type", false, move |arguments| {
            let caps = arguments.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
            if let Some(caps) = caps
                && let Some(kind) = kind_of(&caps)
            {
                let codec = pbutils::pb_utils_get_codec_description(&caps);
                shared.found().undecodable.push((kind, codec.into()));
            }
            None
        });
        Ok(())
    }

    /// Until all streams are known and one has given something, or has ended.
    fn wait_for_streams(&self, longest: Duration) -> Result<(), Failed> {
        let (mut moves, mut waited) = (0, Duration::ZERO);
        loop {
            // What nobody wants leads nowhere, which is an error to GStreamer.
            let holds_nothing = self.shared.found().holds_nothing();
            if let Some(error) = self.error().filter(|_| !holds_nothing) {
                return Err(Failed::ForGood(SourceError(error)));
            }
            let found = self.shared.found();
            if found.is_lost {
                return Err(Failed::ByChance(SourceError(LOST.into())));
            }
            if holds_nothing || found.is_all && self.shared.arrivals.load(Ordering::Relaxed) > 0 {
                return Ok(());
            }
            drop(found);
            // decodebin may swallow the error of an element that it has just tried.
            let moved = self.shared.moves();
            if moved != moves {
                (moves, waited) = (moved, Duration::ZERO);
            }
            // Of a pipe the writer may still have to start.
            if waited >= if moves == 0 { longest.max(FILE_LOOK) } else { longest } {
                return Err(Failed::ByChance(SourceError(format!("it gives nothing for {} s", waited.as_secs()))));
            }
            std::thread::sleep(LONGEST_WAIT);
            waited += LONGEST_WAIT;
        }
    }

    /// What takes the streams of this kind, if there are any.
    pub fn branch(&self, kind: Kind) -> Option<gst::Bin> {
        self.shared.found().branches.iter().find(|(of, _)| *of == kind).map(|(_, branch)| branch.clone())
    }

    /// The codec of a stream of this kind that nothing here decodes.
    pub fn undecodable(&self, kind: Kind) -> Option<String> {
        self.shared.found().undecodable.iter().find(|(of, _)| *of == kind).map(|(_, codec)| codec.clone())
    }

    /// How many bytes were read of it; `None` where not all of it was wanted.
    pub fn bytes_read(&self) -> Option<u64> {
        let is_whole = !self.shared.found().is_partly_unwanted;
        is_whole.then(|| self.shared.bytes_read.load(Ordering::Relaxed))
    }

    /// How far the file has come.
    pub fn reached(&self) -> Duration {
        self.shared.times.lock().expect("no panic while held").reached()
    }

    /// What went wrong, whoever asks: sound and pictures are taken by two threads.
    pub fn error(&self) -> Option<String> {
        let mut error = self.error.lock().expect("no panic while held");
        if error.is_none() {
            let refusal = self.shared.refusal().map(|refusal| refusal.0);
            let told = self.pipeline.error();
            // A refusal makes the elements complain, and says more than they do.
            *error = refusal.or(told);
        }
        error.clone()
    }

    /// Whether what has come last waits for its time.
    pub fn is_early(&self) -> bool {
        self.ahead.is_some_and(|ahead| {
            let now = self.pipeline.0.current_running_time().map_or(Duration::ZERO, Duration::from);
            now.saturating_add(ahead) < self.reached()
        })
    }

    /// Whether something waits to be taken, or for its time.
    fn is_held(&self) -> bool {
        let branches: Vec<gst::Bin> = self.shared.found().branches.iter().map(|(_, branch)| branch.clone()).collect();
        let holds = |branch: &gst::Bin| {
            let queue = branch.by_name("entrance");
            queue.is_some_and(|queue| queue.property::<u32>("current-level-buffers") > 0)
        };
        self.is_early() || branches.iter().any(holds)
    }
}

/// Says when a file that gives nothing is given up. Time is that spent waiting for it alone.
#[derive(Debug, Default)]
pub(super) struct Patience {
    moves: u64,
    waited: Duration,
}

impl Patience {
    /// Nothing has come for another while.
    pub fn waited(&mut self, waited: Duration, decoder: &Decoder) -> Option<String> {
        let moves = decoder.shared.moves();
        let has_moved = moves != self.moves || decoder.is_held();
        self.moves = moves;
        self.waited = if has_moved { Duration::ZERO } else { self.waited + waited };
        (self.waited >= FILE_STALL).then(|| format!("nothing more came of it for {} s", FILE_STALL.as_secs()))
    }
}

fn kind_of(caps: &gst::CapsRef) -> Option<Kind> {
    match caps.structure(0)?.name().split('/').next()? {
        "audio" => Some(Kind::Sound),
        "video" | "image" => Some(Kind::Pictures),
        _ => None,
    }
}

/// Leads a pad to the branch for its kind. That of a further link of a chain follows on the one before; that of a second track
/// is left alone.
fn attach(
    pad: &gst::Pad,
    pipeline: &gst::Pipeline,
    shared: &Arc<Shared>,
    make: &MakeBranch,
) -> Result<(), SourceError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(kind) = kind_of(&caps) else { return Ok(()) };
    let mut found = shared.found();
    // An element that begins in a thread of its own may have been refused by a pad that led nowhere yet (aiffparse in
    // decodebin): the stream ends without an error.
    found.is_lost |= pad.sticky_event::<gst::event::Eos>(0).is_some() && !found.is_all;
    let known = found.branches.iter().find(|(of, _)| *of == kind).map(|(_, branch)| branch.clone());
    let branch = match known {
        Some(branch) => branch,
        None if found.is_all => {
            log::warn!("a later part of the file has something else in it, which is not taken: {caps}");
            return Ok(());
        }
        None => {
            let caps = retime::judged(caps.clone()).map_err(SourceError)?;
            let Some(branch) = make(kind, &caps)? else {
                found.is_partly_unwanted = true;
                return Ok(());
            };
            retime::attach(&sink(&branch)?, kind, shared);
            let error = |_| SourceError("the pipeline cannot be built".into());
            pipeline.add(&branch).map_err(error)?;
            branch.sync_state_with_parent().map_err(error)?;
            found.branches.push((kind, branch.clone()));
            branch
        }
    };
    drop(found);
    let sink = sink(&branch)?;
    if sink.is_linked() {
        log::debug!("a further track is left alone: {caps}");
        return Ok(());
    }
    pad.link(&sink).map(drop).map_err(|error| SourceError(format!("its {caps} cannot be taken: {error}")))
}

fn sink(branch: &gst::Bin) -> Result<gst::Pad, SourceError> {
    branch.static_pad("sink").ok_or_else(|| SourceError("a branch has no input".into()))
}
