//! What the program is told: text -> [`RawConfig`] -> [`Config`]. PURE: the file, the environment and the command line
//! are read elsewhere, and judged here alone.
//!
//! ```text
//!   listener.toml ── parse ──> RawConfig ─┐
//!                                         ├─ or ──> validate ──> Config
//!   command line ─── raw ────> RawConfig ─┘
//! ```

mod appliance;
mod blank;
mod decode;
mod keys;
mod parse;
mod problem;
mod storage;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

pub use appliance::{LedsConfig, MuteConfig, WifiConfig};
pub use blank::without_token;
pub use decode::{decode, decode_unmarked};
pub use keys::Key;
pub use problem::{Problem, Problems};
pub use storage::{Destination, LocalConfig, S3Config, SshLogin, StorageConfig};

use crate::item::Owner;
use crate::limits;
use crate::segment::{Settings, Threshold};
use values::{Given, Value};

const DEFAULT_API_DOMAIN: &str = "http://localhost:8000";
const DEFAULT_TRACK_CLUSTER: &str = "CLUSTER_GPT_4O_ETE_CONVERSATION";
const DEFAULT_MICROPHONE: &str = "pulse";
const DEFAULT_CAMERA: &str = "auto";

/// Words end softly: this much is kept after the last loud sound, in milliseconds, or the pause if that is shorter.
const TAIL_MS: u32 = 400;

