//! Wiring: the stages, the bounded channels between them, and the order in which they end.
//!
//! ```text
//! Recording ──source over, time up, or told to stop──> Finishing ──what is open is closed and kept──> Draining
//!     Draining ──all delivered, no progress in sight, or told to stop──> Stopping ──> over
//! ```

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use uuid::Uuid;

use crate::capture::stages::{self, Outlets, Source};
use crate::clock::Clock;
use crate::config::Config;
use crate::device_id::DeviceId;
use crate::event::{Event, Fault, News, Part, Progress, Tally};
use crate::limits::{
    DRAIN_TIMEOUT, EVENTS_IN_FLIGHT, FINISH_TIMEOUT, RECORDINGS_IN_FLIGHT, STATUS_FILE_INTERVAL, STATUS_TICK,
    STOP_TIMEOUT, TEND_INTERVAL,
};
use crate::spool::{Keeper, Kind, Recording, Spool};
use crate::status::gpiocdev::Lines;
use crate::status::leds::Lights;
use crate::status::player::{Pins, Player};
use crate::status::report::LastError;
use crate::status::rppal::Registers;
use crate::status::{file, line, terminal};
use crate::supervise::named;
use crate::upload::http::ApiClient;
use crate::upload::store::Stores;
use crate::upload::worker::Worker;

/// The spool's folder in the data folder.
pub const SPOOL: &str = "spool";

/// What is to be done.
#[derive(Debug)]
pub struct Job {
    /// The configuration, with token and home.
    pub config: Config,
    /// Where sound and pictures come from.
    pub source: Source,
    /// Where the spool is.
    pub data_dir: PathBuf,
    /// Where `status.json` goes, if not beside the spool.
    pub runtime_dir: Option<PathBuf>,
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
    /// What still waits in the spool, by kind.
    pub waiting: Vec<(Kind, usize)>,
    /// Whether a signal ended it.
    pub stopped: bool,
}

