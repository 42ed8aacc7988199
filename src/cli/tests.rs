use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::*;
use crate::config::{Config, Key};
use crate::segment::Threshold;

fn cli(line: &str) -> Result<Cli, clap::Error> {
    Cli::from_args(line.split_whitespace().map(OsString::from))
}

fn good(line: &str) -> Command {
    cli(line).expect("a good command line").command
}

fn config(line: &str) -> Config {
    good(line).raw().validate().expect("good values")
}

/// A good value other than the default.
fn example(key: Key) -> &'static str {
    match key {
        Key::HomeId => "3",
        Key::Token => "s3cret",
        Key::ApiDomain => "https://api.example.org",
        Key::TrackCluster => "CLUSTER_HF_ETE_CONVERSATION",
        Key::EnergyThreshold => "839",
        Key::Timeout => "10000",
        Key::Pause | Key::LeadIn | Key::Shortest => "500",
        Key::DefaultMicrophone => "list",
        Key::Camera => "/dev/video2",
        Key::Width | Key::Height => "720",
        Key::FrameRate => "30",
        Key::VideoLength => "10",
        Key::FrameInterval => "2",
        Key::CaFile => "/etc/ssl/own.pem",
        _ => panic!("{key} has an option, and no example here"),
    }
}

/// Whether only the file has it: what hardly anybody sets, what a box has, and the places for files with their secrets.
fn has_no_option(key: Key) -> bool {
    let of_a_box = ["wifi", "leds", "mute", "ssh"];
    let is_elsewhere = |section: &str| section.starts_with("storage.") || of_a_box.contains(&section);
    let others = [Key::KeepToken, Key::FactoryReset, Key::EraseRecordings, Key::LeadIn, Key::Shortest, Key::MaxBytes];
    key.section().is_some_and(is_elsewhere) || others.contains(&key)
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_may_be_spelled_with_hyphens() {
    let mut seen = BTreeSet::new();
    for command in Cli::command().get_subcommands() {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            assert!(!long.contains('-'), "--{long} has to be written with underscores here");
            let spelled: Vec<_> =
                ["--".to_owned() + &long.replace('_', "-"), format!("--{}=a-b_c", long.replace('_', "-"))]
                    .map(OsString::from)
                    .into();
            let expected = ["--".to_owned() + long, format!("--{long}=a-b_c")].map(OsString::from);
            assert_eq!(underscored(spelled).collect::<Vec<_>>(), expected);
            seen.insert(long.to_owned());
        }
    }
    assert!(seen.contains("data_dir") && seen.contains("api_domain") && seen.contains("for"), "{seen:?}");
}

#[test]
fn both_spellings_give_every_setting_the_same_value() {
    for key in Key::all().filter(|key| !has_no_option(*key)) {
        let line = |name: &str| format!("listener run --{name} {}", example(key));
        let [there, hyphens] = [line(key.name()), line(&key.name().replace('_', "-"))].map(|line| config(&line));
        assert_eq!(format!("{there:?}"), format!("{hyphens:?}"), "{key}");
        assert_ne!(format!("{there:?}"), format!("{:?}", config("listener run")), "{key} does nothing");
    }
}

#[test]
fn only_names_are_rewritten() {
    let line = "listener run --data-dir /a-b --camera=my-cam --track-cluster A -- --a-b";
    let args: Vec<_> = underscored(line.split(' ').map(OsString::from)).collect();
    let expected = "listener run --data_dir /a-b --camera=my-cam --track_cluster A -- --a-b";
    assert_eq!(args.join(" ".as_ref()), *expected);
}

#[test]
fn the_help_shows_the_defaults_that_are_used() {
    let Config { api, audio, video, .. } = config("listener run --token x");
    let Threshold::Fixed(threshold) = audio.settings.threshold else { panic!("a number is the default") };
    let defaults = [
        (Key::ApiDomain, api.domain),
        (Key::TrackCluster, api.track_cluster),
        (Key::EnergyThreshold, threshold.to_string()),
        (Key::Timeout, audio.settings.timeout_ms.to_string()),
        (Key::Pause, audio.settings.pause_ms.to_string()),
        (Key::DefaultMicrophone, audio.microphone),
        (Key::Camera, video.camera),
        (Key::Width, video.width.to_string()),
        (Key::Height, video.height.to_string()),
        (Key::FrameRate, video.frame_rate.to_string()),
        (Key::VideoLength, video.video_length_s.to_string()),
        (Key::FrameInterval, video.frame_interval_s.to_string()),
    ];
    let command = Cli::command();
    let run = command.find_subcommand("run").expect("it is there");
    for (key, default) in defaults {
        let arg = run.get_arguments().find(|arg| arg.get_long() == Some(key.name())).expect("an option");
        let help = arg.get_help().expect("a help text").to_string();
        assert!(help.ends_with(&format!("[default: {default}]")), "--{key}: {help}");
    }
}

