//! Both sides of a spool, on a real folder and a real ledger.

mod ledger;
mod legacy;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};
use uuid::Uuid;

use super::queue::Want;
use super::survey::{self, Survey};
use super::wall::{Reading, WallHistory};
use super::*;
use crate::clock::{Clock, ManualClock};
use crate::item::{Dated, Item, ItemId, ItemName, Kind, Owner, Step, Wall};

type Done = Result<(), SpoolError>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn picture(second: i64) -> Dated {
    Dated::known(Item::Picture { uid: Uuid::nil(), taken: at(second) })
}

fn clip(second: i64) -> Dated {
    Dated::known(Item::Clip { uid: Uuid::nil(), start: at(second), end: at(second + 20) })
}

fn said(second: i64) -> Dated {
    let (index, track_id) = (second as u32, "T-C-0".into());
    Dated::known(Item::Utterance { uid: Uuid::nil(), index, start: at(second), end: at(second + 1), track_id })
}

fn take(outbox: &Outbox) -> Option<ItemId> {
    outbox.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable")
}

fn both(dir: &Path) -> Result<(Intake, Outbox), SpoolError> {
    Ok((Intake::open(dir, None)?.0, Outbox::open(dir, None)?))
}

fn files(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).expect("a folder").map(|file| file.expect("readable").file_name());
    let mut files: Vec<_> = files.map(|file| file.to_string_lossy().into_owned()).collect();
    files.sort();
    files
}

fn starts_s(outbox: &Outbox) -> Vec<i64> {
    std::iter::from_fn(|| take(outbox))
        .map(|id| outbox.load(&id).expect("loads").item.start().as_second() - at(0).as_second())
        .collect()
}

fn home(home_id: u32) -> Owner {
    Owner { home_id, api: "http://api.test".into() }
}

#[test]
fn an_admitted_item_is_there_after_a_restart_and_a_finished_one_is_not() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    [picture(1), clip(2), said(3)].into_iter().try_for_each(|item| intake.admit_bytes(item, b"bytes").map(drop))?;
    drop((intake, outbox));
    let (intake, outbox) = both(dir.path())?;
    for kind in [Kind::Utterance, Kind::Clip, Kind::Picture] {
        let id = take(&outbox).expect("it waits");
        assert_eq!((id.kind, outbox.load(&id)?.step), (kind, Step::Recorded));
        assert_eq!(fs::read(outbox.media(&id)).expect("readable"), b"bytes");
        outbox.finish(&id, Duration::ZERO)?;
    }
    outbox.close()?;
    intake.tend();
    assert_eq!(intake.totals().waiting.items(), 0);
    drop((intake, outbox));
    let (_, outbox) = both(dir.path())?;
    assert_eq!((take(&outbox), files(&dir.path().join("items"))), (None, vec![]));
    Ok(())
}

#[test]
fn a_delivery_goes_on_from_the_step_that_was_recorded() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(said(1), b"wav")?;
    let id = take(&outbox).expect("it waits");
    let mut entry = outbox.load(&id)?;
    (entry.step, entry.row_unclear) = (Step::RowPosted, true);
    assert!(entry.item.move_to_cluster("D"));
    outbox.record(&id, &entry)?;
    drop((intake, outbox));
    let (_, outbox) = both(dir.path())?;
    let id = take(&outbox).expect("it waits");
    assert_eq!(outbox.load(&id)?, entry);
    Ok(())
}

#[test]
fn what_capture_adds_wakes_upload_at_once() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| outbox.take(Want::Any, Duration::from_secs(600), || Duration::ZERO));
        intake.admit_bytes(said(1), b"wav")?;
        assert!(waiting.join().expect("it ends")?.is_some());
        Ok(())
    })
}

#[test]
fn each_side_can_be_taken_once() -> Done {
    let dir = tempdir().expect("a folder");
    let (_intake, _outbox) = both(dir.path())?;
    assert!(matches!(Intake::open(dir.path(), None), Err(SpoolError::InUse(_))));
    assert!(matches!(Outbox::open(dir.path(), None), Err(SpoolError::InUse(_))));
    Ok(())
}

#[test]
fn either_side_starts_again_while_the_other_goes_on() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(said(1), b"wav")?;
    let held = take(&outbox).expect("it waits");
    outbox.load(&held)?;
    drop(intake);
    let (intake, found) = Intake::open(dir.path(), None)?;
    assert_eq!(found, Found { waiting: 1, ..Found::default() });
    assert_eq!(take(&outbox), None, "what is in hand stays there");
    intake.admit_bytes(said(5), b"wav")?;
    assert!(take(&outbox).is_some());
    outbox.finish(&held, Duration::ZERO)?;
    drop(outbox);
    let outbox = Outbox::open(dir.path(), None)?;
    assert_eq!(starts_s(&outbox), [5]);
    Ok(())
}

