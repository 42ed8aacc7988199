//! A folder on a server, by rsync over SSH.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::tempdir;

use crate::api::DemoApi;
use crate::process::{bare, said};
use crate::spool::{self, Items};
use crate::sshd::Sshd;

fn start() -> (DemoApi, Sshd) {
    let api = DemoApi::start(&["--storage_solution", "local"]);
    fs::create_dir_all(api.files()).expect("writable");
    (api, Sshd::start())
}

/// What rsync has left beside the data; it is empty, or this fails.
fn remove_scratch(files: &Path) {
    fs::remove_dir(files.join(".listener-scratch")).expect("it is there, and empty");
}

#[test]
fn files_go_to_the_servers_folder_and_what_is_there_stays() {
    let (api, sshd) = start();
    let data_dir = tempdir().expect("a folder");
    let items = Items { utterances: 3, clips: 2, pictures: 5 };
    let spool = spool::filled(data_dir.path(), items);
    let other = api.files().join("audio/somebody-else");
    fs::create_dir_all(&other).expect("writable");
    fs::write(other.join("0-20260921141401.wav"), b"theirs").expect("writable");
    let config = spool::config(&api.address, &sshd.section(sshd.port, &api.files(), "user_key"));
    assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), []);

    remove_scratch(&api.files());
    assert_eq!(fs::read(other.join("0-20260921141401.wav")).expect("it stays"), b"theirs");
    fs::remove_dir_all(other).expect("it is there");
    spool::assert_all_arrived(&api, items);
    let first = |folder: &Path| fs::read_dir(folder).expect("it is there").next().expect("a file").expect("readable");
    let minute = first(&api.files().join(format!("videos/{}/frames", spool::UID)));
    let picture = first(&minute.path());
    assert_ne!(picture.metadata().expect("readable").permissions().mode() & 0o044, 0, "consumers may read it");
}

#[test]
fn a_data_folder_may_be_named_from_where_the_program_is_started() {
    let (api, sshd) = start();
    let data_dir = tempdir().expect("a folder");
    let here = std::env::current_dir().expect("a folder");
    let up = "../".repeat(here.components().count() - 1);
    let relative = Path::new(&up).join(data_dir.path().strip_prefix("/").expect("absolute"));
    let items = Items { utterances: 1, clips: 1, pictures: 1 };
    let spool = spool::filled(&relative, items);
    let config = spool::config(&api.address, &sshd.section(sshd.port, &api.files(), "user_key"));
    assert_eq!(spool::deliver(&spool, &config, &relative, |_| false), []);
    remove_scratch(&api.files());
    spool::assert_all_arrived(&api, items);
}

#[test]
fn a_stranger_in_the_servers_place_and_a_wrong_key_are_said_and_nothing_is_sent() {
    let (api, sshd) = start();
    let data_dir = tempdir().expect("a folder");
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 0, pictures: 1 });
    let login = |key: &str| format!("ssh_key_file = \"{}\"", sshd.private_key(key).display());
    let cases = [
        (sshd.section_with(sshd.port, &api.files(), &login("user_key"), "other_key"), "ssh_host_key"),
        (sshd.section_with(sshd.port, &api.files(), &login("other_key"), "host_key"), "refuses this device"),
        (sshd.section_with(1, &api.files(), &login("user_key"), "host_key"), "Connection refused"),
        (sshd.section(sshd.port, Path::new("/proc/nowhere/else"), "user_key"), "did not do as asked"),
        (sshd.section_with(closes_at_once(), &api.files(), &login("user_key"), "host_key"), "hangs up at once"),
    ];
    for (section, expected) in cases {
        let config = spool::config(&api.address, &section);
        let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
        assert!(told[0].text.contains(expected), "{expected}: {told:?}");
    }
    assert_eq!(fs::read_dir(api.files()).expect("readable").count(), 0);
}

/// The port of somebody who hangs up on everybody, as a firewall does.
fn closes_at_once() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

#[test]
fn a_key_that_ssh_cannot_use_is_named_with_the_reason() {
    let (api, sshd) = start();
    let folder = tempdir().expect("a folder");
    let spool = spool::filled(folder.path(), Items { utterances: 1, clips: 0, pictures: 0 });
    let good = fs::read_to_string(sshd.private_key("user_key")).expect("readable");
    let file = |name: &str, text: &str, mode: u32| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("writable");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        file
    };
    let locked = folder.path().join("locked");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "a passphrase", "-f"]).arg(&locked);
    assert!(keygen.status().expect("it is installed").success());
    let cases = [
        (file("open", &good, 0o644), "are too open"),
        (locked, "has a passphrase"),
        (file("key.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me\n", 0o600), "is the public key"),
        (file("other", "a token\n", 0o600), "is no private key"),
        (folder.path().join("nowhere"), "No such file"),
    ];
    for (key, expected) in cases {
        let login = format!("ssh_key_file = \"{}\"", key.display());
        let config = spool::config(&api.address, &sshd.section_with(sshd.port, &api.files(), &login, "host_key"));
        let told = spool::deliver(&spool, &config, folder.path(), |told| !told.is_empty());
        assert!(told[0].text.contains(expected), "{expected}: {told:?}");
    }
}