/// What a file that stands by itself has to say, and how.
const REQUIRED: [(Key, &str); 3] =
    [(Key::HomeId, "3"), (Key::Token, r#""…""#), (Key::ApiDomain, r#""https://api.example.org""#)];

/// The clusters the server comes with (api-contract, "What the consumers need" 8). Its users may add others.
const KNOWN_CLUSTERS: [&str; 7] = [
    "CLUSTER_Q_ETE_CONVERSATION",
    "CLUSTER_Q_NO_EMOTION_ETE_CONVERSATION",
    "CLUSTER_HF_ETE_CONVERSATION",
    DEFAULT_TRACK_CLUSTER,
    "CLUSTER_GPT_4O_TEXT_ETE_CONVERSATION",
    "CLUSTER_GPT_35_ETE_CONVERSATION",
    "CLUSTER_GPT_35_RAG_ETE_CONVERSATION",
];

/// The token that a file of its own holds, if it holds one.
pub fn token_in(bytes: &[u8]) -> Option<SecretString> {
    RawConfig::default().with_token_of(bytes).and_then(RawConfig::validate).ok()?.api.token
}

/// What was written, and where; any of it may be missing.
#[derive(Debug, Clone, Default)]
pub struct RawConfig {
    given: BTreeMap<Key, Given>,
}

impl RawConfig {
    /// Reads a `listener.toml` and tells everything that is wrong with it by itself, in the order of its lines.
    pub fn parse(text: &str) -> Result<RawConfig, Problems> {
        let (raw, problems) = parse::parse(text);
        Problems::unless_any(problems, raw)
    }

    /// Reads a `listener.toml` that has to stand by itself, as on a stick, and tells everything that is wrong with it.
    ///
    /// A blank token in it stands for the one that is held if home and API are those that are held: it was blanked when
    /// the file was taken, and nobody who does not know it can have it sent elsewhere. Nor can they say who may log in, or where
    /// recordings go: see [`Key::is_guarded`].
    pub fn parse_alone(text: &str, held: Option<&RawConfig>) -> Result<(RawConfig, Config), Problems> {
        let (mut raw, mut problems) = parse::parse(text);
        if let Some((held, token)) = held.and_then(|held| Some((held, raw.held_token(held)?))) {
            problems.retain(|problem| problem.key != Some(Key::Token));
            problems.extend(raw.changed_without_token(held));
            raw = raw.with_token(token);
        }
        // What stands there and is not understood has its own problem.
        let begins_with = |line: &str, name: &str| line.trim_start().to_ascii_lowercase().starts_with(name);
        let line_of = |key: Key| text.lines().position(|line| begins_with(line, key.name())).map(|at| at + 1);
        let is_there = |key: &Key| line_of(*key).is_some();
        let asks = |given: &Given| matches!(given.value, Value::Switch(true));
        let tries = |line: usize| problems.iter().any(|problem| problem.line == Some(line));
        let is_reset =
            raw.given.get(&Key::FactoryReset).is_some_and(asks) || line_of(Key::FactoryReset).is_some_and(tries);
        let missing = REQUIRED.iter().filter(|(key, _)| !is_reset && !raw.given.contains_key(key) && !is_there(key));
        let missing: Vec<_> = missing
            .map(|(key, example)| {
                let text = format!("{key} is missing; write {key} = {example} above the first [section]");
                Problem { line: None, key: None, text }
            })
            .collect();
        problems.extend(missing);
        match raw.clone().validate() {
            Ok(config) => Problems::unless_any(problems, (raw, config)),
            Err(Problems(more)) => {
                // One complaint about a line is enough.
                let told: BTreeSet<_> = problems.iter().filter_map(|problem| problem.line).collect();
                problems
                    .extend(more.into_iter().filter(|problem| problem.line.is_none_or(|line| !told.contains(&line))));
                Err(Problems::sorted(problems))
            }
        }
    }

    fn held_token(&self, held: &RawConfig) -> Option<SecretString> {
        let home = |raw: &RawConfig| values::home_id(raw.given.get(&Key::HomeId)?).ok();
        let api = |raw: &RawConfig| values::api_domain(raw.given.get(&Key::ApiDomain)?).ok();
        let is_same = home(self) == home(held) && api(self) == api(held);
        let token_of = |raw: &RawConfig| match &raw.given.get(&Key::Token)?.value {
            Value::Secret(token) => Some(token.clone()),
            _ => None,
        };
        let is_blank = token_of(self)?.expose_secret().trim().is_empty();
        token_of(held).filter(|_| is_blank && is_same)
    }

    /// What only who knows the token may change, and what this file changes.
    fn changed_without_token(&self, held: &RawConfig) -> Vec<Problem> {
        let is_held = |given: &Given| held.given.get(&given.key).is_some_and(|held| held.value.is(&given.value));
        let changed = self.given.values().filter(|given| given.key.is_guarded() && !is_held(given));
        let changed = changed
            .map(|given| given.problem("is not what this box has; to change it, write the token into the file, too"));
        // A section may go as a whole: nobody gets in or gets anything by that.
        let stays =
            |key: &Key| key.section().is_none() || self.given.keys().any(|given| given.section() == key.section());
        let missing = held.given.keys().filter(|key| key.is_guarded() && !self.given.contains_key(key) && stays(key));
        let missing = missing.map(|key| {
            let place = key.section().map_or(String::new(), |section| format!(" in [{section}]"));
            let text = format!(
                "{key}{place} is missing, which this box has; to change that, write the token into the file, too"
            );
            Problem { line: None, key: None, text }
        });
        changed.chain(missing).collect()
    }

    /// Adds what the command line says.
    pub fn with_option(mut self, key: Key, value: &str) -> Self {
        let value = if key.is_secret() { Value::Secret(value.into()) } else { Value::Text(value.into()) };
        self.given.insert(key, Given { key, value, line: None });
        self
    }

    /// Adds a token that came from the command line, the environment or a file of its own.
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.given.insert(Key::Token, Given { key: Key::Token, value: Value::Secret(token), line: None });
        self
    }

    /// Adds what a file of its own has of the token, in whatever an editor wrote it.
    ///
    /// # Errors
    /// When it is no text.
    pub fn with_token_of(self, bytes: &[u8]) -> Result<Self, Problems> {
        Ok(self.with_token(decode_unmarked(bytes)?.into()))
    }

    /// Fills from `other` what is missing here.
    pub fn or(mut self, other: RawConfig) -> Self {
        for (key, given) in other.given {
            self.given.entry(key).or_insert(given);
        }
        self
    }

    /// Judges every value, fills in the defaults, and tells all problems at once.
    pub fn validate(self) -> Result<Config, Problems> {
        let mut judged = Judged { given: &self.given, problems: Vec::new() };
        let api = ApiConfig {
            domain: judged.or(Key::ApiDomain, values::api_domain, DEFAULT_API_DOMAIN),
            token: judged.optional(Key::Token, values::token),
            home_id: judged.optional(Key::HomeId, values::home_id),
            ca_file: judged.optional(Key::CaFile, values::file),
            token_file: None,
            track_cluster: judged.or(Key::TrackCluster, values::track_cluster, DEFAULT_TRACK_CLUSTER),
        };
        let pause_ms = judged.or(Key::Pause, values::pause_ms, 700u32);
        let settings = Settings {
            threshold: judged.or(Key::EnergyThreshold, values::energy_threshold, Threshold::Fixed(5000.0)),
            pause_ms,
            lead_in_ms: judged.or(Key::LeadIn, values::lead_in_ms, 800u32),
            tail_ms: TAIL_MS.min(pause_ms),
            shortest_ms: judged.or(Key::Shortest, values::shortest_ms, 60u32),
            timeout_ms: judged.or(Key::Timeout, values::timeout_ms, 30_000u32),
        };
        judged.lengths(&settings);
        let audio = AudioConfig {
            microphone: judged.or(Key::DefaultMicrophone, values::microphone, DEFAULT_MICROPHONE),
            settings,
        };
        let video = VideoConfig {
            camera: judged.or(Key::Camera, values::camera, DEFAULT_CAMERA),
            width: judged.or(Key::Width, values::width, 640u32),
            height: judged.or(Key::Height, values::height, 480u32),
            frame_rate: judged.or(Key::FrameRate, values::frame_rate, 24u32),
            video_length_s: judged.or(Key::VideoLength, values::video_length_s, 20u32),
            frame_interval_s: judged.or(Key::FrameInterval, values::frame_interval_s, 1u32),
        };
        judged.pixels(&video);
        let storage = StorageConfig::judge(&mut judged);
        let wifi = appliance::wifi(&mut judged);
        let authorized_key = judged.optional(Key::SshAuthorizedKey, appliance::authorized_key);
        let leds = appliance::leds(&mut judged);
        let mute = appliance::mute(&mut judged, &leds);
        let keep_token = judged.or(Key::KeepToken, values::switch, false);
        let factory_reset = judged.factory_reset();
        let config = Config { api, wifi, authorized_key, audio, video, storage, leds, mute, keep_token, factory_reset };
        Problems::unless_any(judged.problems, config)
    }
}

struct Judged<'a> {
    given: &'a BTreeMap<Key, Given>,
    problems: Vec<Problem>,
}

