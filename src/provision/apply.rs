//! What is held, on disk. EDGE: takes settings whole or not at all.
//!
//! 1. The truth is `config/listener.toml`, replaced in one step and durable before anything is announced.
//! 2. Everything else is made from it, and made again at every start: what a power cut left half done is healed there.
//! 3. Recordings that are to be erased are marked first, so that a power cut does not save them.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::ExposeSecret;

use super::{Settings, wifi};
use crate::durable;

/// The folder of what is held, and the files that are made from it.
#[derive(Debug)]
pub struct State {
    /// For root alone.
    config: PathBuf,
    public: PathBuf,
    authorized_keys: PathBuf,
    spool: PathBuf,
    wifi: PathBuf,
    /// Of two sticks, one after the other.
    _lock: File,
}

/// What was made anew because it was not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Renewed {
    /// What the services read.
    pub settings: bool,
    /// What the network service reads.
    pub wifi: bool,
}

impl State {
    /// Opens the state folder, which is made if it is not there, and waits while another holds it. What was being written
    /// when the power went is removed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(dir: &Path, spool: PathBuf, wifi: PathBuf) -> io::Result<Self> {
        let [config, public, ssh] = ["config", "public", "ssh"].map(|name| dir.join(name));
        for open_to_all in [&public, &ssh] {
            durable::create_shared_dirs(open_to_all)?;
            fs::set_permissions(open_to_all, Permissions::from_mode(0o755))?;
        }
        durable::create_dir_with_mode(&config, 0o700)?;
        fs::set_permissions(&config, Permissions::from_mode(0o700))?;
        let lock = durable::shared_file(&config.join("lock"))?;
        lock.lock()?;
        let [public, authorized_keys] = [public.join("listener.toml"), ssh.join("authorized_keys")];
        let state = Self { config, public, authorized_keys, spool, wifi, _lock: lock };
        durable::create_dir_with_mode(&state.scratch(), 0o700)?;
        for entry in fs::read_dir(state.scratch())? {
            durable::remove_volatile(&entry?.path())?;
        }
        Ok(state)
    }

    fn scratch(&self) -> PathBuf {
        self.config.join("scratch")
    }

    fn truth(&self) -> PathBuf {
        self.config.join("listener.toml")
    }

    fn to_erase(&self) -> PathBuf {
        self.config.join("erase")
    }

    fn boot(&self) -> PathBuf {
        self.config.join("boot.toml")
    }

    /// The settings that hold.
    ///
    /// # Errors
    /// When they cannot be read, or are damaged.
    pub fn held(&self) -> anyhow::Result<Option<Settings>> {
        let Some(bytes) = read(&self.truth())? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("it is no text"));
        let told = || format!("{} is damaged: plug in a stick with a whole listener.toml", self.truth().display());
        text.and_then(|text| Ok(Settings::held(&text)?)).map(Some).with_context(told)
    }

    /// Takes settings in place of those that hold; after an error the old ones hold, or the new.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn take(&self, settings: &Settings) -> io::Result<()> {
        durable::write(&self.scratch(), &self.truth(), settings.whole().expose_secret().as_bytes())
    }

    /// Forgets all settings; `erase_recordings`: and marks recordings to be erased by [`State::erase_marked`].
    ///
    /// # Errors
    /// When the disk does not let it.
    pub fn forget(&self, erase_recordings: bool) -> io::Result<()> {
        if erase_recordings {
            durable::write(&self.scratch(), &self.to_erase(), b"")?;
        }
        durable::remove_all(&[self.truth(), self.boot()])
    }

    /// Whether recordings are to be erased.
    pub fn is_marked(&self) -> bool {
        self.to_erase().exists()
    }

    /// Erases recordings that are marked. Nobody may be using them.
    ///
    /// # Errors
    /// When they cannot be removed; they stay marked.
    pub fn erase_marked(&self) -> io::Result<()> {
        if self.is_marked() {
            durable::remove_tree(&self.spool)?;
            durable::remove(&self.to_erase())?;
        }
        Ok(())
    }

    /// Makes what others read from what is held, and writes it where it is not as it should be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn renew(&self, held: Option<&Settings>) -> io::Result<Renewed> {
        let public = held.map(Settings::public);
        let settings = self.renew_for_others(&self.public, public.as_deref())?;
        // sshd looks at it for each who logs in.
        let key = held.and_then(|held| held.config.authorized_key.as_ref()).map(|key| format!("{key}\n"));
        self.renew_for_others(&self.authorized_keys, key.as_deref())?;
        Ok(Renewed { settings, wifi: self.renew_wifi(held)? })
    }

    /// Whether it was not as it should be.
    fn renew_for_others(&self, file: &Path, wanted: Option<&str>) -> io::Result<bool> {
        match wanted {
            Some(text) if read(file)?.as_deref() == Some(text.as_bytes()) => Ok(false),
            Some(text) => durable::write_for_others(&self.scratch(), file, text.as_bytes()).map(|()| true),
            None => Ok(file.exists() && durable::remove(file).map(|()| true)?),
        }
    }

    fn renew_wifi(&self, held: Option<&Settings>) -> io::Result<bool> {
        let found = read(&self.wifi)?;
        let wanted = held.and_then(|held| held.config.wifi.as_ref()).map(wifi::wpa_supplicant);
        let Some(wanted) = wanted else {
            // One that somebody has written by hand is theirs.
            let is_ours = found.is_some_and(|found| found.starts_with(wifi::MARK.as_bytes()));
            return if is_ours { durable::remove(&self.wifi).map(|()| true) } else { Ok(false) };
        };
        let wanted = wanted.expose_secret().as_bytes();
        if found.as_deref() == Some(wanted) {
            return Ok(false);
        }
        let dir = self.wifi.parent().ok_or(ErrorKind::InvalidInput)?;
        durable::create_shared_dirs(dir)?;
        durable::write(dir, &self.wifi, wanted).map(|()| true)
    }

    /// What was found on the boot partition when it was last dealt with.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dealt_with(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.boot())
    }

    /// Notes what was found on the boot partition and is dealt with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_dealt_with(&self, found: &[u8]) -> io::Result<()> {
        durable::write(&self.scratch(), &self.boot(), found)
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::durable::power;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB";

    fn settings(home: u32) -> Settings {
        let text =
            format!("home_id = {home}\ntoken = \"t{home}\"\napi_domain = \"http://a\"\n[wifi]\nssid = \"n{home}\"\n");
        let ssh = format!("[ssh]\nauthorized_key = \"{KEY} {home}\"\n");
        Settings::held(&(text + &ssh)).expect("good")
    }

    fn open(dir: &Path) -> State {
        State::open(dir, dir.join("spool"), dir.join("wlan0.conf")).expect("a disk")
    }

    fn home(state: &State) -> Option<u32> {
        state.held().expect("never half a file").and_then(|held| held.config.api.home_id)
    }

    /// What a start makes of it.
    fn heal(state: &State) {
        state.erase_marked().expect("a disk");
        state.renew(state.held().expect("whole").as_ref()).expect("a disk");
    }

    proptest! {
        #[test]
        fn when_the_power_fails_at_any_operation_the_old_settings_hold_or_the_new(
            operations in 1..40u32, is_first in any::<bool>(), is_reset in any::<bool>(), luck in any::<u64>()
        ) {
            let dir = power::folder();
            power::watch();
            let state = open(dir.path());
            fs::create_dir(dir.path().join("spool")).expect("a folder");
            if !is_first {
                state.take(&settings(3)).expect("a disk");
                heal(&state);
            }
            power::fail_after(operations);
            let change = || match is_reset {
                true => state.forget(true).and_then(|()| state.renew(None)).map(drop).and_then(|()| state.erase_marked()),
                false => state.take(&settings(4)).and_then(|()| state.renew(Some(&settings(4)))).map(drop),
            };
            let is_done = change().is_ok();
            drop(state);
            let mut luck = luck;
            power::restore(|| {
                luck = luck.rotate_left(1);
                luck & 1 == 1
            });
            let state = open(dir.path());
            heal(&state);
            let (old, new) = ((!is_first).then_some(3), (!is_reset).then_some(4));
            let now = home(&state);
            prop_assert!(now == new || now == old && !is_done, "{now:?}");
            let public = fs::read_to_string(&state.public).ok();
            prop_assert_eq!(public, now.map(|now| settings(now).public()));
            let key = fs::read_to_string(&state.authorized_keys).ok();
            prop_assert_eq!(key, now.map(|now| format!("{KEY} {now}\n")));
            let wifi = fs::read_to_string(&state.wifi).unwrap_or_default();
            prop_assert_eq!(wifi.contains("ssid="), now.is_some());
            prop_assert!(!state.is_marked() && (!is_done || !is_reset || !dir.path().join("spool").exists()));
        }
    }
}
