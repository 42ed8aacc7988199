//! Good files, in folders.

use std::fs;

use listener::status::report::Provisioned;

use super::{Appliance, KEY, TOKEN, WIFI_PASSWORD, folder, good};

#[test]
fn what_others_read_holds_no_secret_and_what_does_is_for_root_alone() {
    let mut appliance = Appliance::new();
    let dir = folder(&good());
    let (output, told) = appliance.provision("--boot", dir.path());
    assert_eq!(told, Some(Provisioned::Taken), "{output:?}");
    for (name, mode) in [
        ("state/config", 0o700),
        ("state/config/listener.toml", 0o600),
        ("state/config/boot.toml", 0o600),
        ("state/ssh", 0o755),
        ("state/ssh/authorized_keys", 0o644),
        ("state/public", 0o755),
        ("state/public/listener.toml", 0o644),
        ("wpa/wlan0.conf", 0o600),
    ] {
        assert_eq!(format!("{:o}", appliance.mode(name)), format!("{mode:o}"), "{name}");
    }
    let conf = fs::read_to_string(appliance.path("wpa/wlan0.conf")).expect("it is there");
    assert!(conf.contains(WIFI_PASSWORD) && conf.contains("country=DE"));
    let read = |path: &std::path::Path| fs::read_to_string(path).expect("readable");
    let written = [
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
        read(&appliance.path("state/public/listener.toml")),
        read(&appliance.path("orders")),
        read(&dir.path().join("listener-result.txt")),
        format!("{told:?}"),
    ];
    for secret in [TOKEN, WIFI_PASSWORD] {
        assert!(written.iter().all(|text| !text.contains(secret)), "{written:#?}");
    }
    assert!(!read(&dir.path().join("listener.toml")).contains(&format!("token = \"{TOKEN}\"")));
}

#[test]
fn keep_token_leaves_the_file_as_it_is() {
    let mut appliance = Appliance::new();
    let text = format!("keep_token = true\r\n{}", good());
    let dir = folder(&text);
    assert_eq!(appliance.provision("--boot", dir.path()).1, Some(Provisioned::Taken));
    assert_eq!(fs::read_to_string(dir.path().join("listener.toml")).expect("there"), text);
}

#[test]
fn whose_key_the_settings_name_is_let_in_until_they_do_not() {
    let mut appliance = Appliance::new();
    let keys = appliance.path("state/ssh/authorized_keys");
    let dir = folder(&good());
    assert_eq!(appliance.provision("--boot", dir.path()).1, Some(Provisioned::Taken));
    assert_eq!(fs::read_to_string(&keys).expect("there"), format!("{KEY}\n"));
    let answer = fs::read_to_string(dir.path().join("listener-result.txt")).expect("an answer");
    assert!(answer.contains("lets in     me@desk, by SSH"), "{answer}");
    let without = good().replace("[ssh]", "").replace(&format!("authorized_key = \"{KEY}\""), "");
    assert_eq!(appliance.provision("--boot", folder(&without).path()).1, Some(Provisioned::Taken));
    assert!(!keys.exists());
}

#[test]
fn a_reset_forgets_the_settings_and_only_if_asked_the_recordings() {
    let mut appliance = Appliance::new();
    let recording = appliance.path("state/data/spool/items/utterance");
    fs::create_dir_all(recording.parent().expect("a folder")).expect("folders");
    fs::write(&recording, "").expect("a file");
    let reset = "factory_reset = true\r\n";
    for (text, is_kept) in [(reset.to_owned(), true), (format!("{reset}erase_recordings = true\r\n"), false)] {
        assert_eq!(appliance.provision("--boot", folder(&good()).path()).1, Some(Provisioned::Taken));
        appliance.orders();
        let dir = folder(&text);
        assert_eq!(appliance.provision("--boot", dir.path()).1, Some(Provisioned::Taken));
        assert_eq!(
            (appliance.truth(), appliance.public(), appliance.path("wpa/wlan0.conf").exists()),
            (None, None, false)
        );
        assert_eq!(recording.exists(), is_kept);
        let orders = appliance.orders().join("\n");
        assert_eq!(orders.contains("\nstop -- a.service b.service"), !is_kept, "{orders}");
        assert!(orders.ends_with("--no-block restart -- a.service b.service"), "{orders}");
        let answer = fs::read_to_string(dir.path().join("listener-result.txt")).expect("an answer");
        assert!(answer.starts_with("The Listener has forgotten all settings"), "{answer}");
    }
}

#[test]
fn wifi_that_somebody_has_set_up_by_hand_is_left_alone_until_a_file_says_otherwise() {
    let mut appliance = Appliance::new();
    fs::create_dir(appliance.path("wpa")).expect("a folder");
    fs::write(appliance.path("wpa/wlan0.conf"), "network={}").expect("a file");
    let without = good().split("[wifi]").next().expect("the top").to_owned();
    assert_eq!(appliance.provision("--boot", folder(&without).path()).1, Some(Provisioned::Taken));
    assert_eq!(fs::read_to_string(appliance.path("wpa/wlan0.conf")).expect("there"), "network={}");
}

#[test]
fn without_a_place_for_wifi_settings_that_is_told_and_the_rest_holds() {
    let mut appliance = Appliance::new();
    fs::write(appliance.path("wpa"), "a file where a folder should be").expect("writable");
    let dir = folder(&good());
    let (_, told) = appliance.provision("--boot", dir.path());
    assert!(
        matches!(&told, Some(Provisioned::Failed(why)) if why.starts_with("the settings are kept, but")),
        "{told:?}"
    );
    assert!(appliance.public().is_some_and(|text| text.contains("home_id = 3")));
    assert_eq!(appliance.orders(), ["--no-block restart -- a.service b.service"]);
}