#[test]
fn run_listens_to_the_devices_until_stopped_unless_told_otherwise() {
    let Command::Run(run) = good("listener run") else { panic!("another command") };
    assert_eq!((run.source, run.for_s), (Source::Device, None));
    let Command::Run(run) = good("listener run --source test --for 30") else { panic!("another command") };
    assert_eq!((run.source, run.for_s), (Source::Test, Some(30)));
    assert!(cli("listener run --for 0").is_err());
}

#[test]
fn each_command_takes_what_it_needs() {
    assert!(matches!(good("listener replay talk.mp4 --fast --data-dir /x"), Command::Replay(args) if args.fast));
    assert!(matches!(good("listener devices --json"), Command::Devices(DevicesArgs { json: true })));
    assert!(matches!(good("listener segment talk.wav --json --pause 500"), Command::Segment(args) if args.json));
    assert_eq!(good("listener check --config /boot/listener.toml").config_file(), Some("/boot/listener.toml".as_ref()));
    let Command::Meter(meter) = good("listener meter --source test --for 5 --energy-threshold 839") else {
        panic!("another command")
    };
    assert_eq!((meter.source, meter.for_s), (Source::Test, Some(5)));
    assert!(cli("listener meter --camera auto").is_err());
    assert!(cli("listener segment talk.wav --home_id 3").is_err());
    assert!(cli("listener replay talk.mp4 --default_microphone pulse").is_err());
}

#[test]
fn of_an_update_one_thing_is_reported() {
    let Command::ReportUpdate(report) = good("listener report-update --installing") else { panic!("another command") };
    assert!(report.installing && report.report_to.ends_with("indicate.sock"));
    for line in ["", " --installing --installed", " --installing --failed=why", " --failed"] {
        assert!(cli(&format!("listener report-update{line}")).is_err(), "{line}");
    }
    assert!(cli("listener status --faults --watch").is_err());
}

#[test]
fn values_are_judged_with_the_names_of_their_options() {
    let raw = good("listener run --video-length 25 --home-id -1 --energy_threshold loud").raw();
    let told = raw.validate().expect_err("three are wrong").to_string();
    assert_eq!(told.lines().count(), 3);
    for name in ["--video_length must be 1, 2,", "--home_id must be", "--energy_threshold must be"] {
        assert!(told.lines().any(|line| line.starts_with(name)), "{told}");
    }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let file = RawConfig::parse("home_id = 3\ntoken = \"file\"\n[audio]\npause = 500").expect("a good file");
    let config = good("listener run --home_id 7").raw().or(file).validate().expect("good values");
    assert_eq!(config.api.home_id, Some(7));
    assert_eq!(config.audio.settings.pause_ms, 500);
    let meter = good("listener meter --default_microphone hw:1").raw();
    assert_eq!(meter.validate().expect("good values").audio.microphone, "hw:1");
}

#[test]
fn a_token_file_goes_before_what_stands_in_the_variable() {
    // As if LISTENER_TOKEN were set: tests must not change the environment, which all of them share.
    let mut command = good("listener check --token_file /run/token");
    let Command::Check(args) = &mut command else { panic!("another command") };
    args.api.token = Some("variable".into());
    assert_eq!(command.token_file(), Some("/run/token".as_ref()));
    let config = command.raw().with_token("file".into()).validate().expect("good values");
    assert_eq!(config.api.token.as_ref().map(ExposeSecret::expose_secret), Some("file"));
}

#[test]
fn a_token_and_a_token_file_do_not_go_together() {
    let error = cli("listener run --token a --token-file b").expect_err("two tokens");
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn a_token_is_not_in_the_debug_text_of_the_command_line() {
    assert!(!format!("{:?}", good("listener run --token s3cret-token")).contains("s3cret"));
}

#[test]
fn recordings_wait_where_the_option_or_the_environment_says() {
    let given = |dir: Option<&str>, vars: &[(&str, &str)]| {
        let env = |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        DataOptions { data_dir: dir.map(PathBuf::from) }.folder(env)
    };
    let (state, data, home) = (("STATE_DIRECTORY", "/s:/t"), ("XDG_DATA_HOME", "/d"), ("HOME", "/h"));
    assert_eq!(given(Some("here"), &[state, data, home]), Some("here".into()));
    assert_eq!(given(None, &[state, data, home]), Some("/s".into()));
    assert_eq!(given(None, &[("STATE_DIRECTORY", ""), data, home]), Some("/d/listener".into()));
    assert_eq!(given(None, &[("XDG_DATA_HOME", "relative"), home]), Some("/h/.local/share/listener".into()));
    assert_eq!(given(None, &[]), None);
}
