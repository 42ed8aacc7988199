use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::spool::wall::WallHistory;
use crate::spool::{Item, Recorded, Wall};

fn picture(second: i64) -> Item {
    Item::Picture { uid: Uuid::nil(), taken: Timestamp::from_second(1_800_000_000 + second).expect("in range") }
}

fn dated(item: Item) -> Dated {
    Dated::known(item)
}

/// The name of the picture of a second, of so many bytes.
fn named(second: i64, media_bytes: u64) -> ItemName {
    let Dated { item, recorded, wall } = dated(picture(second));
    ItemName::of(&Manifest { item, media_bytes, recorded, wall, step: Step::Recorded, row_unclear: false })
}

fn clip(second: i64) -> Item {
    let start = Timestamp::from_second(1_800_000_000 + second).expect("in range");
    Item::Clip { uid: Uuid::nil(), start, end: start + SignedDuration::from_secs(20) }
}

fn take(spool: &Spool) -> Option<ItemName> {
    spool.take(Want::Any, Duration::ZERO, || Duration::ZERO)
}

fn empty_spool() -> Result<(tempfile::TempDir, Spool), SpoolError> {
    let dir = tempfile::tempdir().expect("a folder");
    let (spool, _) = Spool::open(dir.path())?;
    Ok((dir, spool))
}

#[test]
fn an_admitted_item_is_there_after_a_restart_and_a_finished_one_is_not() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    spool.admit_bytes(dated(picture(2)), b"two")?;
    let first = take(&spool).expect("two wait");
    assert_eq!(spool.load(&first)?.item, picture(2));
    spool.finish(&first)?;
    drop(spool);

    let (spool, found) = Spool::open(dir.path())?;
    assert_eq!(found, Found { waiting: 1, ..Found::default() });
    let second = take(&spool).expect("one waits");
    assert_eq!(fs::read(spool.media(&second)).expect("readable"), b"one");
    Ok(())
}

#[test]
fn a_delivery_goes_on_from_the_step_that_was_recorded() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    let name = take(&spool).expect("one waits");
    let manifest = Manifest { step: Step::Uploaded, ..spool.load(&name)? };
    spool.record(&name, &manifest)?;
    drop(spool);
    let (spool, _) = Spool::open(dir.path())?;
    assert_eq!(spool.load(&name)?.step, Step::Uploaded);
    Ok(())
}

#[test]
fn unfinished_files_are_removed_and_damaged_ones_kept_aside() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    drop(spool);
    let write = |file: &str, bytes: &[u8]| fs::write(dir.path().join(file), bytes).expect("writable");
    let damaged = named(1, 3);
    write(&format!("items/{}", damaged.manifest()), b"{\"item\":");
    write(&format!("items/{}", named(2, 4).media()), b"half");
    write("scratch/clip.mp4", b"half");

    let (spool, found) = Spool::open(dir.path())?;
    assert_eq!(found, Found { waiting: 1, unfinished: 2, ..Found::default() });
    let name = take(&spool).expect("one waits");
    assert!(matches!(spool.load(&name), Err(SpoolError::Damaged { .. })));
    assert!(dir.path().join("damaged").join(damaged.media()).exists());
    assert!(spool.is_empty());
    Ok(())
}

#[test]
fn a_file_shorter_than_its_manifest_says_is_never_delivered() -> Result<(), SpoolError> {
    let (_dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"whole")?;
    let name = take(&spool).expect("one waits");
    fs::write(spool.media(&name), b"who").expect("writable");
    assert!(matches!(spool.load(&name), Err(SpoolError::Damaged { .. })));
    Ok(())
}

#[test]
fn two_listeners_cannot_share_a_folder() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir().expect("a folder");
    let _first = Spool::open(dir.path())?;
    assert!(matches!(Spool::open(dir.path()), Err(SpoolError::InUse(_))));
    Ok(())
}

#[test]
fn a_refused_item_is_kept_with_the_answer() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    let name = take(&spool).expect("one waits");
    spool.refuse(&name, "400 no")?;
    assert!(spool.is_empty());
    assert!(dir.path().join("refused").join(name.media()).exists());
    let answer = dir.path().join("refused").join(format!("{name}.answer.txt"));
    assert_eq!(fs::read_to_string(answer).expect("readable"), "400 no");
    Ok(())
}

#[test]
fn what_was_refused_is_put_back_on_request_and_delivered_from_where_it_was() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    let name = take(&spool).expect("one waits");
    spool.record(&name, &Manifest { step: Step::Uploaded, ..spool.load(&name)? })?;
    spool.refuse(&name, "400 no")?;
    assert_eq!(spool.retry_if_asked(9)?, None);

    let Retry::Asked(request) = Retry::ask(dir.path())? else { panic!("the spool is in use") };
    assert_eq!(spool.retry_if_asked(9)?, Some(Retried { put_back: 1, unusable: 0 }));
    assert!(!request.exists());
    assert_eq!(take(&spool), Some(name.clone()));
    assert_eq!(spool.load(&name)?.step, Step::Uploaded);
    assert_eq!(fs::read_dir(dir.path().join("refused")).expect("a folder").count(), 0);
    Ok(())
}

