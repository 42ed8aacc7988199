//! Sticks as attackers make them: nothing followed, nothing executed, nothing waited for.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use listener::status::report::Provisioned;
use rustix::fs::{Mode, OFlags};

use super::image::{KINDS, Stick, run};
use crate::{Appliance, folder, good};

/// What a stick gets for an answer, within the time a person waits.
fn told(stick: &Stick) -> Provisioned {
    let mut appliance = Appliance::new();
    let start = Instant::now();
    let (output, told) = appliance.provision("--device", &stick.device);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(appliance.truth().is_none() || told == Some(Provisioned::Taken), "{output:?}");
    told.unwrap_or_else(|| panic!("no answer: {output:?}"))
}

fn ext4(fill: impl FnOnce(&Path)) -> Stick {
    Stick::new("ext4", fill)
}

fn path(top: &Path) -> String {
    top.join("listener.toml").to_str().expect("text").to_owned()
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
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
        let stick = ext4(fill);
        let told = told(&stick);
        assert!(matches!(&told, Provisioned::NotValid(why) if why.contains(expected)), "{expected}: {told:?}");
        let answer = stick.open(|top| fs::read_to_string(top.join("listener-result.txt")).expect("an answer"));
        assert!(answer.contains(expected), "{answer}");
    }
    assert_eq!(fs::read_to_string(&elsewhere).expect("untouched"), good());
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn an_answer_goes_through_no_link() {
    let victim = tempfile::NamedTempFile::new().expect("a file");
    let stick = ext4(|top| {
        fs::write(path(top), good()).expect("writable");
        symlink(victim.path(), top.join("listener-result.txt")).expect("a link");
    });
    assert_eq!(told(&stick), Provisioned::Taken);
    assert_eq!(fs::read(victim.path()).expect("untouched"), b"");
    stick.open(|top| {
        let answer = top.join("listener-result.txt");
        assert!(fs::symlink_metadata(&answer).expect("there").is_file(), "the link has given way to the answer");
        assert_eq!(fs::metadata(&answer).expect("there").permissions().mode() & 0o777, 0o644);
    });
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn huge_files_are_told_and_not_read() {
    for (kind, ..) in KINDS {
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
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn set_uid_programs_and_thousands_of_files_are_passed_by() {
    for (kind, ..) in KINDS {
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
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn behind_more_names_than_are_looked_at_only_the_right_one_is_found() {
    let stick = ext4(|top| {
        for number in 0..12_000 {
            File::create(top.join(number.to_string())).expect("writable");
        }
        fs::write(path(top), good()).expect("writable");
    });
    assert_eq!(told(&stick), Provisioned::Taken);
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn a_damaged_file_system_gets_an_answer_and_no_more() {
    for (kind, ..) in KINDS {
        // It stays as it is, for one box after the other.
        let text = format!("keep_token = true\r\n{}", good());
        let whole = Stick::new(kind, |top| fs::write(path(top), &text).expect("writable"));
        let mut expected = Appliance::new();
        assert_eq!(expected.provision("--device", &whole.device).1, Some(Provisioned::Taken), "{kind}");
        let mut answers = Vec::new();
        for at in [0, 1024, 4096, 64 << 10, 1 << 20, 4 << 20] {
            let stick = Stick::new(kind, |top| fs::write(path(top), &text).expect("writable"));
            let device = File::options().write(true).open(&stick.device).expect("the device");
            // The same noise each time.
            let noise: Vec<u8> = (0..32_768u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            device.write_at(&noise, at).expect("writable");
            device.sync_all().expect("the device");
            drop(device);

            let mut appliance = Appliance::new();
            let start = Instant::now();
            let (output, told) = appliance.provision("--device", &stick.device);
            assert!(start.elapsed() < Duration::from_secs(10), "{kind} at {at}: {:?}", start.elapsed());
            let told = told.unwrap_or_else(|| panic!("{kind} at {at}: no answer: {output:?}"));
            // What is taken is what was written, to the byte; of anything else nothing is kept.
            if told == Provisioned::Taken {
                assert_eq!(
                    (appliance.truth(), appliance.public()),
                    (expected.truth(), expected.public()),
                    "{kind} at {at}"
                );
            } else {
                let kept = [
                    "state/config/listener.toml",
                    "state/public/listener.toml",
                    "state/ssh/authorized_keys",
                    "wpa/wlan0.conf",
                ];
                let kept: Vec<_> = kept.into_iter().filter(|name| appliance.path(name).exists()).collect();
                assert_eq!(kept, Vec::<&str>::new(), "{kind} at {at}: {told:?}");
                let orders = appliance.orders();
                assert!(orders.iter().all(|order| !order.contains("restart")), "{kind} at {at}: {orders:?}");
            }
            // Nobody holds the device any longer, and the box takes the next stick.
            let alone = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC;
            rustix::fs::open(&stick.device, alone, Mode::empty()).expect("the device is free");
            assert_eq!(appliance.provision("--device", &whole.device).1, Some(Provisioned::Taken), "{kind} at {at}");
            answers.push(told);
        }
        eprintln!("{kind}: {answers:?}");
        // Without its first blocks it is no file system, and of six damages some hit nothing that is needed.
        assert_eq!(answers[0], Provisioned::NothingFound, "{kind}");
        assert!(answers.contains(&Provisioned::Taken), "{kind}: {answers:?}");
    }
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn a_stick_that_cannot_be_written_is_taken_all_the_same() {
    let stick = ext4(|top| fs::write(path(top), good()).expect("writable"));
    let device = stick.device.to_str().expect("text");
    run("blockdev", &["--setro", device]);
    let told = told(&stick);
    // The device outlives the stick.
    run("blockdev", &["--setrw", device]);
    assert_eq!(told, Provisioned::Taken);
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn what_is_no_stick_at_all_is_passed_by() {
    let stick = ext4(|_| {});
    assert_eq!(told(&stick), Provisioned::NothingFound);
    run("wipefs", &["-qa", stick.device.to_str().expect("text")]);
    assert_eq!(told(&stick), Provisioned::NothingFound);
}

#[test]
#[ignore = "needs loop devices; scripts/lib/sticks_in_vm.sh has them"]
fn the_ending_that_windows_hides_is_told() {
    let stick = ext4(|top| fs::write(top.join("listener.toml.txt"), good()).expect("writable"));
    let told = told(&stick);
    assert!(matches!(&told, Provisioned::NotValid(why) if why.contains("rename it to listener.toml")), "{told:?}");
}
