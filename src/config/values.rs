//! The judges: one for each setting, from what was written to what the program uses. PURE.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::keys::Key;
use super::problem::Problem;
use super::{appliance, storage};
use crate::limits;
use crate::segment::Threshold;

/// A value as it was written, and where.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) key: Key,
    pub(super) value: Value,
    /// None: on the command line, where every value is text.
    pub(super) line: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Whole(i64),
    Fraction(f64),
    Text(String),
    Secret(SecretString),
    Switch(bool),
    /// Nothing that any setting takes, in words.
    Other(String),
}

impl Value {
    /// Whether the same was written.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one == other,
            (Self::Fraction(one), Self::Fraction(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Secret(one), Self::Secret(other)) => one.expose_secret() == other.expose_secret(),
            (Self::Switch(one), Self::Switch(other)) => one == other,
            _ => false,
        }
    }
}

impl Given {
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { line: self.line, key: Some(self.key), text: text.into() }
    }

    pub(super) fn shown(&self) -> String {
        const MOST_CHARS: usize = 40;
        match &self.value {
            Value::Whole(number) => number.to_string(),
            Value::Fraction(number) => number.to_string(),
            Value::Text(text) if self.line.is_none() && text.parse::<f64>().is_ok() => text.clone(),
            Value::Text(text) if text.chars().count() > MOST_CHARS => {
                format!("{:?}…", text.chars().take(MOST_CHARS).collect::<String>())
            }
            Value::Text(text) if text.trim().parse::<f64>().is_ok() => format!("{text:?} (write it without quotes)"),
            Value::Text(text) => format!("{text:?}"),
            Value::Secret(_) => "what it is".into(),
            Value::Switch(yes) => yes.to_string(),
            Value::Other(words) => words.clone(),
        }
    }

    /// The file has numbers; on the command line, and for a home, text will do.
    fn written_number(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) if self.line.is_none() || self.key == Key::HomeId => Some(text.trim()),
            _ => None,
        }
    }

    fn number(&self) -> Option<i64> {
        match self.value {
            Value::Whole(number) => Some(number),
            _ => self.written_number()?.parse().ok(),
        }
    }

    pub(super) fn whole(&self, range: RangeInclusive<u32>, unit: &str) -> Result<u32, Problem> {
        let fits = self.number().and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        fits.ok_or_else(|| {
            let (least, most) = range.into_inner();
            self.problem(format!("must be a whole number from {least} to {most}{unit}, not {}", self.shown()))
        })
    }

    fn even(&self, range: RangeInclusive<u32>) -> Result<u32, Problem> {
        let number = self.whole(range, " (pixels)")?;
        // The encoder halves both sides for the colours.
        if number % 2 == 0 { Ok(number) } else { Err(self.problem(format!("must be even, not {number}"))) }
    }

    pub(super) fn text(&self, example: &str) -> Result<&str, Problem> {
        match &self.value {
            Value::Text(text) if !text.trim().is_empty() && !text.contains(char::is_control) => Ok(text.trim()),
            Value::Text(_) => Err(self.problem(format!("must be one line of text, such as {example:?}"))),
            _ => Err(self.problem(format!("must be text in quotes, such as {example:?}, not {}", self.shown()))),
        }
    }
}

