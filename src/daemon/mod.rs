//! Wiring: the stages, and the bounded channels between them.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: threads, random numbers, the log"
)]

mod ends;
mod stages;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use uuid::Uuid;

use self::ends::Ends;
use self::stages::{Capture, Phase, Stages, Upload};
use self::view::View;
use crate::capture::keeper::{Keeper, Recording};
use crate::capture::mute::Switch;
use crate::capture::stages::{Outlets, Source};
use crate::clock::Clock;
use crate::config::Config;
use crate::device_id::DeviceId;
use crate::event::{Event, Part, Progress, Tally};
use crate::item::Kind;
use crate::limits::{DRAIN_TIMEOUT, EVENTS_IN_FLIGHT, RECORDINGS_IN_FLIGHT, STAGE_HANG, SYNC_INTERVAL};
use crate::spool::{Found, Intake, Outbox};
use crate::supervise::{named, systemd};
use crate::upload::http::ApiClient;
use crate::upload::store::Stores;
use crate::upload::worker::Worker;

pub use self::ends::Side;

/// The spool's folder in the data folder.
pub const SPOOL: &str = "spool";

/// What is to be done.
#[derive(Debug)]
pub struct Job {
    /// Which stages: capture, upload, or both.
    pub side: Side,
    /// The configuration, with token and home.
    pub config: Config,
    /// Where sound and pictures come from.
    pub source: Source,
    /// Where the spool is.
    pub data_dir: PathBuf,
    /// Where `status.json` goes, if not beside the spool.
    pub runtime_dir: Option<PathBuf>,
    /// The indicator's socket, for a stage that has a process of its own.
    pub report_to: Option<PathBuf>,
    /// The mute switch, if there is one.
    pub mute: Option<Box<dyn Switch>>,
    /// Whether the status LEDs are lit, on a Raspberry Pi.
    pub leds: bool,
    /// How long to record; for ever, or until the file is over, if `None`.
    pub run_for: Option<Duration>,
}

/// How it went.
#[derive(Debug)]
pub struct Summary {
    /// The counts.
    pub progress: Progress,
    /// What still waits in the spool to be sent, by kind.
    pub waiting: Vec<(Kind, usize)>,
    /// Whether a signal ended it.
    pub stopped: bool,
    /// What of a recorded file was not heard or seen, and why.
    pub missed: Vec<String>,
}

impl Summary {
    /// Whether nothing was left to do: told to stop, or all was recorded and delivered.
    pub fn is_complete(&self) -> bool {
        let lost = |kind: &Kind| self.progress.tally(*kind).dropped + self.progress.tally(*kind).refused > 0;
        self.stopped
            || (self.missed.is_empty()
                && self.waiting.iter().all(|(_, waiting)| *waiting == 0)
                && !Kind::ALL.iter().any(lost))
    }
}

