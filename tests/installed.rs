//! What is installed, and the units among it: one list, and rights that are as small as promised.

#[path = "shared/files.rs"]
mod files;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use files::files_below;
use listener::cli::Cli;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/usr/lib/systemd/system");
/// Ten times the exposure, out of a hundred, that a service may have (`systemd-analyze security`).
const MAX_EXPOSURE: &str = "20";

/// Mode, source and destination of each file.
fn list() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("systemd/files")).expect("readable");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let files = lines.map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [mode, source, destination] => (mode.into(), source.into(), destination.into()),
        _ => panic!("not three words: {line}"),
    });
    files.collect()
}

#[test]
fn the_debian_package_has_what_the_list_names() {
    let text = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).expect("readable");
    let manifest: toml::Table = text.parse().expect("valid");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("a list");
    let word = |asset: &toml::Value, at: usize| asset[at].as_str().expect("text").to_owned();
    let packaged: Vec<_> = assets.iter().map(|asset| (word(asset, 2), word(asset, 0), word(asset, 1))).collect();
    let short = |(mode, source, destination): (String, String, String)| {
        (mode.trim_start_matches('0').to_owned(), source, destination.trim_start_matches('/').to_owned())
    };
    assert_eq!(packaged, list().into_iter().map(short).collect::<Vec<_>>());
}

#[test]
fn the_list_names_every_file_of_the_folder_and_none_that_is_gone() {
    let folder = Path::new(ROOT).join("systemd");
    let below = |path: &PathBuf| path.strip_prefix(&folder).expect("below").display().to_string();
    let there: BTreeSet<_> = files_below(&folder.join("usr")).iter().map(below).collect();
    let list = list();
    let named = list.iter().filter_map(|(_, source, destination)| {
        let own = source.strip_prefix("systemd/")?;
        assert_eq!(destination.strip_prefix('/'), Some(own), "is laid out as on the target");
        Some(own.to_owned())
    });
    assert_eq!(named.collect::<BTreeSet<_>>(), there);
    let gone = list.iter().filter(|(_, source, _)| !source.starts_with("target/"));
    let gone: Vec<_> = gone.filter(|(_, source, _)| !Path::new(ROOT).join(source).exists()).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// The services by file name.
fn services() -> Vec<String> {
    let names = fs::read_dir(UNITS).expect("readable").map(|entry| entry.expect("readable").file_name());
    let names = names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".service"));
    let services: Vec<_> = names.collect();
    assert!(!services.is_empty(), "{UNITS} has none");
    services
}

#[test]
fn the_program_understands_what_the_units_tell_it() {
    let mut understood = 0;
    for service in services() {
        let unit = fs::read_to_string(Path::new(UNITS).join(&service)).expect("readable");
        for command in unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{service}: {error}");
            }
            understood += 1;
        }
    }
    assert_eq!(understood, services().len());
}

/// Whether `systemd-analyze` is content with a unit of ours, and what it says.
fn analyze(arguments: &[&str], service: &str) -> (bool, String) {
    // An instance, for a template.
    let service = service.replace("@.", "@sda1.");
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(["--no-pager", &service])
        .env("SYSTEMD_UNIT_PATH", format!("{UNITS}:"))
        .output()
        .expect("systemd-analyze is installed (scripts/test does it)");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.success(), said)
}

#[test]
fn each_service_has_few_rights() {
    for service in services() {
        let threshold = format!("--threshold={MAX_EXPOSURE}");
        let (is_low, said) = analyze(&["security", "--offline=yes", &threshold], &service);
        assert!(is_low, "{service}:\n{said}");
    }
}

#[test]
fn systemd_finds_nothing_to_say_against_the_units() {
    for service in services() {
        let (_, said) = analyze(&["verify", "--man=no"], &service);
        // The program is not installed here.
        let said: Vec<_> = said.lines().filter(|line| !line.contains("/usr/bin/listener is not executable")).collect();
        assert!(said.is_empty(), "{service}: {said:#?}");
    }
}
