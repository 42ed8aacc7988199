//! The settings that can be given on the command line. Values stay as they were written.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::config::{Key, RawConfig};

/// The configuration file.
#[derive(Debug, Args)]
pub struct FileOptions {
    /// A listener.toml to take settings from
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where recordings wait.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct DataOptions {
    /// Where recordings wait until they are delivered
    /// [default: $STATE_DIRECTORY, else $XDG_DATA_HOME/listener, else ~/.local/share/listener]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl DataOptions {
    /// The folder, by the option or by what `env` says of the variables; none where there is not even a home.
    pub fn folder(&self, env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        // As their specifications have it: systemd joins several with colons, and a relative XDG folder is ignored.
        let absolute = |name| env(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
        let state = || env("STATE_DIRECTORY").and_then(|dirs| std::env::split_paths(&dirs).next());
        let state = || state().filter(|dir| dir.is_absolute());
        let data = || absolute("XDG_DATA_HOME").map(|dir| dir.join("listener"));
        let home = || absolute("HOME").map(|dir| dir.join(".local/share/listener"));
        self.data_dir.clone().or_else(state).or_else(data).or_else(home)
    }
}

/// Where to deliver.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", next_help_heading = "Where to deliver")]
pub struct ApiOptions {
    /// Where the API is [default: http://localhost:8000]
    #[arg(long, value_name = "URL")]
    pub api_domain: Option<String>,
    /// The API's token. Everyone on this machine can read a command line: better use --token_file or LISTENER_TOKEN
    #[arg(long, env = "LISTENER_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<SecretString>,
    /// A file that holds the token and nothing else; it goes before LISTENER_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The authorities that vouch for servers, as a PEM file, in place of the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
    /// The number of the home that recordings belong to
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub home_id: Option<String>,
    /// Which chain of models answers [default: CLUSTER_GPT_4O_ETE_CONVERSATION]
    #[arg(long, value_name = "NAME")]
    pub track_cluster: Option<String>,
}

impl ApiOptions {
    pub(super) fn add_to(&self, raw: RawConfig) -> RawConfig {
        let raw = add(
            raw,
            [
                (Key::ApiDomain, &self.api_domain),
                (Key::CaFile, &self.ca_file),
                (Key::HomeId, &self.home_id),
                (Key::TrackCluster, &self.track_cluster),
            ],
        );
        // A token file was asked for on the command line; the variable may be there for other reasons.
        match &self.token {
            Some(token) if self.token_file.is_none() => raw.with_token(token.clone()),
            _ => raw,
        }
    }
}

/// How to listen.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", next_help_heading = "How to listen")]
pub struct SoundOptions {
    /// Sound at least this loud is speech: RMS of 16-bit samples, 1 to 32767; or `auto`: what stands out from the
    /// room's background [default: 5000]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub energy_threshold: Option<String>,
    /// The longest one utterance may be, in milliseconds [default: 30000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub timeout: Option<String>,
    /// Quiet for this long ends an utterance, in milliseconds [default: 700]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub pause: Option<String>,
}

impl SoundOptions {
    pub(super) fn add_to(&self, raw: RawConfig) -> RawConfig {
        add(
            raw,
            [(Key::EnergyThreshold, &self.energy_threshold), (Key::Timeout, &self.timeout), (Key::Pause, &self.pause)],
        )
    }
}

/// How to watch.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", next_help_heading = "How to watch")]
pub struct VideoOptions {
    /// The picture's width in pixels, even [default: 640]
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    pub width: Option<String>,
    /// The picture's height in pixels, even [default: 480]
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    pub height: Option<String>,
    /// Frames a second [default: 24]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub frame_rate: Option<String>,
    /// The length of a clip in seconds; it must divide a minute [default: 20]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub video_length: Option<String>,
    /// From one picture to the next, in whole seconds [default: 1]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub frame_interval: Option<String>,
}

impl VideoOptions {
    pub(super) fn add_to(&self, raw: RawConfig) -> RawConfig {
        add(
            raw,
            [
                (Key::Width, &self.width),
                (Key::Height, &self.height),
                (Key::FrameRate, &self.frame_rate),
                (Key::VideoLength, &self.video_length),
                (Key::FrameInterval, &self.frame_interval),
            ],
        )
    }
}

/// With what to listen.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", next_help_heading = "Devices")]
pub struct MicrophoneOptions {
    /// The microphone, by the sound system's name or a part of it; `list` shows them [default: pulse]
    #[arg(long, value_name = "NAME")]
    pub default_microphone: Option<String>,
}

impl MicrophoneOptions {
    pub(super) fn add_to(&self, raw: RawConfig) -> RawConfig {
        add(raw, [(Key::DefaultMicrophone, &self.default_microphone)])
    }
}

/// With what to listen and watch.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", next_help_heading = "Devices")]
pub struct DeviceOptions {
    /// With what to listen.
    #[command(flatten)]
    pub microphone: MicrophoneOptions,
    /// The camera, by name or device; `auto` takes the first [default: auto]
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
}

impl DeviceOptions {
    pub(super) fn add_to(&self, raw: RawConfig) -> RawConfig {
        add(self.microphone.add_to(raw), [(Key::Camera, &self.camera)])
    }
}

fn add<const N: usize>(raw: RawConfig, options: [(Key, &Option<String>); N]) -> RawConfig {
    options.into_iter().fold(raw, |raw, (key, value)| match value {
        Some(value) => raw.with_option(key, value),
        None => raw,
    })
}
