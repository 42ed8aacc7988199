//! The boot partition, and what a power cut leaves.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use listener::status::report::Provisioned;

use super::{Appliance, TOKEN, folder, good};

#[test]
fn a_file_on_the_boot_partition_does_not_undo_at_each_start_what_a_stick_has_brought() {
    let mut appliance = Appliance::new();
    let boot = folder(&good());
    assert_eq!(appliance.provision("--boot", boot.path()).1, Some(Provisioned::Taken));
    // Another place stands for a stick: its file is other, and news.
    let other = folder(&good().replace("home_id = 3", "home_id = 4"));
    assert_eq!(appliance.provision("--boot", other.path()).1, Some(Provisioned::Taken));
    let seen = appliance.path("state/config/boot.toml");
    fs::write(&seen, good()).expect("as if the boot partition had been the last");
    assert_eq!(appliance.provision("--boot", boot.path()).1, Some(Provisioned::NothingFound));
    assert!(appliance.truth().expect("held").contains("home_id = 4"));
}

#[test]
fn what_others_read_is_made_anew_at_start() {
    let mut appliance = Appliance::new();
    let boot = folder(&good());
    appliance.provision("--boot", boot.path());
    let whole = (appliance.public(), fs::read(appliance.path("wpa/wlan0.conf")).expect("there"));
    fs::write(appliance.path("state/public/listener.toml"), "home_id = ").expect("half a file");
    fs::remove_file(appliance.path("wpa/wlan0.conf")).expect("gone");
    appliance.orders();
    assert_eq!(appliance.provision("--boot", &appliance.path("none")).1, Some(Provisioned::NothingFound));
    assert_eq!((appliance.public(), fs::read(appliance.path("wpa/wlan0.conf")).expect("there")), whole);
    assert!(appliance.orders().contains(&"--no-block restart -- a.service b.service".to_owned()));
}

#[test]
fn killed_at_any_moment_the_old_settings_hold_or_the_new() {
    let mut appliance = Appliance::new();
    let [old, new] = ["3", "4"].map(|home| good().replace("home_id = 3", &format!("home_id = {home}")));
    let mut has_held = [false; 2];
    for step in 0..30u64 {
        appliance.provision("--boot", folder(&old).path());
        let stick = folder(&new);
        let mut child = appliance
            .command("--boot", stick.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        // Not for luck: the later, the further it gets.
        thread::sleep(Duration::from_micros(800 * step));
        child.kill().expect("killed, or over");
        child.wait().expect("it is over");
        appliance.provision("--boot", &appliance.path("none"));
        let (truth, public) = (appliance.truth().expect("one holds"), appliance.public().expect("and is read"));
        let is_new = truth.contains("home_id = 4\n");
        assert!(is_new != truth.contains("home_id = 3\n") && truth.contains(TOKEN), "{truth}");
        assert_eq!(public.contains("home_id = 4\n"), is_new, "step {step}");
        let file = fs::read_to_string(stick.path().join("listener.toml")).expect("it is still there");
        assert!(file == new || is_new && file == new.replacen(TOKEN, "", 1), "{file}");
        has_held[usize::from(is_new)] = true;
    }
    assert!(has_held[0], "some were killed before");
}
