use super::*;

fn known(name: &str, description: &str, card_names: &[&str]) -> Known {
    let microphone = MicrophoneInfo { name: name.to_owned(), description: description.to_owned() };
    Known { microphone, card_names: card_names.iter().map(|&name| name.to_owned()).collect() }
}

const WEBCAM: [&str; 2] = ["USB Device 0x46d:0x825", "USB Device 0x46d:0x825 at usb-3f980000.usb-1.2, high speed"];
const JABRA: [&str; 2] = ["Jabra SPEAK 510 USB", "Jabra SPEAK 510 USB at usb-3f980000.usb-1.3, full speed"];

/// A Raspberry Pi with a webcam and a conference phone, as ALSA lists them.
fn room() -> Vec<Known> {
    vec![
        known("pulse", "PulseAudio Sound Server", &[]),
        known("default", "", &[]),
        known("sysdefault:CARD=U0x46d0x825", "USB Device 0x46d:0x825, USB Audio, Default Audio Device", &WEBCAM),
        known("plughw:CARD=U0x46d0x825,DEV=0", "USB Device 0x46d:0x825, USB Audio, Hardware device", &WEBCAM),
        known("plughw:CARD=USB,DEV=0", "Jabra SPEAK 510 USB, USB Audio, Hardware device", &JABRA),
        known("plughw:CARD=4", "", &["Loopback", "Loopback 1"]),
    ]
}

fn first(wanted: &str) -> Option<String> {
    instead(wanted, Trouble::Missing, &room()).into_iter().next()
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn a_card_is_found_as_the_earlier_client_named_it() {
    assert_eq!(first("USB Device 0x46d:0x825"), some("plughw:CARD=U0x46d0x825,DEV=0"));
    assert_eq!(first("USB Device 0x46d:0x825: USB Audio (hw:1,0)"), some("plughw:CARD=U0x46d0x825,DEV=0"));
}

#[test]
fn a_microphone_is_found_by_a_part_of_its_name_description_or_card_in_capitals_or_not() {
    assert_eq!(first("u0X46D"), some("plughw:CARD=U0x46d0x825,DEV=0"));
    assert_eq!(first("jabra speak"), some("plughw:CARD=USB,DEV=0"));
    assert_eq!(first("usb-1.3"), some("plughw:CARD=USB,DEV=0"));
    assert_eq!(first("loopback"), some("plughw:CARD=4"));
    assert_eq!(first("sound server"), some("pulse"));
    assert_eq!(first("parrot"), None);
    assert_eq!(first(" "), None);
}

#[test]
fn a_card_is_taken_through_the_converter_before_its_other_pcms() {
    let names = instead("0x825", Trouble::Missing, &room());
    assert_eq!(names, ["plughw:CARD=U0x46d0x825,DEV=0", "sysdefault:CARD=U0x46d0x825"]);
}

#[test]
fn without_a_sound_server_the_hardware_is_taken() {
    let hardware = ["default", "plughw:CARD=U0x46d0x825,DEV=0", "plughw:CARD=USB,DEV=0", "plughw:CARD=4"];
    assert_eq!(instead("pulse", Trouble::Missing, &room()), hardware);
    assert_eq!(instead("pulse", Trouble::Refused, &room()), hardware);
    assert_eq!(instead("pulse", Trouble::Refused, &room()[..2]), [""; 0], "there is no card");
}

#[test]
fn nothing_is_taken_for_a_microphone_that_is_there_but_fails() {
    assert_eq!(instead("pulse", Trouble::Busy, &room()), [""; 0]);
    assert_eq!(instead("jabra", Trouble::Refused, &room()), [""; 0]);
    assert_eq!(instead("plughw:CARD=USB,DEV=0", Trouble::Missing, &room()), [""; 0]);
}

#[test]
fn a_microphone_that_is_not_there_is_told_with_at_most_five_that_are() {
    let five = "pulse, default, sysdefault:CARD=U0x46d0x825, plughw:CARD=U0x46d0x825,DEV=0, plughw:CARD=USB,DEV=0";
    let told = format!(
        "no microphone \"parrot\"; plug it in, or choose {five}, or another that \"listener devices\" lists, with \
         --default_microphone"
    );
    assert_eq!(missing("parrot", &room()).0, told);
    let told = "no microphone \"pulse\"; plug it in, or choose default with --default_microphone";
    assert_eq!(missing("pulse", &room()[..2]).0, told);
    assert_eq!(missing("pulse", &room()[..1]).0, "no microphone \"pulse\", nor any other; plug one in");
}

#[test]
fn what_is_taken_instead_is_said() {
    let said = taken("pulse", Trouble::Refused, "default");
    assert_eq!(said, "microphone \"pulse\" refuses the connection: \"default\" is taken instead");
    assert_eq!(taken("pulse", Trouble::Missing, "default"), "no microphone \"pulse\": \"default\" is taken instead");
    assert_eq!(taken("jabra", Trouble::Missing, "plughw:CARD=4"), "microphone \"jabra\" is \"plughw:CARD=4\"");
}

#[test]
fn sound_servers_are_listed_first_then_cards_and_nothing_twice() {
    let listed = ["null", "speex", "hw:CARD=A", "front:CARD=A", "plughw:CARD=A", "default", "pulse", "hw:CARD=A"];
    let listed = listed.map(|name| MicrophoneInfo { name: name.to_owned(), description: String::new() });
    let names: Vec<_> = arranged(listed).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["pulse", "default", "plughw:CARD=A", "hw:CARD=A", "front:CARD=A"]);
}

#[test]
fn every_trouble_is_one_line_that_says_what_to_do() {
    use Trouble::{Busy, Forbidden, Hangs, Missing, NoSound, Other, Refused, Unplugged};
    for kind in [Busy, Forbidden, Hangs, Missing, NoSound, Other, Refused, Unplugged] {
        let said = trouble("hw:1,0", kind, "so it is").to_string();
        assert!(said.contains("\"hw:1,0\"") && said.contains("; ") && !said.contains('\n'), "{said}");
    }
}

#[test]
fn a_microphone_is_opened_with_the_channels_of_its_hardware() {
    assert_eq!(channels("plughw:CARD=USB,DEV=0", Some(8)), 8);
    assert_eq!(channels("plughw:CARD=USB,DEV=0", Some(1)), 1);
    assert_eq!(channels("plughw:CARD=USB,DEV=0", None), 1);
    // A converter claims any number.
    assert_eq!(channels("default", Some(10_000)), 1);
    // A sound server would mix them, whatever is in them.
    assert_eq!(
        (channels("pulse", None), channels("pipewire:HANDLE=5", Some(1)), channels("pulse", Some(4))),
        (2, 2, 4)
    );
    assert_eq!(channels("pulseless", None), 1);
}