#[test]
fn two_rooms_never_get_each_others_recordings() -> Done {
    let dir = tempdir().expect("a folder");
    let (third, ninth) = (home(3), home(9));
    Intake::open(dir.path(), Some(&third))?.0.admit_bytes(said(3), b"wav")?;
    Intake::open(dir.path(), Some(&ninth))?.0.admit_bytes(said(9), b"wav")?;
    let outbox = Outbox::open(dir.path(), Some(&ninth))?;
    assert_eq!((starts_s(&outbox), outbox.totals().of_others.items()), (vec![9], 1));
    drop(outbox);
    assert_eq!(starts_s(&Outbox::open(dir.path(), Some(&third))?), [3], "that owner has come back");
    Ok(())
}

#[test]
fn what_was_being_recorded_for_an_earlier_owner_stays_theirs() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, _) = Intake::open(dir.path(), Some(&home(3)))?;
    let file = crate::item::name::unfinished_speech(Uuid::nil(), 4, at(4));
    fs::write(intake.scratch().join(file), [0; 64_000]).expect("writable");
    drop(intake);
    let (intake, _) = Intake::open(dir.path(), Some(&home(9)))?;
    for file in intake.unfinished_speech() {
        assert!(intake.adopt_speech(&file, "T-C-1".into(), |samples| Ok(vec![0; samples.len() * 2]))?);
    }
    assert_eq!(starts_s(&Outbox::open(dir.path(), Some(&home(9)))?), [0i64; 0]);
    assert_eq!(starts_s(&Outbox::open(dir.path(), Some(&home(3)))?), [4]);
    Ok(())
}

#[test]
fn no_two_items_ever_have_one_number() -> Done {
    let dir = tempdir().expect("a folder");
    let mut seen = Vec::new();
    for second in 0..3 {
        let (intake, outbox) = both(dir.path())?;
        intake.admit_bytes(said(second), b"wav")?;
        let id = take(&outbox).expect("it waits");
        outbox.load(&id)?;
        outbox.finish(&id, Duration::ZERO)?;
        seen.push(id.row);
    }
    assert!(seen.is_sorted_by(|before, after| before < after), "{seen:?}");
    Ok(())
}

#[test]
fn what_waits_for_its_time_goes_on_doing_so_when_the_other_side_starts_again() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(said(1), b"wav")?;
    let id = take(&outbox).expect("it waits");
    outbox.delay(&id, Duration::from_secs(120));
    drop(intake);
    drop(Intake::open(dir.path(), None)?);
    survey::retry(dir.path())?;
    assert_eq!(take(&outbox), None);
    assert_eq!(outbox.take(Want::Any, Duration::ZERO, || Duration::from_secs(120))?, Some(id));
    Ok(())
}

/// The file of the only item there is.
fn only_file(dir: &Path) -> PathBuf {
    let files = files(&dir.join("items"));
    let [file] = &files[..] else { panic!("one item waits: {files:?}") };
    dir.join("items").join(file)
}

#[test]
fn a_file_that_is_shorter_than_it_was_is_never_delivered() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(said(1), b"wav")?;
    fs::write(only_file(dir.path()), b"w").expect("writable");
    let id = take(&outbox).expect("it waits");
    assert!(matches!(outbox.load(&id), Err(SpoolError::Damaged { .. })));
    assert_eq!((intake.state().ledger.losses().expect("readable").items(), outbox.is_empty()), (1, true));
    assert_eq!(files(&dir.path().join("damaged")).len(), 1);
    Ok(())
}

#[test]
fn an_item_whose_file_is_gone_is_told_and_counted_at_the_next_start() -> Done {
    let dir = tempdir().expect("a folder");
    Intake::open(dir.path(), None)?.0.admit_bytes(said(1), b"wav")?;
    fs::remove_file(only_file(dir.path())).expect("there");
    let (intake, found) = Intake::open(dir.path(), None)?;
    assert_eq!(
        (found.lost, intake.state().ledger.losses().expect("readable").items(), intake.totals().waiting.items()),
        (1, 1, 0)
    );
    Ok(())
}

#[test]
fn strangers_in_the_folder_are_set_aside_and_nothing_else_is_hindered() -> Done {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempdir().expect("a folder");
    Intake::open(dir.path(), None)?.0.admit_bytes(said(1), b"wav")?;
    let items = dir.path().join("items");
    fs::write(items.join("thumbs.db"), b"?").expect("writable");
    fs::create_dir(items.join("a folder")).expect("writable");
    fs::write(items.join(std::ffi::OsStr::from_bytes(b"\xff.jpg")), b"?").expect("writable");
    std::os::unix::fs::symlink("/nonexistent", items.join("link")).expect("writable");
    fs::create_dir_all(dir.path().join("scratch/more/and more")).expect("writable");
    let (intake, found) = Intake::open(dir.path(), None)?;
    assert_eq!((found.damaged, found.unfinished, intake.totals().waiting.items()), (4, 1, 1));
    assert_eq!(files(&dir.path().join("damaged")).len(), 4);
    Ok(())
}

