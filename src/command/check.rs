//! `listener check`: whether everything is there that `listener run` needs, one line each.

#![expect(clippy::disallowed_methods, reason = "EDGE: looks at the machine")]

use std::io::Write;
use std::sync::Arc;

use crate::capture::SoundSource;
use crate::capture::alsa::Microphone;
use crate::capture::gstreamer::{self, snapshot};
use crate::capture::watch::{find_camera, find_encoder};
use crate::clock::SystemClock;
use crate::config::{Config, VideoConfig};
use crate::device_id::DeviceId;
use crate::event::Part;
use crate::limits::CHUNK_SAMPLES;
use crate::upload::http::ApiClient;
use crate::upload::store::Stores;
use crate::upload::{StorageSolution, fault_of};

/// A line of the answer: what was looked at, and what is wrong with it, if anything is.
type Finding = (&'static str, Result<String, String>);

/// Looks at everything and prints a line for each. Says whether all is well.
pub fn run(config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
    gstreamer::init()?;
    let mut all_well = true;
    let mut print = |(what, found): Finding| -> std::io::Result<()> {
        all_well &= found.is_ok();
        let (mark, text) = match &found {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        writeln!(out, "{mark}  {what:<13} {text}")
    };
    let warnings = config.warnings();
    print(("configuration", Ok(if warnings.is_empty() { "valid".into() } else { warnings.join("; ") })))?;
    print(("microphone", hear(&config.audio.microphone)))?;
    print(("camera", see(&config.video)))?;
    let encoder = find_encoder(&config.video);
    print(("encoder", encoder.map(|encoder| encoder.to_string()).map_err(|error| error.0)))?;
    for finding in ask(config) {
        print(finding)?;
    }
    Ok(all_well)
}

fn hear(name: &str) -> Result<String, String> {
    let mut microphone = Microphone::open(name, Arc::new(SystemClock)).map_err(|error| error.0)?;
    match microphone.read(CHUNK_SAMPLES) {
        Ok(Some(chunk)) => Ok(format!("{name}, level {:.0} just now", chunk.rms())),
        Ok(None) => Err(format!("microphone {name:?} gives no sound")),
        Err(error) => Err(error.0),
    }
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
    let fault = registered.err().map(|error| fault_of(domain, &error));
    match fault {
        None => {
            let home = ("home", Ok(home_id.to_string()));
            vec![reached, token, home, ("storage", storage(config, &api))]
        }
        Some(fault) if fault.part == Part::Token => vec![reached, ("token", Err(fault.text))],
        Some(fault) if fault.part == Part::Home => vec![reached, token, ("home", Err(fault.text))],
        Some(fault) => vec![("API", Err(fault.text))],
    }
}

fn storage(config: &Config, api: &Arc<ApiClient>) -> Result<String, String> {
    let name = api.storage_solution().map_err(|error| fault_of(api.domain(), &error).text)?;
    let ca_file = config.api.ca_file.clone();
    let mut stores = Stores::new(Arc::clone(api), config.storage.clone(), ca_file, Default::default());
    stores.choose(&StorageSolution::parse(&name)).map(|()| name)
}
