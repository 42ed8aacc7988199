use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

pub(super) fn told(text: &str) -> String {
    match RawConfig::parse(text).and_then(RawConfig::validate) {
        Ok(_) => "nothing".into(),
        Err(problems) => problems.to_string(),
    }
}

pub(super) fn config(text: &str) -> Config {
    RawConfig::parse(text).and_then(RawConfig::validate).expect("a good file")
}

fn option(key: Key, value: &str) -> Result<Config, Problems> {
    RawConfig::default().with_option(key, value).validate()
}

#[test]
fn pictures_may_be_as_large_as_1080p_at_30_and_no_more() {
    assert!(config("[video]\nwidth = 1920\nheight = 1080\nframe_rate = 30").video.frame_rate == 30);
    assert_eq!(
        told("[video]\nwidth = 1920\nheight = 1080\nframe_rate = 31"),
        "line 4: frame_rate is too much: 1920x1080 goes with at most 30 frames a second, not 31"
    );
    assert_eq!(config("[video]\nframe_rate = 60").video.frame_rate, 60);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = config("");
    assert_eq!(config.api.domain, "http://localhost:8000");
    assert_eq!(config.api.track_cluster, "CLUSTER_GPT_4O_ETE_CONVERSATION");
    assert!(config.api.token.is_none() && config.api.home_id.is_none());
    let settings = Settings {
        threshold: Threshold::Fixed(5000.0),
        pause_ms: 700,
        lead_in_ms: 800,
        tail_ms: 400,
        shortest_ms: 60,
        timeout_ms: 30_000,
    };
    assert_eq!(config.audio, AudioConfig { microphone: "pulse".into(), settings });
    let video = VideoConfig {
        camera: "auto".into(),
        width: 640,
        height: 480,
        frame_rate: 24,
        video_length_s: 20,
        frame_interval_s: 1,
    };
    assert_eq!(config.video, video);
    assert_eq!(config.warnings(), [""; 0]);
}

#[test]
fn a_whole_file_is_read() {
    let config = config(
        "home_id = 3\ntoken = \" s3cret \"\napi_domain = \"https://api.example.org/\"\n\
         track_cluster = \"CLUSTER_HF_ETE_CONVERSATION\"\n\
         [audio]\nenergy_threshold = 839.5\ntimeout = 10_000\npause = 500\nlead_in = 0\nshortest = 100\n\
         default_microphone = \"hw:1,0\"\n\
         [video]\ncamera = \"/dev/video2\"\nwidth = 1280\nheight = 720\nframe_rate = 30\nvideo_length = 30\n\
         frame_interval = 2\n",
    );
    let (home_id, token) = config.require_api().expect("both are there");
    assert_eq!((home_id, token.expose_secret()), (3, "s3cret"));
    assert_eq!(config.api.domain, "https://api.example.org");
    assert_eq!(config.audio.settings.threshold, Threshold::Fixed(839.5));
    assert_eq!(config.audio.settings.timeout_ms, 10_000);
    assert_eq!(config.audio.microphone, "hw:1,0");
    assert_eq!((config.video.width, config.video.height, config.video.frame_rate), (1280, 720, 30));
    assert_eq!((config.video.video_length_s, config.video.frame_interval_s), (30, 2));
}

#[test]
fn a_home_may_be_written_in_quotes() {
    assert_eq!(config("home_id = \"12\"").api.home_id, Some(12));
}

#[test]
fn byte_order_mark_and_foreign_line_ends_are_nothing_to_speak_of() {
    for text in ["\u{feff}home_id = 3\r\n[audio]\r\npause = 1\r\n", "home_id = 3\r[audio]\rpause = 1\r"] {
        assert_eq!(told(text), "line 3: pause must be a whole number from 200 to 5000 (milliseconds), not 1");
    }
}

