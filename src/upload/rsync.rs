//! A folder on a server, by the `rsync` program over `ssh`. EDGE: the only file that starts them.
//!
//! One file at a time, over one SSH connection that stays open between them. The file is written outside the folders
//! that consumers look into, since they take every file there for a picture, and then renamed into its place. Nothing
//! is ever deleted on the server.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, another process, the environment"
)]

use std::env;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::store::{FileStore, StoreError};
use crate::config::{LocalConfig, SshLogin};
use crate::limits::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, SSH_KEPT_OPEN};
use crate::spool::{Item, name};

/// Where rsync writes what is not whole yet, in the destination's own folder.
const SCRATCH: &str = ".listener-scratch";

/// By this variable the program knows that ssh has started it to ask for the password, which is its value. Unlike a
/// command line, an environment can be read only by the same user and by root.
const PASSWORD_VARIABLE: &str = "LISTENER_ASKPASS_ANSWER";

/// What ssh's configuration calls the server.
const SERVER: &str = "server";

/// The password, if it is ssh that has started this process and asks for it (ssh(1), SSH_ASKPASS).
pub fn asked_password() -> Option<SecretString> {
    env::var(PASSWORD_VARIABLE).ok().map(Into::into)
}

/// A folder on a server.
#[derive(Debug)]
pub struct Rsync {
    place: String,
    dir: String,
    password: Option<SecretString>,
    askpass: PathBuf,
    /// Whether the scratch folder is known to be there: rsync makes none for its temporary files.
    has_scratch: AtomicBool,
    /// ssh's configuration and its connection; and the tree that is sent, of links.
    work: TempDir,
}

impl Rsync {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// In words, when the files for ssh cannot be written.
    pub fn new(config: &LocalConfig) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("cannot set up ssh: {error}");
        let work = tempfile::Builder::new().prefix("listener-").tempdir().map_err(cannot)?;
        fs::write(work.path().join("known_hosts"), format!("{SERVER} {}\n", config.host_key)).map_err(cannot)?;
        fs::write(work.path().join("config"), ssh_config(config, work.path())).map_err(cannot)?;
        fs::create_dir_all(work.path().join("tree").join(SCRATCH)).map_err(cannot)?;
        let password = match &config.login {
            SshLogin::KeyFile(_) => None,
            SshLogin::Password(password) => Some(password.clone()),
        };
        let (host, dir) = (&config.destination.host, config.destination.dir.clone());
        let askpass = env::current_exe().map_err(cannot)?;
        Ok(Self { place: format!("{host}:{dir}"), dir, password, askpass, has_scratch: false.into(), work })
    }

    /// How it ended, and what it said. Not through a pipe: the connection that is kept open holds on to it, too.
    fn rsync(&self, path: &str, more: &[&str]) -> io::Result<(ExitStatus, String)> {
        let mut said = tempfile::tempfile_in(self.work.path())?;
        let mut rsync = Command::new("rsync");
        rsync
            // Paths from the mark `/./` on are made there as they are here; links are followed.
            .args(["--relative", "--no-implied-dirs", "--dirs", "--copy-links", "--times", "--omit-dir-times"])
            // Who may read what arrives is for the umask of the account there to say.
            .args(["--chmod=ugo=rwX", "--secluded-args"])
            .args(more)
            .arg(format!("--timeout={}", ANSWER_TIMEOUT.as_secs()))
            .arg("--rsh=ssh -F config")
            .args([format!("tree/./{path}"), format!("{SERVER}:{}/", self.dir)])
            .current_dir(self.work.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone()?);
        if let Some(password) = &self.password {
            rsync
                .env("SSH_ASKPASS", &self.askpass)
                .env("SSH_ASKPASS_REQUIRE", "force")
                .env(PASSWORD_VARIABLE, password.expose_secret());
        }
        let status = rsync.status()?;
        let mut text = Vec::new();
        said.seek(SeekFrom::Start(0))?;
        said.read_to_end(&mut text)?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Sends one file; makes the folder for what is not whole yet, if it may not be there.
    fn send(&self, path: &str) -> Result<(), StoreError> {
        let run = |path, more: &[&str]| match self.rsync(path, more) {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, said)) => Err(self.explain(status, &said)),
            Err(error) => Err(StoreError::Away(format!("rsync cannot be started: {error}; install rsync and ssh"))),
        };
        if !self.has_scratch.load(Ordering::Relaxed) {
            run(SCRATCH, &[])?;
        }
        let sent = run(path, &["--temp-dir", SCRATCH]);
        self.has_scratch.store(sent.is_ok(), Ordering::Relaxed);
        sent
    }

    fn explain(&self, status: ExitStatus, said: &str) -> StoreError {
        let place = &self.place;
        let about = |words: &str| said.lines().find(|line| line.contains(words)).map(str::trim);
        if about("Host key verification failed").is_some() {
            return StoreError::Away(format!(
                "{place}: the server's key is not the one in ssh_host_key; if it was changed for a good reason, write the \
                 new one there (`ssh-keyscan`), otherwise somebody is in between"
            ));
        }
        if let Some(line) = about("Permission denied (") {
            return StoreError::Away(format!(
                "{place} refuses this device: {line}; check the account and ssh_key_file or ssh_password"
            ));
        }
        let told = about("rsync: ")
            .or_else(|| about("ssh: "))
            .or_else(|| said.lines().next())
            .unwrap_or("it does not say why");
        // rsync(1), EXIT VALUES; ssh(1), EXIT STATUS. 127 is the server's shell, which finds no rsync.
        match status.code() {
            Some(127) => StoreError::Away(format!("{place}: there is no rsync on the server; install it there")),
            Some(255 | 5 | 10 | 12 | 30 | 35) => StoreError::Away(format!("{place} cannot be reached: {told}")),
            _ => StoreError::Failed(format!("{place} did not take a file: {told}; it is tried again")),
        }
    }
}

