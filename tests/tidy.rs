//! Holds the code to its layout where the compiler cannot: a technology is imported only by the file named for it, files
//! are short and say what they are, and documents name no missing file. Clippy decides what is pure (`clippy.toml`); the
//! tests here close the two gaps it leaves.

#[path = "shared/files.rs"]
mod files;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use files::files_below;
use names::Names;
use sources::{Source, Sources, folder_of};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// A crate, an item of one, or a method; and the files (or folders, with a slash at the end) that may name it. Clippy
/// cannot check this: it has one list for the whole crate.
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    ("alsa", &["capture/alsa/"]),
    ("async_trait", &["upload/s3.rs"]),
    ("axum", &["bin/"]),
    ("clap", &["cli/", "bin/"]),
    ("env_logger", &["status/terminal.rs"]),
    ("fastrand", &["device_id.rs", "upload/worker.rs", "bin/"]),
    ("gpiocdev", &["status/gpiocdev.rs", "capture/mute/gpiocdev.rs"]),
    ("gstreamer", &["capture/gstreamer/"]),
    ("gstreamer_app", &["capture/gstreamer/"]),
    ("gstreamer_pbutils", &["capture/gstreamer/"]),
    ("gstreamer_video", &["capture/gstreamer/"]),
    ("hound", &["capture/keeper.rs"]),
    ("httpdate", &["upload/answer.rs"]),
    ("hyper_util", &["upload/proxy.rs"]),
    ("mp4_atom", &["spool/adopt.rs"]),
    ("object_store", &["upload/s3.rs"]),
    ("openssh_keys", &["config/appliance.rs"]),
    ("plotters", &["command/plot.rs", "command/axis.rs"]),
    ("reqwest", &["upload/http.rs", "upload/s3.rs", "upload/tls.rs"]),
    ("rppal", &["status/rppal.rs", "capture/mute/rppal.rs"]),
    (
        "rustix",
        &[
            "capture/alsa/",
            "capture/gstreamer/input.rs",
            "clock.rs",
            "device_id.rs",
            "durable.rs",
            "provision/folder.rs",
            "provision/usb.rs",
            "spool/doorbell.rs",
            "spool/files.rs",
            "status/terminal.rs",
        ],
    ),
    ("rusqlite", &["spool/ledger/"]),
    ("rustix::event", &["spool/doorbell.rs"]),
    (
        "rustix::fs",
        &["capture/gstreamer/input.rs", "durable.rs", "provision/folder.rs", "spool/doorbell.rs", "spool/files.rs"],
    ),
    ("rustix::mount", &["provision/usb.rs"]),
    ("rustix::system", &["device_id.rs"]),
    ("rustix::termios", &["status/terminal.rs"]),
    ("rustix::time", &["clock.rs"]),
    ("rustls", &["upload/tls.rs"]),
    ("sd_notify", &["supervise/systemd.rs"]),
    ("signal_hook", &["main.rs"]),
    ("strsim", &["config/keys.rs"]),
    ("systemd_journal_logger", &["status/journal.rs"]),
    ("tempfile", &["durable.rs", "command/check.rs", "upload/rsync.rs", "bin/"]),
    ("tokio", &["upload/s3.rs", "bin/"]),
    ("toml", &["config/"]),
    ("tower_http", &["bin/"]),
    ("url", &["config/values.rs"]),
    ("v4l", &["capture/v4l.rs"]),
    ("std::fs::rename", &["durable.rs"]),
    ("std::os::unix::net", &["bin/", "status/socket.rs"]),
    ("std::process::Command", &["upload/rsync.rs", "provision/systemctl.rs", "repair/ext4.rs"]),
    ("std::process::exit", &[]),
    ("std::time::Instant", &[]),
    ("std::time::SystemTime", &[]),
    ("jiff::Timestamp::now", &["clock.rs", "bin/"]),
    (".sync_all", &["durable.rs"]),
    (".sync_data", &["durable.rs"]),
];

/// The crates that any file may use. What is impure in them is in `clippy.toml`.
const EVERYWHERE: &[&str] = &["anyhow", "jiff", "log", "secrecy", "serde", "serde_json", "thiserror", "uuid"];

/// Edges that clippy does not see: they do no IO themselves, they only call other edges.
const CHOOSERS: &[&str] = &[
    "capture/mute/mod.rs",
    "command/devices.rs",
    "command/repair_data.rs",
    "command/report_update.rs",
    "daemon/ends.rs",
    "spool/survey.rs",
    "status/pins.rs",
    "upload/store.rs",
];

