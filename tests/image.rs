//! The parts of the image for the Pi's card hold together: `scripts/lib/image`.

#[path = "shared/files.rs"]
mod files;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use files::files_below;

const PARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lib/image");
const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lib/image/root/usr/lib/systemd/system");
const PROGRAM_UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/usr/lib/systemd/system");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(PARTS).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What follows `before` in a text, as long as it is of hexadecimal digits, dashes and what systemd makes of a dash.
fn ids_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let is_id = |letter: char| letter.is_ascii_hexdigit() || r"-\x".contains(letter);
    let rests = text.match_indices(before).map(|(at, _)| &text[at + before.len()..]);
    rests.map(|rest| &rest[..rest.find(|letter| !is_id(letter)).unwrap_or(rest.len())]).collect()
}

#[test]
fn every_part_means_the_disk_that_is_made() {
    let disk = read("disk.sh");
    let made = ids_after(&disk, "label-id: 0x");
    let [made] = made[..] else { panic!("one disk: {made:?}") };
    let mut meant = BTreeSet::new();
    for file in files_below(Path::new(PARTS)) {
        let text = fs::read_to_string(&file).expect("text");
        for before in ["PARTUUID=", "by-partuuid/", r"by\x2dpartuuid-"] {
            for id in ids_after(&text, before) {
                let partition = id.strip_prefix(made).unwrap_or_else(|| panic!("{}: {id}", file.display()));
                let partition = partition.replace(r"\x2d", "-");
                assert!(["-01", "-02", "-03"].contains(&partition.as_str()), "{}: {id}", file.display());
                meant.insert(partition);
            }
        }
    }
    assert_eq!(meant.len(), 3, "each partition is used");
}

#[test]
fn the_root_is_never_written_and_nothing_written_stops_the_start() {
    for line in read("root/etc/fstab").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [source, place, kind, options, "0", "0"] = words[..] else { panic!("six words: {line}") };
        let has = |wanted: &str| options.split(',').any(|option| option == wanted);
        match place {
            "/" | "/boot/firmware" => assert!(has("ro"), "{line}"),
            // Its journal, not the order of mounts, is what a power cut needs.
            _ if source == "tmpfs" => assert!(kind == "tmpfs" && options.contains("size="), "{line}"),
            _ => {
                assert!(has("nofail") && has("x-systemd.before=local-fs.target"), "{line}");
                assert!(source.starts_with("/data/") || place == "/data", "{line}");
            }
        }
    }
}

#[test]
fn units_start_what_is_there() {
    let root = Path::new(PARTS).join("root");
    let mut started = BTreeSet::new();
    for unit in files_below(Path::new(UNITS)) {
        let text = fs::read_to_string(&unit).expect("text");
        let commands =
            text.lines().filter_map(|line| line.strip_prefix("Exec")?.split_once('=').map(|(_, command)| command));
        for own in commands.filter_map(|command| command.strip_prefix("/usr/libexec/listener/")) {
            started.insert(own.split_whitespace().next().expect("a name").to_owned());
        }
    }
    let there = files_below(&root.join("usr/libexec/listener"));
    for file in &there {
        assert!(fs::metadata(file).expect("there").permissions().mode() & 0o111 != 0, "{} can be run", file.display());
    }
    let names = there.iter().map(|file| file.file_name().expect("a name").to_string_lossy().into_owned());
    assert_eq!(started, names.collect());
}

/// The drop-in that holds for every service of the program (`listener-.service.d`) would take from others what they need.
#[test]
fn services_of_the_image_are_not_named_like_those_of_the_program() {
    for unit in fs::read_dir(UNITS).expect("readable").map(|entry| entry.expect("readable").file_name()) {
        let unit = unit.to_string_lossy().into_owned();
        assert!(unit.ends_with(".d") || unit.starts_with("appliance-"), "{unit}");
    }
}

/// Of drop-ins with one name systemd reads the one whose folder is named most like the unit (systemd.unit(5)).
#[test]
fn no_drop_in_hides_another() {
    let all = [UNITS, PROGRAM_UNITS].map(|units| files_below(Path::new(units))).concat();
    let drop_ins = all.iter().filter_map(|file| {
        let folder = file.parent()?.file_name()?.to_str()?;
        Some((folder.strip_suffix(".service.d")?, file.file_name()?))
    });
    let drop_ins: Vec<_> = drop_ins.collect();
    let holds_for = |of: &str, other: &str| of == other || of.ends_with(['-', '@']) && other.starts_with(of);
    for (of, name) in &drop_ins {
        let same = drop_ins.iter().filter(|(other, its_name)| its_name == name && holds_for(of, other));
        assert_eq!(same.count(), 1, "{of}: {}", name.to_string_lossy());
    }
    assert!(drop_ins.iter().any(|(of, _)| *of == "listener-"), "{drop_ins:?}");
}

#[test]
fn the_boot_partition_is_looked_at_as_the_package_does_but_as_a_device() {
    let command = |text: &str| {
        let command =
            text.lines().filter_map(|line| line.strip_prefix("ExecStart=")).rfind(|command| !command.is_empty());
        command.expect("a command").to_owned()
    };
    let of_package = Path::new(PROGRAM_UNITS).join("listener-provision@boot.service");
    let of_package = command(&fs::read_to_string(of_package).expect("readable"));
    let of_image = command(&read("root/usr/lib/systemd/system/listener-provision@boot.service.d/image.conf"));
    assert_eq!(of_image.replace("/dev/disk/by-partuuid/4c697374-01", "/boot/firmware"), of_package);
}
