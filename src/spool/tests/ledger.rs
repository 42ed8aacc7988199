//! Ledgers that are damaged, locked, newer, replaced, or looked at.

use super::*;

/// A spool of home 3 with one item of each kind and one refused picture, whose speech has had its row posted.
fn filled_spool() -> Result<TempDir, SpoolError> {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = (Intake::open(dir.path(), Some(&home(3)))?.0, Outbox::open(dir.path(), Some(&home(3)))?);
    [said(1), clip(2), picture(30)].into_iter().try_for_each(|item| intake.admit_bytes(item, b"bytes").map(drop))?;
    Ok((dir, drop((intake, outbox))).0)
}

#[test]
fn a_damaged_ledger_is_set_aside_and_built_anew_from_the_names_of_the_files() -> Done {
    for damage in [&b"this is no database, and never was one"[..], b""] {
        let dir = filled_spool()?;
        let path = dir.path().join("spool.db");
        for wal in ["spool.db-wal", "spool.db-shm"] {
            let _ = fs::remove_file(dir.path().join(wal));
        }
        fs::write(&path, damage).expect("writable");
        let (intake, found) = Intake::open(dir.path(), Some(&home(3)))?;
        assert_eq!((found.replaced.is_some(), found.waiting), (!damage.is_empty(), 3));
        let outbox = Outbox::open(dir.path(), Some(&home(3)))?;
        let entries: Vec<_> =
            std::iter::from_fn(|| take(&outbox)).map(|id| outbox.load(&id).expect("it is whole")).collect();
        let known: Vec<_> = entries.iter().map(|entry| (entry.item.kind(), entry.step, entry.row_unclear)).collect();
        // Whether their rows were posted is asked.
        let asked = [Kind::Utterance, Kind::Clip].map(|kind| (kind, Step::Uploaded, true));
        assert_eq!(known, [&asked[..], &[(Kind::Picture, Step::Recorded, false)]].concat());
        assert_eq!((entries[0].item.start(), entries[0].item.end()), (at(1), at(2)));
        let aside = files(&dir.path().join("damaged"));
        assert_eq!(aside.iter().any(|file| file == "1-spool.db"), !damage.is_empty(), "{aside:?}");
        drop(outbox);
        assert_eq!(starts_s(&Outbox::open(dir.path(), Some(&home(9)))?), [0i64; 0], "whose it is was in the names");
        drop(intake);
    }
    Ok(())
}

#[test]
fn a_ledger_that_is_damaged_in_the_middle_is_found_out_at_the_start() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, _) = Intake::open(dir.path(), None)?;
    (0..400).try_for_each(|second| intake.admit_bytes(picture(second), b"jpg").map(drop))?;
    drop(intake);
    let path = dir.path().join("spool.db");
    let mut bytes = fs::read(&path).expect("readable");
    let middle = bytes.len() / 2 / 1024 * 1024;
    bytes[middle..middle + 4096].fill(0xaa);
    fs::write(&path, bytes).expect("writable");
    let (intake, found) = Intake::open(dir.path(), None)?;
    assert!(found.replaced.is_some_and(|why| why.contains("damaged")));
    assert_eq!(intake.totals().waiting.items(), 400);
    Ok(())
}

#[test]
fn a_row_that_says_what_cannot_be_is_found_out_at_the_start() -> Done {
    for turned in ["kind = 7", "step = -1", "wall = 3", "uid = x'00'", "file = 'clip.mp3'"] {
        let dir = filled_spool()?;
        let db = Connection::open(dir.path().join("spool.db")).expect("opens");
        let wrong = format!("PRAGMA ignore_check_constraints = ON; UPDATE item SET {turned} WHERE kind = 2");
        db.execute_batch(&wrong).expect("writable");
        drop(db);
        let (intake, found) = Intake::open(dir.path(), Some(&home(3)))?;
        assert!(found.replaced.is_some_and(|why| why.contains("damaged")), "{turned}");
        assert_eq!(intake.totals().waiting.items(), 3, "{turned}");
    }
    Ok(())
}

