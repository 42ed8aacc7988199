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

use super::answer::one_line;
use super::store::{FileStore, Probe, StoreError, Tried};
use crate::config::{LocalConfig, SshLogin};
use crate::item::{Item, name};
use crate::limits::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, SSH_KEPT_OPEN};

/// The message for a server that closes the connection before it sends anything.
const HANGS_UP: &str = "the server hangs up at once; check that an SSH server listens at this port, and that no firewall keeps this \
                        device out";

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
    key_file: Option<PathBuf>,
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
        let (key_file, password) = match &config.login {
            SshLogin::KeyFile(file) => (Some(file.clone()), None),
            SshLogin::Password(password) => (None, Some(password.clone())),
        };
        let (host, dir) = (&config.destination.host, config.destination.dir.clone());
        let askpass = env::current_exe().map_err(cannot)?;
        Ok(Self { place: format!("{host}:{dir}"), dir, password, key_file, askpass, has_scratch: false.into(), work })
    }

    /// How it ended, and what it said. Not through a pipe: the connection that is kept open holds on to it, too.
    fn rsync(&self, args: &[&str]) -> Result<(), StoreError> {
        match self.start(args) {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, said)) => Err(self.explain(status, &said)),
            Err(error) => Err(StoreError::Away(format!("rsync cannot be started: {error}; install rsync and ssh"))),
        }
    }

    fn start(&self, args: &[&str]) -> io::Result<(ExitStatus, String)> {
        let mut said = tempfile::tempfile_in(self.work.path())?;
        let mut rsync = Command::new("rsync");
        rsync
            .args(args)
            .arg("--secluded-args")
            .arg(format!("--timeout={}", ANSWER_TIMEOUT.as_secs()))
            .arg("--rsh=ssh -F config")
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

    /// Sends what is at this path of the tree. Paths from the mark `/./` on are made there as they are here; links are followed.
    /// Who may read what arrives is for the umask of the account there to say.
    fn send_path(&self, path: &str, more: &[&str]) -> Result<(), StoreError> {
        let how = ["--relative", "--no-implied-dirs", "--dirs", "--copy-links", "--times", "--omit-dir-times"];
        let (from, to) = (format!("tree/./{path}"), format!("{SERVER}:{}/", self.dir));
        self.rsync(&[&how[..], &["--chmod=ugo=rwX"], more, &[&from, &to]].concat())
    }

    /// Sends one file; makes the folder for what is not whole yet, if it may not be there.
    fn send(&self, path: &str) -> Result<(), StoreError> {
        if !self.has_scratch.load(Ordering::Relaxed) {
            self.send_path(SCRATCH, &[])?;
        }
        let sent = self.send_path(path, &["--temp-dir", SCRATCH]);
        self.has_scratch.store(sent.is_ok(), Ordering::Relaxed);
        sent
    }

    /// Sends a file of this machine to this path there.
    fn send_file(&self, path: &str, media: &Path) -> Result<(), StoreError> {
        let link = self.work.path().join("tree").join(path);
        let cannot = |error: io::Error| StoreError::File(format!("cannot prepare {}: {error}", link.display()));
        fs::metadata(media).map_err(|error| StoreError::File(format!("cannot read {}: {error}", media.display())))?;
        // A link's target is looked for from where the link is.
        let media = std::path::absolute(media).map_err(cannot)?;
        fs::create_dir_all(link.parent().unwrap_or(&link)).map_err(cannot)?;
        symlink(media, &link).map_err(cannot)?;
        let sent = self.send(path);
        fs::remove_file(&link).map_err(cannot)?;
        sent
    }

    /// Fetches a file, which the server then removes.
    fn take_back(&self, path: &str) -> Result<String, StoreError> {
        let back = self.work.path().join("back");
        let from = format!("{SERVER}:{}/{path}", self.dir);
        self.rsync(&["--remove-source-files", &from, "back"])?;
        fs::read_to_string(&back).map_err(|error| StoreError::File(format!("cannot read {}: {error}", back.display())))
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
            let unusable = ["are too open", "Load key"].into_iter().find_map(about);
            let text = match self.key_file.as_ref().and_then(|file| trouble_of(file)).or(unusable.map(str::to_owned)) {
                Some(trouble) => format!("{place} cannot be asked, since ssh has no key: {trouble}"),
                None => {
                    format!("{place} refuses this device: {line}; check the account and ssh_key_file or ssh_password")
                }
            };
            return StoreError::Away(text);
        }
        // ssh knows why; rsync only that ssh has ended.
        let of_ssh = || said.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("rsync"));
        // OpenSSH 9 prints a line when the server hangs up. OpenSSH 10 may print none; then only rsync's line is left.
        let hangs_up = |words: &str| about(words).map(|_| HANGS_UP);
        let told = hangs_up("kex_exchange_identification")
            .or_else(|| about("ssh: "))
            .or_else(of_ssh)
            .or_else(|| hangs_up("(0 bytes received so far)"))
            .or_else(|| about("rsync: "))
            .unwrap_or("it does not say why");
        let told = one_line(told);
        // rsync(1), EXIT VALUES; ssh(1), EXIT STATUS. 127 is the server's shell, which finds no rsync.
        match status.code() {
            Some(127) => StoreError::Away(format!("{place}: there is no rsync on the server; install it there")),
            Some(255 | 5 | 10 | 12 | 30 | 35) => StoreError::Away(format!("{place} cannot be reached: {told}")),
            _ => StoreError::Failed(format!("{place} did not do as asked: {told}")),
        }
    }
}

