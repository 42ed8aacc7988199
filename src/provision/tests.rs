use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_CONFIG_BYTES, TOLD_LINE_CHARS, TOLD_PROBLEMS};

const FILE: &str = "home_id = 3\ntoken = \"s3cret\"\napi_domain = \"https://api.example.org\"\n";
const BLANK: &str = "home_id = 3\ntoken = \"\"\napi_domain = \"https://api.example.org\"\n";

fn held() -> Settings {
    Settings::held(FILE).expect("good")
}

fn change(text: &str) -> Change {
    let held = held();
    Change::between(Some(&held), judge(text.as_bytes(), Some(&held)).expect("good"))
}

#[test]
fn the_same_settings_change_nothing_however_they_are_written() {
    for same in [FILE, BLANK, &format!("# mine\r\nkeep_token = true\r\n{}", FILE.replace(" = ", "="))] {
        assert!(matches!(change(same), Change::Nothing(_)), "{same}");
    }
}

#[test]
fn other_settings_replace_what_is_held_and_a_blank_token_stands_for_the_one_that_is_held() {
    let Change::Take(settings) = change(&format!("{BLANK}[audio]\npause = 900\n")) else { panic!("other settings") };
    assert_eq!(settings.config.audio.settings.pause_ms, 900);
    assert!(settings.whole().expose_secret().contains("s3cret"));
}

#[test]
fn a_blank_token_goes_to_no_other_home_and_to_no_other_api() {
    let long = "https://api.example.org/a-long-path-that-goes-on";
    let holds = Settings::held(&FILE.replace("https://api.example.org", &format!("{long}/1"))).expect("good");
    let elsewhere = BLANK.replace("https://api.example.org", &format!("{long}/2"));
    assert!(judge(elsewhere.as_bytes(), Some(&holds)).is_err());
    for other in [BLANK.replace('3', "4"), BLANK.replace("api.", "evil.")] {
        assert!(judge(other.as_bytes(), Some(&held())).is_err(), "{other}");
    }
    assert!(judge(BLANK.as_bytes(), None).is_err());
}

#[test]
fn a_file_with_a_blank_token_lets_nobody_in_and_sends_nothing_elsewhere() {
    let key = |text: &str| format!("[ssh]\nauthorized_key = \"ssh-ed25519 {text}\"\n");
    let [mine, theirs] = [
        "AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB",
        "AAAAC3NzaC1lZDI1NTE5AAAAIPiYvkmsYqRM8xSPhf9APVfrL0jIfcWEZIHX0khJg50w",
    ]
    .map(key);
    let volume = "[storage.volume]\ndir = \"/mnt/elsewhere\"\n";
    let s3 = "[storage.s3]\nbucket = \"elsewhere\"\nendpoint = \"https://s3.example.org\"\n";
    let ca = BLANK.to_owned() + "ca_file = \"/boot/mine.pem\"\n";
    let holds = Settings::held(&(FILE.to_owned() + &mine)).expect("good");
    for (wanted, line) in [
        (BLANK.to_owned() + &theirs, "line 5: authorized_key"),
        (BLANK.to_owned() + &mine + volume, "line 7: dir"),
        (BLANK.to_owned() + s3, "line 5: bucket"),
        (ca, "line 4: ca_file"),
    ] {
        let told = judge(wanted.as_bytes(), Some(&holds)).expect_err(&wanted).to_string();
        assert!(told.contains(line) && told.contains("write the token into the file, too"), "{told}");
        let known = wanted.replace("token = \"\"", "token = \"s3cret\"");
        assert!(judge(known.as_bytes(), Some(&holds)).is_ok(), "who knows it may: {known}");
    }
    let with_bucket = Settings::held(&(FILE.to_owned() + s3)).expect("good");
    let without_endpoint = BLANK.to_owned() + "[storage.s3]\nbucket = \"elsewhere\"\n";
    let told = judge(without_endpoint.as_bytes(), Some(&with_bucket)).expect_err("it would go to Amazon").to_string();
    assert!(told.contains("endpoint in [storage.s3] is missing"), "{told}");
    assert!(judge(BLANK.as_bytes(), Some(&with_bucket)).is_ok(), "a section may go as a whole");
    // What is held already, or goes, or says nothing of it, needs none.
    for wanted in [BLANK.to_owned() + &mine, BLANK.to_owned(), BLANK.to_owned() + "[audio]\npause = 900\n"] {
        assert!(judge(wanted.as_bytes(), Some(&holds)).is_ok(), "{wanted}");
    }
}

