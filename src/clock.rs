//! Time, so that it can be passed in. EDGE: the only file that reads a clock.
//!
//! Three clocks: the wall clock, which may be wrong and may be set; `CLOCK_MONOTONIC`, in which GStreamer and ALSA count;
//! and `CLOCK_BOOTTIME`, by which recordings are remembered until the wall clock is right. The last goes on while the
//! machine sleeps, as the wall clock does, so that their difference changes only when somebody sets the wall clock
//! (clock_gettime(2); the kernel slews all three alike). `CLOCK_MONOTONIC` stands still in a sleep.
//!
//! A Raspberry Pi has no clock that runs while it is off. Whether the wall clock is right by now is told by
//! systemd-timesyncd: it makes a file once it has set it (systemd-time-wait-sync.service(8)). Where it is enabled and has not
//! started yet, the clock is not right yet either. The kernel's own flag (`STA_UNSYNC` of adjtimex(2)) is not asked: that
//! page calls it unreliable, it comes back after nine hours without network though the clock runs on, and there is no safe
//! binding. Where a hardware clock has set the time, or nothing is there that would, nobody can tell more than the clock
//! itself, and it is believed.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: clocks")]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

/// There as long as systemd-timesyncd runs.
const TIMESYNCD: &str = "run/systemd/timesync";

/// There once it has set the clock since the machine was started.
const SYNCHRONISED: &str = "run/systemd/timesync/synchronized";

/// There if it is started with the machine (systemd.unit(5)): enabled by whoever runs the machine, or by the system's vendor.
const ENABLED: [&str; 2] = ["etc", "usr/lib"];

/// Points to nothing if the service is not to run, though it is enabled.
const MASK: &str = "etc/systemd/system/systemd-timesyncd.service";

/// There if systemd has started the machine (sd_booted(3)).
const SYSTEMD: &str = "run/systemd/system";

/// There in a container (systemd.io/CONTAINER_INTERFACE), where timesyncd does not run: it has no clock of its own.
const CONTAINER: &str = "run/systemd/container";

/// Each clock that runs while the machine is off has a folder here; `hctosys` in it is 1 if the system's time was taken
/// from it (kernel: Documentation/ABI/testing/sysfs-class-rtc).
const HARDWARE_CLOCKS: &str = "sys/class/rtc";

/// New at every start of the machine (proc_sys_kernel(5)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Where the program gets its time from.
pub trait Clock: Send + Sync {
    /// Wall-clock time, UTC. May step.
    fn now(&self) -> Timestamp;
    /// `CLOCK_MONOTONIC`, the clock of GStreamer pipelines and of V4L2 time stamps. Never steps.
    fn monotonic(&self) -> Duration;
    /// `CLOCK_BOOTTIME`: since the machine was started, its sleep included. Never steps.
    fn boottime(&self) -> Duration;
    /// Which start of the machine `boottime` counts from.
    fn boot(&self) -> Uuid;
    /// Whether the wall clock is right, as far as anyone can tell.
    fn is_set(&self) -> bool;

    /// What has to be added to monotonic time to get wall-clock time.
    fn wall_minus_monotonic(&self) -> SignedDuration {
        wall_minus(|| self.now(), || self.monotonic())
    }

    /// What has to be added to the time since the machine was started to get wall-clock time.
    fn wall_minus_boottime(&self) -> SignedDuration {
        wall_minus(|| self.now(), || self.boottime())
    }
}

fn wall_minus(wall: impl Fn() -> Timestamp, steady: impl Fn() -> Duration) -> SignedDuration {
    // The thread may be put aside between two readings; the tightest of a few brackets is the true one.
    (0..4)
        .map(|_| {
            let before = steady();
            let wall = wall();
            let after = steady();
            let middle = before + (after - before) / 2;
            (after - before, since_epoch(wall) - signed(middle))
        })
        .min_by_key(|(bracket, _)| *bracket)
        .map(|(_, offset)| offset)
        .unwrap_or_default()
}

/// A time as signed duration since 1970.
pub fn since_epoch(time: Timestamp) -> SignedDuration {
    time.as_duration()
}

