//! `listener provision`: takes the settings that a stick or the boot partition brings, and answers.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: sticks, and a thread that may hang"
)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::cli::ProvisionArgs;
use crate::daemon::SPOOL;
use crate::limits::{BOOT_READ_PATIENCE, MAX_CONFIG_BYTES, STICK_READ_PATIENCE, STICK_WRITE_PATIENCE};
use crate::provision::apply::{Renewed, State};
use crate::provision::folder::{self, Found, Reply};
use crate::provision::usb::{Access, Mount};
use crate::provision::{Change, Outcome, Settings, answer, forecast, is_news, judge, systemctl};
use crate::status::report::{Provisioned, Report};
use crate::status::socket::Reporter;

/// Does what was asked; a file that is not taken is answered, and no failure.
///
/// # Errors
/// When the device does not answer, or what is held cannot be read or written.
pub fn run(args: &ProvisionArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    if let Some(file) = &args.check {
        return check(file, out);
    }
    let reporter = args.report_to.clone().map(Reporter::to);
    let report =
        |provisioned: &Provisioned| reporter.iter().for_each(|to| to.send(Report::Provisioned(provisioned.clone())));
    match provision(args, out) {
        Ok(provisioned) => {
            report(&provisioned);
            Ok(!matches!(provisioned, Provisioned::Failed(_)))
        }
        Err(error) => {
            report(&Provisioned::Failed(format!("{error:#}")));
            Err(error)
        }
    }
}

/// Says whether this file would be taken, and what to put right if not.
fn check(file: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {}", file.display()))?;
    let judged = judge(&bytes, None);
    writeln!(out, "{}", forecast(&judged))?;
    Ok(judged.is_ok())
}

fn provision(args: &ProvisionArgs, out: &mut dyn Write) -> anyhow::Result<Provisioned> {
    let place = Place::of(args);
    let visited = place.clone();
    // Before anything is locked: a device that hangs holds nobody up.
    let patience = if args.boot.is_some() { BOOT_READ_PATIENCE } else { STICK_READ_PATIENCE };
    let found = within(patience, move || visited.visit(Access::Read, folder::look));
    let keeper = Keeper::open(args)?;
    let held = keeper.heal();
    let found = found.with_context(|| format!("cannot read {}: take it out and plug it in again", place.shown()))?;
    let nothing = || {
        log::info!("no listener.toml on {}", place.shown());
        Ok(Provisioned::NothingFound)
    };
    let Some(seen) = found else { return held.and_then(|_| nothing()) };
    let outcome = match &seen.found {
        Found::File(file) => {
            let is_old = || Ok::<_, io::Error>(!is_news(&file.bytes, keeper.state.dealt_with()?.as_deref()));
            if args.boot.is_some() && matches!(held, Ok(Some(_))) && is_old()? {
                return Ok(Provisioned::NothingFound);
            }
            let held = held.unwrap_or_else(|error| {
                log::error!("{error:#}");
                None
            });
            let outcome = keeper.obey(&file.bytes, held.as_ref());
            if args.boot.is_some() && !matches!(outcome, Outcome::Failed(_)) {
                keeper.state.note_dealt_with(&file.bytes)?;
            }
            outcome
        }
        Found::Unfit(why) => Outcome::Unfit(why.clone()),
        Found::Nothing => return held.and_then(|_| nothing()),
    };
    let told = answer(&outcome);
    writeln!(out, "{told}")?;
    let blank_token = matches!(&outcome, Outcome::Holds(settings) if !settings.config.keep_token);
    if let Some(reply) = Reply::to(seen, blank_token, &told) {
        leave(place, reply);
    }
    Ok(match outcome {
        Outcome::Holds(_) | Outcome::Forgotten(_) => Provisioned::Taken,
        Outcome::NotValid(_) | Outcome::Unfit(_) => Provisioned::NotValid(told),
        Outcome::Failed(why) => Provisioned::Failed(why),
    })
}

/// The answer is for a person; that it cannot be left changes nothing about what was done.
fn leave(place: Place, reply: Reply) {
    let shown = place.shown();
    let write = move || place.visit(Access::Write, |dir| reply.write(dir));
    if let Err(error) = within(STICK_WRITE_PATIENCE, write) {
        log::warn!("no answer could be left on {shown}, and a token in the file there stays: {error}");
    }
}

/// Where a file may be.
#[derive(Debug, Clone)]
enum Place {
    Device(PathBuf),
    Folder(PathBuf),
}