impl Summary {
    /// Whether nothing was left to do: told to stop, or all was recorded and delivered.
    pub fn is_complete(&self) -> bool {
        let lost = |kind: &Kind| self.progress.tally(*kind).dropped + self.progress.tally(*kind).refused > 0;
        self.stopped || (self.waiting.iter().all(|(_, waiting)| *waiting == 0) && !Kind::ALL.iter().any(lost))
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Recording,
    Finishing {
        since: Duration,
    },
    /// `delivered` items at monotonic time `since`: no progress has been made since then.
    Draining {
        delivered: u64,
        since: Duration,
    },
    Stopping {
        since: Duration,
    },
}

/// Records and delivers until it is over or `stop` is set.
///
/// # Errors
/// When the data folder or a recorded file cannot be used at all. Everything else is a fault that is told and waited
/// out.
pub fn run(job: Job, clock: Arc<dyn Clock>, stop: &AtomicBool) -> anyhow::Result<Summary> {
    let (spool, found) = Spool::open(&job.data_dir.join(SPOOL))?;
    let spool = Arc::new(spool);
    if found != Default::default() {
        log::info!(
            "taken up from an earlier run: {} waiting, {} clips cut short, {} unfinished removed, {} damaged set aside",
            found.waiting,
            found.adopted,
            found.unfinished,
            found.damaged
        );
    }
    let (events, reports) = sync_channel(EVENTS_IN_FLIGHT);
    let (keep, recordings) = sync_channel(RECORDINGS_IN_FLIGHT);
    let stop_capture = Arc::new(AtomicBool::new(false));
    let stop_upload = Arc::new(AtomicBool::new(false));

    let uid = Uuid::new_v4();
    let outlets = Outlets {
        tell: Arc::new(teller(events.clone())),
        keep,
        uid,
        stop: Arc::clone(&stop_capture),
        scratch: spool.scratch().into(),
        clock: Arc::clone(&clock),
    };
    let mut capture = stages::start(&job.source, &job.config, &outlets)?;
    drop(outlets);
    let cluster = &job.config.api.track_cluster;
    let keeper = Keeper::new(Arc::clone(&spool), uid, cluster, Arc::clone(&clock));
    let max_bytes = job.config.storage.max_bytes;
    capture.push(start_keeper(keeper, max_bytes, recordings, teller(events.clone())));
    let uploader = start_uploader(&job, &spool, &clock, &stop_upload, teller(events))?;

    let mut stages = Stages { capture, uploader, stop_capture, stop_upload };
    let mut view = View::new(&job, &spool, &clock);
    let (started, mut phase) = (clock.monotonic(), Phase::Recording);
    loop {
        view.take_in(&reports);
        let now = clock.monotonic();
        let (told, is_time_up) =
            (stop.load(Ordering::Relaxed), job.run_for.is_some_and(|run_for| now >= started + run_for));
        match stages.next_phase(phase, now, told, is_time_up, &view) {
            Some(next) => phase = next,
            None => break,
        }
    }
    view.take_in(&reports);
    view.finish();
    let waiting = Kind::ALL.map(|kind| (kind, spool.waiting(kind))).into();
    Ok(Summary { progress: view.progress, waiting, stopped: stop.load(Ordering::Relaxed) })
}

struct Stages {
    capture: Vec<JoinHandle<()>>,
    uploader: JoinHandle<()>,
    stop_capture: Arc<AtomicBool>,
    stop_upload: Arc<AtomicBool>,
}

impl Stages {
    /// The phase to go on in; `None` when all is over.
    fn next_phase(&mut self, phase: Phase, now: Duration, told: bool, is_time_up: bool, view: &View) -> Option<Phase> {
        let delivered = view.delivered();
        // The keeper is the last in the list, and ends only after those who hand it recordings.
        let sources_over = self.capture.iter().rev().skip(1).all(JoinHandle::is_finished);
        match phase {
            Phase::Recording if told || is_time_up || sources_over => {
                self.stop_capture.store(true, Ordering::Relaxed);
                Some(Phase::Finishing { since: now })
            }
            // A device that hangs in its driver is left behind.
            Phase::Finishing { since }
                if self.capture.iter().all(JoinHandle::is_finished) || now >= since + FINISH_TIMEOUT =>
            {
                Some(Phase::Draining { delivered, since: now })
            }
            Phase::Draining { delivered: before, .. } if delivered > before => {
                Some(Phase::Draining { delivered, since: now })
            }
            Phase::Draining { since, .. }
                if told || view.spool.is_empty() || view.needs_person() || now >= since + DRAIN_TIMEOUT =>
            {
                self.stop_upload.store(true, Ordering::Relaxed);
                view.spool.wake();
                Some(Phase::Stopping { since: now })
            }
            // A request that hangs is cut off: the item stays where its manifest says.
            Phase::Stopping { since } if self.uploader.is_finished() || now >= since + STOP_TIMEOUT => None,
            unchanged => Some(unchanged),
        }
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
            match recordings.recv_timeout(TEND_INTERVAL) {
                Ok(recording) => keeper.keep(recording, &tell),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            keeper.tend(&tell);
        }
        keeper.remember(true);
    })
}

fn start_uploader(
    job: &Job,
    spool: &Arc<Spool>,
    clock: &Arc<dyn Clock>,
    stop: &Arc<AtomicBool>,
    tell: impl Fn(Event) + Send + Sync + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let (home_id, token) = job.config.require_api()?;
    let device = DeviceId::of_this_machine(&job.data_dir).context("cannot tell which device this is")?;
    let config = &job.config;
    let api = Arc::new(ApiClient::new(&config.api, token, home_id, device)?);
    let ca_file = config.api.ca_file.clone();
    let mut stores = Stores::new(Arc::clone(&api), config.storage.clone(), ca_file, job.data_dir.clone());
    let (spool, clock, stop) = (Arc::clone(spool), Arc::clone(clock), Arc::clone(stop));
    Ok(named("upload", move || {
        Worker { spool: &spool, api: &api, clock: &*clock, stop: &stop, tell: &tell }.run(&mut stores);
    }))
}

