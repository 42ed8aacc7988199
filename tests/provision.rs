//! Provisioning files as people write them, each with the answer it must get.

use std::fs;
use std::path::{Path, PathBuf};

use listener::config::decode;
use listener::provision::{Wanted, forecast, judge};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

fn bad_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(PROJECT).join("tests/bad-files")).expect("the folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files.filter(|file| file.extension().is_some_and(|ending| ending == "toml")).collect()
}

#[test]
fn every_bad_file_is_refused_in_words_that_say_what_to_write() {
    let files = bad_files();
    assert!(files.len() >= 40, "{}", files.len());
    for file in files {
        let judged = judge(&fs::read(&file).expect("readable"), None);
        assert!(judged.is_err(), "{} was taken", file.display());
        let expected = fs::read_to_string(file.with_extension("answer.txt")).expect("the answer it must get");
        assert_eq!(forecast(&judged), expected.trim_end(), "{}", file.display());
    }
}

#[test]
fn no_answer_holds_the_token() {
    for file in bad_files() {
        let bytes = fs::read(&file).expect("readable");
        let said = format!("{} {:?}", forecast(&judge(&bytes, None)), judge(&bytes, None));
        assert!(!said.contains("0123456789abc"), "{}: {said}", file.display());
    }
}

#[test]
fn the_sample_is_good_once_the_token_is_in_it() {
    let sample = fs::read_to_string(Path::new(PROJECT).join("examples/listener.toml")).expect("the sample");
    let judged = judge(sample.replace("paste the token here", "0123456789abcdef").as_bytes(), None);
    assert!(judged.is_ok(), "{}", forecast(&judged));
    assert!(judge(sample.as_bytes(), None).is_err(), "without a token it must not be taken");
}

#[test]
fn the_settings_that_the_sample_shows_are_all_there_are_and_their_defaults() {
    let sample = fs::read_to_string(Path::new(PROJECT).join("examples/listener.toml")).expect("the sample");
    let sample = sample.replace("paste the token here", "0123456789abcdef");
    let setting = |line: &str| {
        line.strip_prefix("# ")
            .filter(|rest| rest.split_once('=').is_some_and(|(name, _)| !name.trim().contains(' ')))
            .map_or_else(|| line.to_owned(), str::to_owned)
    };
    let uncommented: String = sample.lines().map(|line| setting(line) + "\n").collect();
    for key in listener::config::Key::all() {
        let shows =
            |line: &str| line.trim_start_matches('#').starts_with(key.name()) || line.contains("# or ssh_password");
        assert!(uncommented.lines().any(shows), "{key} is not in the sample");
    }
    let [with, without] = [&uncommented, &sample].map(|text| match judge(text.as_bytes(), None).expect("good") {
        Wanted::Settings(settings) => settings.config,
        Wanted::Reset(_) => panic!("it is to be set up"),
    });
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn the_places_for_files_in_the_sample_are_good_ones() {
    let sample = fs::read_to_string(Path::new(PROJECT).join("examples/listener.toml")).expect("the sample");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB";
    let sample = sample
        .replace("paste the token here", "0123456789abcdef")
        .replace("paste it here", "0123456789abcdef")
        .replace("paste the line in your file id_ed25519.pub here", key);
    let example =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n";
    let config = judge(sample.lines().map(example).collect::<String>().as_bytes(), None).expect("good");
    let shown = format!("{config:?}");
    assert!(["openomni", "/srv/openomni/Listener", "/mnt/share"].iter().all(|place| shown.contains(place)), "{shown}");
}

#[test]
fn a_file_as_notepad_writes_it_is_read() {
    let text = "home_id = 3\r\ntoken = \"0123456789abcdef\"\r\napi_domain = \"https://api.example.org\"\r\n";
    let utf_16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode(&utf_16).expect("text"), text);
    for bytes in [utf_16, format!("\u{feff}{text}").into_bytes(), text.replace("\r\n", "\r").into_bytes()] {
        assert!(judge(&bytes, None).is_ok());
    }
}
