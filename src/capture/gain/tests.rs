use super::*;

/// Three seconds of a tone, with speech in them or not.
fn heard(amplitude: f32, is_speech: bool) -> Loudness {
    let wave = |i: usize| (i as f32 * 300.0 / 16_000.0 * std::f32::consts::TAU).sin();
    let sound: Vec<_> = (0..48_000).map(|i| (amplitude * wave(i)) as i16).collect();
    let mut loudness = Loudness::default();
    sound.chunks(320).for_each(|piece| loudness.hear(piece, is_speech));
    loudness
}

fn control(name: &str, value: i64, max: i64) -> Control {
    Control { name: name.to_owned(), volume: Some(Volume { value, min: 0, max }), is_on: None }
}

fn switch(name: &str, is_on: bool) -> Control {
    Control { name: name.to_owned(), volume: None, is_on: Some(is_on) }
}

fn card(controls: &[Control]) -> CaptureMixer {
    CaptureMixer { device: Some(MixerDevice::Card(1)), controls: controls.to_vec() }
}

fn warning(loudness: &Loudness, mixer: &CaptureMixer) -> String {
    match judge(loudness, mixer) {
        Verdict::Warning(text) => text,
        Verdict::Fine(text) => panic!("fine: {text}"),
    }
}

fn raised(controls: &[Control]) -> String {
    let told = warning(&heard(209.0, true), &card(controls));
    told.strip_prefix("the gain is low: the loudest sound has a peak of 209 of 32767. ").expect(&told).to_owned()
}

#[test]
fn low_gain_is_told_with_the_control_to_raise() {
    let told = r#"Raise it: "alsamixer -c 1 -V capture", control "Mic" (now 3 of 0 to 16)"#;
    assert_eq!(raised(&[control("Mic", 3, 16)]), told);
}

#[test]
fn a_loud_noise_does_not_hide_speech_that_is_low() {
    let mut loudness = heard(209.0, true);
    (0..50).for_each(|_| loudness.hear(&[9000; 320], false));
    let told = warning(&loudness, &CaptureMixer::default());
    assert!(told.starts_with("the gain is low: speech has a peak of 209 of 32767. "), "{told}");
}