/// Levels come 50 times a second and the next one is as good; everything else waits until it is taken.
fn teller(events: SyncSender<Event>) -> impl Fn(Event) + Send + Sync + Clone {
    move |event| {
        // The receiver is gone only when the program ends.
        let _ = match event {
            Event::Level { .. } => events.try_send(event).map_err(drop),
            _ => events.send(event).map_err(drop),
        };
    }
}

/// What is shown of the events: log lines, the live line, `status.json`.
struct View {
    progress: Progress,
    spool: Arc<Spool>,
    clock: Arc<dyn Clock>,
    status_file: PathBuf,
    status_due: Duration,
    last_error: Option<LastError>,
    leds: Option<Player>,
}

impl View {
    fn new(job: &Job, spool: &Arc<Spool>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            progress: Progress::default(),
            spool: Arc::clone(spool),
            clock: Arc::clone(clock),
            status_file: file::path(job.runtime_dir.clone(), &job.data_dir),
            status_due: Duration::ZERO,
            last_error: None,
            leds: if job.leds { start_leds(clock) } else { None },
        }
    }

    /// Takes in what has been told within one tick, and shows it.
    fn take_in(&mut self, reports: &Receiver<Event>) {
        // Levels come 50 times a second: taken in one by one, they would wake this thread as often.
        thread::sleep(STATUS_TICK);
        for event in reports.try_iter().take(EVENTS_IN_FLIGHT) {
            if let Some(news) = self.progress.add(&event) {
                log_news(&news);
                if let News::Fault(Fault { part, text }) = news {
                    self.last_error = Some(LastError { at: self.clock.now(), part, text });
                }
            }
        }
        let waiting = Kind::ALL.map(|kind| self.spool.waiting(kind)).iter().sum();
        if let Some(leds) = &self.leds {
            leds.show(Lights::of(&self.progress, waiting));
        }
        if terminal::is_terminal() {
            terminal::show_line(&line::line(&self.progress, waiting, terminal::columns()));
        }
        let now = self.clock.monotonic();
        if now >= self.status_due {
            self.status_due = now + STATUS_FILE_INTERVAL;
            self.write_status();
        }
    }

    fn finish(&mut self) {
        terminal::wipe_line();
        if let Some(leds) = self.leds.take() {
            leds.stop();
        }
        self.write_status();
    }

    fn write_status(&self) {
        if let Err(error) = self.try_write_status() {
            log::debug!("cannot write {}: {error}", self.status_file.display());
        }
    }

    fn try_write_status(&self) -> std::io::Result<()> {
        file::write(&self.status_file, &self.progress, self.last_error.as_ref(), &self.spool, self.clock.now())
    }

    /// Whether nothing will be delivered before somebody has mended something.
    fn needs_person(&self) -> bool {
        [Part::Token, Part::Home, Part::Storage].iter().any(|part| self.progress.faults().contains_key(part))
    }

    fn delivered(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.progress.tally(*kind).delivered).sum()
    }
}

/// By the registers where the kernel hands them out, by the kernel where it does not.
fn start_leds(clock: &Arc<dyn Clock>) -> Option<Player> {
    let pins: Box<dyn Pins> = match Registers::open() {
        Ok(pins) => Box::new(pins),
        Err(no_registers) => match Lines::open() {
            Ok(pins) => Box::new(pins),
            Err(no_lines) => {
                log::warn!("the status LEDs stay dark, they need a Raspberry Pi: {no_registers}; {no_lines}");
                return None;
            }
        },
    };
    Some(Player::start(pins, Arc::clone(clock)))
}

fn log_news(news: &News) {
    match news {
        News::Fault(fault) => {
            let part = fault.part.to_string();
            log::warn!(part = part.as_str(); "{part}: {}", fault.text);
        }
        News::Cleared(part) => log::info!(part = part.to_string().as_str(); "{part}: well again"),
        News::Recording(part) => log::info!(part = part.to_string().as_str(); "{part}: recording"),
    }
}