/// Refuses everything that waits.
fn refuse_all(spool: &Spool) -> Result<usize, SpoolError> {
    let mut refused = 0;
    while let Some(name) = take(spool) {
        spool.refuse(&name, "400 no")?;
        refused += 1;
    }
    Ok(refused)
}

#[test]
fn a_retry_of_many_that_are_refused_again_puts_each_back_once_and_ends() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    for second in 0..12 {
        spool.admit_bytes(dated(picture(second)), b"one")?;
    }
    assert_eq!(refuse_all(&spool)?, 12);
    let Retry::Asked(request) = Retry::ask(dir.path())? else { panic!("the spool is in use") };
    let mut sent = Vec::new();
    for _ in 0..9 {
        spool.retry_if_asked(5)?;
        sent.push(refuse_all(&spool)?);
    }
    assert_eq!(sent, [5, 5, 2, 0, 0, 0, 0, 0, 0]);
    assert!(!request.exists());
    Ok(())
}

#[test]
fn what_was_last_refused_is_known_at_the_next_start_for_a_day() -> Result<(), SpoolError> {
    let (_dir, spool) = empty_spool()?;
    assert_eq!((spool.has_set_aside(), spool.last_set_aside(Timestamp::now())), (false, None));
    spool.admit_bytes(dated(picture(1)), b"one")?;
    assert_eq!(refuse_all(&spool)?, 1);
    assert!(spool.has_set_aside());
    let (age, answer) = spool.last_set_aside(Timestamp::now()).expect("just now");
    assert!(age < Duration::from_secs(600) && answer == "400 no");
    let unset = Timestamp::UNIX_EPOCH;
    assert!(spool.last_set_aside(unset).is_some(), "a clock that is not set is no reason to forget it");
    assert_eq!(spool.last_set_aside(Timestamp::now() + SignedDuration::from_hours(25)), None);

    let name = named(1, 3);
    spool.take_back(std::slice::from_ref(&name))?;
    assert!(!spool.has_set_aside());
    assert_eq!(take(&spool), Some(name));
    Ok(())
}

#[test]
fn without_a_listener_what_was_set_aside_is_put_back_at_once_if_it_is_whole() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    for second in [1, 2, 3] {
        spool.admit_bytes(dated(picture(second)), b"one")?;
    }
    let name = take(&spool).expect("three wait");
    spool.refuse(&name, "400 no")?;
    for mends in [true, false] {
        let name = take(&spool).expect("two wait");
        fs::write(spool.media(&name), b"o").expect("writable");
        assert!(spool.load(&name).is_err());
        if mends {
            fs::write(dir.path().join("damaged").join(name.media()), b"one").expect("writable");
        }
    }
    drop(spool);

    let Retry::Done(retried) = Retry::ask(dir.path())? else { panic!("nobody uses it") };
    assert_eq!(retried, Retried { put_back: 2, unusable: 1 });
    let (spool, _) = Spool::open(dir.path())?;
    assert_eq!(spool.waiting(Kind::Picture), 2);
    Ok(())
}

#[test]
fn a_move_that_a_crash_has_cut_in_two_is_ended_at_the_next_start() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.admit_bytes(dated(picture(1)), b"one")?;
    let name = take(&spool).expect("one waits");
    // As when it was about to be refused, or half put back.
    durable::relocate(&spool.media(&name), &dir.path().join("refused").join(name.media())).expect("moves");
    drop(spool);
    let (spool, found) = Spool::open(dir.path())?;
    assert_eq!(found, Found { waiting: 1, ..Found::default() });
    assert_eq!(fs::read(spool.media(&name)).expect("readable"), b"one");
    Ok(())
}

#[test]
fn past_the_budget_the_oldest_pictures_go_and_are_counted() -> Result<(), SpoolError> {
    let (_dir, spool) = empty_spool()?;
    // Each takes a block of its own and one for its manifest.
    spool.set_budget(Some(4 * 8192))?;
    spool.admit_bytes(dated(clip(0)), b"clip")?;
    for second in 1..=3 {
        assert_eq!(spool.admit_bytes(dated(picture(second)), b"p")?.given_up, []);
    }
    assert!(!spool.has_room());
    // A little more than needed, so that not every picture has to ask.
    let room = spool.admit_bytes(dated(picture(4)), b"p")?;
    assert_eq!(room.given_up, [1, 2].map(|second| Sacrifice { name: named(second, 1), was_refused: false }));
    assert!(!spool.media(&named(1, 1)).exists() && spool.media(&named(4, 1)).exists());
    let dropped = spool.books().dropped.of(Kind::Picture);
    assert_eq!((dropped.items, dropped.bytes, spool.has_room()), (2, 2, true));

    // A picture that would cost a clip is not kept itself.
    let error = spool.admit_bytes(dated(picture(5)), &[0; 40_000]).expect_err("it does not fit");
    assert!(error.line().contains("disk budget") && error.line().contains("max_bytes"), "{error}");
    assert_eq!((spool.waiting(Kind::Clip), spool.waiting(Kind::Picture)), (1, 2));

    // A smaller budget holds at once.
    let room = spool.set_budget(Some(8192))?;
    assert_eq!((room.given_up.len(), spool.waiting(Kind::Clip)), (2, 1));
    Ok(())
}