/// Edge, item, and the pure files that may name it: traits and data that are passed in, plain computation, re-exports.
const WORDS_OF_EDGES: &[(&str, &str, &[&str])] = &[
    ("clock.rs", "Clock", &["spool/wall.rs"]),
    ("clock.rs", "signed", &["capture/", "segment/"]),
    ("spool/intake.rs", "Intake", &["spool/mod.rs"]),
    ("spool/intake.rs", "Room", &["spool/mod.rs"]),
    ("spool/legacy.rs", "filled", &["spool/mod.rs"]),
    ("spool/outbox.rs", "Outbox", &["spool/mod.rs"]),
    ("status/file.rs", "Led", &["status/words.rs"]),
    ("status/file.rs", "Status", &["status/words.rs"]),
    ("supervise/mod.rs", "Retry", &["capture/mod.rs"]),
    ("upload/store.rs", "StoreError", &["upload/mod.rs"]),
];

/// The longest a file may be: beyond it nobody reads it whole. The median is to stay under 250.
const MAX_LINES: usize = 500;

/// The files below a folder that end so.
fn ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == ending);
    files_below(folder).into_iter().filter(is_one).collect()
}

fn sources() -> Sources {
    Sources::below(Path::new(SRC))
}

/// Whether that is the file, or a folder that it is in.
fn is_in(file: &str, home: &str) -> bool {
    file == home || (home.ends_with('/') && file.starts_with(home))
}

#[test]
fn names_are_found_however_they_are_imported() {
    let found = [
        "use std::{fs::{self, File}, io}; fn f() { fs::rename(a, b) }",
        "use std::fs as files; fn f() { files::rename(a, b) }",
        "use std::{fs::{rename as put}};",
        "use std as s; use s::fs; fn f() { g(fs::rename) }",
        "use std::fs::*;",
        "fn f() { log::info!(\"{}\", ::std::fs::rename(a, b).is_ok()) }",
        "#[cfg(test)] mod tests { fn f() {} } fn f() { std::fs::rename(a, b) }",
    ];
    for source in found {
        assert!(Names::of(source).has("std::fs::rename"), "{source}");
    }
    let others = [
        "// std::fs::rename\nfn f() { g(\"std::fs::rename\") }",
        "use crate::disk as fs; fn f() { fs::rename(a, b) }",
        "mod std; fn f() { std::fs::rename(a, b) }",
        "#[cfg(test)] mod tests { use std::fs::rename; }",
        "use std::fs::read; use super::rename;",
    ];
    for source in others {
        assert!(!Names::of(source).has("std::fs::rename"), "{source}");
    }
    assert!(Names::of("fn f() { file.sync_all() }").has(".sync_all"));
}