impl FileStore for Rsync {
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        self.send_file(&name::data_path(item), media)
    }

    fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError> {
        self.send_file(&probe.name, &probe.file)?;
        Ok(match self.take_back(&probe.name) {
            Err(error) => Tried::Lacks(format!("{} cannot be read back, and so stays: {}", probe.name, error.text())),
            Ok(text) if text != probe.text => Tried::Lacks(format!("{} is not what was written", probe.name)),
            Ok(_) => Tried::All,
        })
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

/// Why a file is no key that ssh can use here, where ssh does not say it.
fn trouble_of(file: &Path) -> Option<String> {
    let trouble = match fs::read(file) {
        Ok(text) => trouble_in(&String::from_utf8_lossy(&text))?.to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(format!("{} {trouble}", file.display()))
}

/// Why this text is no key that ssh can use without a person.
fn trouble_in(text: &str) -> Option<&'static str> {
    const LOCKED: &str =
        "has a passphrase, which nobody can type here; take it off (`ssh-keygen -p`), or make a key without one";
    /// What a key file without a passphrase begins with: the format's name and the cipher "none" (OpenSSH, PROTOCOL.key).
    const UNLOCKED: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
    if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind)) {
        return Some("is the public key; name the private one, mostly the file without .pub");
    }
    let Some((head, key)) = text.split_once("PRIVATE KEY-----") else {
        return Some("is no private key of OpenSSH; `ssh-keygen` makes one");
    };
    let is_locked = match head.ends_with("OPENSSH ") {
        true => !key.trim_start().starts_with(UNLOCKED),
        false => head.ends_with("ENCRYPTED ") || key.contains("ENCRYPTED"),
    };
    is_locked.then_some(LOCKED)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_can_unlock_and_what_is_no_private_key_are_told() {
        let of = |name: &str, key: &str| {
            format!("-----BEGIN {name}PRIVATE KEY-----\n{key}\n-----END {name}PRIVATE KEY-----\n")
        };
        let good = [
            of("OPENSSH ", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"),
            of("RSA ", "MIIEowIBAAKCAQEA"),
            of("", "MC4CAQAwBQYDK2Vw"),
        ];
        for key in good {
            assert_eq!(trouble_in(&key), None, "{key}");
        }
        let locked = [
            of("OPENSSH ", "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAb"),
            of("RSA ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIEowIBAAKCAQEA"),
            of("ENCRYPTED ", "MIIFHDBOBgkqhkiG9w0BBQ0wQTAp"),
        ];
        for key in locked {
            assert!(trouble_in(&key).is_some_and(|told| told.contains("passphrase")), "{key}");
        }
        assert!(trouble_in("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me").is_some_and(|told| told.contains("public key")));
        for other in ["", "PuTTY-User-Key-File-3: ssh-ed25519", "-----BEGIN CERTIFICATE-----"] {
            assert!(trouble_in(other).is_some_and(|told| told.contains("no private key")), "{other}");
        }
    }
}
