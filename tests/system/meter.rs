//! How loud a room is, and what suits it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::process::{bare, said};

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
    for signal in ["-INT", "-TERM"] {
        let mut meter = bare("meter");
        meter.args(["--source", "test"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut meter = meter.spawn().expect("it runs");
        let mut out = BufReader::new(meter.stdout.take().expect("piped"));
        let mut printed = String::new();
        out.read_line(&mut printed).expect("a line");
        assert!(Command::new("kill").args([signal, &meter.id().to_string()]).status().expect("kill runs").success());
        out.read_to_string(&mut printed).expect("text");
        assert!(meter.wait().expect("it ends").success(), "{signal}");
        assert!(suggested(&printed) >= 1.0, "{printed}");
    }
}

#[test]
fn a_meter_without_a_microphone_says_so_in_one_line() {
    let output = bare("meter").args(["--default_microphone", "nosuch"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).lines().count() == 1 && said(&output).contains("\"nosuch\""), "{}", said(&output));
    assert!(output.stdout.is_empty());
}
