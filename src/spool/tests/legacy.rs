//! Spools of version 0.1.0.

use super::*;

/// A spool as version 0.1.0 leaves it: speech whose row is posted, a picture, and a refused clip; speech recorded before the clock was
/// set; and files that were not finished.
fn spool_of_0_1_0() -> TempDir {
    let dir = tempdir().expect("a folder");
    for folder in ["items", "refused", "damaged", "scratch", "sending", "runs"] {
        fs::create_dir(dir.path().join(folder)).expect("a folder");
    }
    let (uid, boot) = (Uuid::nil(), Uuid::from_u128(7));
    let put = |path: String, text: String| fs::write(dir.path().join(path), text).expect("writable");
    let item = |folder: &str, name: ItemName, item: &Item, uptime_us: i64, more: &str| {
        let item = serde_json::to_string(item).expect("it has a form");
        let recorded = format!(r#"{{"boot":"{boot}","uptime_us":{uptime_us}}}"#);
        put(
            format!("{folder}/{name}.json"),
            format!(r#"{{"item":{item},"media_bytes":5,"recorded":{recorded},{more}}}"#),
        );
        put(format!("{folder}/{}", name.media()), "bytes".into());
    };
    for (dated, folder, more) in [
        (said(1), "items", r#""wall":"known","step":"row_posted","row_unclear":true"#),
        (picture(3), "items", r#""wall":"known","step":"recorded""#),
        (clip(20), "refused", r#""wall":"known","step":"uploaded""#),
    ] {
        item(folder, ItemName::of(&dated, 5, None), &dated.item, 0, more);
    }
    put(format!("refused/{}.answer.txt", ItemName::of(&clip(20), 5, None)), "the API said no".into());
    let early =
        Dated { recorded: crate::item::Recorded { boot, uptime_us: 60_000_000 }, wall: Wall::Provisional, ..said(9) };
    item("items", ItemName::of(&early, 5, None), &early.item, 60_000_000, r#""wall":"provisional","step":"recorded""#);
    put(format!("items/{}", ItemName::of(&said(99), 5, None).media()), "bytes".into());
    let clock = r#""boot_number":4,"provisional_us":1799999000000000,"not_before_us":0,"true_us":1800000000000000"#;
    put(format!("runs/{uid}.json"), format!(r#"{{"run":"{uid}","boot":"{boot}",{clock}}}"#));
    put("books.json".into(), r#"{"dropped_ever":{"picture":{"items":8,"bytes":80}},"good_us":5}"#.into());
    put("retry".into(), String::new());
    dir
}

#[test]
fn what_version_0_1_0_has_left_is_taken_over_with_all_that_is_known_of_it() -> Done {
    let dir = spool_of_0_1_0();
    let (intake, found) = Intake::open(dir.path(), Some(&home(3)))?;
    assert_eq!((found.waiting, found.lost, found.unfinished), (2, 0, 1));
    assert_eq!((intake.state().ledger.losses()?.of(Kind::Picture).items, intake.totals().refused.items()), (8, 1));
    assert_eq!(intake.totals().without_time.items(), 1);
    let clock = ManualClock::at(at(1_000));
    begin(&intake, &clock, 1)?;
    intake.settle(1_800_000_000_000_000);
    let outbox = Outbox::open(dir.path(), Some(&home(3)))?;
    let entries: Vec<_> = std::iter::from_fn(|| take(&outbox)).map(|id| outbox.load(&id).expect("whole")).collect();
    let known: Vec<_> = entries.iter().map(|entry| (entry.item.start(), entry.step, entry.row_unclear)).collect();
    // The uptime at its start, and what that run knew of the clock.
    let early = (at(60), Step::Recorded, false);
    assert_eq!(known, [(at(1), Step::RowPosted, true), early, (at(3), Step::Recorded, false)]);
    assert_eq!(outbox.last_set_aside(Timestamp::now()).map(|(_, answer)| answer), Some("the API said no".into()));
    for left in ["runs", "refused", "sending", "books.json", "retry"] {
        assert!(!dir.path().join(left).exists(), "{left}");
    }
    assert_eq!(files(&dir.path().join("items")).len(), 4);
    drop(outbox);
    assert_eq!(starts_s(&Outbox::open(dir.path(), Some(&home(9)))?), [0i64; 0], "it is of whoever was set");
    Ok(())
}

#[test]
fn a_spool_that_version_0_1_0_recorded_is_taken_over() -> Done {
    let dir = tempdir().expect("a folder");
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spool-0.1.0");
    for folder in ["", "items", "refused", "runs", "scratch"] {
        fs::create_dir_all(dir.path().join(folder)).expect("a folder");
        let copied = |file: &&String| recorded.join(folder).join(file).is_file() && *file != "README.md";
        for file in files(&recorded.join(folder)).iter().filter(copied) {
            fs::copy(recorded.join(folder).join(file), dir.path().join(folder).join(file)).expect("copied");
        }
    }
    let (intake, found) = Intake::open(dir.path(), Some(&home(3)))?;
    assert_eq!((found.waiting, found.adopted, found.lost, found.damaged, found.without_row), (7, 1, 0, 0, 0));
    let outbox = Outbox::open(dir.path(), Some(&home(3)))?;
    let entries: Vec<_> = std::iter::from_fn(|| take(&outbox)).map(|id| outbox.load(&id).expect("whole")).collect();
    let steps: Vec<_> = entries.iter().map(|entry| (entry.item.kind(), entry.step)).collect();
    let clips = entries.iter().filter(|entry| entry.item.kind() == Kind::Clip).count();
    assert_eq!((steps[0], clips), ((Kind::Utterance, Step::RowPosted), 3));
    let Item::Utterance { start, track_id, .. } = &entries[0].item else { panic!("{entries:?}") };
    assert_eq!(start.to_string(), "2026-11-27T21:05:17.654186Z");
    assert!(track_id.ends_with("9115d8aa7449409d877f85ebf452a1c2"), "the server may have this task already");
    let told = outbox.last_set_aside(Timestamp::now()).map(|(_, answer)| answer);
    assert_eq!(told.as_deref(), Some("the API refused it (400): {\"video_file\": [\"This clip is of no use.\"]}"));
    assert_eq!(files(&dir.path().join("scratch")), [""; 0]);
    drop((intake, outbox));
    assert_eq!(Intake::open(dir.path(), Some(&home(3)))?.1, Found { waiting: 7, ..Found::default() });
    Ok(())
}

#[test]
fn nothing_is_taken_over_while_0_1_0_still_uses_it() -> Done {
    let dir = spool_of_0_1_0();
    let old = fs::File::create(dir.path().join("lock-upload")).expect("writable");
    old.try_lock().expect("nobody has it");
    assert!(matches!(Intake::open(dir.path(), Some(&home(3))), Err(SpoolError::OldVersion(_))));
    drop(old);
    assert_eq!(Intake::open(dir.path(), Some(&home(3)))?.1.waiting, 2);
    Ok(())
}

#[test]
fn what_0_1_0_did_after_an_update_was_rolled_back_counts() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, _) = Intake::open(dir.path(), None)?;
    intake.admit_bytes(said(1), b"bytes")?;
    drop(intake);
    // It knows nothing of the ledger, and sets the file of speech without a manifest aside; then it records and delivers on.
    let old = spool_of_0_1_0();
    for folder in ["items", "refused", "runs"] {
        fs::create_dir_all(dir.path().join(folder)).expect("a folder");
        for file in files(&old.path().join(folder)) {
            fs::copy(old.path().join(folder).join(&file), dir.path().join(folder).join(&file)).expect("copied");
        }
    }
    let (intake, _) = Intake::open(dir.path(), None)?;
    assert_eq!(intake.totals().waiting.items(), 2);
    let outbox = Outbox::open(dir.path(), None)?;
    let id = take(&outbox).expect("it waits");
    assert_eq!(outbox.load(&id)?.step, Step::RowPosted, "its row must not be posted again");
    Ok(())
}

#[test]
fn looking_at_a_spool_makes_none_and_takes_nothing_over() -> Done {
    let dir = tempdir().expect("a folder");
    assert!(Survey::of(dir.path(), at(0)).is_err() && survey::retry(dir.path()).is_err());
    assert_eq!(files(dir.path()), [""; 0]);
    let old = spool_of_0_1_0();
    assert!(Survey::of(old.path(), at(0)).is_err());
    assert!(old.path().join("runs").exists());
    Ok(())
}
