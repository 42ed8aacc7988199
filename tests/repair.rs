//! The data partition before it is mounted: real ext4 file systems in files, damaged as cards and power cuts do it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};

const MEBIBYTE: u64 = 1 << 20;
/// Blocks of 4 KiB, and copies of the superblock in the groups at 128 and 384 MiB.
const LENGTH_BYTES: u64 = 400 * MEBIBYTE;
const BLOCK_BYTES: u64 = 4096;
const COPIES: [u64; 2] = [32_768, 98_304];

fn tool(program: &str, args: &[&str]) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").expect("a path"));
    let output = Command::new(program).args(args).env("PATH", path).output().expect("e2fsprogs is installed");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A file system as the card's image has it, with settings on it.
fn data_partition() -> (TempDir, PathBuf) {
    let folder = tempdir().expect("a folder");
    let (tree, image) = (folder.path().join("tree"), folder.path().join("image"));
    fs::create_dir(&tree).expect("writable");
    fs::write(tree.join("listener.toml"), "home_id = 3").expect("writable");
    File::create(&image).and_then(|file| file.set_len(LENGTH_BYTES)).expect("writable");
    let [tree, path] = [&tree, &image].map(|path| path.to_str().expect("text"));
    tool("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "4096", "-i", "32768", "-L", "listener-data", "-d", tree, path]);
    (folder, image)
}

fn settings(image: &Path) -> String {
    tool("debugfs", &["-R", "cat /listener.toml", image.to_str().expect("text")])
}

fn overwrite(image: &Path, at: u64, bytes: u64) {
    let file = File::options().write(true).open(image).expect("writable");
    file.write_all_at(&vec![0xA5; bytes as usize], at).expect("writable");
}

fn repair(image: &Path) -> Output {
    let mut repair = Command::new(env!("CARGO_BIN_EXE_listener"));
    repair.arg("repair-data").arg(image).env("RUST_LOG", "info").output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_system_that_is_well_keeps_what_it_has_and_nothing_is_said_of_it() {
    let (_folder, image) = data_partition();
    let output = repair(&image);
    assert!(output.status.success() && !said(&output).contains("data partition"), "{}", said(&output));
    assert_eq!(settings(&image), "home_id = 3");
}

#[test]
fn a_file_system_whose_first_superblock_is_lost_is_put_right_by_a_copy() {
    let (_folder, image) = data_partition();
    overwrite(&image, 0, 4096);
    let output = repair(&image);
    assert!(output.status.success() && said(&output).contains("is put right"), "{}", said(&output));
    assert_eq!(settings(&image), "home_id = 3");
}

#[test]
fn a_file_system_on_a_card_that_is_smaller_is_not_wiped_and_is_told() {
    let (_folder, image) = data_partition();
    let file = File::options().write(true).open(&image).expect("writable");
    file.set_len(LENGTH_BYTES / 100 * 94 / BLOCK_BYTES * BLOCK_BYTES).expect("writable");
    let output = repair(&image);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("not formatted: copy what you need"), "{}", said(&output));
    file.set_len(LENGTH_BYTES).expect("writable");
    assert_eq!(settings(&image), "home_id = 3", "on the card that it came from");
}

/// A partition that held a file system of other blocks before, and is a little shorter than it is said to be.
#[test]
fn what_an_earlier_file_system_has_left_is_not_taken_for_the_one_that_is_there() {
    let (_folder, image) = data_partition();
    let path = image.to_str().expect("text");
    tool("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "1024", path]);
    let tree = image.with_file_name("tree");
    let tree = tree.to_str().expect("text");
    tool("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "4096", "-E", "nodiscard", "-d", tree, path]);
    let file = File::options().write(true).open(&image).expect("writable");
    file.set_len(LENGTH_BYTES / 100 * 94 / BLOCK_BYTES * BLOCK_BYTES).expect("writable");
    assert_eq!(repair(&image).status.code(), Some(1));
    file.set_len(LENGTH_BYTES).expect("writable");
    assert_eq!(settings(&image), "home_id = 3");
}

fn uuid(image: &str) -> String {
    let said = tool("dumpe2fs", &["-h", image]);
    said.lines().find(|line| line.starts_with("Filesystem UUID")).expect("it has one").to_owned()
}

#[test]
fn what_can_be_read_is_not_formatted_whatever_it_is() {
    let (_folder, image) = data_partition();
    let (path, tree) = (image.to_str().expect("text"), image.with_file_name("tree"));
    let tree = tree.to_str().expect("text");
    let file = File::options().write(true).open(&image).expect("writable");
    for options in [&["-g", "8192"][..], &["-O", "bigalloc"], &["-b", "1024"]] {
        let all = [&["-q", "-F", "-t", "ext4"], options, &["-d", tree, path]].concat();
        tool("mke2fs", &all);
        let made = uuid(path);
        file.set_len(LENGTH_BYTES - 24 * MEBIBYTE).expect("writable");
        let output = repair(&image);
        assert!(!said(&output).contains("begins anew"), "{options:?}: {}", said(&output));
        assert_eq!(uuid(path), made, "{options:?}: it is another file system");
        file.set_len(LENGTH_BYTES).expect("writable");
    }
    tool("wipefs", &["-a", "-q", path]);
    for block in COPIES {
        overwrite(&image, block * BLOCK_BYTES, 4096);
    }
    overwrite(&image, 0, 400 * MEBIBYTE);
    tool("mkswap", &["-q", path]);
    let output = repair(&image);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("something else (swap)"), "{}", said(&output));
}

#[test]
fn only_a_partition_without_any_superblock_begins_anew() {
    let (_folder, image) = data_partition();
    for block in [0, COPIES[0]] {
        overwrite(&image, block * BLOCK_BYTES, 4096);
    }
    let output = repair(&image);
    assert!(!said(&output).contains("begins anew"), "one copy is left: {}", said(&output));

    overwrite(&image, 0, 4096);
    for block in COPIES {
        overwrite(&image, block * BLOCK_BYTES, 4096);
    }
    let output = repair(&image);
    assert!(output.status.success() && said(&output).contains("it begins anew, without settings"), "{}", said(&output));
    assert!(repair(&image).status.success());
    let label = tool("dumpe2fs", &["-h", image.to_str().expect("text")]);
    assert!(label.contains("listener-data"), "{label}");
}

#[test]
fn a_partition_that_is_not_there_is_an_error_and_no_new_file_system() {
    let folder = tempdir().expect("a folder");
    let output = repair(&folder.path().join("nowhere"));
    assert!(!output.status.success() && !folder.path().join("nowhere").exists(), "{}", said(&output));
}