#[test]
fn low_gain_without_controls_is_told_with_the_command_alone() {
    let told = warning(&heard(209.0, true), &CaptureMixer::default());
    assert!(told.ends_with(r#". Raise it: "alsamixer -V capture"; or move the microphone nearer"#), "{told}");
    let server = CaptureMixer { device: Some(MixerDevice::Named("pulse".to_owned())), controls: Vec::new() };
    assert!(warning(&heard(209.0, true), &server).contains(r#""alsamixer -D pulse -V capture""#));
}

#[test]
fn the_control_to_raise_is_one_of_a_microphone_below_its_middle() {
    let cases = [
        (vec![control("Line", 0, 31), control("Mic", 12, 16)], "\"Mic\""),
        (vec![control("Mic Boost", 0, 3), control("Capture", 10, 63)], "\"Capture\""),
        (vec![control("Mic Boost", 0, 3), control("Capture", 60, 63)], "\"Mic Boost\""),
        (vec![control("Mic", 16, 16), control("Mic 1", 9, 16)], "\"Mic 1\""),
        (vec![control("Master", 0, 31), control("Line", 3, 31), control("Microphone", 3, 16)], "\"Microphone\""),
        (vec![control("Line", 3, 31)], "\"Line\""),
        (vec![control("Capture", 20, 63), control("Mic", 0, 31)], "\"Mic\""),
    ];
    for (controls, named) in cases {
        assert!(raised(&controls).contains(named), "{controls:?}: {}", raised(&controls));
    }
}

#[test]
fn where_no_control_can_be_raised_the_microphone_is_to_come_nearer() {
    let told = "Move the microphone nearer: the card's controls are at their highest";
    assert_eq!(raised(&[control("Mic", 16, 16), control("CD", 0, 31)]), told);
}

#[test]
fn clipping_is_told_with_the_control_to_lower() {
    let what = "the gain is too high: loud sound is cut off at full scale. Lower it: \"alsamixer -c 1 -V capture\", ";
    let told = warning(&heard(60_000.0, true), &card(&[control("Mic", 16, 16)]));
    assert_eq!(told, format!("{what}control \"Mic\" (now 16 of 0 to 16)"));
    let boosted = card(&[control("Capture", 40, 63), control("Mic Boost", 2, 3)]);
    assert!(warning(&heard(60_000.0, false), &boosted).contains("\"Mic Boost\" (now 2 of 0 to 3)"));
    assert!(warning(&heard(60_000.0, true), &card(&[control("Mic", 0, 16)])).ends_with("or move the microphone away"));
}

#[test]
fn speech_that_is_loud_enough_is_fine_wherever_the_controls_stand() {
    let fine = Verdict::Fine("speech has a peak of 8000 of 32767".to_owned());
    assert_eq!(judge(&heard(8000.0, true), &card(&[control("Mic", 0, 16), switch("Line", false)])), fine);
}

#[test]
fn a_silent_microphone_is_muted_and_its_switch_is_named_if_it_is_off() {
    let what = "nothing but zeros comes: the microphone is muted or switched off. ";
    let told = |controls: &[Control]| {
        let told = warning(&heard(0.0, false), &card(controls));
        told.strip_prefix(what).expect(&told).to_owned()
    };
    let switched = r#"Switch it on: "alsamixer -c 1 -V capture", control "Mic", with the space bar"#;
    assert_eq!(told(&[control("Mic", 3, 16), switch("Mic", false)]), switched);
    assert_eq!(told(&[switch("Line", true), switch("Mic", false)]), switched);
    let look = r#"See its own switch and "alsamixer -c 1 -V capture""#;
    assert_eq!(told(&[switch("Capture", true), switch("Mic", false), control("Mic", 3, 16)]), look);
    assert_eq!(told(&[]), look);
    assert!(told(&[control("Mic", 0, 4096)]).ends_with(r#"control "Mic" (now 0 of 0 to 4096)"#));
}

#[test]
fn hardly_any_sound_is_low_gain_only_if_somebody_spoke() {
    let told = warning(&heard(6.0, false), &card(&[control("Mic", 3, 16)]));
    let what = "the loudest sound has a peak of 6 of 32767: if somebody spoke, the gain is low. Raise it: ";
    assert!(told.starts_with(what) && told.contains("\"Mic\""), "{told}");
}

#[test]
fn soft_sound_that_stands_out_may_have_been_speech() {
    let mut loudness = heard(10.0, false);
    (0..10).for_each(|_| loudness.hear(&[200; 320], false));
    let told = warning(&loudness, &CaptureMixer::default());
    let what = "the loudest sound has a peak of 200 of 32767: if somebody spoke, the gain is low. ";
    assert!(told.starts_with(what), "{told}");
}

#[test]
fn while_nobody_speaks_a_control_below_its_middle_is_told() {
    let quiet = heard(100.0, false);
    let told = warning(&quiet, &card(&[control("Mic", 3, 16)]));
    assert!(told.contains("nobody was heard") && told.ends_with("control \"Mic\" (now 3 of 0 to 16)"), "{told}");
    for controls in [vec![], vec![control("Mic", 8, 16)], vec![control("Capture", 40, 63), control("Mic Boost", 0, 3)]]
    {
        assert!(matches!(judge(&quiet, &card(&controls)), Verdict::Fine(_)), "{controls:?}");
    }
    assert!(warning(&quiet, &card(&[switch("Mic", false)])).contains("Switch it on"));
}

#[test]
fn of_less_than_half_a_second_nothing_is_said() {
    let mut loudness = Loudness::default();
    assert!(matches!(judge(&loudness, &CaptureMixer::default()), Verdict::Fine(_)));
    (0..24).for_each(|_| loudness.hear(&[0; 320], false));
    assert!(matches!(judge(&loudness, &CaptureMixer::default()), Verdict::Fine(_)));
}
