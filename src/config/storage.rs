//! Where files go when the API does not take them itself: `[storage.s3]`, `[storage.local]`, `[storage.volume]`. PURE.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::keys::Key;
use super::problem::Problem;
use super::values::{self, Given, Value};
use super::{Judged, limits};

/// The bucket that the API's users have unless they name another (api-contract, "What the consumers need" 7).
const DEFAULT_BUCKET: &str = "openomni";
const DEFAULT_REGION: &str = "us-east-1";
const SSH_PORT: u32 = 22;

/// How much may be kept, and the places that were named; which of them is used is for the API to say.
#[derive(Debug, Clone, Default)]
pub struct StorageConfig {
    /// `[storage] max_bytes`: what recordings may take of the disk; by default what suits it, see
    /// [`crate::spool::budget`].
    pub max_bytes: Option<u64>,
    /// `[storage.s3]`
    pub s3: Option<S3Config>,
    /// `[storage.local]`
    pub local: Option<LocalConfig>,
    /// `[storage.volume] dir`: the shared folder.
    pub volume_dir: Option<PathBuf>,
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// `http://` or `https://` and a host; Amazon's if none.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path, as most servers but Amazon's want it.
    pub path_style: bool,
    /// Access key and its secret; without them the instance's role.
    pub keys: Option<(String, SecretString)>,
}

/// A server that is reached by rsync over SSH.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Where on which server.
    pub destination: Destination,
    /// Where its SSH listens.
    pub ssh_port: u32,
    /// How to log in.
    pub login: SshLogin,
    /// The server's public key, as `type base64`: no other is talked to.
    pub host_key: String,
}

/// How to log in over SSH.
#[derive(Debug, Clone)]
pub enum SshLogin {
    /// With the private key in this file.
    KeyFile(PathBuf),
    /// With a password.
    Password(SecretString),
}

/// A folder on a server, as rsync spells it: `[user@]host:/folder`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The account there; if none, that of the same name.
    pub user: Option<String>,
    /// Name or address, without brackets.
    pub host: String,
    /// The folder, from the root.
    pub dir: String,
}

impl StorageConfig {
    pub(super) fn judge(judged: &mut Judged<'_>) -> Self {
        Self {
            max_bytes: judged.optional(Key::MaxBytes, values::max_bytes),
            s3: s3(judged),
            local: local(judged),
            volume_dir: judged.optional(Key::VolumeDir, values::file),
        }
    }
}

fn s3(judged: &mut Judged<'_>) -> Option<S3Config> {
    let mut any = Key::in_section(Key::S3Bucket.section()).filter(|key| judged.given.contains_key(key));
    any.next()?;
    let id = judged.optional(Key::S3AccessKeyId, access_key_id);
    let secret = judged.optional(Key::S3SecretAccessKey, secret);
    judged.both(Key::S3AccessKeyId, Key::S3SecretAccessKey);
    let endpoint = judged.optional(Key::S3Endpoint, |given| values::address(given, "https://s3.example.org"));
    Some(S3Config {
        bucket: judged.or(Key::S3Bucket, bucket, DEFAULT_BUCKET),
        region: judged.or(Key::S3Region, region, DEFAULT_REGION),
        path_style: judged.or(Key::S3PathStyle, values::switch, endpoint.is_some()),
        endpoint,
        keys: id.zip(secret),
    })
}

