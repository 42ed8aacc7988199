//! `status.json`: what a person, a script or another stage may want to know. EDGE.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::health::Health;
use super::histogram::Histogram;
use super::leds::{Lights, Meaning};
use super::report::{Account, Items, LastError};
use crate::clock::Clock;
use crate::event::Part;
use crate::item::Kind;

/// What is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When it was written, by the wall clock, which may be wrong.
    pub updated: Timestamp,
    /// In which start of the machine.
    pub boot: Uuid,
    /// And how long after it.
    pub uptime_ms: u64,
    /// Whether camera and microphone record, and nobody has anything to do.
    pub well: bool,
    /// Whether the mute switch is on.
    pub muted: bool,
    /// What the LEDs do, and what that means: each of them, or one line for all three.
    pub leds: Vec<Led>,
    /// Why, as far as it is no fault of a part.
    pub reasons: Vec<String>,
    /// What is wrong, by part.
    pub faults: BTreeMap<Part, String>,
    /// What is not as it should be although nothing fails, by part.
    #[serde(default)]
    pub warnings: BTreeMap<Part, String>,
    /// What counts as speech, and which setting says so.
    #[serde(default)]
    pub hears: String,
    /// The newest fault, over or not.
    pub last_error: Option<LastError>,
    /// Speech.
    pub utterances: Items,
    /// Video.
    pub clips: Items,
    /// Pictures.
    pub pictures: Items,
    /// Items that wait for a right clock.
    pub waiting_for_the_clock: usize,
    /// Milliseconds from the end of speech to its accepted task, as counts; see [`Histogram`].
    pub answers_up_to_ms: Histogram,
}

/// A row of the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led {
    /// Which LED.
    pub led: String,
    /// What it does.
    pub looks: String,
    /// What that means.
    pub says: String,
    /// What a person can do.
    pub remedy: String,
}

impl From<&Meaning> for Led {
    fn from(Meaning { led, looks, says, remedy, .. }: &Meaning) -> Self {
        let [led, looks, says, remedy] = [led, looks, says, remedy].map(|text| (*text).to_owned());
        Self { led, looks, says, remedy }
    }
}

impl Status {
    /// The status of this health. Each stage counts what it does itself; one process is both.
    pub fn of(health: &Health, capture: &Account, upload: &Account, clock: &dyn Clock) -> Self {
        let mut leds: Vec<Led> = Lights::of(health).meanings().into_iter().flatten().map(Led::from).collect();
        leds.dedup();
        let [utterances, clips, pictures] = Kind::ALL.map(|kind| items(kind, capture, upload));
        let errors = [&capture.last_error, &upload.last_error];
        Self {
            updated: clock.now(),
            boot: clock.boot(),
            uptime_ms: milliseconds(clock.boottime()),
            well: health.is_well(),
            muted: capture.muted,
            leds,
            reasons: health.reasons.clone(),
            faults: health.faults.clone(),
            warnings: capture.progress.warnings.clone(),
            hears: capture.progress.hears.clone(),
            last_error: errors.into_iter().flatten().max_by_key(|error| error.at).cloned(),
            utterances,
            clips,
            pictures,
            waiting_for_the_clock: capture.waiting_for_the_clock.max(upload.waiting_for_the_clock),
            answers_up_to_ms: upload.progress.answers.clone(),
        }
    }

    /// How long ago it was written; `None` if before the last start of the machine.
    pub fn age(&self, clock: &dyn Clock) -> Option<Duration> {
        let written = Duration::from_millis(self.uptime_ms);
        (self.boot == clock.boot()).then(|| clock.boottime().saturating_sub(written))
    }

    /// Writes it. It need not survive a power cut, and cards wear: it is renamed into place but not fsynced.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("json.new");
        fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        // There is no secret in it, and a person who asks is not of the service's group.
        fs::set_permissions(&temporary, Permissions::from_mode(0o644))?;
        crate::durable::replace_volatile(&temporary, path)
    }

    /// Reads one that was written.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }
}

fn items(kind: Kind, capture: &Account, upload: &Account) -> Items {
    let of = |account: &Account| account.items.get(&kind).copied();
    let (captured, uploaded) = (of(capture).unwrap_or_default(), of(upload).unwrap_or_default());
    // What waits is known best to the stage that delivers it.
    let Items { waiting, waiting_bytes, .. } = of(upload).unwrap_or(captured);
    let Items { delivered, delivered_bytes, refused, refused_bytes, .. } = uploaded;
    Items { delivered, delivered_bytes, refused, refused_bytes, waiting, waiting_bytes, ..captured }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The file, in a folder that a reboot empties where there is one, or beside the spool.
pub fn path(runtime_dir: Option<PathBuf>, data_dir: &Path) -> PathBuf {
    runtime_dir.unwrap_or_else(|| data_dir.into()).join("status.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::event::Progress;
    use crate::status::health::Observed;

    fn some(recorded: u64, delivered: u64, waiting: u64) -> Account {
        let items = Items { recorded, delivered, waiting, ..Items::default() };
        Account { items: [(Kind::Clip, items)].into(), ..Account::default() }
    }

    #[test]
    fn each_stage_counts_what_it_does_itself() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let health = Health::ended(BTreeMap::new());
        let status = |capture: &Account, upload: &Account| Status::of(&health, capture, upload, &clock);
        let clips = status(&some(5, 0, 4), &some(0, 2, 3)).clips;
        assert_eq!((clips.recorded, clips.delivered, clips.waiting), (5, 2, 3));
        let clips = status(&some(5, 0, 4), &Account::default()).clips;
        assert_eq!((clips.recorded, clips.delivered, clips.waiting), (5, 0, 4), "not heard of upload yet");
        let both = some(5, 2, 3);
        assert_eq!(status(&both, &both).clips, both.items[&Kind::Clip]);
    }

    #[test]
    fn what_was_written_is_read_and_has_an_age_that_no_set_clock_changes() -> io::Result<()> {
        let clock = ManualClock::unset(Timestamp::UNIX_EPOCH);
        let account = Account { progress: Progress::default(), ..some(1, 1, 0) };
        let status = Status::of(&Health::of(&Observed::alone(&account)), &account, &account, &clock);
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("status.json");
        status.write(&path)?;
        assert_eq!(Status::read(&path)?, status);
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o644);
        clock.synchronise(jiff::SignedDuration::from_hours(24 * 365));
        clock.advance(Duration::from_secs(7));
        assert_eq!(status.age(&clock), Some(Duration::from_secs(7)));
        clock.reboot(Timestamp::UNIX_EPOCH);
        assert_eq!(status.age(&clock), None);
        Ok(())
    }
}