#[test]
fn a_technology_is_imported_only_by_the_file_named_for_it() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (technology, homes) in TECHNOLOGIES.iter().copied() {
        let users = sources.0.iter().filter(|(_, source)| source.names.has(technology)).map(|(file, _)| file.as_str());
        let users: Vec<_> = users.collect();
        let strays = users.iter().filter(|file| !homes.iter().any(|home| is_in(file, home)));
        wrong.extend(strays.map(|file| format!("{file} uses {technology}")));
        let left = homes.iter().filter(|home| !users.iter().any(|file| is_in(file, home)));
        wrong.extend(left.map(|home| format!("{home} does not use {technology} any more")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn of_every_dependency_it_is_said_who_may_use_it() {
    let manifest = fs::read_to_string(Path::new(SRC).with_file_name("Cargo.toml")).expect("readable");
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("a table").keys().map(|name| name.replace('-', "_"));
    let crates = TECHNOLOGIES.iter().map(|(technology, _)| technology.split("::").next().expect("a crate"));
    let known: BTreeSet<_> = crates.chain(EVERYWHERE.iter().copied()).collect();
    let unknown: Vec<_> = dependencies.filter(|name| !known.contains(name.as_str())).collect();
    assert_eq!(unknown, Vec::<String>::new());
}

/// Every edge of the library.
fn edges(sources: &Sources) -> BTreeSet<&str> {
    let of_library = sources.0.iter().filter(|(file, _)| !file.starts_with("bin/"));
    let known = of_library.filter(|(_, source)| source.is_edge()).map(|(file, _)| file.as_str());
    let edges: BTreeSet<_> = known.chain(CHOOSERS.iter().copied()).collect();
    assert!(edges.len() > 40, "{edges:?}");
    edges
}

/// An attribute at the head of a module also covers its child modules, so each child states its own.
#[test]
fn below_an_edge_every_file_says_whether_it_is_one() {
    let sources = sources();
    let mut silent = Vec::new();
    let edges = edges(&sources);
    for edge in &edges {
        let folder = folder_of(edge);
        let below = sources.0.iter().filter(|(file, _)| !folder.is_empty() && file.starts_with(&folder));
        let below = below.filter(|(file, source)| !edges.contains(file.as_str()) && !source.is_closed());
        silent.extend(below.map(|(file, _)| format!("{file}, below {edge}")));
    }
    assert_eq!(silent, Vec::<String>::new());
}

/// Clippy sees the call and not what the called function does.
#[test]
fn pure_files_use_no_edge() {
    let sources = sources();
    let edges = edges(&sources);
    let mut strays = Vec::new();
    for file in sources.0.keys().filter(|file| !edges.contains(file.as_str()) && !file.starts_with("bin/")) {
        for (home, item) in sources.named_by(file) {
            let is_word = WORDS_OF_EDGES.iter().any(|(edge, word, users)| {
                home == *edge && item.split("::").next() == Some(word) && users.iter().any(|user| is_in(file, user))
            });
            if edges.contains(home) && !is_word {
                strays.push(format!("{file} uses {item} of {home}"));
            }
        }
    }
    assert_eq!(strays, Vec::<String>::new());
}

#[test]
fn what_a_head_says_of_purity_is_so() {
    let sources = sources();
    let edges = edges(&sources);
    let of_library = sources.0.iter().filter(|(file, _)| !file.starts_with("bin/") && *file != "lib.rs");
    let is_wrong = |(file, source): &(&String, &Source)| match edges.contains(file.as_str()) {
        true => source.says("PURE") && !source.says("EDGE"),
        false => source.says("EDGE") && !source.says("PURE"),
    };
    let wrong: Vec<_> = of_library.filter(is_wrong).map(|(file, _)| file).collect();
    assert_eq!(wrong, Vec::<&String>::new());
}

#[test]
fn files_stay_short_enough_to_be_read_whole() {
    let mut lengths: Vec<(usize, String)> = ending(Path::new(SRC), "rs")
        .into_iter()
        .map(|path| (fs::read_to_string(&path).expect("readable").lines().count(), path.display().to_string()))
        .collect();
    lengths.sort();
    let (longest, file) = lengths.last().expect("sources");
    assert!(*longest <= MAX_LINES, "{file} has {longest} lines");
    assert!(lengths[lengths.len() / 2].0 < 250, "the median file is too long");
}

#[test]
fn every_file_says_what_it_is() {
    for path in ending(Path::new(SRC), "rs") {
        let text = fs::read_to_string(&path).expect("readable");
        let is_tests = path.file_name().is_some_and(|name| name == "tests.rs");
        assert!(is_tests || text.starts_with("//! "), "{} begins without saying what it is", path.display());
    }
}

#[test]
fn the_documents_name_no_file_that_is_gone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut gone = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root.join(document)).expect("readable");
        for word in text.split(|c: char| c.is_whitespace() || "`()|,".contains(c)) {
            let is_path = ["src/", "scripts/", "tests/", "docs/", "systemd/", "examples/"]
                .iter()
                .any(|start| word.starts_with(start));
            let path = word.trim_end_matches(['.', ':', ';']);
            if is_path && !path.contains(['{', '*']) && !root.join(path).exists() {
                gone.push(format!("{document}: {path}"));
            }
        }
    }
    assert_eq!(gone, Vec::<String>::new());
}

#[test]
fn every_test_that_the_table_of_promises_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rust = ["src", "tests"].map(|folder| ending(&root.join(folder), "rs")).concat();
    let python = ["tests", "hw-tests"].map(|folder| ending(&root.join(folder), "py")).concat();
    let code: String = [rust, python].concat().iter().map(|path| fs::read_to_string(path).expect("readable")).collect();
    let table = fs::read_to_string(root.join("docs/verification.md")).expect("the table");
    // A name of a test is a sentence; commands have spaces or slashes.
    let is_name = |word: &&str| word.matches('_').count() >= 3 && !word.contains([' ', '/', '\n']);
    let named: Vec<_> = table.split('`').filter(is_name).collect();
    let gone: Vec<_> = named.iter().filter(|name| !code.contains(&format!(" {name}("))).collect();
    assert!(named.len() > 50 && gone.is_empty(), "{} names, of which these are gone: {gone:#?}", named.len());
}