/// A duration as signed one, at most about 292 billion years.
pub fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        read(ClockId::Monotonic)
    }

    fn boottime(&self) -> Duration {
        read(ClockId::Boottime)
    }

    fn boot(&self) -> Uuid {
        static BOOT: OnceLock<Uuid> = OnceLock::new();
        // Without /proc every run counts as a start of its own, which errs on the safe side.
        let read = || fs::read_to_string(BOOT_ID).ok().and_then(|text| text.trim().parse().ok());
        *BOOT.get_or_init(|| read().unwrap_or_else(Uuid::new_v4))
    }

    fn is_set(&self) -> bool {
        is_set(Path::new("/"))
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// On the machine whose files are below `root`.
fn is_set(root: &Path) -> bool {
    root.join(SYNCHRONISED).exists() || was_set_by_hardware(root) || !is_about_to_be_set(root)
}

/// Whether timesyncd runs, or is going to.
fn is_about_to_be_set(root: &Path) -> bool {
    let is_enabled = || {
        let link = |etc: &str| root.join(etc).join("systemd/system/sysinit.target.wants/systemd-timesyncd.service");
        // A link that leads nowhere counts, too: what it names is below another root.
        ENABLED.iter().any(|etc| fs::symlink_metadata(link(etc)).is_ok())
    };
    let is_masked = || fs::read_link(root.join(MASK)).is_ok_and(|target| target == Path::new("/dev/null"));
    let may_start = || root.join(SYSTEMD).exists() && !root.join(CONTAINER).exists();
    root.join(TIMESYNCD).exists() || may_start() && is_enabled() && !is_masked()
}

fn was_set_by_hardware(root: &Path) -> bool {
    let Ok(clocks) = fs::read_dir(root.join(HARDWARE_CLOCKS)) else { return false };
    let set_by = |path: &Path| fs::read_to_string(path.join("hctosys")).is_ok_and(|text| text.trim() == "1");
    clocks.flatten().any(|clock| set_by(&clock.path()))
}

/// Clocks that stand still until a test moves them.
#[derive(Debug)]
pub struct ManualClock(Mutex<Manual>);

#[derive(Debug)]
struct Manual {
    wall: Timestamp,
    steady: Duration,
    boot: Uuid,
    is_set: bool,
}

impl ManualClock {
    /// A clock that rightly shows `now`, on a machine that has been up for an hour.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(Manual {
            wall: now,
            steady: Duration::from_secs(3600),
            boot: Uuid::from_u128(1),
            is_set: true,
        }))
    }

    /// The same on a machine that does not know whether it is right.
    pub fn unset(now: Timestamp) -> Self {
        let clock = Self::at(now);
        clock.lock().is_set = false;
        clock
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        time.wall += signed(by);
        time.steady += by;
    }

    /// Sets the wall clock alone, as a person does.
    pub fn step(&self, by: SignedDuration) {
        self.lock().wall += by;
    }

    /// Sets the wall clock right, as a time server does.
    pub fn synchronise(&self, by: SignedDuration) {
        let mut time = self.lock();
        time.wall += by;
        time.is_set = true;
    }

    /// Starts the machine anew; without a battery its wall clock goes on from `wall`.
    pub fn reboot(&self, wall: Timestamp) {
        let mut time = self.lock();
        let boot = Uuid::from_u128(time.boot.as_u128() + 1);
        *time = Manual { wall, steady: Duration::from_secs(20), boot, is_set: false };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manual> {
        self.0.lock().expect("no panic while held")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().wall
    }

    fn monotonic(&self) -> Duration {
        self.lock().steady
    }

    fn boottime(&self) -> Duration {
        self.lock().steady
    }

    fn boot(&self) -> Uuid {
        self.lock().boot
    }

    fn is_set(&self) -> bool {
        self.lock().is_set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service";

    /// A machine with these folders and files, and links to nowhere for those that end in `.service`.
    fn machine(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for path in paths.iter().map(|path| root.path().join(path)) {
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder");
            match path.extension() {
                Some(_) => std::os::unix::fs::symlink("/dev/null", path).expect("a link"),
                None => fs::create_dir(path).expect("a folder"),
            }
        }
        root
    }

    fn is_right_on(paths: &[&str]) -> bool {
        is_set(machine(paths).path())
    }

    #[test]
    fn a_clock_is_not_right_before_the_service_that_sets_it_has_started_and_set_it() {
        assert!(!is_right_on(&[SYSTEMD, LINK]));
        assert!(!is_right_on(&[SYSTEMD, "usr/lib/systemd/system/sysinit.target.wants/systemd-timesyncd.service"]));
        assert!(!is_right_on(&[SYSTEMD, LINK, TIMESYNCD]));
        assert!(is_right_on(&[SYSTEMD, LINK, TIMESYNCD, SYNCHRONISED]));
    }

    #[test]
    fn a_clock_that_nothing_will_set_is_believed() {
        assert!(is_right_on(&[]) && is_right_on(&[SYSTEMD]));
        assert!(is_right_on(&[LINK]), "no systemd has started this machine");
        assert!(is_right_on(&[SYSTEMD, CONTAINER, LINK]), "timesyncd does not run in a container");
        assert!(is_right_on(&[SYSTEMD, LINK, MASK]), "it is masked");
    }

    #[test]
    fn a_clock_that_was_set_by_hardware_is_believed() {
        let root = machine(&[SYSTEMD, LINK, "sys/class/rtc/rtc0"]);
        fs::write(root.path().join("sys/class/rtc/rtc0/hctosys"), "1\n").expect("writable");
        assert!(is_set(root.path()));
    }
}