/// Lets root in with this password, by a list of users that only this sshd sees. Who is not root is root in a user namespace, whose
/// other users (sshd separates its privileges) are those that /etc/subuid gives.
fn sshd_with_password(password: &str) -> Sshd {
    const FOR_ROOT: &[&str] = &["--mount"];
    const FOR_OTHERS: &[&str] = &["--user", "--map-root-user", "--map-auto", "--mount"];
    const SEES: &str =
        "mount --bind \"$0\" /etc/shadow && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec \"$@\"";
    let hash = Command::new("openssl").args(["passwd", "-6", password]).output().expect("openssl is installed");
    let shadow = format!("root:{}:20000:0:99999:7:::\n", String::from_utf8_lossy(&hash.stdout).trim());
    Sshd::start_by(|sshd, folder| {
        let file = folder.join("shadow");
        fs::write(&file, shadow).expect("writable");
        let mut wrapped = Command::new("unshare");
        wrapped.args(if rustix::process::getuid().is_root() { FOR_ROOT } else { FOR_OTHERS });
        wrapped.args(["sh", "-c", SEES]).arg(file);
        wrapped.arg(sshd.get_program()).args(sshd.get_args());
        wrapped
    })
}

/// Programs of these names that write down how they were called, and then are what they are.
fn witnesses(folder: &Path, log: &Path) {
    for program in ["rsync", "ssh"] {
        let script = format!("#!/bin/sh\necho {program} \"$@\" >>{}\nexec /usr/bin/{program} \"$@\"\n", log.display());
        fs::write(folder.join(program), script).expect("writable");
        fs::set_permissions(folder.join(program), fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
}

mod needs_subordinate_users {
    use super::*;

    #[test]
    #[ignore = "needs users of its own"]
    fn a_password_logs_in_and_shows_on_no_command_line_and_in_no_output() {
        const PASSWORD: &str = "pass word $'\"\\ geheim";
        let sshd = sshd_with_password(PASSWORD);
        let api = DemoApi::start(&["--storage_solution", "local"]);
        fs::create_dir_all(api.files()).expect("writable");
        let (data_dir, programs) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
        let calls = programs.path().join("calls");
        witnesses(programs.path(), &calls);
        let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").expect("a path"));
        let run = |login: &str| {
            let section = sshd.section_with(sshd.port, &api.files(), login, "host_key");
            let section = section.replacen("dest_dir = \"", "dest_dir = \"root@", 1);
            let config = fs::read_to_string(api.config()).expect("readable") + &section;
            let file = data_dir.path().join("listener.toml");
            fs::write(&file, config).expect("writable");
            let output = bare("run")
                .arg("--data_dir")
                .arg(data_dir.path().join("data"))
                .args(["--source", "test", "--for", "2", "--video_length", "1", "--width", "160", "--height", "120"])
                .arg("--config")
                .arg(file)
                .envs([("RUST_LOG", "trace"), ("PATH", &path)])
                .output()
                .expect("it runs");
            let all = said(&output) + &String::from_utf8_lossy(&output.stdout);
            (output.status.success(), all)
        };
        let (is_well, all) = run("ssh_password = 'not the password geheim'");
        assert!(!is_well && all.contains("refuses this device"), "{all}");
        assert!(!all.contains("geheim"), "{all}");

        let (is_well, all) = run(&format!("ssh_password = '''{PASSWORD}'''"));
        assert!(is_well, "{all}");
        let called = fs::read_to_string(calls).expect("they were called");
        assert!(called.contains("rsync --relative") && called.contains("ssh -F config"), "{called}");
        for shown in [all, called] {
            for secret in ["geheim", crate::api::TOKEN] {
                assert!(!shown.contains(secret), "{secret} is shown");
            }
        }
        remove_scratch(&api.files());
        assert_eq!(api.summary()["faults"], serde_json::json!([]));
        assert!(api.summary()["frames"]["delivered"].as_u64() >= Some(2));
    }
}