impl Judged<'_> {
    fn optional<T>(&mut self, key: Key, judge: fn(&Given) -> Result<T, Problem>) -> Option<T> {
        judge(self.given.get(&key)?).map_err(|problem| self.problems.push(problem)).ok()
    }

    fn or<T>(&mut self, key: Key, judge: fn(&Given) -> Result<T, Problem>, default: impl Into<T>) -> T {
        self.optional(key, judge).unwrap_or_else(|| default.into())
    }

    /// Lengths that do not go together: an utterance cut at its longest has to hold the lead-in and enough loud
    /// sound, or it would be dropped as a click. The defaults go together with any timeout.
    fn lengths(&mut self, settings: &Settings) {
        let Settings { pause_ms, lead_in_ms, shortest_ms, timeout_ms, .. } = *settings;
        if pause_ms >= timeout_ms {
            self.blame(
                &[Key::Pause],
                format!("must be shorter than timeout ({timeout_ms} milliseconds), not {pause_ms}"),
            );
        }
        if lead_in_ms + shortest_ms >= timeout_ms {
            let sum = format!("makes lead_in and shortest together {} milliseconds", lead_in_ms + shortest_ms);
            self.blame(&[Key::LeadIn, Key::Shortest], format!("{sum}, which must be less than timeout ({timeout_ms})"));
        }
    }

    /// More pixels a second than an appliance encodes. The default rate goes with any size, the default size with any
    /// rate.
    fn pixels(&mut self, video: &VideoConfig) {
        let VideoConfig { width, height, frame_rate, .. } = *video;
        let of_a_frame = limits::macroblocks_per_s(width, height, 1);
        let most = limits::HARDWARE_MACROBLOCKS_PER_S / of_a_frame;
        if frame_rate > most {
            self.blame(
                &[Key::FrameRate, Key::Width, Key::Height],
                format!("is too much: {width}x{height} goes with at most {most} frames a second, not {frame_rate}"),
            );
        }
    }

    /// Two settings of which neither is any good alone.
    fn both(&mut self, one: Key, other: Key) {
        for (given, missing) in [(one, other), (other, one)] {
            if !self.given.contains_key(&missing) {
                self.blame(&[given], format!("stands without {missing}"));
            }
        }
    }

    /// A reset stands by itself: whoever asks for it wants nothing kept, and settings beside it would say otherwise.
    fn factory_reset(&mut self) -> Option<FactoryReset> {
        let is_asked = self.or(Key::FactoryReset, values::switch, false);
        let erase_recordings = self.or(Key::EraseRecordings, values::switch, false);
        if !is_asked && erase_recordings {
            self.blame(&[Key::EraseRecordings], "stands without factory_reset = true".into());
        }
        let of_it = [Key::FactoryReset, Key::EraseRecordings];
        let others: Vec<_> = self.given.keys().filter(|key| !of_it.contains(key)).map(|key| key.name()).collect();
        if is_asked && !others.is_empty() {
            let text = format!("= true forgets all settings and stands alone: take out {}", others.join(", "));
            self.blame(&[Key::FactoryReset], text);
        }
        is_asked.then_some(FactoryReset { erase_recordings })
    }

    fn blame(&mut self, keys: &[Key], text: String) {
        self.problems.extend(keys.iter().find_map(|key| self.given.get(key)).map(|given| given.problem(text)));
    }
}