#[test]
fn an_unknown_setting_is_told_with_its_line_and_what_was_meant() {
    let text = "home_id = 1\n\n[audio]\npasue = 500\n";
    assert_eq!(told(text), r#"line 4: "pasue" is not a setting of [audio]; did you mean "pause"?"#);
}

#[test]
fn an_unknown_setting_that_resembles_none_is_told_with_those_there_are() {
    let known = "camera, width, height, frame_rate, video_length, frame_interval";
    assert_eq!(
        told("[video]\nxyzzy = 1"),
        format!(r#"line 2: "xyzzy" is not a setting of [video]; there are {known}"#)
    );
}

#[test]
fn a_setting_in_the_wrong_place_is_told_where_it_belongs() {
    assert_eq!(
        told("pause = 500"),
        r#"line 1: "pause" is not a setting of the top of the file; write it below the line [audio]"#
    );
    assert_eq!(
        told("[audio]\nhome_id = 1"),
        r#"line 2: "home_id" is not a setting of [audio]; write it at the top of the file, above the first [section]"#
    );
}

#[test]
fn an_unknown_section_is_told_with_what_was_meant() {
    assert_eq!(told("[Audoi]\npause = 1"), "line 1: [Audoi] is not a section; did you mean [audio]?");
    assert_eq!(
        told("[speech]"),
        "line 1: [speech] is not a section; there are [wifi], [ssh], [audio], [video], [storage], [storage.s3], [storage.local], [storage.volume], [leds], [mute]"
    );
    assert_eq!(told("audio = 1"), "line 1: write [audio] on a line of its own, and its settings below it");
}

#[test]
fn a_disk_budget_is_a_number_of_bytes_and_not_of_gigabytes() {
    let config = RawConfig::parse("[storage]\nmax_bytes = 16_000_000_000").expect("it is good").validate();
    assert_eq!(config.expect("it is good").storage.max_bytes, Some(16_000_000_000));
    assert_eq!(RawConfig::default().validate().expect("it is good").storage.max_bytes, None);
    let told = told("[storage]\nmax_bytes = 16");
    assert!(told.contains("line 2") && told.contains("not 16; for 16 GB write 16_000_000_000"), "{told}");
}

#[test]
fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_lines() {
    let text = "zzz = 1\nhome_id = 0\n[video]\nwidth = 641\n[audio]\npasue = 1\nenergy_threshold = \"loud\"\n";
    let lines: Vec<_> = RawConfig::parse(text).expect_err("it is bad").iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 7].map(Some));
}

#[test]
fn a_wrong_type_is_told() {
    let energy = r#"energy_threshold must be a number from 1 to 32767 or "auto""#;
    assert_eq!(told("[audio]\nenergy_threshold = \"loud\""), format!("line 2: {energy}, not \"loud\""));
    assert_eq!(told("[audio]\nenergy_threshold = nan"), format!("line 2: {energy}, not NaN"));
    let pause = "line 2: pause must be a whole number from 200 to 5000 (milliseconds), not";
    assert_eq!(told("[audio]\npause = \"500\""), format!("{pause} \"500\" (write it without quotes)"));
    assert_eq!(told("[audio]\npause = 500.5"), format!("{pause} 500.5"));
    assert_eq!(told("[audio]\npause = true"), format!("{pause} true"));
    assert_eq!(told("[audio]\npause = [1]"), format!("{pause} a list"));
    assert_eq!(told("[audio]\npause = 99999999999999999999"), format!("{pause} 99999999999999999999"));
    assert_eq!(told("[video]\ncamera = 0"), "line 2: camera must be text in quotes, such as \"auto\", not 0");
}

#[test]
fn broken_lines_are_told_in_plain_words() {
    assert_eq!(told("token = abc"), "line 1: text must stand in quotes, as in name = \"value\"");
    assert_eq!(told("keep_token = yes"), "line 1: write true or false");
    assert_eq!(told("keep_token = True"), "line 1: write true or false, in small letters");
    assert_eq!(told("\nhome_id"), "line 2: a setting is written as name = value");
    assert_eq!(told("home_id = 1\nhome_id = 2"), "line 2: home_id stands here a second time, remove one");
    assert_eq!(told("[audio]\n[video]\n[audio]"), "line 3: [audio] stands here a second time, join the two");
    assert_eq!(told("[audio\npause = 500"), "line 1: the closing ] is missing");
    assert_eq!(told("home_id = 0\n[audio\n[video\nwidth = 1\n").lines().count(), 3);
    assert_eq!(told("token = \"abc\nhome_id = 3"), "line 1: the closing quote is missing");
    assert_eq!(told("home_id =\n[audio]\npause = 1").lines().count(), 2);
}

#[test]
fn the_address_needs_a_scheme_and_a_host() {
    let told = |address: &str| match option(Key::ApiDomain, address) {
        Ok(config) => config.api.domain,
        Err(problems) => problems.to_string(),
    };
    assert_eq!(told("http://192.168.1.5:8000"), "http://192.168.1.5:8000");
    assert_eq!(told("https://example.org/base//"), "https://example.org/base");
    assert_eq!(
        told("localhost:8000"),
        "--api_domain must begin with http:// or https://, write https://localhost:8000"
    );
    assert_eq!(
        told("http:/example.org"),
        "--api_domain must begin with http:// or https://, write https://example.org"
    );
    assert_eq!(told("ftp://example.org"), "--api_domain must begin with http:// or https://");
    for hostless in ["http://", "https:///path", "http://:80", "http://a b"] {
        assert_eq!(told(hostless), "--api_domain must name a host, such as https://api.example.org");
    }
    assert_eq!(told("http://me:pass@host"), "--api_domain must not hold a user name or password");
    assert_eq!(told("http://host/?a=1"), "--api_domain must end before the ? or #");
    assert_eq!(told(""), "--api_domain must be one line of text, such as \"https://api.example.org\"");
}

