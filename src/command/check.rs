//! `listener check`: whether everything is there that `listener run` needs, one line each.

#![expect(clippy::disallowed_methods, reason = "EDGE: looks at the machine")]

use std::io::{self, Write};
use std::sync::Arc;

use crate::capture::SoundSource;
use crate::capture::alsa::{Microphone, capture_mixer};
use crate::capture::gain::{Verdict, judge};
use crate::capture::gstreamer::{self, snapshot};
use crate::capture::loudness::Loudness;
use crate::capture::watch::{find_camera, find_encoder};
use crate::clock::SystemClock;
use crate::config::{AudioConfig, Config, VideoConfig};
use crate::device_id::DeviceId;
use crate::event::Part;
use crate::limits::{CHECK_HEARS_S, CHUNK_SAMPLES, SAMPLE_RATE_HZ};
use crate::segment::Meter;
use crate::upload::http::ApiClient;
use crate::upload::store::{Probe, StoreError, Stores, Tried};
use crate::upload::{StorageSolution, fault_once};

/// A line of the answer: what was looked at, and what is wrong with it, if anything is.
type Finding = (&'static str, Result<String, String>);

/// The answer as it is printed.
struct Answer<'a> {
    out: &'a mut dyn Write,
    all_well: bool,
}

impl Answer<'_> {
    fn add(&mut self, (what, found): Finding) -> io::Result<()> {
        self.all_well &= found.is_ok();
        match found {
            Ok(text) => self.line("ok", what, &text),
            Err(text) => self.line("FAIL", what, &text),
        }
    }

    /// A warning does not make the exit code one of failure.
    fn add_gain(&mut self, verdict: &Verdict) -> io::Result<()> {
        match verdict {
            Verdict::Fine(text) => self.line("ok", "gain", text),
            Verdict::Warning(text) => self.line("warn", "gain", text),
        }
    }

    fn line(&mut self, mark: &str, what: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{mark:<4}  {what:<13} {text}")
    }
}

/// Prints what is wrong with the settings: without them there is nothing to look at.
pub fn tell_bad_configuration(error: &anyhow::Error, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut answer = Answer { out, all_well: true };
    for problem in format!("{error:#}").lines() {
        answer.add(("configuration", Err(problem.trim().into())))?;
    }
    Ok(answer.all_well)
}

/// Looks at everything and prints a line for each. Says whether all is well.
pub fn run(config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
    gstreamer::init()?;
    let mut answer = Answer { out, all_well: true };
    let warnings = config.warnings();
    answer.add(("configuration", Ok(if warnings.is_empty() { "valid".into() } else { warnings.join("; ") })))?;
    match hear(&config.audio) {
        Ok((level, gain)) => {
            answer.add(("microphone", Ok(level)))?;
            answer.add_gain(&gain)?;
        }
        Err(text) => answer.add(("microphone", Err(text)))?,
    }
    answer.add(("camera", see(&config.video)))?;
    let encoder = find_encoder(&config.video);
    answer.add(("encoder", encoder.map(|encoder| encoder.to_string()).map_err(|error| error.0)))?;
    for finding in ask(config) {
        answer.add(finding)?;
    }
    Ok(answer.all_well)
}

/// The level of the microphone, and what is to be said of its gain.
fn hear(audio: &AudioConfig) -> Result<(String, Verdict), String> {
    let name = &audio.microphone;
    let mut microphone = Microphone::open(name, Arc::new(SystemClock)).map_err(|error| error.0)?;
    let (mut meter, mut loudness) = (Meter::new(audio.settings), Loudness::default());
    let mut level = None;
    for _ in 0..CHECK_HEARS_S * SAMPLE_RATE_HZ as usize / CHUNK_SAMPLES {
        let Some(chunk) = microphone.read(CHUNK_SAMPLES).map_err(|error| error.0)? else { break };
        meter.hear(&chunk.samples);
        loudness.hear(&chunk.samples, meter.is_speaking());
        level = Some(chunk.rms());
    }
    let level = level.ok_or_else(|| format!("microphone {name:?} gives no sound"))?;
    let gain = judge(&loudness, &capture_mixer(&microphone.mixer_device()));
    Ok((format!("{name}, level {level:.0} just now"), gain))
}

/// Takes a picture.
fn see(config: &VideoConfig) -> Result<String, String> {
    let source = find_camera(config).map_err(|error| error.0)?;
    snapshot(&source, config).map(|_| source.to_string()).map_err(|error| format!("{source}: {error}"))
}

fn ask(config: &Config) -> Vec<Finding> {
    let domain = &config.api.domain;
    let plain = if domain.starts_with("http://") { ", not encrypted" } else { "" };
    let scratch = match tempfile::tempdir() {
        Ok(scratch) => scratch,
        Err(error) => return vec![("API", Err(format!("cannot make a temporary folder: {error}")))],
    };
    let registered = config.require_api().map_err(|problems| problems.to_string()).and_then(|(home_id, token)| {
        let device = DeviceId::of_this_machine(scratch.path()).map_err(|error| error.to_string())?;
        let api = ApiClient::new(&config.api, token, home_id, device).map_err(|error| error.to_string())?;
        let registered = api.register();
        Ok((home_id, Arc::new(api), registered))
    });
    let (home_id, api, registered) = match registered {
        Ok(asked) => asked,
        Err(text) => return vec![("API", Err(text))],
    };
    let reached = ("API", Ok(format!("{domain}{plain}")));
    let token = ("token", Ok("accepted".into()));
    let fault = registered.err().map(|error| fault_once(domain, &error));
    match fault {
        None => {
            let home = ("home", Ok(home_id.to_string()));
            vec![reached, token, home, ("storage", try_out(config, &api))]
        }
        Some(fault) if fault.part == Part::Token => vec![reached, ("token", Err(fault.text))],
        Some(fault) if fault.part == Part::Home => vec![reached, token, ("home", Err(fault.text))],
        Some(fault) => vec![("API", Err(fault.text))],
    }
}

/// Writes a small file to where the API wants files, reads it back and removes it.
fn try_out(config: &Config, api: &Arc<ApiClient>) -> Result<String, String> {
    let place = api.storage_solution().map_err(|error| fault_once(api.domain(), &error).text)?;
    let solution = StorageSolution::parse(&place);
    if solution == StorageSolution::Volume && config.storage.volume_dir.is_none() {
        return Ok(format!("{place}, the data folder itself"));
    }
    let ca_file = config.api.ca_file.clone();
    let mut stores = Stores::new(Arc::clone(api), config.storage.clone(), ca_file, Default::default());
    stores.choose(&solution)?;
    let cannot = |error: io::Error| format!("cannot make a temporary file: {error}");
    let mut file = tempfile::Builder::new().prefix("listener-check-").suffix(".txt").tempfile().map_err(cannot)?;
    let text = concat!("Written by listener check ", env!("CARGO_PKG_VERSION"), "; may be removed.\n");
    file.write_all(text.as_bytes()).map_err(cannot)?;
    let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    match stores.try_out(&Probe { name, text: text.into(), file: file.path().into() }) {
        Ok(Tried::All) => Ok(format!("{place}, where a small file was written, read back and removed")),
        Ok(Tried::Stays(path)) => Ok(format!("{place}, where a small file was written; {path} stays")),
        Ok(Tried::Lacks(what)) => Ok(format!("{place}, where a small file was written, which is enough; but {what}")),
        Err(StoreError::Api(error)) => Err(fault_once(api.domain(), &error).text),
        Err(error) => Err(error.text()),
    }
}