#[test]
fn what_was_dropped_is_remembered_from_one_run_to_the_next() -> Result<(), SpoolError> {
    let (dir, spool) = empty_spool()?;
    spool.count_lost(Kind::Clip, 5);
    spool.remember(Some(7))?;
    drop(spool);
    let (spool, _) = Spool::open(dir.path())?;
    let books = spool.books();
    assert_eq!((books.dropped_ever.of(Kind::Clip).items, books.dropped.of(Kind::Clip).items), (1, 0));
    assert_eq!(books.good_us, 7);
    Ok(())
}

/// A run that dates what it records by this clock.
fn begin(spool: &Spool, clock: &ManualClock, run: u128) -> Result<(Uuid, WallHistory), SpoolError> {
    let (run, mut history) = (Uuid::from_u128(run), WallHistory::default());
    spool.begin(run, clock.boot(), Reading::of(clock))?;
    history.observe(Reading::of(clock));
    Ok((run, history))
}

fn say(spool: &Spool, clock: &ManualClock, run: Uuid, history: &mut WallHistory) -> Result<(), SpoolError> {
    history.observe(Reading::of(clock));
    let (start, end) = (clock.now() - SignedDuration::from_secs(2), clock.now());
    let item = Item::Utterance { uid: run, index: 0, start, end, track_id: "T".into() };
    let (item, uptime_us, wall) = history.place(item);
    let recorded = Recorded { boot: clock.boot(), uptime_us };
    spool.admit_bytes(Dated { item, recorded, wall }, b"sound").map(drop)
}

#[test]
fn what_is_said_before_the_clock_is_set_waits_for_it_and_then_has_its_true_time() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir().expect("a folder");
    let stopped: Timestamp = "2026-11-20T08:00:00Z".parse().expect("a time");
    let clock = ManualClock::unset(stopped);
    let (spool, _) = Spool::open(dir.path())?;
    let (run, mut history) = begin(&spool, &clock, 1)?;
    say(&spool, &clock, run, &mut history)?;
    assert_eq!((take(&spool), spool.unsettled()), (None, 1));

    // The program is started again, and only then is there a network.
    drop(spool);
    let (spool, _) = Spool::open(dir.path())?;
    let (_, mut history) = begin(&spool, &clock, 2)?;
    clock.advance(Duration::from_secs(100));
    clock.synchronise(SignedDuration::from_hours(50));
    history.observe(Reading::of(&clock));
    spool.settle(history.true_offset_us().expect("it is right"))?;
    let name = take(&spool).expect("it may go");
    let manifest = spool.load(&name)?;
    assert_eq!(manifest.wall, Wall::Known);
    assert_eq!(manifest.item.end(), stopped + SignedDuration::from_hours(50));
    assert_eq!(spool.load(&name)?, manifest, "it was made durable");
    Ok(())
}

#[test]
fn what_was_said_in_a_start_of_the_machine_that_never_knew_the_time_is_placed_and_marked() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir().expect("a folder");
    let stopped: Timestamp = "2026-11-20T08:00:00Z".parse().expect("a time");
    let clock = ManualClock::unset(stopped);
    let (spool, _) = Spool::open(dir.path())?;
    let (run, mut history) = begin(&spool, &clock, 1)?;
    say(&spool, &clock, run, &mut history)?;
    drop(spool);

    clock.reboot(stopped);
    let (spool, _) = Spool::open(dir.path())?;
    let (run, mut history) = begin(&spool, &clock, 2)?;
    say(&spool, &clock, run, &mut history)?;
    assert_eq!(take(&spool), None);
    clock.synchronise(SignedDuration::from_hours(50));
    history.observe(Reading::of(&clock));
    spool.settle(history.true_offset_us().expect("it is right"))?;

    let first = spool.load(&take(&spool).expect("it may go"))?;
    let booted = clock.now() - SignedDuration::from_secs(20);
    assert_eq!((first.wall, first.item.end()), (Wall::TimeUncertain, booted));
    let second = spool.load(&take(&spool).expect("it may go"))?;
    assert_eq!((second.wall, second.item.end()), (Wall::Known, clock.now()));
    drop(spool);

    // What a run has left word of is kept for as long as it is needed.
    let words = || fs::read_dir(dir.path().join("runs")).expect("a folder").count();
    assert_eq!(words(), 2);
    let (spool, _) = Spool::open(dir.path())?;
    let (_, history) = begin(&spool, &clock, 3)?;
    spool.settle(history.true_offset_us().expect("it is right"))?;
    while let Some(name) = take(&spool) {
        spool.finish(&name)?;
    }
    drop(spool);
    Spool::open(dir.path())?;
    assert_eq!(words(), 0);
    Ok(())
}