impl FileStore for Rsync {
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        let path = name::data_path(item);
        let link = self.work.path().join("tree").join(&path);
        let cannot = |error: io::Error| StoreError::File(format!("cannot prepare {}: {error}", link.display()));
        fs::metadata(media).map_err(|error| StoreError::File(format!("cannot read {}: {error}", media.display())))?;
        // A link's target is looked for from where the link is.
        let media = std::path::absolute(media).map_err(cannot)?;
        fs::create_dir_all(link.parent().unwrap_or(&link)).map_err(cannot)?;
        symlink(media, &link).map_err(cannot)?;
        let sent = self.send(&path);
        fs::remove_file(&link).map_err(cannot)?;
        sent
    }
}

impl Drop for Rsync {
    fn drop(&mut self) {
        // The connection would end by itself a little later; there may be none.
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "config", "-O", "exit", SERVER]).current_dir(self.work.path()).stdin(Stdio::null());
        let _ = ssh.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// All that ssh is to know (ssh_config(5)): nothing of the user's or the system's own settings.
fn ssh_config(config: &LocalConfig, work: &Path) -> String {
    let known_hosts = work.join("known_hosts");
    let login = match &config.login {
        SshLogin::KeyFile(file) => format!(
            "IdentityFile \"{}\"\nIdentitiesOnly yes\nBatchMode yes\nPreferredAuthentications publickey\n",
            file.display()
        ),
        SshLogin::Password(_) => "PubkeyAuthentication no\nPreferredAuthentications password,keyboard-interactive\n\
                                  NumberOfPasswordPrompts 1\n"
            .into(),
    };
    let user = config.destination.user.as_ref().map(|user| format!("User {user}\n")).unwrap_or_default();
    format!(
        "Host {SERVER}\n\
         HostName {host}\nPort {port}\n{user}{login}\
         HostKeyAlias {SERVER}\nStrictHostKeyChecking yes\nUserKnownHostsFile \"{known_hosts}\"\n\
         GlobalKnownHostsFile /dev/null\nUpdateHostKeys no\nCheckHostIP no\n\
         ForwardAgent no\nForwardX11 no\nClearAllForwardings yes\nRequestTTY no\nLogLevel ERROR\n\
         ConnectTimeout {connect_s}\nServerAliveInterval {alive_s}\nServerAliveCountMax 3\n\
         ControlMaster auto\nControlPath \"{control}\"\nControlPersist {kept_s}\n",
        host = config.destination.host,
        port = config.ssh_port,
        known_hosts = known_hosts.display(),
        connect_s = CONNECT_TIMEOUT.as_secs(),
        alive_s = ANSWER_TIMEOUT.as_secs() / 3,
        control = work.join("connection").display(),
        kept_s = SSH_KEPT_OPEN.as_secs(),
    )
}