impl Place {
    fn of(args: &ProvisionArgs) -> Self {
        let is_device = |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device());
        match (&args.device, &args.boot) {
            (None, Some(boot)) if !is_device(boot) => Self::Folder(boot.clone()),
            (device, boot) => Self::Device(device.clone().or(boot.clone()).unwrap_or_default()),
        }
    }

    fn shown(&self) -> String {
        let (Self::Device(path) | Self::Folder(path)) = self;
        path.display().to_string()
    }

    /// Does something in its top folder; `None` if there is none.
    fn visit<T>(&self, access: Access, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<Option<T>> {
        match self {
            Self::Folder(dir) => dir.is_dir().then(|| act(dir)).transpose(),
            Self::Device(device) => {
                let mount = Mount::of(device, access)?;
                mount.map(|mount| act(&mount.path())).transpose()
            }
        }
    }
}

/// Does something that may hang, for so long at most; what hangs is left behind in a thread that ends with the process.
fn within<T: Send + 'static>(
    patience: Duration,
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, wait) = channel();
    thread::Builder::new().spawn(move || done.send(act()))?;
    wait.recv_timeout(patience).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
        RecvTimeoutError::Disconnected => Err(io::Error::other("it was given up")),
    })
}

/// What is held, and who has to know.
struct Keeper {
    state: State,
    units: Vec<String>,
    wifi_unit: Vec<String>,
}

impl Keeper {
    fn open(args: &ProvisionArgs) -> anyhow::Result<Self> {
        let cannot = || format!("cannot keep settings in {}", args.state_dir.display());
        let spool = args.data_dir.clone().unwrap_or_else(|| args.state_dir.join("data")).join(SPOOL);
        let state = State::open(&args.state_dir, spool, args.wifi_file.clone()).with_context(cannot)?;
        let wifi_unit = args.wifi_unit.iter().cloned().collect();
        Ok(Self { state, units: args.restart.clone(), wifi_unit })
    }

    /// Finishes what a power cut has interrupted, and gives what is held.
    fn heal(&self) -> anyhow::Result<Option<Settings>> {
        if self.state.is_marked() {
            self.erase()?;
        }
        let held = self.state.held()?;
        match self.state.renew(held.as_ref()) {
            Ok(renewed) => self.tell(renewed),
            Err(error) => log::error!("cannot write what the services read: {error}"),
        }
        if held.as_ref().is_some_and(|held| held.config.wifi.is_some()) {
            say(systemctl::start(&self.wifi_unit));
        }
        Ok(held)
    }

    /// Does as a file asks.
    fn obey(&self, bytes: &[u8], held: Option<&Settings>) -> Outcome {
        let wanted = match judge(bytes, held) {
            Ok(wanted) => wanted,
            Err(problems) => return Outcome::NotValid(problems),
        };
        let failed = |error: anyhow::Error| Outcome::Failed(format!("{error:#}"));
        match Change::between(held, wanted) {
            Change::Nothing(settings) => Outcome::Holds(settings),
            Change::Take(settings) => match self.take(&settings) {
                Ok(()) => Outcome::Holds(settings),
                Err(error) => failed(error),
            },
            Change::Reset(reset) => match self.forget(reset.erase_recordings) {
                Ok(()) => Outcome::Forgotten(reset),
                Err(error) => failed(error),
            },
        }
    }

    fn take(&self, settings: &Settings) -> anyhow::Result<()> {
        self.state.take(settings).context("cannot keep the settings")?;
        let renewed = self.state.renew(Some(settings));
        // Even where nothing changed but the token, which is not in what all may read.
        self.tell(Renewed { settings: true, wifi: renewed.as_ref().is_ok_and(|renewed| renewed.wifi) });
        renewed.map(drop).context("the settings are kept, but what the services read could not all be written")
    }

    fn forget(&self, erase_recordings: bool) -> anyhow::Result<()> {
        self.state.forget(erase_recordings).context("cannot forget the settings")?;
        let renewed = self.state.renew(None).context("cannot remove what the services read")?;
        if erase_recordings {
            self.erase()?;
        }
        self.tell(renewed);
        Ok(())
    }

    fn erase(&self) -> anyhow::Result<()> {
        say(systemctl::stop(&self.units));
        self.state.erase_marked().context("cannot erase the recordings")?;
        say(systemctl::restart(&self.units));
        Ok(())
    }

    fn tell(&self, renewed: Renewed) {
        if renewed.wifi {
            say(systemctl::restart(&self.wifi_unit));
        }
        if renewed.settings {
            say(systemctl::restart(&self.units));
        }
    }
}

/// What was done stays done: the services read it at their next start.
fn say(ordered: io::Result<()>) {
    if let Err(error) = ordered {
        log::error!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_hangs_is_waited_for_no_longer_than_it_is_given() {
        let (never, wait) = channel::<()>();
        let hangs = move || wait.recv().map_err(io::Error::other);
        let error = within(Duration::from_millis(1), hangs).expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(never);
        assert_eq!(within(Duration::from_secs(60), || Ok(3)).expect("at once"), 3);
    }
}
