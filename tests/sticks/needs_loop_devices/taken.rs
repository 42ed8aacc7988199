//! Good files, and bad ones, on sticks.

use std::fs;

use listener::status::report::Provisioned;

use super::image::{KINDS, Stick};
use crate::{Appliance, TOKEN, WIFI_PASSWORD, good};

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn a_good_stick_is_taken_answered_and_relieved_of_its_token_and_once_more_changes_nothing() {
    for (kind, ..) in KINDS {
        let mut appliance = Appliance::new();
        let stick = Stick::new(kind, |top| fs::write(top.join("Listener.TOML"), good()).expect("writable"));
        let (output, told) = appliance.provision("--device", &stick.device);
        assert!(output.status.success() && told == Some(Provisioned::Taken), "{kind}: {output:?} {told:?}");
        assert_eq!(
            appliance.orders(),
            ["--no-block restart -- wpa.service", "--no-block restart -- a.service b.service"]
        );
        let truth = appliance.truth().expect("it is kept");
        assert!(truth.contains(TOKEN) && truth.contains(WIFI_PASSWORD) && truth.contains("home_id = 3"), "{kind}");

        let [file, answer] = stick.open(|top| {
            ["Listener.TOML", "listener-result.txt"]
                .map(|name| fs::read_to_string(top.join(name)).expect("it is there"))
        });
        assert_eq!(file, good().replacen(TOKEN, "", 1), "{kind}: nothing else in it has changed");
        assert!(
            answer.contains("has taken this listener.toml.\r\n") && answer.contains("\r\n  home        3\r\n"),
            "{answer}"
        );
        assert!(!answer.contains("\n\n") && answer.contains("kitchen"), "{answer}");

        let before = stick.bytes();
        let (output, told) = appliance.provision("--device", &stick.device);
        assert!(output.status.success() && told == Some(Provisioned::Taken), "{kind}: {output:?}");
        assert!(stick.bytes() == before, "{kind}: the stick is only read");
        assert_eq!(appliance.orders(), ["--no-block start -- wpa.service"], "{kind}: nothing is started anew");
        assert_eq!(appliance.truth(), Some(truth), "{kind}");
    }
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn another_stick_replaces_what_holds_and_a_bad_one_does_not() {
    for (kind, ..) in KINDS {
        let mut appliance = Appliance::new();
        for home in ["3", "4"] {
            let text = good().replace("home_id = 3", &format!("home_id = {home}"));
            let stick = Stick::new(kind, |top| fs::write(top.join("listener.toml"), text).expect("writable"));
            assert_eq!(appliance.provision("--device", &stick.device).1, Some(Provisioned::Taken));
            assert!(appliance.public().expect("it is there").contains(&format!("home_id = {home}\n")));
        }
        appliance.orders();
        let held = appliance.truth();
        let text = good().replace("home_id = 3", "home = 5");
        let stick = Stick::new(kind, |top| fs::write(top.join("listener.toml"), &text).expect("writable"));
        let (output, told) = appliance.provision("--device", &stick.device);
        assert!(output.status.success(), "a bad file is no failure of the service");
        assert!(matches!(told, Some(Provisioned::NotValid(why)) if why.contains("line 2: \"home\"")));
        assert_eq!((appliance.truth(), appliance.orders()), (held, vec!["--no-block start -- wpa.service".to_owned()]));
        let answer = stick.open(|top| fs::read_to_string(top.join("listener-result.txt")).expect("an answer"));
        assert!(answer.contains("line 2: \"home\" is not a setting") && answer.ends_with("try again.\r\n"), "{answer}");
        assert_eq!(stick.open(|top| fs::read_to_string(top.join("listener.toml")).expect("it stays")), text);
    }
}