#[test]
fn a_home_is_a_positive_number_of_32_bits() {
    assert_eq!(config("home_id = 2147483647").api.home_id, Some(2_147_483_647));
    for bad in ["0", "-1", "2147483648", "\"None\""] {
        let expected = format!("line 1: home_id must be a whole number from 1 to 2147483647, not {bad}");
        assert_eq!(told(&format!("home_id = {bad}")), expected);
    }
}

#[test]
fn a_token_is_visible_ascii_and_is_never_shown() {
    assert_eq!(told("token = \" \""), "line 1: token must not be empty");
    assert_eq!(told("token = 123456"), "line 1: token must be text in quotes");
    let ascii = "must be letters, digits and signs of plain ASCII without spaces";
    for bad in ["pass word", "p\u{e4}ss"] {
        assert_eq!(told(&format!("token = \"{bad}\"")), format!("line 1: token {ascii}"));
        let problems = option(Key::Token, bad).expect_err("it is bad");
        assert_eq!(problems.to_string(), format!("the token (--token, --token_file or LISTENER_TOKEN) {ascii}"));
    }
}

#[test]
fn a_token_may_lie_in_a_file_of_any_editor_and_stands_alone() {
    assert_eq!(
        told("token = \"Token 0123abc\""),
        "line 1: token must be the token alone, without the word Token before it"
    );
    let utf_16 = "\u{feff}0123abc\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for bytes in [b"0123abc\n".to_vec(), b"\xEF\xBB\xBF0123abc\r\n".to_vec(), utf_16] {
        assert_eq!(token_in(&bytes).map(|token| token.expose_secret().to_owned()), Some("0123abc".into()), "{bytes:?}");
    }
    assert!(token_in(b"").is_none() && token_in(b"Token 0123abc").is_none() && token_in(b"\xFF\xFF").is_none());
}

#[test]
fn a_cluster_is_capitals_and_fits_the_api() {
    assert!(option(Key::TrackCluster, &"A".repeat(65)).is_ok());
    let problems = option(Key::TrackCluster, &"A".repeat(66)).expect_err("too long");
    assert_eq!(problems.to_string(), "--track_cluster must be at most 65 characters, not 66");
    let problems = option(Key::TrackCluster, "cluster-x").expect_err("small letters");
    assert_eq!(problems.to_string(), "--track_cluster must be capital letters, digits and _, not \"cluster-x\"");
}

#[test]
fn an_unknown_cluster_is_accepted_with_a_warning() {
    let warnings = config("track_cluster = \"MY_OWN\"").warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("MY_OWN") && warnings[0].contains("CLUSTER_HF_ETE_CONVERSATION"));
}

#[test]
fn the_threshold_is_a_number_or_follows_the_room() {
    assert_eq!(config("[audio]\nenergy_threshold = \"auto\"").audio.settings.threshold, Threshold::Auto);
    assert_eq!(config("[audio]\nenergy_threshold = 839").audio.settings.threshold, Threshold::Fixed(839.0));
}

#[test]
fn seconds_given_for_the_timeout_are_told_to_be_milliseconds() {
    assert_eq!(told("[audio]\ntimeout = 30"), "line 2: timeout 30 is milliseconds; for 30 seconds write 30000");
    assert_eq!(told("[audio]\ntimeout = 999"), "line 2: timeout 999 is milliseconds, and at least 1000 is needed");
    let range = "timeout must be a whole number from 1000 to 600000 (milliseconds)";
    assert_eq!(told("[audio]\ntimeout = 600001"), format!("line 2: {range}, not 600001"));
}

#[test]
fn lengths_that_do_not_go_together_are_told() {
    assert_eq!(
        told("[audio]\ntimeout = 1000\npause = 1000"),
        "line 3: pause must be shorter than timeout (1000 milliseconds), not 1000"
    );
    let raw = RawConfig::default().with_option(Key::Shortest, "800").with_option(Key::Timeout, "1000");
    assert_eq!(
        raw.validate().expect_err("no room").to_string(),
        "--shortest makes lead_in and shortest together 1600 milliseconds, which must be less than timeout (1000)"
    );
}

