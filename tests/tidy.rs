//! Holds the code to its layout: a technology is imported only by the file named for it, and pure modules do no IO.

#[path = "shared/files.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};

use files::files_below;

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Crate or call, and the files (or folders, with a slash at the end) that may name it.
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    ("alsa::", &["capture/alsa/"]),
    ("gstreamer", &["capture/gstreamer/"]),
    ("gst_app", &["capture/gstreamer/"]),
    ("use v4l::", &["capture/v4l.rs"]),
    ("mp4_atom", &["spool/adopt.rs"]),
    ("rppal::", &["status/rppal.rs", "capture/mute/"]),
    ("gpiocdev::", &["status/gpiocdev.rs", "capture/mute/"]),
    ("plotters", &["command/plot.rs", "command/axis.rs"]),
    ("reqwest", &["upload/http.rs", "upload/s3.rs", "upload/tls.rs", "bin/"]),
    ("rustls", &["upload/tls.rs", "status/terminal.rs"]),
    ("object_store", &["upload/s3.rs"]),
    ("tokio", &["upload/s3.rs", "bin/"]),
    ("process::Command", &["upload/rsync.rs", "provision/systemctl.rs"]),
    ("systemd_journal_logger", &["status/journal.rs"]),
    ("env_logger", &["status/terminal.rs"]),
    ("UnixDatagram", &["status/socket.rs"]),
    ("rustix::mount", &["provision/usb.rs"]),
    ("signal_hook", &["main.rs"]),
    ("sd_notify", &["supervise/systemd.rs"]),
    ("inotify", &["spool/disk/shared.rs"]),
    ("sync_all", &["durable.rs"]),
    ("fs::rename", &["durable.rs", "durable/power.rs", "bin/"]),
    ("Timestamp::now", &["clock.rs", "bin/"]),
    ("SystemTime::now", &["clock.rs", "bin/"]),
    ("process::exit", &[]),
];

/// What a pure file must not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io::",
    "std::process",
    "std::thread",
    "std::env",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "fastrand",
    "reqwest",
    "rustix",
    "tempfile",
];

/// The files that are pure: nothing but their arguments decides what they do.
const PURE: &[&str] = &[
    "limits.rs",
    "event.rs",
    "config/mod.rs",
    "config/appliance.rs",
    "config/blank.rs",
    "config/decode.rs",
    "config/write.rs",
    "config/keys.rs",
    "config/parse.rs",
    "config/problem.rs",
    "config/storage.rs",
    "config/values.rs",
    "provision/mod.rs",
    "provision/answer.rs",
    "provision/tests.rs",
    "provision/wifi.rs",
    "segment/mod.rs",
    "segment/windows.rs",
    "segment/judge.rs",
    "segment/follower.rs",
    "segment/tests.rs",
    "segment/voice/mod.rs",
    "segment/voice/network.rs",
    "segment/voice/spectrum.rs",
    "segment/noise.rs",
    "segment/overheard.rs",
    "segment/meter.rs",
    "segment/sample_clock.rs",
    "segment/hearing.rs",
    "command/axis.rs",
    "command/plot.rs",
    "command/trace.rs",
    "capture/mod.rs",
    "capture/camera.rs",
    "capture/encoder.rs",
    "capture/losses.rs",
    "capture/microphone.rs",
    "capture/pipeline.rs",
    "capture/run.rs",
    "capture/stamp.rs",
    "capture/schedule.rs",
    "capture/synthetic_voice.rs",
    "capture/timeline.rs",
    "supervise/ladder.rs",
    "supervise/liveness.rs",
    "supervise/vitals.rs",
    "spool/mod.rs",
    "spool/backlog.rs",
    "spool/books.rs",
    "spool/budget.rs",
    "spool/name.rs",
    "spool/placement.rs",
    "spool/wall.rs",
    "upload/mod.rs",
    "upload/answer.rs",
    "upload/backoff.rs",
    "upload/line.rs",
    "status/health.rs",
    "status/histogram.rs",
    "status/ledger.rs",
    "status/leds.rs",
    "status/line.rs",
    "status/report.rs",
    "status/words.rs",
    "lib.rs",
    "upload/tests.rs",
    "config/tests.rs",
];

/// The longest a file may be: beyond it nobody reads it whole. The median is to stay under 250.
const MAX_LINES: usize = 500;

/// The files below a folder that end so.
fn ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == ending);
    files_below(folder).into_iter().filter(is_one).collect()
}

/// Every source with its path below `src`, without its comments and its tests.
fn code() -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let name = path.strip_prefix(SRC).expect("below src").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let product = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
        (name, code.collect::<Vec<_>>().join("\n"))
    };
    ending(Path::new(SRC), "rs").into_iter().map(read).collect()
}

#[test]
fn a_technology_is_imported_only_by_the_file_named_for_it() {
    let mut strays = Vec::new();
    for (file, code) in code() {
        for (technology, homes) in TECHNOLOGIES.iter().copied() {
            let at_home = homes.iter().any(|home| file == *home || (home.ends_with('/') && file.starts_with(home)));
            // The crate's own modules bear the names of what they wrap.
            let foreign = code.lines().filter(|line| !is_own_module(line)).any(|line| line.contains(technology));
            if foreign && !at_home {
                strays.push(format!("{file} names {technology}"));
            }
        }
    }
    assert_eq!(strays, Vec::<String>::new());
}

fn is_own_module(line: &str) -> bool {
    ["crate::", "super::", "listener::", "mod ", "gstreamer::init", "alsa::list", "ALSA"]
        .iter()
        .any(|own| line.contains(own))
}

#[test]
fn pure_files_do_no_io_and_read_no_clock() {
    let code = code();
    let mut impurities = Vec::new();
    for pure in PURE.iter().copied() {
        let (_, text) = code.iter().find(|(file, _)| file == pure).unwrap_or_else(|| panic!("{pure} is gone"));
        impurities
            .extend(IMPURE.iter().filter(|impure| text.contains(*impure)).map(|impure| format!("{pure}: {impure}")));
    }
    assert_eq!(impurities, Vec::<String>::new());
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
