//! What is shown of the events: log lines, the live line, `status.json`, LEDs, and reports to the indicator.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: channels, the log"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use super::{Ends, Job, Side};
use crate::clock::Clock;
use crate::config::LedsConfig;
use crate::event::{Event, Fault, News, Part, Progress};
use crate::item::Kind;
use crate::limits::{EVENTS_IN_FLIGHT, HEARTBEAT_INTERVAL, STATUS_FILE_INTERVAL, STATUS_TICK};
use crate::status::file::Status;
use crate::status::health::{Health, Observed};
use crate::status::leds::Lights;
use crate::status::player::Player;
use crate::status::report::{Account, LastError, Report, Stage};
use crate::status::socket::Reporter;
use crate::status::{file, line, pins, terminal};
use crate::supervise::{Liveness, systemd};

pub struct View {
    pub progress: Progress,
    pub ends: Ends,
    /// Whether the switch says that nothing be recorded.
    pub muted: bool,
    clock: Arc<dyn Clock>,
    liveness: Liveness,
    hanging: Vec<Part>,
    last_error: Option<LastError>,
    leds: Option<Player>,
    status_file: Option<(PathBuf, Duration)>,
    reporter: Option<(Stage, Reporter)>,
    heartbeat: Duration,
    shown: Option<Health>,
}

impl View {
    pub fn new(job: &Job, ends: &Ends, clock: &Arc<dyn Clock>) -> Self {
        let stage = match job.side {
            Side::Both => None,
            Side::Capture => Some(Stage::Capture),
            Side::Upload => Some(Stage::Upload),
        };
        let status_file = || (file::path(job.runtime_dir.clone(), &job.data_dir), Duration::ZERO);
        Self {
            progress: Progress::default(),
            ends: ends.clone(),
            muted: false,
            clock: Arc::clone(clock),
            liveness: Liveness::default(),
            hanging: Vec::new(),
            last_error: None,
            leds: if job.leds { start_leds(&job.config.leds, clock) } else { None },
            // Of two stages, neither knows all that belongs there: the indicator writes it.
            status_file: stage.is_none().then(status_file),
            reporter: stage.zip(job.report_to.as_ref().map(Reporter::to)),
            heartbeat: Duration::ZERO,
            shown: None,
        }
    }

    /// Takes in what has been told within one tick, and shows it.
    pub fn take_in(&mut self, reports: &Receiver<Event>) {
        // Levels come up to 50 times a second: taken in one by one, they would wake this thread as often.
        thread::sleep(STATUS_TICK);
        let now = self.clock.monotonic();
        for event in reports.try_iter().take(EVENTS_IN_FLIGHT) {
            self.liveness.add(&event, now);
            if let Some(news) = self.progress.add(&event) {
                log_news(&news);
                if let News::Fault(Fault { part, text }) = news {
                    self.last_error = Some(LastError { at: self.clock.now(), part, text });
                }
            }
        }
        let account = self.account();
        let health = Health::of(&Observed::alone(&account));
        if let Some(leds) = &self.leds {
            leds.show(Lights::of(&health));
        }
        if terminal::is_terminal() {
            let waiting = account.waiting() as usize;
            terminal::show_line(&line::line(&self.progress, waiting, terminal::columns()));
        }
        if let Some((_, due)) = &mut self.status_file
            && now >= *due
        {
            *due = now + STATUS_FILE_INTERVAL;
            self.write_status(&health, &account);
        }
        let is_due = now >= self.heartbeat;
        if is_due || self.shown.as_ref() != Some(&health) {
            self.shown = Some(health);
            self.report(account);
        }
        if is_due {
            self.heartbeat = now + HEARTBEAT_INTERVAL;
            self.feed_watchdog(now);
        }
    }

    /// Only while all threads make progress.
    fn feed_watchdog(&mut self, now: Duration) {
        let hanging = self.liveness.hanging(now);
        if hanging.is_empty() {
            systemd::alive();
        }
        for part in hanging.iter().filter(|part| !self.hanging.contains(part)) {
            log::error!("{part}: hangs; the service manager is going to start the program again");
        }
        self.hanging = hanging;
    }

    pub fn finish(&mut self) {
        terminal::wipe_line();
        if let Some(leds) = self.leds.take() {
            leds.stop();
        }
        let account = self.account();
        self.write_status(&Health::ended(self.progress.faults().clone()), &account);
        self.report(account);
    }

    fn account(&self) -> Account {
        Account {
            progress: self.progress.clone(),
            items: self.ends.items(),
            waiting_for_the_clock: self.ends.waiting_for_the_clock(),
            muted: self.muted,
            last_error: self.last_error.clone(),
        }
    }

    fn report(&self, account: Account) {
        if let Some((stage, reporter)) = &self.reporter {
            reporter.send(Report::Stage { stage: *stage, account: Box::new(account) });
        }
    }

    fn write_status(&self, health: &Health, account: &Account) {
        let Some((path, _)) = &self.status_file else { return };
        if let Err(error) = Status::of(health, account, account, &*self.clock).write(path) {
            log::debug!("cannot write {}: {error}", path.display());
        }
    }

    /// Whether nothing will be delivered before somebody has mended something.
    pub fn needs_person(&self) -> bool {
        [Part::Token, Part::Home].iter().any(|part| self.progress.faults().contains_key(part))
    }

    /// Whether everything in the spool is sent.
    pub fn is_all_sent(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.ends.unsent(*kind) == 0)
    }

    pub fn delivered(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.progress.tally(*kind).delivered).sum()
    }
}

fn start_leds(leds: &LedsConfig, clock: &Arc<dyn Clock>) -> Option<Player> {
    let pins = pins::open(leds).inspect_err(|why| log::warn!("{why}")).ok()?;
    Some(Player::start(pins, Arc::clone(clock)))
}

fn log_news(news: &News) {
    match news {
        News::Fault(fault) => {
            let part = fault.part.to_string();
            log::warn!(part = part.as_str(); "{part}: {}", fault.text);
        }
        News::Warning(part, text) => log::warn!(part = part.to_string().as_str(); "{part}: {text}"),
        News::Cleared(part) => log::info!(part = part.to_string().as_str(); "{part}: well again"),
        News::Recording(part) => log::info!(part = part.to_string().as_str(); "{part}: recording"),
    }
}