/// What the program works with: every value judged.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to deliver.
    pub api: ApiConfig,
    /// `[wifi]`: the wireless network, if that is how the box reaches the API.
    pub wifi: Option<WifiConfig>,
    /// `[ssh] authorized_key`: who may log in, as a line of `authorized_keys` without options. Nobody, if none.
    pub authorized_key: Option<String>,
    /// How to listen.
    pub audio: AudioConfig,
    /// How to watch.
    pub video: VideoConfig,
    /// Where files go when the API does not take them itself.
    pub storage: StorageConfig,
    /// `[leds]`
    pub leds: LedsConfig,
    /// `[mute]`: a switch that stops all recording, if there is one.
    pub mute: Option<MuteConfig>,
    /// Whether the token stays in the file on the stick once that is taken.
    pub keep_token: bool,
    /// Whether the box is to forget what it was told; nothing else is said then.
    pub factory_reset: Option<FactoryReset>,
}

/// The box forgets its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactoryReset {
    /// And what it has recorded and not delivered.
    pub erase_recordings: bool,
}

/// Where to deliver.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// `http://` or `https://`, a host, and no slash at the end.
    pub domain: String,
    /// Visible ASCII. Commands that do not deliver need none; see [`Config::require_api`].
    pub token: Option<SecretString>,
    /// Where the token was read from, if from a file of its own: it is read again where it may have changed.
    pub token_file: Option<PathBuf>,
    /// The home that recordings belong to, from 1.
    pub home_id: Option<u32>,
    /// The authorities that vouch for servers, as PEM; the system's if none.
    pub ca_file: Option<PathBuf>,
    /// Which chain of models answers; `T-{track_cluster}-{32 hex digits}` fits the API's strings.
    pub track_cluster: String,
}

/// How to listen.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioConfig {
    /// The sound system's name of the microphone; `list` asks for the names.
    pub microphone: String,
    /// How sound is cut, in milliseconds.
    pub settings: Settings,
}

/// How to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// The camera's name or device; `auto` takes the first.
    pub camera: String,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: u32,
    /// Seconds in a clip; divides a minute.
    pub video_length_s: u32,
    /// Seconds from one picture to the next.
    pub frame_interval_s: u32,
}

impl Config {
    /// For whom is recorded, as far as that is set.
    pub fn owner(&self) -> Option<Owner> {
        self.api.home_id.map(|home_id| Owner { home_id, api: self.api.domain.clone() })
    }

    /// The home and the token, for commands that deliver.
    pub fn require_api(&self) -> Result<(u32, &SecretString), Problems> {
        let missing = |text: &str| Problem { line: None, key: None, text: text.into() };
        match (self.api.home_id, &self.api.token) {
            (Some(home_id), Some(token)) => Ok((home_id, token)),
            (home_id, token) => {
                let mut problems = Vec::new();
                if home_id.is_none() {
                    problems.push(missing("no home: give --home_id, or write home_id in listener.toml"));
                }
                if token.is_none() {
                    problems.push(missing(
                        "no token: give --token_file or --token, set LISTENER_TOKEN, or write token in listener.toml",
                    ));
                }
                Err(Problems(problems))
            }
        }
    }

    /// What may be a mistake, and is not certain to be one.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let cluster = &self.api.track_cluster;
        if !KNOWN_CLUSTERS.contains(&cluster.as_str()) {
            let known = KNOWN_CLUSTERS.join(", ");
            warnings.push(format!(
                "track_cluster {cluster} is not one that the API comes with ({known}); unless it was added there, nobody is answered"
            ));
        }
        if self.wifi.as_ref().is_some_and(|wifi| wifi.country.is_none()) {
            let without = "[wifi] names no country, so the radio keeps to what is allowed everywhere";
            warnings
                .push(format!("{without}; for networks it then cannot see add country = \"GB\" or whichever it is"));
        }
        warnings
    }
}