#[test]
fn a_whole_file_without_a_row_is_kept_unless_it_may_have_been_delivered() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    drop((intake, outbox));
    let name = |dated: &Dated| ItemName::of(dated, 3, None).media();
    let put = |folder: &str, item: &Dated, bytes: &[u8]| {
        fs::write(dir.path().join(folder).join(name(item)), bytes).expect("writable");
    };
    put("scratch", &said(1), b"wav");
    put("scratch", &clip(2), b"mp4");
    put("scratch", &said(3), b"w");
    put("items", &picture(4), b"jpg");
    put("items", &picture(5), b"j");
    put("items", &said(6), b"wav");
    let (_intake, found) = Intake::open(dir.path(), None)?;
    assert_eq!((found.without_row, found.unfinished), (3, 3));
    let outbox = Outbox::open(dir.path(), None)?;
    assert_eq!(starts_s(&outbox), [1, 2, 4]);
    Ok(())
}

#[test]
fn a_refused_item_is_kept_with_the_answer_and_put_back_on_request() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(said(1), b"wav")?;
    let id = take(&outbox).expect("it waits");
    let mut entry = outbox.load(&id)?;
    entry.step = Step::Uploaded;
    outbox.record(&id, &entry)?;
    outbox.refuse(&id, "no", at(0))?;
    assert_eq!((take(&outbox), outbox.has_set_aside()), (None, true));
    assert_eq!(outbox.last_set_aside(at(60)), Some((Duration::from_secs(60), "no".into())));
    assert_eq!(outbox.last_set_aside(at(24 * 3600)), None);
    let seen = Survey::of(dir.path(), at(60))?;
    assert_eq!((seen.refused.items(), seen.answers[0].answer.as_str()), (1, "no"));
    // By another process, while this one goes on.
    assert_eq!(survey::retry(dir.path())?, 1);
    let id = take(&outbox).expect("it waits again");
    assert_eq!(outbox.load(&id)?.step, Step::Uploaded);
    Ok(())
}

#[test]
fn a_retry_of_many_that_are_refused_again_ends() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    (0..150).try_for_each(|second| intake.admit_bytes(picture(second), b"jpg").map(drop))?;
    let refuse_all = || -> Result<usize, SpoolError> {
        let mut refused = 0;
        while let Some(id) = take(&outbox) {
            outbox.load(&id)?;
            outbox.refuse(&id, "no", at(0))?;
            refused += 1;
        }
        Ok(refused)
    };
    assert_eq!(refuse_all()?, 150);
    assert_eq!((survey::retry(dir.path())?, refuse_all()?, refuse_all()?), (150, 150, 0));
    Ok(())
}

#[test]
fn what_was_set_aside_is_taken_back_by_the_one_who_did_it() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    [clip(1), clip(100)].into_iter().try_for_each(|item| intake.admit_bytes(item, b"mp4").map(drop))?;
    let first = take(&outbox).expect("it waits");
    outbox.load(&first)?;
    outbox.refuse(&first, "no", at(0))?;
    let second = take(&outbox).expect("it waits");
    outbox.take_back(&[first])?;
    assert_eq!((take(&outbox), take(&outbox)), (Some(first), None), "the other is in hand");
    outbox.hand_back(&second);
    assert_eq!(take(&outbox), Some(second));
    Ok(())
}

#[test]
fn past_the_budget_the_oldest_pictures_go_then_clips_and_each_is_counted() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.set_budget(Some(10 * 4096))?;
    for second in 0..12 {
        intake.admit_bytes(picture(second), b"jpg")?;
    }
    assert_eq!((intake.totals().waiting.items(), intake.state().ledger.losses().expect("readable").items()), (10, 2));
    let room = intake.admit_bytes(said(20), &[0; 9 * 4096])?;
    assert!(room.given_up.iter().all(|name| name.kind() == Kind::Picture));
    // One more than was needed, so that not every newcomer has to ask for room.
    assert_eq!((room.given_up.len(), starts_s(&outbox)), (10, vec![20]));
    let (kind, is_disk) = (Kind::Picture, false);
    let refused = intake.admit_bytes(picture(21), &[0; 11 * 4096]).expect_err("it is larger than the budget");
    assert!(matches!(refused, SpoolError::Full { kind: k, is_disk: d, .. } if (k, d) == (kind, is_disk)));
    Ok(())
}

