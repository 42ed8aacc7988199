//! What helps to set up a room: how loud it is, and plots of what was cut.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::tempdir;

use crate::media;
use crate::process::{bare, said, signal};

/// The colour of spans in a plot.
const UTTERANCE: &str = "#2E9E4F";

/// The number that is suggested in the last line, read as the configuration reads it.
fn suggested(printed: &str) -> f64 {
    let last = printed.lines().last().unwrap_or_default();
    let table: toml::Table = last.parse().unwrap_or_else(|error| panic!("{last:?}: {error}"));
    let number = &table["energy_threshold"];
    number.as_integer().map_or_else(|| number.as_float().expect("a number"), |number| number as f64)
}

#[test]
fn a_meter_without_a_terminal_prints_a_line_a_second_and_at_last_a_number_to_configure() {
    let output = bare("meter").args(["--source", "test", "--for", "3"]).output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.lines().count(), 4, "{printed}");
    for line in printed.lines().take(3) {
        assert!(line.starts_with("level ") && line.contains("threshold  5000 speaking"), "{printed}");
    }
    assert!((1.0..=32_767.0).contains(&suggested(&printed)), "{printed}");
}

#[test]
fn a_meter_that_follows_the_room_shows_its_floor_and_its_present_threshold() {
    let output = bare("meter").args(["--source", "test", "--for", "1", "--energy_threshold", "auto"]).output();
    let output = output.expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = printed.lines().next().unwrap_or_default().split_whitespace().collect();
    let after = |name: &str| words.iter().skip_while(|word| **word != name).nth(1).and_then(|word| word.parse().ok());
    let (level, floor, threshold): (Option<f32>, Option<f32>, Option<f32>) =
        (after("level"), after("floor"), after("threshold"));
    assert!(floor < threshold && threshold < level && floor.is_some(), "{printed}");
}

#[test]
fn a_meter_that_is_told_to_stop_prints_its_number_and_ends_well() {
    for stop in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut meter = bare("meter");
        meter.args(["--source", "test"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut meter = meter.spawn().expect("it runs");
        let mut out = BufReader::new(meter.stdout.take().expect("piped"));
        let mut printed = String::new();
        out.read_line(&mut printed).expect("a line");
        signal(&meter, stop);
        out.read_to_string(&mut printed).expect("text");
        assert!(meter.wait().expect("it ends").success(), "{stop:?}");
        assert!(suggested(&printed) >= 1.0, "{printed}");
    }
}

#[test]
fn a_closed_terminal_is_no_stop_for_what_nohup_has_started() {
    let mut meter = Command::new("nohup");
    meter.arg(env!("CARGO_BIN_EXE_listener")).args(["meter", "--source", "test"]);
    let mut meter = meter.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut lines = BufReader::new(meter.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("it goes on").expect("text");
    next();
    signal(&meter, Signal::HUP);
    // Half a second each.
    (0..4).for_each(|_| drop(next()));
    assert!(meter.try_wait().expect("it can be asked").is_none());
    signal(&meter, Signal::TERM);
    assert!(meter.wait().expect("it ends").success());
}

#[test]
fn a_meter_without_a_microphone_says_so_in_one_line() {
    let output = bare("meter").args(["--default_microphone", "nosuch"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).lines().count() == 1 && said(&output).contains("\"nosuch\""), "{}", said(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_plot_has_a_span_for_every_utterance_that_is_printed() {
    let folder = tempdir().expect("a folder");
    let (recording, truth) = media::dialogue(folder.path(), 3, 1.2);
    let plot = folder.path().join("out.svg");
    let segment = |plot: &[&OsStr]| {
        let output = bare("segment").args(["--json", "--energy_threshold", "auto"]).arg(&recording).args(plot).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        output.stdout
    };
    let printed = segment(&["--plot".as_ref(), plot.as_os_str()]);
    assert_eq!(printed, segment(&[]), "a plot changes nothing that is printed");

    let printed: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
    let printed = printed["utterances"].as_array().expect("a list");
    assert_eq!(printed.len(), truth.len());
    let svg = std::fs::read_to_string(&plot).expect("a plot");
    let svg = roxmltree::Document::parse(&svg).expect("well-formed");
    let spans = svg.descendants().filter(|node| node.has_tag_name("rect") && node.attribute("fill") == Some(UTTERANCE));
    assert_eq!(spans.count(), printed.len());
    let texts: Vec<&str> = svg.descendants().filter_map(|node| node.text().map(str::trim)).collect();
    for bounds in printed {
        let second = |key: &str| bounds[key].as_f64().expect("seconds");
        let label = format!("{:.2}–{:.2}", second("start_s"), second("end_s"));
        assert!(texts.contains(&label.as_str()), "{label}: {texts:?}");
    }
}

#[test]
fn a_plot_that_is_not_to_be_svg_is_refused_before_anything_is_done() {
    let output = bare("segment").args(["nosuch.wav", "--plot", "out.png"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("has to end in .svg, not as out.png"), "{}", said(&output));
}
