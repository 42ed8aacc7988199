//! Sticks as attackers make them: nothing followed, nothing executed, nothing waited for.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use listener::status::report::Provisioned;

use super::image::{KINDS, Stick, can_have, run};
use super::{Appliance, folder, good};

/// What a stick gets for an answer, within the time a person waits.
fn told(stick: &Stick) -> Provisioned {
    let mut appliance = Appliance::new();
    let start = Instant::now();
    let (output, told) = appliance.provision("--device", &stick.device);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(appliance.truth().is_none() || told == Some(Provisioned::Taken), "{output:?}");
    told.unwrap_or_else(|| panic!("no answer: {output:?}"))
}

fn ext4(fill: impl FnOnce(&Path)) -> Option<Stick> {
    can_have("ext4").then(|| Stick::new("ext4", fill))
}

fn path(top: &Path) -> String {
    top.join("listener.toml").to_str().expect("text").to_owned()
}

#[test]
fn what_is_no_file_is_told_and_not_touched() {
    let elsewhere = folder(&good());
    let elsewhere = elsewhere.path().join("listener.toml");
    type Fill<'a> = &'a dyn Fn(&Path);
    let fills: [(&str, Fill<'_>); 8] = [
        ("a link", &|top| symlink("/etc/shadow", path(top)).expect("a link")),
        ("a link", &|top| symlink(&elsewhere, path(top)).expect("a link")),
        ("a link", &|top| symlink("/dev/zero", path(top)).expect("a link")),
        ("a link", &|top| {
            fs::write(top.join("real"), good()).expect("writable");
            symlink("real", path(top)).expect("a link");
        }),
        ("a folder", &|top| fs::create_dir(path(top)).expect("a folder")),
        ("a device", &|top| drop(run("mkfifo", &[&path(top)]))),
        ("a device", &|top| drop(run("mknod", &[&path(top), "c", "1", "5"]))),
        ("a device", &|top| drop(run("mknod", &[&path(top), "b", "7", "0"]))),
    ];
    for (expected, fill) in fills {
        let Some(stick) = ext4(fill) else { return };
        let told = told(&stick);
        assert!(matches!(&told, Provisioned::NotValid(why) if why.contains(expected)), "{expected}: {told:?}");
        let answer = stick.open(|top| fs::read_to_string(top.join("listener-result.txt")).expect("an answer"));
        assert!(answer.contains(expected), "{answer}");
    }
    assert_eq!(fs::read_to_string(&elsewhere).expect("untouched"), good());
}

#[test]
fn an_answer_goes_through_no_link() {
    let victim = tempfile::NamedTempFile::new().expect("a file");
    let Some(stick) = ext4(|top| {
        fs::write(path(top), good()).expect("writable");
        symlink(victim.path(), top.join("listener-result.txt")).expect("a link");
    }) else {
        return;
    };
    assert_eq!(told(&stick), Provisioned::Taken);
    assert_eq!(fs::read(victim.path()).expect("untouched"), b"");
    stick.open(|top| {
        let answer = top.join("listener-result.txt");
        assert!(fs::symlink_metadata(&answer).expect("there").is_file(), "the link has given way to the answer");
        assert_eq!(fs::metadata(&answer).expect("there").permissions().mode() & 0o777, 0o644);
    });
}

#[test]
fn huge_files_are_told_and_not_read() {
    for (kind, ..) in KINDS.into_iter().filter(|(kind, ..)| can_have(kind)) {
        let stick = Stick::new(kind, |top| {
            let file = File::create(path(top)).expect("writable");
            let (length, text) = if kind == "ext4" { (1 << 40, b"home") } else { (50 << 20, b"home") };
            file.set_len(length).expect("a hole, or space");
            file.write_at(text, 0).expect("writable");
        });
        let told = told(&stick);
        assert!(matches!(&told, Provisioned::NotValid(why) if why.contains("longer than 64 KiB")), "{kind}: {told:?}");
    }
}

#[test]
fn set_uid_programs_and_thousands_of_files_are_passed_by() {
    for (kind, ..) in KINDS.into_iter().filter(|(kind, ..)| can_have(kind)) {
        let stick = Stick::new(kind, |top| {
            let names = if kind == "ext4" { 5000 } else { 1500 };
            for number in 0..names {
                File::create(top.join(format!("{number}.txt"))).expect("writable");
            }
            fs::write(top.join("autorun.sh"), "#!/bin/sh\ntouch listener-was-here\n").expect("writable");
            // FAT has no such rights.
            let _ = fs::set_permissions(top.join("autorun.sh"), Permissions::from_mode(0o4755));
            fs::write(top.join("LISTENER.TOML"), good()).expect("writable");
        });
        assert_eq!(told(&stick), Provisioned::Taken, "{kind}");
    }
}

#[test]
fn behind_more_names_than_are_looked_at_only_the_right_one_is_found() {
    let Some(stick) = ext4(|top| {
        for number in 0..12_000 {
            File::create(top.join(number.to_string())).expect("writable");
        }
        fs::write(path(top), good()).expect("writable");
    }) else {
        return;
    };
    assert_eq!(told(&stick), Provisioned::Taken);
}

#[test]
fn a_damaged_file_system_gets_an_answer_and_no_more() {
    for (kind, ..) in KINDS.into_iter().filter(|(kind, ..)| can_have(kind)) {
        for at in [0, 1024, 4096, 64 << 10, 1 << 20, 4 << 20] {
            let stick = Stick::new(kind, |top| fs::write(path(top), good()).expect("writable"));
            let device = File::options().write(true).open(&stick.device).expect("the device");
            // The same noise each time.
            let noise: Vec<u8> = (0..32_768u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            device.write_at(&noise, at).expect("writable");
            device.sync_all().expect("the device");
            let told = told(&stick);
            eprintln!("{kind}, damaged at {at}: {told:?}");
        }
    }
}

#[test]
fn a_stick_that_cannot_be_written_is_taken_all_the_same() {
    let Some(stick) = ext4(|top| fs::write(path(top), good()).expect("writable")) else { return };
    let device = stick.device.to_str().expect("text");
    run("blockdev", &["--setro", device]);
    let told = told(&stick);
    // The device outlives the stick.
    run("blockdev", &["--setrw", device]);
    assert_eq!(told, Provisioned::Taken);
}

#[test]
fn what_is_no_stick_at_all_is_passed_by() {
    let Some(stick) = ext4(|_| {}) else { return };
    assert_eq!(told(&stick), Provisioned::NothingFound);
    run("wipefs", &["-qa", stick.device.to_str().expect("text")]);
    assert_eq!(told(&stick), Provisioned::NothingFound);
}

#[test]
fn the_ending_that_windows_hides_is_told() {
    let Some(stick) = ext4(|top| fs::write(top.join("listener.toml.txt"), good()).expect("writable")) else { return };
    let told = told(&stick);
    assert!(matches!(&told, Provisioned::NotValid(why) if why.contains("rename it to listener.toml")), "{told:?}");
}
