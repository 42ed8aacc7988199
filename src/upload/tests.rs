use uuid::Uuid;

use super::*;
use crate::item::{Dated, Item, Kind, Step};
use crate::limits::{OUTAGE_WAIT, ROW_LATE};

pub(super) const NOW: Duration = Duration::from_secs(1000);

pub(super) fn entry(kind: Kind, step: Step) -> (ItemId, Entry) {
    numbered(kind, step, 0)
}

/// Another one each second.
pub(super) fn numbered(kind: Kind, step: Step, number: i64) -> (ItemId, Entry) {
    let start: jiff::Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let start = start + jiff::SignedDuration::from_secs(number);
    let (uid, end) = (Uuid::nil(), start + jiff::SignedDuration::from_secs(2));
    let item = match kind {
        Kind::Utterance => Item::Utterance { uid, index: 0, start, end, track_id: "T".into() },
        Kind::Clip => Item::Clip { uid, start, end },
        Kind::Picture => Item::Picture { uid, taken: start },
    };
    let entry = Entry { step, ..Entry::new(Dated::known(item), 1, None) };
    (ItemId { kind, row: number }, entry)
}

/// An uploader that has registered, long after its start.
pub(super) fn ready() -> Uploader {
    let mut uploader = Uploader::new("http://api", "C", Duration::ZERO);
    assert_eq!(uploader.next(NOW), Action::Register);
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::AskStorageSolution);
    uploader.on(Outcome::Solution(StorageSolution::Api), NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::Take(Want::Any));
    uploader
}

/// The same, with files that go to S3.
fn ready_for_s3() -> Uploader {
    let mut uploader = ready();
    uploader.on(Outcome::Solution(StorageSolution::S3), NOW, 0.0);
    uploader
}

pub(super) fn faults(events: &[Event]) -> Vec<Part> {
    events.iter().filter_map(|event| if let Event::Fault(fault) = event { Some(fault.part) } else { None }).collect()
}

fn no_bucket() -> Outcome {
    Outcome::NotStored(StoreError::Away("no bucket".into()))
}

pub(super) fn take(uploader: &mut Uploader, kind: Kind, step: Step) {
    let (id, entry) = entry(kind, step);
    uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
}

/// Lets every stage succeed, with these rows found; gives the stages and the events.
fn deliver(uploader: &mut Uploader, rows: &[u64]) -> (Vec<Stage>, Vec<Event>) {
    let (mut stages, mut events) = (Vec::new(), Vec::new());
    while let Action::Deliver(_, _, stage) = uploader.next(NOW) {
        stages.push(stage);
        let outcome = if stage == Stage::FindRows { Outcome::RowsFound(rows.into()) } else { Outcome::Done };
        events.extend(uploader.on(outcome, NOW, 0.0));
    }
    (stages, events)
}

/// The item in hand fails so; it is put back.
pub(super) fn fail(uploader: &mut Uploader, error: ApiError) -> (PutBack, Vec<Event>) {
    let mut events = uploader.on(Outcome::Failed(error), NOW, 1.0);
    let Action::PutBack(_, how) = uploader.next(NOW) else { panic!("it is put back") };
    events.extend(uploader.on(Outcome::Done, NOW, 0.0));
    (how, events)
}

fn server_error() -> ApiError {
    ApiError::Unclear("it answered 500".into())
}

#[test]
fn an_utterance_is_uploaded_then_has_its_row_then_its_task() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Utterance, Step::Recorded);
    let (stages, events) = deliver(&mut uploader, &[]);
    use Stage::{Finish, PostRow, PostTask, Record, Upload};
    assert_eq!(stages, [Upload, Record, PostRow, Record, PostTask, Finish]);
    assert!(events.contains(&Event::Delivered(Kind::Utterance)));
}

#[test]
fn a_clip_has_a_row_and_a_picture_is_only_a_file() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    assert_eq!(deliver(&mut uploader, &[]).0, [Stage::Upload, Stage::Record, Stage::PostRow, Stage::Finish]);
    take(&mut uploader, Kind::Picture, Step::Recorded);
    assert_eq!(deliver(&mut uploader, &[]).0, [Stage::Upload, Stage::Finish]);
}