/// Judges one value by itself.
pub(super) fn check(given: &Given) -> Result<(), Problem> {
    match given.key {
        Key::HomeId => home_id(given).map(drop),
        Key::Token => token(given).map(drop),
        Key::ApiDomain => api_domain(given).map(drop),
        Key::CaFile => file(given).map(drop),
        Key::TrackCluster => track_cluster(given).map(drop),
        Key::EnergyThreshold => energy_threshold(given).map(drop),
        Key::Timeout => timeout_ms(given).map(drop),
        Key::WifiSsid => appliance::ssid(given).map(drop),
        Key::WifiPassword => appliance::wifi_password(given).map(drop),
        Key::WifiCountry => appliance::country(given).map(drop),
        Key::SshAuthorizedKey => appliance::authorized_key(given).map(drop),
        Key::Pause => pause_ms(given).map(drop),
        Key::LeadIn => lead_in_ms(given).map(drop),
        Key::Shortest => shortest_ms(given).map(drop),
        Key::DefaultMicrophone => microphone(given).map(drop),
        Key::Camera => camera(given).map(drop),
        Key::Width => width(given).map(drop),
        Key::Height => height(given).map(drop),
        Key::FrameRate => frame_rate(given).map(drop),
        Key::VideoLength => video_length_s(given).map(drop),
        Key::FrameInterval => frame_interval_s(given).map(drop),
        Key::MaxBytes => max_bytes(given).map(drop),
        Key::S3Bucket => storage::bucket(given).map(drop),
        Key::S3Region => storage::region(given).map(drop),
        Key::S3Endpoint => address(given, "https://s3.example.org").map(drop),
        Key::S3PathStyle
        | Key::KeepToken
        | Key::FactoryReset
        | Key::EraseRecordings
        | Key::LedsActiveLow
        | Key::MuteActiveLow => switch(given).map(drop),
        Key::S3AccessKeyId => storage::access_key_id(given).map(drop),
        Key::S3SecretAccessKey | Key::LocalSshPassword => storage::secret(given).map(drop),
        Key::LocalDestDir => storage::destination(given).map(drop),
        Key::LocalSshPort => storage::port(given).map(drop),
        Key::LocalSshKeyFile => file(given).map(drop),
        Key::LocalSshHostKey => storage::host_key(given).map(drop),
        Key::VolumeDir => file(given).map(drop),
        Key::LedsHealth | Key::LedsAttention | Key::LedsData | Key::MutePin => appliance::pin(given).map(drop),
    }
}

pub(super) fn home_id(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::HOME_ID, "")
}

pub(super) fn token(given: &Given) -> Result<SecretString, Problem> {
    let Value::Secret(secret) = &given.value else { return Err(given.problem("must be text in quotes")) };
    let token = secret.expose_secret().trim();
    // The header that it is sent in begins with this word.
    if token.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("token ")) {
        Err(given.problem("must be the token alone, without the word Token before it"))
    } else if token.is_empty() {
        Err(given.problem("must not be empty"))
    } else if !token.chars().all(|c| c.is_ascii_graphic()) {
        Err(given.problem("must be letters, digits and signs of plain ASCII without spaces"))
    } else {
        Ok(token.into())
    }
}

/// A file or folder, from the root: a service has no folder of its own to start from.
pub(super) fn file(given: &Given) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(given.text("/etc/listener/file")?);
    // What is typed is typed in some folder.
    if path.is_absolute() || given.line.is_none() { Ok(path) } else { Err(given.problem("must begin with /")) }
}

pub(super) fn api_domain(given: &Given) -> Result<String, Problem> {
    address(given, "https://api.example.org")
}