#[test]
fn damage_that_a_running_program_came_upon_is_known_at_the_next_start_and_at_no_other() -> Done {
    let dir = filled_spool()?;
    let outbox = Outbox::open(dir.path(), Some(&home(3)))?;
    let path = dir.path().join("spool.db");
    let whole = fs::read(&path).expect("readable");
    fs::write(&path, vec![0xaa; whole.len()]).expect("writable");
    for wal in ["spool.db-wal", "spool.db-shm"] {
        let _ = fs::remove_file(dir.path().join(wal));
    }
    let looked = Survey::of(dir.path(), at(0));
    assert!(looked.is_err_and(|error| error.needs_restart()));
    drop(outbox);
    // As if only a part had been damaged that is not looked at when it is opened.
    fs::write(&path, whole).expect("writable");
    assert!(Intake::open(dir.path(), Some(&home(3)))?.1.replaced.is_some());
    assert_eq!(Intake::open(dir.path(), Some(&home(3)))?.1.replaced, None);
    Ok(())
}

#[test]
fn a_ledger_of_a_newer_version_is_set_aside_and_kept() -> Done {
    let dir = filled_spool()?;
    let newer = Connection::open(dir.path().join("spool.db")).expect("opens");
    newer.execute_batch("PRAGMA user_version = 99").expect("writable");
    drop(newer);
    let (intake, found) = Intake::open(dir.path(), Some(&home(3)))?;
    assert!(found.replaced.is_some_and(|why| why.contains("newer version")));
    assert_eq!(intake.totals().waiting.items(), 3);
    Ok(())
}

#[test]
fn an_upload_whose_ledger_was_replaced_says_so() -> Done {
    let dir = filled_spool()?;
    let outbox = Outbox::open(dir.path(), Some(&home(3)))?;
    fs::rename(dir.path().join("spool.db"), dir.path().join("damaged/spool.db")).expect("moves");
    fs::write(dir.path().join("spool.db"), b"").expect("writable");
    let asked = outbox.take(Want::Any, Duration::ZERO, || Duration::ZERO);
    assert!(matches!(asked, Err(SpoolError::LedgerReplaced(_))), "{asked:?}");
    Ok(())
}

#[test]
fn while_the_ledger_is_locked_recordings_are_kept_and_get_their_rows_later() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.state().ledger.set_patience(Duration::ZERO)?;
    let other = Connection::open(dir.path().join("spool.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    intake.admit_bytes(said(1), b"wav")?;
    let told = intake.tend().expect("somebody has to end it");
    assert!(told.contains("sqlite3"), "{told}");
    assert_eq!(take(&outbox), None);
    other.execute_batch("COMMIT").expect("unlocks");
    assert_eq!(intake.tend(), None);
    assert_eq!(starts_s(&outbox), [1]);
    Ok(())
}

#[test]
fn what_was_kept_while_the_ledger_was_locked_is_there_after_a_crash() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, _) = Intake::open(dir.path(), None)?;
    intake.state().ledger.set_patience(Duration::ZERO)?;
    let other = Connection::open(dir.path().join("spool.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    [said(1), clip(2), picture(30)].into_iter().try_for_each(|item| intake.admit_bytes(item, b"bytes").map(drop))?;
    drop((intake, other));
    let (_, found) = Intake::open(dir.path(), None)?;
    assert_eq!((found.without_row, found.waiting), (3, 3));
    Ok(())
}

#[test]
fn people_can_look_at_what_waits_was_refused_and_was_dropped() -> Done {
    let dir = filled_spool()?;
    let db = Connection::open(dir.path().join("spool.db")).expect("opens");
    let waiting: Vec<(String, String, i64)> = db
        .prepare("SELECT kind, start, home_id FROM waiting ORDER BY start")
        .and_then(|mut rows| rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect())
        .expect("a view");
    assert_eq!(waiting[0], ("utterance".into(), "2027-01-15 08:00:01".into(), 3));
    for view in ["refused", "dropped"] {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {view}"), [], |row| row.get(0)).expect("a view");
        assert_eq!(rows, 0, "{view}");
    }
    Ok(())
}