#[test]
fn an_utterance_whose_cluster_was_corrected_gets_another_row_before_its_task() {
    use Stage::{DeleteRow, FindRows, PostRow, PostTask, Record};
    let mut uploader = ready();
    let (id, mut entry) = entry(Kind::Utterance, Step::RowPosted);
    let cluster = |entry: &mut Entry, cluster: &str| {
        let Item::Utterance { track_id, .. } = &mut entry.item else { panic!("an utterance") };
        *track_id = format!("T-{cluster}-00");
    };
    cluster(&mut entry, "WRONG");
    uploader.on(Outcome::Taken(id, entry.clone()), NOW, 0.0);
    let mut done = Vec::new();
    while let Action::Deliver(_, now, stage) = uploader.next(NOW) {
        done.push(stage);
        assert!(matches!(&now.item, Item::Utterance { track_id, .. } if track_id == "T-C-00"), "{now:?}");
        let posted = done.contains(&PostRow);
        let rows = Outcome::RowsFound(if posted { vec![9] } else { vec![4, 7] });
        uploader.on(if stage == FindRows { rows } else { Outcome::Done }, NOW, 0.0);
    }
    let expected = [FindRows, DeleteRow(7), DeleteRow(4), PostRow, Record, FindRows, PostTask, Record];
    assert_eq!(done, expected);
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));

    // The row that is there is the right one.
    cluster(&mut entry, "C");
    uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
    assert_eq!(deliver(&mut uploader, &[]).0, [PostTask, Stage::Finish]);
}

#[test]
fn an_item_taken_up_again_after_its_upload_looks_for_its_row_first() {
    use Stage::{FindRows, PostRow, PostTask, Record, Upload};
    let mut uploader = ready();
    take(&mut uploader, Kind::Utterance, Step::Uploaded);
    let expected = [FindRows, Record, FindRows, PostTask, Record];
    assert_eq!(deliver(&mut uploader, &[7]).0, expected, "its row is there, and is looked for again before the task");
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));

    take(&mut uploader, Kind::Utterance, Step::Uploaded);
    let expected = [FindRows, Upload, Record, FindRows, PostRow, Record, FindRows, PostTask, Record];
    assert_eq!(deliver(&mut uploader, &[]).0, expected, "the API may want files elsewhere now");
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));

    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert_eq!(deliver(&mut uploader, &[7]).0, [FindRows, Record]);
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));
}

/// How what is pending goes back.
fn put_back(uploader: &mut Uploader) -> PutBack {
    let Action::PutBack(_, how) = uploader.next(NOW) else { panic!("it is put back: {:?}", uploader.next(NOW)) };
    uploader.on(Outcome::Done, NOW, 0.0);
    how
}

#[test]
fn of_several_rows_all_but_the_first_are_deleted_before_the_task_and_once_more_later() {
    let mut uploader = ready();
    for step in [Step::RowPosted, Step::Sent] {
        let (id, mut entry) = entry(Kind::Utterance, step);
        entry.row_unclear = true;
        uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
        let stages = deliver(&mut uploader, &[3, 5, 9]).0;
        let expected = match step {
            Step::Sent => vec![Stage::FindRows, Stage::DeleteRow(9), Stage::DeleteRow(5), Stage::Finish],
            _ => vec![Stage::FindRows, Stage::DeleteRow(9), Stage::DeleteRow(5), Stage::PostTask, Stage::Record],
        };
        assert_eq!(stages, expected);
        if step == Step::RowPosted {
            assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));
        }
    }
}

#[test]
fn a_row_that_was_answered_is_asked_for_by_nobody() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Utterance, Step::RowPosted);
    assert_eq!(deliver(&mut uploader, &[]).0, [Stage::PostTask, Stage::Finish]);
}

#[test]
fn an_item_without_a_row_waits_while_the_place_takes_no_file() {
    let mut uploader = ready_for_s3();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    uploader.on(no_bucket(), NOW, 1.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::FindRows)));
    uploader.on(Outcome::RowsFound(vec![]), NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Later(_))));
}

#[test]
fn a_row_just_sent_by_the_run_before_is_given_time_to_appear_while_others_go_on() {
    let mut uploader = ready();
    uploader.started = NOW;
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_SETTLE));
    assert_eq!(uploader.next(NOW), Action::Take(Want::Any));
}

#[test]
fn a_row_whose_answer_never_came_is_not_posted_again_before_it_is_looked_for() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    uploader.on(Outcome::Done, NOW, 0.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::PostRow)));
    assert_eq!(fail(&mut uploader, ApiError::Unclear("timeout".into())).0, PutBack::Alone(ROW_SETTLE));
    assert_eq!(uploader.next(NOW), Action::Take(Want::Any), "the others go on");
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::FindRows)));
}

