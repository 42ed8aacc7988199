//! `listener indicate`: hears the stages, lights the LEDs and writes the status file.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, and a thread that logs"
)]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::cli::IndicateArgs;
use crate::clock::Clock;
use crate::config::{self, LedsConfig, RawConfig};
use crate::limits::{HEARTBEAT_INTERVAL, PINS_RETRY, STATUS_FILE_INTERVAL};
use crate::status::file::Status;
use crate::status::health::Health;
use crate::status::ledger::Ledger;
use crate::status::leds::Lights;
use crate::status::pins;
use crate::status::player::Player;
use crate::status::report::Stage;
use crate::status::socket::Inbox;
use crate::supervise::systemd;

/// Shows how the stages fare until told to stop.
///
/// # Errors
/// When the socket cannot be had, or fails.
pub fn run(args: &IndicateArgs, clock: Arc<dyn Clock>, stop: &AtomicBool) -> anyhow::Result<()> {
    let at = || format!("cannot listen at {}", args.listen.display());
    let mut inbox = Inbox::bind(&args.listen).with_context(at)?;
    let mut indicator = Indicator::new(args, clock);
    indicator.tend();
    systemd::ready();
    while !stop.load(Ordering::Relaxed) {
        if let Some(envelope) = inbox.receive(HEARTBEAT_INTERVAL).with_context(at)? {
            indicator.ledger.take_in(envelope, indicator.clock.monotonic());
        }
        indicator.tend();
    }
    systemd::stopping();
    indicator.end();
    Ok(())
}

struct Indicator {
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    settings: Settings,
    leds: Leds,
    status_file: PathBuf,
    shown: Option<Health>,
    /// When it is time again for what is done every second, and to write the file.
    beat_due: Duration,
    write_due: Duration,
}

impl Indicator {
    fn new(args: &IndicateArgs, clock: Arc<dyn Clock>) -> Self {
        let now = clock.monotonic();
        Self {
            ledger: Ledger::new(now),
            settings: Settings::at(&args.config),
            leds: Leds::Missing { due: now, is_said: false },
            status_file: args.status_file.clone(),
            shown: None,
            beat_due: now,
            write_due: now,
            clock,
        }
    }

    /// Shows what is known now, and what is due.
    fn tend(&mut self) {
        let now = self.clock.monotonic();
        let is_beat = now >= self.beat_due;
        if is_beat {
            self.beat_due = now + HEARTBEAT_INTERVAL;
            let before = self.settings.leds.clone();
            self.ledger.set_configured(self.settings.look(), now);
            if self.settings.leds != before {
                log::info!("the LEDs are at the pins {:?} now", self.settings.leds.pins);
                self.leds.let_go(now);
            }
            self.leds.find(&self.settings.leds, &self.clock);
            // It has had a second for what it was told last.
            if self.leds.keep_up() {
                systemd::alive();
            }
        }
        let health = Health::of(&self.ledger.observed(now));
        let is_news = self.shown.as_ref() != Some(&health);
        if is_news || is_beat {
            self.leds.show(Lights::of(&health));
        }
        if is_news || now >= self.write_due {
            self.write_due = now + STATUS_FILE_INTERVAL;
            self.write(&health);
        }
        if is_news {
            systemd::status(&in_a_line(Lights::of(&health)));
            self.shown = Some(health);
        }
    }

    fn write(&self, health: &Health) {
        let [capture, upload] = [Stage::Capture, Stage::Upload].map(|stage| self.ledger.last(stage));
        let none = Default::default();
        let status = Status::of(health, capture.unwrap_or(&none), upload.unwrap_or(&none), &*self.clock);
        if let Err(error) = status.write(&self.status_file) {
            log::debug!("cannot write {}: {error}", self.status_file.display());
        }
    }

    fn end(mut self) {
        self.leds.let_go(Duration::ZERO);
        let faults = self.shown.take().map(|health| health.faults).unwrap_or_default();
        self.write(&Health::ended(faults));
    }
}

fn in_a_line(lights: Lights) -> String {
    let looks = lights.meanings().into_iter().flatten().map(|row| format!("{} {}", row.led, row.looks));
    looks.collect::<Vec<_>>().join("; ")
}

/// The LEDs, if there are any.
enum Leds {
    /// They are looked for again at this monotonic time: at the start of a machine devices come late.
    Missing {
        due: Duration,
        is_said: bool,
    },
    Played(Player),
}

impl Leds {
    fn find(&mut self, leds: &LedsConfig, clock: &Arc<dyn Clock>) {
        let Self::Missing { due, is_said } = self else { return };
        let now = clock.monotonic();
        if now < *due {
            return;
        }
        match pins::open(leds) {
            Ok(pins) => *self = Self::Played(Player::start(pins, Arc::clone(clock))),
            Err(why) => {
                if !*is_said {
                    log::warn!("{why}");
                }
                (*due, *is_said) = (now + PINS_RETRY, true);
            }
        }
    }

    fn show(&self, lights: Lights) {
        if let Self::Played(player) = self {
            player.show(lights);
        }
    }

    fn keep_up(&self) -> bool {
        match self {
            Self::Played(player) => player.keeps_up(),
            Self::Missing { .. } => true,
        }
    }

    /// Darkens them; they are looked for again at `due`.
    fn let_go(&mut self, due: Duration) {
        if let Self::Played(player) = std::mem::replace(self, Self::Missing { due, is_said: false }) {
            player.stop();
        }
    }
}

/// The configuration file, as far as it matters here. It is read only when it has changed.
struct Settings {
    path: PathBuf,
    /// Which file it was: inode, length, time of its last change.
    seen: Option<(u64, u64, i64, i64)>,
    leds: LedsConfig,
}

impl Settings {
    fn at(path: &Path) -> Self {
        Self { path: path.into(), seen: None, leds: LedsConfig::default() }
    }

    /// Whether there is one. One that cannot be read is one: the stages that need it will complain.
    fn look(&mut self) -> bool {
        match fs::metadata(&self.path) {
            Ok(meta) => {
                let stamp = Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()));
                if stamp != self.seen {
                    self.seen = stamp;
                    self.leds = read(&self.path).unwrap_or_else(|error| {
                        log::warn!("the LEDs are taken to be at their usual pins: {error:#}");
                        LedsConfig::default()
                    });
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (self.seen, self.leds) = (None, LedsConfig::default());
                false
            }
            Err(_) => true,
        }
    }
}

fn read(path: &Path) -> anyhow::Result<LedsConfig> {
    let name = || format!("cannot use {}", path.display());
    let text = config::decode(&fs::read(path).with_context(name)?).with_context(name)?;
    Ok(RawConfig::parse(&text).and_then(RawConfig::validate).with_context(name)?.leds)
}