/// The address of a server, without a slash at the end.
pub(super) fn address(given: &Given, example: &str) -> Result<String, Problem> {
    let text = given.text(example)?;
    let Some((scheme, rest)) = text.split_once("://") else {
        let host = text.trim_start_matches("https:").trim_start_matches("http:").trim_start_matches('/');
        let shown = if host.contains('@') || host.len() > limits::MAX_API_STRING_CHARS { "…" } else { host };
        return Err(given.problem(format!("must begin with http:// or https://, write https://{shown}")));
    };
    let schemes = ["http", "https"];
    if !schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(given.problem("must begin with http:// or https://"));
    }
    // The parser of web addresses would take the first part of a path for the missing host.
    let url = url::Url::parse(text).ok().filter(|url| url.has_host() && !rest.starts_with('/'));
    let Some(url) = url else {
        return Err(given.problem("must name a host, such as https://api.example.org"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(given.problem("must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(given.problem("must end before the ? or #"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn track_cluster(given: &Given) -> Result<String, Problem> {
    /// `T-`, the cluster, `-`, 32 hex digits.
    const LONGEST: usize = limits::MAX_API_STRING_CHARS - "T--".len() - 32;
    let name = given.text("CLUSTER_GPT_4O_ETE_CONVERSATION")?;
    if !name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
        return Err(given.problem(format!("must be capital letters, digits and _, not {}", given.shown())));
    }
    if name.len() > LONGEST {
        return Err(given.problem(format!("must be at most {LONGEST} characters, not {}", name.len())));
    }
    Ok(name.to_owned())
}

pub(super) fn energy_threshold(given: &Given) -> Result<Threshold, Problem> {
    let number = match &given.value {
        Value::Text(text) if text == "auto" => return Ok(Threshold::Auto),
        Value::Whole(number) => Some(*number as f32),
        Value::Fraction(number) => Some(*number as f32),
        _ => given.written_number().and_then(|text| text.parse().ok()),
    };
    let number = number.filter(|number| limits::ENERGY_THRESHOLD.contains(number));
    number.map(Threshold::Fixed).ok_or_else(|| {
        let (least, most) = limits::ENERGY_THRESHOLD.into_inner();
        given.problem(format!(r#"must be a number from {least} to {most} or "auto", not {}"#, given.shown()))
    })
}

pub(super) fn timeout_ms(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::TIMEOUT_MS, " (milliseconds)").map_err(|problem| {
        // The earlier client took one for the other, and its limit was 8.3 hours.
        match given.number().filter(|n| (1..i64::from(*limits::TIMEOUT_MS.start())).contains(n)) {
            Some(n) if n <= i64::from(limits::MAX_TIMEOUT_MS / 1000) => {
                given.problem(format!("{n} is milliseconds; for {n} seconds write {n}000"))
            }
            Some(n) => {
                given.problem(format!("{n} is milliseconds, and at least {} is needed", limits::TIMEOUT_MS.start()))
            }
            None => problem,
        }
    })
}

pub(super) fn pause_ms(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::PAUSE_MS, " (milliseconds)")
}

pub(super) fn lead_in_ms(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::LEAD_IN_MS, " (milliseconds)")
}

pub(super) fn shortest_ms(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::SHORTEST_MS, " (milliseconds)")
}

pub(super) fn microphone(given: &Given) -> Result<String, Problem> {
    given.text("pulse").map(str::to_owned)
}

pub(super) fn camera(given: &Given) -> Result<String, Problem> {
    given.text("auto").map(str::to_owned)
}

pub(super) fn width(given: &Given) -> Result<u32, Problem> {
    given.even(limits::WIDTH_PX)
}

pub(super) fn height(given: &Given) -> Result<u32, Problem> {
    given.even(limits::HEIGHT_PX)
}

pub(super) fn frame_rate(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::FRAME_RATE_HZ, " (frames a second)")
}

pub(super) fn video_length_s(given: &Given) -> Result<u32, Problem> {
    let divides = |length: &u32| limits::SECONDS_PER_MINUTE.is_multiple_of(*length);
    given.number().and_then(|number| u32::try_from(number).ok()).filter(divides).ok_or_else(|| {
        let allowed: Vec<_> = (1..=limits::SECONDS_PER_MINUTE).filter(divides).map(|n| n.to_string()).collect();
        let (last, others) = allowed.split_last().expect("one divides everything");
        let others = others.join(", ");
        given.problem(format!(
            "must be {others} or {last} (seconds), not {}: a clip must not cross a minute",
            given.shown()
        ))
    })
}

pub(super) fn frame_interval_s(given: &Given) -> Result<u32, Problem> {
    given.whole(limits::FRAME_INTERVAL_S, " (seconds)")
}

pub(super) fn max_bytes(given: &Given) -> Result<u64, Problem> {
    let bytes = given.number().and_then(|number| u64::try_from(number).ok());
    bytes.filter(|bytes| *bytes >= limits::LEAST_BUDGET_BYTES).ok_or_else(|| {
        let least = limits::LEAST_BUDGET_BYTES;
        given.problem(format!(
            "must be a whole number of bytes, at least {least}, not {}; for 16 GB write 16_000_000_000",
            given.shown()
        ))
    })
}

pub(super) fn switch(given: &Given) -> Result<bool, Problem> {
    match given.value {
        Value::Switch(yes) => Ok(yes),
        _ => Err(given.problem(format!("must be true or false, not {}", given.shown()))),
    }
}