#[test]
fn after_three_different_items_in_a_row_the_way_rests_and_another_kind_is_tried() {
    for error in [server_error(), ApiError::Doubtful("403 with an HTML page".into())] {
        let mut uploader = ready();
        for number in [0, 0, 1, 1] {
            let (id, entry) = numbered(Kind::Utterance, Step::Recorded, number);
            uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
            assert_eq!(fail(&mut uploader, error.clone()), (PutBack::Alone(ROW_SETTLE), vec![]));
            assert_eq!(uploader.next(NOW), Action::Take(Want::Any), "the others go on");
        }
        let (id, entry) = numbered(Kind::Utterance, Step::Recorded, 2);
        uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
        assert_eq!(faults(&fail(&mut uploader, error).1), [Part::Api]);
        let Action::RestUntil(until) = uploader.next(NOW) else { panic!("it must rest") };
        let mut speech = Kinds::default();
        speech.insert(Kind::Utterance);
        assert_eq!(uploader.next(until), Action::Take(Want::Not(speech)));
        take(&mut uploader, Kind::Picture, Step::Recorded);
        let events = uploader.on(Outcome::Done, until, 0.0);
        assert!(events.contains(&Event::Cleared(Part::Api)));
        assert_eq!(uploader.want(until), Want::Any);
    }
}

#[test]
fn while_several_kinds_fail_no_item_is_to_blame() {
    let mut uploader = ready();
    let kinds = [Kind::Utterance, Kind::Clip, Kind::Picture, Kind::Utterance];
    let waits: Vec<_> = (0..4)
        .map(|number| {
            let (id, entry) = numbered(kinds[number as usize], Step::Recorded, number);
            uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
            fail(&mut uploader, server_error()).0
        })
        .collect();
    let alone = PutBack::Alone(ROW_SETTLE);
    assert_eq!(waits, [alone.clone(), alone, PutBack::Later(OUTAGE_WAIT), PutBack::Later(OUTAGE_WAIT)]);
}

#[test]
fn a_refused_item_is_set_aside_and_three_in_a_row_are_the_servers_fault() {
    let mut uploader = ready();
    let refused = || ApiError::Refused { status: 400, answer: "no".into() };
    let mut refuse = |number, with_file: bool| {
        let (id, entry) = numbered(Kind::Clip, Step::Recorded, number);
        uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
        if with_file {
            uploader.on(Outcome::Done, NOW, 0.0);
            uploader.on(Outcome::Done, NOW, 0.0);
        }
        let (how, events) = fail(&mut uploader, refused());
        let pending = uploader.next(NOW);
        if matches!(pending, Action::TakeBack(_)) {
            uploader.on(Outcome::Done, NOW, 0.0);
        }
        (how, events, pending)
    };
    for number in [0, 1] {
        let (how, events, _) = refuse(number, true);
        assert!(matches!(how, PutBack::Refused(_)), "{how:?}");
        assert!(events.contains(&Event::Refused(Kind::Clip)));
        assert_eq!(faults(&events).contains(&Part::Recordings), number == 0, "it is told, once: {events:?}");
    }
    let (how, events, pending) = refuse(2, true);
    assert_eq!(how, PutBack::Alone(ROW_SETTLE));
    assert_eq!(faults(&events), [Part::Recordings], "every row of a clip is refused, though files are taken");
    assert!(matches!(pending, Action::TakeBack(ids) if ids.len() == 2));
    let (_, events, _) = refuse(3, true);
    assert_eq!(faults(&events), []);
    let parts: Vec<_> = (4..7).flat_map(|number| faults(&refuse(number, false).1)).collect();
    assert!(parts.contains(&Part::Api), "nothing at all is taken: {parts:?}");
}

#[test]
fn what_was_set_aside_before_this_run_is_told_until_it_is_gone() {
    let mut uploader = ready();
    uploader.note_set_aside(Some((NOW, "too long")));
    assert_eq!(faults(&uploader.on(Outcome::NothingWaits, NOW, 0.0)), [Part::Recordings]);
    uploader.note_set_aside(None);
    let events = uploader.on(Outcome::NothingWaits, NOW, 0.0);
    assert_eq!(events, [Event::Cleared(Part::Recordings)]);
}