#[test]
fn another_token_is_taken() {
    let Change::Take(settings) = change(&FILE.replace("s3cret", "n3w")) else { panic!("another token") };
    assert!(settings.whole().expose_secret().contains("n3w"));
}

#[test]
fn a_box_whose_file_names_no_threshold_follows_the_room() {
    let bare = "home_id = 7\ntoken = \"s3cret\"\napi_domain = \"https://api.example.org\"\n";
    let public = |text: &str| match judge(text.as_bytes(), None).expect("good") {
        Wanted::Settings(settings) => settings.public(),
        Wanted::Reset(reset) => panic!("{reset:?}"),
    };
    assert!(public(bare).contains("energy_threshold = \"auto\""), "{}", public(bare));
    let named = public(&format!("{bare}[audio]\nenergy_threshold = 5000\n"));
    assert!(named.contains("energy_threshold = 5000") && !named.contains("auto"), "{named}");
}

#[test]
fn a_reset_is_done_whatever_is_held() {
    let wanted = judge(b"factory_reset = true\nerase_recordings = true", None).expect("good");
    assert!(matches!(Change::between(None, wanted), Change::Reset(FactoryReset { erase_recordings: true })));
}

#[test]
fn a_file_on_the_boot_partition_is_news_once() {
    assert!(is_news(FILE.as_bytes(), None));
    assert!(!is_news(FILE.as_bytes(), Some(FILE.as_bytes())), "it could not be blanked");
    assert!(!is_news(BLANK.as_bytes(), Some(FILE.as_bytes())), "it was blanked");
    assert!(is_news(FILE.replace("s3cret", "n3w").as_bytes(), Some(FILE.as_bytes())));
    assert!(is_news(FILE.as_bytes(), Some(BLANK.as_bytes())), "somebody has written a token into it");
}

#[test]
fn a_file_with_a_problem_in_every_line_gets_a_bounded_answer() {
    for line in ["x\n", "x=1\n", "[x]\n", "[[x]]\n", "\"", "[", "a={b=", "a.b.c=1\n", "token=1\n"] {
        let text = line.repeat(MAX_CONFIG_BYTES as usize / line.len());
        check(text.as_bytes()).expect("bounded");
    }
}

/// A good file, and what may happen to one.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let sample = include_str!("../../examples/listener.toml").replace("paste the token here", "s3cr3t-0f-h0me");
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..40usize, any::<Vec<u8>>()), 0..6);
    edits.prop_map(move |edits| {
        let mut bytes = sample.clone().into_bytes();
        for (at, length, put) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put.into_iter().take(40));
        }
        bytes
    })
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let judged = judge(bytes, Some(&held()));
    let said = forecast(&judged);
    prop_assert!(
        said.lines().count() < TOLD_PROBLEMS + 20 && said.lines().all(|line| line.len() < 5 * TOLD_LINE_CHARS)
    );
    let shown = format!("{judged:?} {said}");
    prop_assert!(!shown.contains("s3cr3t-0f-h0me") && !shown.contains("s3cret"), "{shown}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_a_bounded_answer(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        check(&bytes)?;
    }

    #[test]
    fn a_good_file_that_was_meddled_with_gets_a_bounded_answer_without_the_token(bytes in mutated()) {
        check(&bytes)?;
    }
}