#[test]
fn the_tail_is_never_longer_than_the_pause() {
    assert_eq!(config("[audio]\npause = 200").audio.settings.tail_ms, 200);
    assert_eq!(config("[audio]\npause = 5000").audio.settings.tail_ms, 400);
}

#[test]
fn a_clip_must_divide_a_minute() {
    for length in [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] {
        assert_eq!(config(&format!("[video]\nvideo_length = {length}")).video.video_length_s, length);
    }
    let allowed = "1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 (seconds)";
    for bad in ["0", "7", "120", "-1"] {
        let problems = option(Key::VideoLength, bad).expect_err("it does not divide");
        let expected = format!("--video_length must be {allowed}, not {bad}: a clip must not cross a minute");
        assert_eq!(problems.to_string(), expected);
    }
}

#[test]
fn pictures_are_of_even_size_and_bounded() {
    assert_eq!(told("[video]\nwidth = 641"), "line 2: width must be even, not 641");
    assert_eq!(
        told("[video]\nheight = 2160"),
        "line 2: height must be a whole number from 120 to 1080 (pixels), not 2160"
    );
    assert_eq!(
        told("[video]\nframe_rate = 0"),
        "line 2: frame_rate must be a whole number from 1 to 60 (frames a second), not 0"
    );
    assert_eq!(
        told("[video]\nframe_interval = 0.5"),
        "line 2: frame_interval must be a whole number from 1 to 60 (seconds), not 0.5"
    );
}

#[test]
fn the_command_line_goes_before_the_file_and_the_file_before_the_defaults() {
    let file = RawConfig::parse("home_id = 3\n[audio]\npause = 800\n").expect("a good file");
    let config = RawConfig::default().with_option(Key::HomeId, "7").or(file).validate().expect("all good");
    assert_eq!(config.api.home_id, Some(7));
    assert_eq!((config.audio.settings.pause_ms, config.audio.settings.lead_in_ms), (800, 800));
}

#[test]
fn the_options_are_told_before_the_lines() {
    let file = RawConfig::parse("[audio]\npause = 1500\n").expect("a good file");
    let raw = RawConfig::default().with_option(Key::Timeout, "1200").with_option(Key::Width, "loud").or(file);
    assert_eq!(
        raw.validate().expect_err("two are wrong").to_string(),
        "--width must be a whole number from 160 to 1920 (pixels), not \"loud\"\n\
         line 2: pause must be shorter than timeout (1200 milliseconds), not 1500"
    );
}

#[test]
fn what_delivering_needs_is_told_by_option_variable_and_setting() {
    let told = |text| config(text).require_api().map(drop).expect_err("something is missing").to_string();
    assert_eq!(told("token = \"x\""), "no home: give --home_id, or write home_id in listener.toml");
    assert_eq!(
        told("home_id = 1"),
        "no token: give --token_file or --token, set LISTENER_TOKEN, or write token in listener.toml"
    );
    assert_eq!(told("").lines().count(), 2);
}

/// Text that gets further into the parser than noise does.
fn almost_a_file() -> impl Strategy<Value = String> {
    let pieces = [
        "[",
        "]",
        "[[",
        "]]",
        "audio",
        "video",
        "home_id",
        "token",
        "pause",
        "wifi",
        "=",
        " = ",
        "\"",
        "'",
        "\"\"\"",
        "{",
        "}",
        ",",
        ".",
        "#",
        "\n",
        "\r",
        "\n",
        "1",
        "-5",
        "0x",
        "1e9",
        "nan",
        "true",
        "1979-05-27",
        "\u{feff}",
        "\0",
        "ä",
        "\\u12",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = RawConfig::parse(&text).and_then(RawConfig::validate);
    }

    #[test]
    fn nothing_that_resembles_a_file_makes_it_panic(text in almost_a_file()) {
        let _ = RawConfig::parse(&text).and_then(RawConfig::validate);
    }

    #[test]
    fn no_token_is_ever_shown(token in "[!-~]{12,40}", spoil in prop::sample::select(vec!["", " ", "ä"])) {
        let middle = format!("{}{spoil}{}", &token[..6], &token[6..]);
        let literal = toml::Value::String(middle).to_string();
        for text in [format!("token = {literal}\npause = 1"), format!("token = {literal}")] {
            match RawConfig::parse(&text) {
                Ok(raw) => {
                    let mut shown = format!("{raw:?}");
                    let config = raw.validate().expect("the token is good");
                    shown += &format!("{config:?} {config:#?}");
                    prop_assert!(!shown.contains(&token));
                }
                Err(problems) => {
                    let shown = format!("{problems:?} {problems}");
                    prop_assert!(!shown.contains(&token[..6]) && !shown.contains(&token[6..]));
                }
            }
        }
    }
}