#[test]
fn while_the_api_does_not_say_where_files_go_they_go_where_they_did() {
    let mut uploader = ready();
    let later = NOW + STORAGE_SOLUTION_REFRESH;
    assert_eq!(uploader.next(later), Action::AskStorageSolution);
    let events = uploader.on(Outcome::Failed(ApiError::Doubtful("403".into())), later, 1.0);
    assert_eq!(faults(&events), [Part::Api]);
    let Action::RestUntil(until) = uploader.next(later) else { panic!("it must rest") };
    assert_eq!(uploader.next(until), Action::Take(Want::Any));
}

#[test]
fn a_network_that_is_gone_is_tried_ever_more_rarely() {
    let mut uploader = Uploader::new("http://api", "C", NOW);
    let mut now = NOW;
    for expected_s in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(uploader.next(now), Action::Register);
        uploader.on(Outcome::Failed(ApiError::Unreachable("no route".into())), now, 1.0);
        let Action::RestUntil(until) = uploader.next(now) else { panic!("it must rest") };
        assert_eq!((until - now).as_secs(), expected_s);
        now = until;
    }
}

#[test]
fn a_place_that_cannot_be_used_is_said_and_the_api_asked_again() {
    let mut uploader = Uploader::new("http://api", "C", NOW);
    uploader.on(Outcome::Done, NOW, 0.0);
    let events = uploader.on(Outcome::NoStore("no [storage.s3]".into()), NOW, 0.0);
    assert_eq!(faults(&events), [Part::Storage]);
    let Action::RestUntil(until) = uploader.next(NOW) else { panic!("it must rest") };
    assert_eq!(uploader.next(until), Action::AskStorageSolution);
    let events = uploader.on(Outcome::Solution(StorageSolution::Api), until, 0.0);
    assert!(events.contains(&Event::Cleared(Part::Storage)));
}

#[test]
fn while_the_place_for_files_rests_rows_and_tasks_go_on() {
    let mut uploader = ready_for_s3();
    take(&mut uploader, Kind::Utterance, Step::Recorded);
    assert_eq!(faults(&uploader.on(no_bucket(), NOW, 1.0)), [Part::Storage]);
    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Unchanged)));
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::Take(Want::FileInPlace));
    take(&mut uploader, Kind::Utterance, Step::RowPosted);
    let (stages, events) = deliver(&mut uploader, &[]);
    assert_eq!(stages, [Stage::PostTask, Stage::Finish]);
    // That the API is well says nothing about the place.
    assert!(!events.contains(&Event::Cleared(Part::Storage)));
    assert_eq!(uploader.next(NOW), Action::Take(Want::FileInPlace));
    assert_eq!(uploader.next(NOW + Duration::from_secs(1)), Action::Take(Want::Any));
}

#[test]
fn the_waits_for_the_api_and_for_the_place_grow_each_by_itself() {
    let mut uploader = ready_for_s3();
    for _ in 0..5 {
        take(&mut uploader, Kind::Picture, Step::Recorded);
        uploader.on(no_bucket(), NOW, 1.0);
        uploader.on(Outcome::Done, NOW, 0.0);
    }
    take(&mut uploader, Kind::Utterance, Step::RowPosted);
    uploader.on(Outcome::Failed(ApiError::Unreachable("no route".into())), NOW, 1.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    let first_wait = Duration::from_secs(1);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + first_wait), "the API has failed once");
    assert_eq!(uploader.next(NOW + first_wait), Action::Take(Want::FileInPlace), "the place five times");
}

#[test]
fn a_change_of_place_takes_effect_at_once_however_long_the_old_one_was_to_rest() {
    let mut uploader = ready_for_s3();
    for _ in 0..9 {
        take(&mut uploader, Kind::Picture, Step::Recorded);
        uploader.on(no_bucket(), NOW, 1.0);
        uploader.on(Outcome::Done, NOW, 0.0);
    }
    uploader.on(Outcome::Solution(StorageSolution::S3), NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::Take(Want::FileInPlace));
    let events = uploader.on(Outcome::Solution(StorageSolution::Local), NOW, 0.0);
    assert!(events.contains(&Event::Cleared(Part::Storage)));
    assert_eq!(uploader.next(NOW), Action::Take(Want::Any));
}