#[test]
fn what_is_being_delivered_is_not_given_up_when_the_disk_is_short() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    [picture(1), picture(2)].into_iter().try_for_each(|item| intake.admit_bytes(item, b"jpg").map(drop))?;
    let newest = take(&outbox).expect("it waits");
    outbox.load(&newest)?;
    intake.set_budget(Some(4096))?;
    assert_eq!((intake.totals().waiting.items(), outbox.media(&newest).exists()), (1, true));
    outbox.hand_back(&newest);
    let oldest = take(&outbox).expect("it is still known");
    assert_eq!(oldest, newest);
    Ok(())
}

#[test]
fn what_was_given_up_just_before_it_is_read_is_passed_over() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    intake.admit_bytes(picture(1), b"jpg")?;
    let id = take(&outbox).expect("it waits");
    intake.set_budget(Some(0))?;
    assert!(matches!(outbox.load(&id), Err(SpoolError::GivenUp(_))));
    assert!(outbox.is_empty());
    Ok(())
}

#[test]
fn what_belongs_to_an_earlier_owner_is_given_up_before_anything_of_ones_own() -> Done {
    let dir = tempdir().expect("a folder");
    Intake::open(dir.path(), Some(&home(3)))?.0.admit_bytes(said(9), b"wav")?;
    let (intake, _) = Intake::open(dir.path(), Some(&home(9)))?;
    intake.admit_bytes(picture(1), b"jpg")?;
    let room = intake.set_budget(Some(4096))?;
    assert_eq!(room.given_up.iter().map(|name| name.kind()).collect::<Vec<_>>(), [Kind::Utterance]);
    Ok(())
}

fn begin(intake: &Intake, clock: &ManualClock, run: u128) -> Result<(Uuid, WallHistory), SpoolError> {
    let (run, mut history) = (Uuid::from_u128(run), WallHistory::default());
    history.observe(Reading::of(clock));
    intake.begin(run, clock.boot(), Reading::of(clock));
    Ok((run, history))
}

fn say(intake: &Intake, clock: &ManualClock, run: Uuid, history: &mut WallHistory) -> Done {
    history.observe(Reading::of(clock));
    let (start, end) = (clock.now() - SignedDuration::from_secs(2), clock.now());
    let item = Item::Utterance { uid: run, index: 0, start, end, track_id: "T".into() };
    let (item, uptime_us, wall) = history.place(item);
    let recorded = crate::item::Recorded { boot: clock.boot(), uptime_us };
    intake.admit_bytes(Dated { item, recorded, wall }, b"wav").map(drop)
}

#[test]
fn what_is_said_before_the_clock_is_set_waits_for_it_and_then_has_its_true_time() -> Done {
    let dir = tempdir().expect("a folder");
    let (intake, outbox) = both(dir.path())?;
    let clock = ManualClock::unset(at(0));
    let (run, mut history) = begin(&intake, &clock, 1)?;
    say(&intake, &clock, run, &mut history)?;
    assert_eq!((take(&outbox), intake.totals().without_time.items()), (None, 1));
    clock.synchronise(SignedDuration::from_secs(1_000));
    history.observe(Reading::of(&clock));
    intake.settle(history.true_offset_us().expect("it is known"));
    let id = take(&outbox).expect("it may go");
    let entry = outbox.load(&id)?;
    assert_eq!((entry.item.start(), entry.wall), (at(998), Wall::Known));
    assert_eq!(intake.totals().without_time.items(), 0);
    Ok(())
}

#[test]
fn what_was_said_in_a_start_of_the_machine_that_never_knew_the_time_is_placed_and_marked() -> Done {
    let dir = tempdir().expect("a folder");
    let clock = ManualClock::unset(at(0));
    let (intake, _) = Intake::open(dir.path(), None)?;
    let (run, mut history) = begin(&intake, &clock, 1)?;
    say(&intake, &clock, run, &mut history)?;
    drop(intake);
    clock.reboot(at(5));
    let (intake, _) = Intake::open(dir.path(), None)?;
    let (_, mut history) = begin(&intake, &clock, 2)?;
    clock.synchronise(SignedDuration::from_secs(1_000));
    history.observe(Reading::of(&clock));
    let true_us = history.true_offset_us().expect("it is known");
    intake.settle(true_us);
    let outbox = Outbox::open(dir.path(), None)?;
    let id = take(&outbox).expect("it may go");
    let entry = outbox.load(&id)?;
    // It ended when this start of the machine began, at the latest.
    assert_eq!((entry.item.end().as_microsecond(), entry.wall), (true_us, Wall::TimeUncertain));
    Ok(())
}
