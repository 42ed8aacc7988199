use uuid::Uuid;

use super::*;
use crate::spool::{Item, Recorded, Wall};

const NOW: Duration = Duration::from_secs(1000);

fn manifest(kind: Kind, step: Step) -> (ItemName, Manifest) {
    let time = |text: &str| text.parse().expect("a time");
    let (uid, start, end) = (Uuid::nil(), time("2026-11-22T10:00:00Z"), time("2026-11-22T10:00:02Z"));
    let item = match kind {
        Kind::Utterance => Item::Utterance { uid, index: 0, start, end, track_id: "T".into() },
        Kind::Clip => Item::Clip { uid, start, end },
        Kind::Picture => Item::Picture { uid, taken: start },
    };
    let recorded = Recorded { boot: Uuid::nil(), uptime_us: 0 };
    let manifest = Manifest { item, media_bytes: 1, recorded, wall: Wall::Known, step };
    (ItemName::of(&manifest), manifest)
}

/// An uploader that has registered, long after its start.
fn ready() -> Uploader {
    let mut uploader = Uploader::new("http://api", Duration::ZERO);
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

fn faults(events: &[Event]) -> Vec<Part> {
    events.iter().filter_map(|event| if let Event::Fault(fault) = event { Some(fault.part) } else { None }).collect()
}

fn no_bucket() -> Outcome {
    Outcome::NotStored(StoreError::Away("no bucket".into()))
}

fn take(uploader: &mut Uploader, kind: Kind, step: Step) {
    let (name, manifest) = manifest(kind, step);
    uploader.on(Outcome::Taken(name, manifest), NOW, 0.0);
}

/// Lets every stage succeed; gives the stages and the events.
fn deliver(uploader: &mut Uploader, row_is_there: bool) -> (Vec<Stage>, Vec<Event>) {
    let (mut stages, mut events) = (Vec::new(), Vec::new());
    while let Action::Deliver(_, _, stage) = uploader.next(NOW) {
        stages.push(stage);
        let outcome = if stage == Stage::FindRow { Outcome::RowFound(row_is_there) } else { Outcome::Done };
        events.extend(uploader.on(outcome, NOW, 0.0));
    }
    (stages, events)
}

#[test]
fn an_utterance_is_uploaded_then_has_its_row_then_its_task() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Utterance, Step::Recorded);
    let (stages, events) = deliver(&mut uploader, false);
    use Stage::{Finish, PostRow, PostTask, Record, Upload};
    assert_eq!(stages, [Upload, Record, PostRow, Record, PostTask, Finish]);
    assert!(events.contains(&Event::Delivered(Kind::Utterance)));
}

#[test]
fn a_clip_has_a_row_and_a_picture_is_only_a_file() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    assert_eq!(deliver(&mut uploader, false).0, [Stage::Upload, Stage::Record, Stage::PostRow, Stage::Finish]);
    take(&mut uploader, Kind::Picture, Step::Recorded);
    assert_eq!(deliver(&mut uploader, false).0, [Stage::Upload, Stage::Finish]);
}

#[test]
fn an_item_taken_up_again_after_its_upload_looks_for_its_row_first() {
    for kind in [Kind::Utterance, Kind::Clip] {
        let mut uploader = ready();
        take(&mut uploader, kind, Step::Uploaded);
        let stages = deliver(&mut uploader, true).0;
        assert_eq!(stages[0], Stage::FindRow);
        assert!(!stages.contains(&Stage::PostRow), "{kind} would have two rows: {stages:?}");
        assert!(!stages.contains(&Stage::Upload));

        take(&mut uploader, kind, Step::Uploaded);
        let again = [Stage::FindRow, Stage::Upload, Stage::Record, Stage::PostRow];
        assert_eq!(deliver(&mut uploader, false).0[..4], again, "the API may want files elsewhere now");
    }
}

#[test]
fn an_item_without_a_row_waits_while_the_place_takes_no_file() {
    let mut uploader = ready_for_s3();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    uploader.on(no_bucket(), NOW, 1.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::FindRow)));
    uploader.on(Outcome::RowFound(false), NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Deferred)));
}

#[test]
fn a_row_just_sent_by_the_run_before_is_given_time_to_appear() {
    let mut uploader = ready();
    uploader.started = NOW;
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + ROW_SETTLE));
    assert!(matches!(uploader.next(NOW + ROW_SETTLE), Action::Deliver(_, _, Stage::FindRow)));
}

#[test]
fn a_row_whose_answer_never_came_is_not_posted_again_before_it_is_looked_for() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    uploader.on(Outcome::Done, NOW, 0.0);
    uploader.on(Outcome::Done, NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::PostRow)));
    uploader.on(Outcome::Failed(ApiError::Unclear("timeout".into())), NOW, 0.0);

    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Deferred)));
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + ROW_SETTLE));
    assert_eq!(uploader.next(NOW + ROW_SETTLE), Action::Take(Want::Any));
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert!(matches!(uploader.next(NOW + ROW_SETTLE), Action::Deliver(_, _, Stage::FindRow)));
}

#[test]
fn a_task_is_posted_again_when_only_the_row_is_known_to_be_there() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Utterance, Step::RowPosted);
    assert_eq!(deliver(&mut uploader, false).0, [Stage::PostTask, Stage::Finish]);
}

#[test]
fn a_refused_token_stops_delivery_for_a_minute_and_then_registers_again() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    let events = uploader.on(Outcome::Failed(ApiError::Unauthorized("Invalid token.".into())), NOW, 1.0);
    assert!(matches!(&events[..], [Event::Fault(fault)] if fault.part == Part::Token));
    assert!(matches!(uploader.next(NOW), Action::PutBack(_, PutBack::Unchanged)));
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + REFUSED_RETRY));
    assert_eq!(uploader.next(NOW + REFUSED_RETRY), Action::Register);
    let events = uploader.on(Outcome::Done, NOW + REFUSED_RETRY, 0.0);
    assert!(events.contains(&Event::Cleared(Part::Token)));
}

#[test]
fn a_network_that_is_gone_is_tried_ever_more_rarely() {
    let mut uploader = Uploader::new("http://api", NOW);
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
    let mut uploader = Uploader::new("http://api", NOW);
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
    let (stages, events) = deliver(&mut uploader, false);
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
fn a_server_that_asks_to_be_left_alone_is() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    let wait = Duration::from_secs(120);
    let events = uploader.on(Outcome::Failed(ApiError::Busy("503".into(), wait)), NOW, 1.0);
    assert!(matches!(&events[..], [Event::Fault(fault)] if fault.text.contains("120 s")));
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + wait));
}

#[test]
fn a_step_that_could_not_be_made_durable_is_not_followed_by_the_next() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Clip, Step::Recorded);
    uploader.on(Outcome::Done, NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::Deliver(_, _, Stage::Record)));
    uploader.on(Outcome::SpoolFailed("no space".into()), NOW, 0.0);
    assert!(matches!(uploader.next(NOW), Action::PutBack(..)));
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
    assert_eq!(deliver(&mut uploader, false).0.len(), 6);
    take(&mut uploader, Kind::Clip, Step::Uploaded);
    assert_eq!(deliver(&mut uploader, false).0, [Stage::PostRow, Stage::Finish]);
}