#[test]
fn the_places_for_files_are_read() {
    let config = config(
        "ca_file = \"/etc/ssl/own.pem\"\n\
         [storage.s3]\nbucket = \"homes\"\nregion = \"eu-central-1\"\nendpoint = \"https://s3.example.org/\"\n\
         path_style = false\naccess_key_id = \"AKIA\"\nsecret_access_key = \"s/3+cret\"\n\
         [storage.local]\ndest_dir = \"me@server:/srv/Listener/\"\nssh_port = 2222\nssh_password = \"pass word\"\n\
         ssh_host_key = \"[server]:2222 ssh-ed25519 AAAAC3Nz comment\"\n\
         [storage.volume]\ndir = \"/mnt/share\"\n",
    );
    let StorageConfig { s3: Some(s3), local: Some(local), volume_dir: Some(volume_dir), .. } = config.storage else {
        panic!("all three")
    };
    assert_eq!((s3.bucket.as_str(), s3.region.as_str(), s3.path_style), ("homes", "eu-central-1", false));
    assert_eq!(s3.endpoint.as_deref(), Some("https://s3.example.org"));
    let (id, secret) = s3.keys.expect("both");
    assert_eq!((id.as_str(), secret.expose_secret()), ("AKIA", "s/3+cret"));
    assert_eq!((local.destination.dir.as_str(), local.ssh_port), ("/srv/Listener", 2222));
    assert!(matches!(local.login, SshLogin::Password(password) if password.expose_secret() == "pass word"));
    assert_eq!(local.host_key, "ssh-ed25519 AAAAC3Nz");
    assert_eq!(volume_dir.to_str(), Some("/mnt/share"));
    assert_eq!(config.api.ca_file.as_deref().and_then(|file| file.to_str()), Some("/etc/ssl/own.pem"));
}

#[test]
fn a_bucket_elsewhere_stands_in_the_path_and_without_keys_the_role_is_used() {
    let s3 = |text: &str| config(&format!("[storage.s3]\n{text}")).storage.s3.expect("named");
    let amazon = s3("region = \"eu-west-1\"");
    assert_eq!((amazon.bucket.as_str(), amazon.path_style, amazon.keys.is_none()), ("openomni", false, true));
    assert!(s3("endpoint = \"http://minio:9000\"").path_style);
}

#[test]
fn half_a_place_is_told() {
    let key = "ssh_host_key = \"ssh-ed25519 AAAA\"\n";
    let cases = [
        ("[storage.s3]\naccess_key_id = \"AKIA\"", "line 2: access_key_id stands without secret_access_key"),
        ("[storage.s3]\nbucket = \"A\"", "line 2: bucket must be 3 to 63 small letters"),
        ("[storage.s3]\npath_style = \"yes\"", "line 2: path_style must be true or false, not \"yes\""),
        ("[storage.local]\nssh_port = 1", "without a way to log in"),
        ("[storage.local]\nssh_key_file = \"/k\"", "without dest_dir"),
        ("[storage.local]\nssh_key_file = \"/k\"\ndest_dir = \"a:/b\"", "without ssh_host_key"),
        ("[storage.local]\nssh_key_file = \"/k\"\nssh_password = \"p\"", "keep one of the two"),
        ("[storage.local]\ndest_dir = \"/b\"", "line 2: dest_dir must be user@server:/folder"),
        ("[storage.local]\nssh_host_key = \"SHA256:x\"", "ssh-keyscan"),
        ("[storage.volume]\ndir = \"mnt\"", "line 2: dir must begin with /"),
        ("[storage.s4]", "\"s4\" is not a setting of [storage]"),
    ];
    for (text, expected) in cases {
        let told = told(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
    assert_eq!(told(&format!("[storage.local]\nssh_key_file = \"/k\"\ndest_dir = \"a:/b\"\n{key}")), "nothing");
}

#[test]
fn no_secret_is_shown_whatever_is_wrong_with_it() {
    for setting in ["token", "secret_access_key", "ssh_password", "password"] {
        for value in ["\"geheim\\u0007\"", "[\"geheim\"]", "\"geheim\" \"geheim\"", "{ geheim = 1 }"] {
            let section = match setting {
                "token" => "",
                "ssh_password" => "[storage.local]\n",
                "password" => "[wifi]\n",
                _ => "[storage.s3]\n",
            };
            let told = told(&format!("{section}{setting} = {value}\n"));
            assert!(told != "nothing" && !told.contains("geheim"), "{setting} = {value}: {told}");
        }
    }
}