#[test]
fn a_server_that_asks_to_be_left_alone_is_and_that_is_told_once() {
    let mut uploader = ready();
    let mut now = NOW;
    let mut told = Vec::new();
    for wait_s in [120, 60, 30] {
        let (id, entry) = entry(Kind::Clip, Step::Recorded);
        uploader.on(Outcome::Taken(id, entry), now, 0.0);
        let busy = ApiError::Busy("it answered 429".into(), Duration::from_secs(wait_s));
        told.extend(uploader.on(Outcome::Failed(busy), now, 1.0));
        put_back(&mut uploader);
        let until = now + Duration::from_secs(wait_s).max(Duration::from_secs(1));
        assert_eq!(uploader.next(now), Action::RestUntil(until));
        now = until;
    }
    let mut progress = crate::event::Progress::default();
    let news = told.iter().filter_map(|event| progress.add(event)).count();
    assert_eq!(news, 1, "{told:?}");
    assert!(!uploader.is_well(), "then one request asks, not several at once");
}

#[test]
fn progress_that_cannot_be_recorded_waits_ever_longer_and_nothing_is_sent_again() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    uploader.on(Outcome::Done, NOW, 0.0);
    let mut now = NOW;
    for expected_s in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert!(matches!(uploader.next(now), Action::Deliver(_, _, Stage::Record)));
        let events = uploader.on(Outcome::SpoolFailed("cannot write".into()), now, 1.0);
        assert_eq!(faults(&events), [Part::Disk]);
        assert!(matches!(uploader.next(now), Action::PutBack(..)));
        uploader.on(Outcome::Done, now, 0.0);
        let Action::RestUntil(until) = uploader.next(now) else { panic!("it must rest") };
        assert_eq!((until - now).as_secs(), expected_s);
        now = until;
        assert_eq!(uploader.next(now), Action::Take(Want::Any));
        take(&mut uploader, Kind::Clip, Step::Recorded);
    }
    assert!(matches!(uploader.next(now), Action::Deliver(_, _, Stage::Record)));
    let events = uploader.on(Outcome::Done, now, 0.0);
    assert_eq!(events, [Event::Mended(Fault::new(Part::Disk, "cannot write"))]);
    assert!(matches!(uploader.next(now), Action::Deliver(_, _, Stage::PostRow)));
}

#[test]
fn the_storage_solution_is_asked_for_again_between_items() {
    let mut uploader = ready();
    let later = NOW + STORAGE_SOLUTION_REFRESH;
    assert_eq!(uploader.next(later), Action::AskStorageSolution);
    take(&mut uploader, Kind::Picture, Step::Recorded);
    assert!(matches!(uploader.next(later), Action::Deliver(..)));
}

#[test]
fn a_delivery_that_makes_way_for_speech_goes_on_where_it_was_without_asking() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    uploader.on(Outcome::Done, NOW, 0.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::PostRow)));
    uploader.on(Outcome::Outranked, NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Unchanged)));
    uploader.on(Outcome::Done, NOW, 0.0);

    assert_eq!(uploader.next(NOW), Action::Take(Want::Any), "it does not rest");
    take(&mut uploader, Kind::Utterance, Step::Recorded);
    assert_eq!(deliver(&mut uploader, &[]).0.len(), 6);
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert_eq!(deliver(&mut uploader, &[]).0, [Stage::PostRow, Stage::Finish]);
}

#[test]
fn an_item_that_is_checked_for_a_second_row_counts_as_delivered_once() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    let (_, events) = deliver(&mut uploader, &[7]);
    assert!(events.contains(&Event::Delivered(Kind::Clip)), "{events:?}");
    assert_eq!(put_back(&mut uploader), PutBack::Later(ROW_LATE));
    take(&mut uploader, Kind::Clip, Step::Sent);
    let (_, events) = deliver(&mut uploader, &[7]);
    assert!(!events.contains(&Event::Delivered(Kind::Clip)), "{events:?}");
}

#[test]
fn an_utterance_whose_row_is_gone_gets_one_before_its_task_and_only_one() {
    use Stage::{FindRows, PostRow, PostTask, Record};
    let mut uploader = ready();
    let (id, mut entry) = entry(Kind::Utterance, Step::RowPosted);
    entry.row_unclear = true;
    uploader.on(Outcome::Taken(id, entry), NOW, 0.0);
    // The list stays empty, as that of a server whose clock is wrong.
    assert_eq!(deliver(&mut uploader, &[]).0, [FindRows, PostRow, Record, FindRows, PostTask, Record]);
}