impl Summary {
    /// Why it ended while something waits, if nobody told it to.
    pub fn given_up(&self) -> Option<String> {
        if self.stopped || self.waiting.iter().all(|(_, waiting)| *waiting == 0) {
            return None;
        }
        let on_the_way = [Part::Token, Part::Home, Part::Api, Part::Storage, Part::Recordings, Part::Clock];
        let faulty = on_the_way.iter().find(|part| self.progress.faults().contains_key(part));
        Some(match faulty {
            Some(part) => format!("of the fault told above ({part})"),
            None => format!("nothing went for {} s", DRAIN_TIMEOUT.as_secs()),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, waiting)) in self.waiting.iter().enumerate() {
            let Tally { recorded, delivered, refused, dropped } = self.progress.tally(*kind);
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{kind}s: {recorded} recorded, {delivered} delivered")?;
            for (count, what) in
                [(*waiting as u64, "waiting for the next start"), (refused, "refused"), (dropped, "lost")]
            {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
        }
        Ok(())
    }
}

/// Records, delivers, or both, until it is over or `stop` is set.
///
/// # Errors
/// When the data folder or a recorded file cannot be used at all, or the mute switch cannot be obeyed. Everything else is
/// a fault that is told and waited out.
pub fn run(mut job: Job, clock: Arc<dyn Clock>, stop: &AtomicBool) -> anyhow::Result<Summary> {
    let (ends, found) = Ends::open(job.side, &job.data_dir.join(SPOOL), job.config.owner().as_ref())?;
    log_found(&found);
    let (events, reports) = sync_channel(EVENTS_IN_FLIGHT);
    let tell = teller(events);
    let capture = ends.intake.as_ref().map(|intake| start_capture(&mut job, intake, &clock, &tell));
    let upload = ends.outbox.as_ref().map(|outbox| start_upload(&job, outbox, &clock, tell.clone())).transpose()?;
    drop(tell);

    let mut stages = Stages { capture, upload };
    let mut view = View::new(&job, &ends, &clock);
    let (started, mut phase) = (clock.monotonic(), stages.begin()?);
    systemd::ready();
    loop {
        view.muted = phase == Phase::Muted;
        view.take_in(&reports);
        let now = clock.monotonic();
        let (told, is_time_up) =
            (stop.load(Ordering::Relaxed), job.run_for.is_some_and(|run_for| now >= started + run_for));
        match stages.next_phase(phase, now, told, is_time_up, &view)? {
            Some(next) => phase = next,
            None => break,
        }
    }
    systemd::stopping();
    view.take_in(&reports);
    view.finish();
    let waiting = Kind::ALL.map(|kind| (kind, ends.unsent(kind))).into();
    let sources = [Part::Microphone, Part::Camera].iter().filter(|_| matches!(job.source, Source::File { .. }));
    let missed = sources.filter_map(|part| view.progress.faults().get(part).cloned()).collect();
    Ok(Summary { progress: view.progress, waiting, stopped: stop.load(Ordering::Relaxed), missed })
}

fn log_found(found: &Found) {
    let Found { waiting, adopted, without_row, unfinished, damaged, lost, .. } = found;
    if *found != Found::default() {
        log::info!(
            "taken up from an earlier run: {waiting} waiting, {adopted} clips cut short, {without_row} without a row, {unfinished} \
             unfinished removed, {damaged} set aside, {lost} lost"
        );
    }
}

/// The keeper; the sources are started by [`Stages::begin`].
fn start_capture(
    job: &mut Job,
    intake: &Arc<Intake>,
    clock: &Arc<dyn Clock>,
    tell: &(impl Fn(Event) + Send + Sync + Clone + 'static),
) -> Capture {
    let (keep, recordings) = sync_channel(RECORDINGS_IN_FLIGHT);
    let uid = Uuid::new_v4();
    let keeper = Keeper::new(Arc::clone(intake), uid, &job.config.api.track_cluster, Arc::clone(clock));
    let outlets = Outlets {
        tell: Arc::new(tell.clone()),
        keep,
        uid,
        stop: Arc::default(),
        scratch: intake.scratch().into(),
        clock: Arc::clone(clock),
    };
    Capture {
        source: job.source.clone(),
        config: job.config.clone(),
        outlets: Some(outlets),
        sources: Vec::new(),
        keeper: start_keeper(keeper, job.config.storage.max_bytes, recordings, tell.clone()),
        mute: job.mute.take(),
    }
}

fn start_keeper(
    mut keeper: Keeper,
    max_bytes: Option<u64>,
    recordings: Receiver<Recording>,
    tell: impl Fn(Event) + Send + 'static,
) -> JoinHandle<()> {
    named("keeper", move || {
        keeper.set_budget(max_bytes, &tell);
        loop {
            tell(Event::Alive { part: Part::Disk, within: STAGE_HANG });
            match recordings.recv_timeout(SYNC_INTERVAL) {
                Ok(recording) => keeper.keep(recording, &tell),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            keeper.tend(&tell);
        }
        keeper.remember(true);
        tell(Event::Over(Part::Disk));
    })
}

fn start_upload(
    job: &Job,
    outbox: &Arc<Outbox>,
    clock: &Arc<dyn Clock>,
    tell: impl Fn(Event) + Send + Sync + 'static,
) -> anyhow::Result<Upload> {
    let (home_id, token) = job.config.require_api()?;
    let device = DeviceId::of_this_machine(&job.data_dir).context("cannot tell which device this is")?;
    let config = &job.config;
    let api = Arc::new(ApiClient::new(&config.api, token, home_id, device)?);
    let ca_file = config.api.ca_file.clone();
    let mut stores = Stores::new(Arc::clone(&api), config.storage.clone(), ca_file, job.data_dir.clone());
    let (outbox, clock, stop) = (Arc::clone(outbox), Arc::clone(clock), Arc::new(AtomicBool::new(false)));
    let (stopped, track_cluster) = (Arc::clone(&stop), config.api.track_cluster.clone());
    let thread = named("upload", move || {
        let track_cluster = &track_cluster;
        Worker { outbox: &outbox, api: &api, track_cluster, clock: &*clock, stop: &stopped, tell: &tell }
            .run(&mut stores);
        tell(Event::Over(Part::Api));
    });
    Ok(Upload { thread, stop })
}

/// Levels come up to 50 times a second and the next one is as good; everything else waits until it is taken.
fn teller(events: SyncSender<Event>) -> impl Fn(Event) + Send + Sync + Clone {
    move |event| {
        // The receiver is gone only when the program ends.
        let _ = match event {
            Event::Level { .. } => events.try_send(event).map_err(drop),
            _ => events.send(event).map_err(drop),
        };
    }
}