fn local(judged: &mut Judged<'_>) -> Option<LocalConfig> {
    let mut any = Key::in_section(Key::LocalDestDir.section()).filter(|key| judged.given.contains_key(key));
    let first = any.next()?;
    let key_file = judged.optional(Key::LocalSshKeyFile, values::file).map(SshLogin::KeyFile);
    let password = judged.optional(Key::LocalSshPassword, secret).map(SshLogin::Password);
    let destination = judged.optional(Key::LocalDestDir, destination);
    let host_key = judged.optional(Key::LocalSshHostKey, host_key);
    let ssh_port = judged.or(Key::LocalSshPort, port, SSH_PORT);
    let has = |key| judged.given.contains_key(&key);
    let login = match (has(Key::LocalSshKeyFile), has(Key::LocalSshPassword)) {
        (true, true) => Some("stands beside ssh_password; keep one of the two"),
        (false, false) => Some("stands in [storage.local] without a way to log in: add ssh_key_file or ssh_password"),
        _ => None,
    };
    let lacks = match (has(Key::LocalDestDir), has(Key::LocalSshHostKey)) {
        (false, _) => Some(r#"stands in [storage.local] without dest_dir = "user@server:/folder""#),
        (_, false) => Some("stands in [storage.local] without ssh_host_key, which `ssh-keyscan server` prints"),
        _ => None,
    };
    for text in login.into_iter().chain(lacks) {
        judged.blame(&[Key::LocalSshKeyFile, first], text.into());
    }
    Some(LocalConfig { destination: destination?, ssh_port, login: key_file.or(password)?, host_key: host_key? })
}

/// 3 to 63 characters (Amazon S3 User Guide, "General purpose bucket naming rules").
pub(super) fn bucket(given: &Given) -> Result<String, Problem> {
    let name = given.text(DEFAULT_BUCKET)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if (3..=63).contains(&name.len()) && name.chars().all(fits) {
        Ok(name.into())
    } else {
        Err(given.problem(format!("must be 3 to 63 small letters, digits, dots and hyphens, not {}", given.shown())))
    }
}

pub(super) fn region(given: &Given) -> Result<String, Problem> {
    word(given, DEFAULT_REGION)
}

pub(super) fn access_key_id(given: &Given) -> Result<String, Problem> {
    word(given, "AKIAIOSFODNN7EXAMPLE")
}

fn word(given: &Given, example: &str) -> Result<String, Problem> {
    let text = given.text(example)?;
    if text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.into())
    } else {
        Err(given.problem(format!("must be one word, such as {example:?}")))
    }
}

pub(super) fn secret(given: &Given) -> Result<SecretString, Problem> {
    let Value::Secret(secret) = &given.value else { return Err(given.problem("must be text in quotes")) };
    let text = secret.expose_secret();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(given.problem("must be one line, and not empty"));
    }
    Ok(secret.clone())
}

pub(super) fn port(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::PORT, "")
}

pub(super) fn destination(given: &Given) -> Result<Destination, Problem> {
    const EXAMPLE: &str = "listener@server:/srv/openomni/Listener";
    let text = given.text(EXAMPLE)?;
    parse_destination(text).ok_or_else(|| {
        given.problem(format!("must be user@server:/folder, such as {EXAMPLE:?}, not {}", given.shown()))
    })
}

fn parse_destination(text: &str) -> Option<Destination> {
    let (server, dir) = text.split_once(":/")?;
    let (user, host) = server.rsplit_once('@').map_or((None, server), |(user, host)| (Some(user), host));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // They stand in a file that ssh reads, where a hyphen, a blank or a quote could mean something else.
    let plain = |word: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "._-:%".contains(c);
        !word.is_empty() && !word.starts_with('-') && word.chars().all(known)
    };
    let dir = dir.trim_end_matches('/');
    (plain(host) && user.is_none_or(plain) && !dir.is_empty()).then(|| Destination {
        user: user.map(Into::into),
        host: host.into(),
        dir: format!("/{dir}"),
    })
}

/// A line of `known_hosts` or of `ssh-keyscan`, or the public key alone.
pub(super) fn host_key(given: &Given) -> Result<String, Problem> {
    const EXAMPLE: &str = "server ssh-ed25519 AAAAC3…";
    let words: Vec<_> = given.text(EXAMPLE)?.split_whitespace().collect();
    let is_type = |word: &str| ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start));
    let is_key = |word: &str| word.starts_with("AAAA") && word.bytes().all(|b| b.is_ascii_graphic());
    let pairs = words.windows(2).find(|pair| is_type(pair[0]) && is_key(pair[1]));
    pairs
        .map(|pair| pair.join(" "))
        .ok_or_else(|| given.problem(format!("must be a line that `ssh-keyscan server` prints, such as {EXAMPLE:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_spelt_as_rsync_spells_it() {
        let destination = |user: Option<&str>, host: &str, dir: &str| {
            Some(Destination { user: user.map(Into::into), host: host.into(), dir: dir.into() })
        };
        assert_eq!(parse_destination("me@server:/a b/"), destination(Some("me"), "server", "/a b"));
        assert_eq!(parse_destination("[fe80::1%eth0]:/a"), destination(None, "fe80::1%eth0", "/a"));
        for bad in ["server", "/a", "server:a", "-oProxyCommand=x:/a", "a b:/c", "me@:/c", "server:/", "x@-y:/a"] {
            assert_eq!(parse_destination(bad), None, "{bad}");
        }
    }
}
