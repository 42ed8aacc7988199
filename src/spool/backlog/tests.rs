use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::spool::name::Stamp;
use crate::spool::{Item, Manifest, Recorded, Step, Wall};

const NOW: Duration = Duration::from_secs(100);
/// On the minute.
const BASE_S: i64 = 1_800_000_000;

fn named(item: Item) -> ItemName {
    let recorded = Recorded { boot: Uuid::nil(), uptime_us: 0 };
    ItemName::of(&Manifest {
        item,
        media_bytes: 4096,
        recorded,
        wall: Wall::Known,
        step: Step::Recorded,
        row_unclear: false,
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BASE_S + second).expect("in range")
}

fn said(second: i64) -> ItemName {
    let (start, end) = (at(second), at(second + 3));
    named(Item::Utterance { uid: Uuid::nil(), index: 0, start, end, track_id: "T".into() })
}

fn clip(second: i64) -> ItemName {
    named(Item::Clip { uid: Uuid::nil(), start: at(second), end: at(second + 20) })
}

fn picture(second: i64) -> ItemName {
    named(Item::Picture { uid: Uuid::nil(), taken: at(second) })
}

fn placed(name: &ItemName) -> Placed {
    let Stamp::Utc(at_us) = name.stamp() else { panic!("its time is known") };
    Placed { at_us, is_settled: true }
}

fn backlog(names: impl IntoIterator<Item = ItemName>) -> Backlog {
    let mut backlog = Backlog::default();
    names.into_iter().for_each(|name| add(&mut backlog, name));
    backlog
}

fn add(backlog: &mut Backlog, name: ItemName) {
    let placed = placed(&name);
    backlog.add(name, placed);
}

fn add_new(backlog: &mut Backlog, name: ItemName) {
    let placed = placed(&name);
    backlog.add_new(name, placed);
}

/// Delivers everything.
fn drain(backlog: &mut Backlog) -> Vec<ItemName> {
    std::iter::from_fn(|| backlog.take(NOW, Want::Any).inspect(|name| backlog.finish(name))).collect()
}

#[test]
fn speech_goes_first_then_the_clips_around_it_then_the_newest_pictures_then_the_oldest_clips() {
    // The utterance touches the minute from 120 to 180; the clip at 100 ends as it begins.
    let all = [clip(0), clip(100), clip(120), clip(160), clip(180), picture(5), picture(121), said(125)];
    let expected = [said(125), clip(160), clip(120), clip(100), picture(121), picture(5), clip(0), clip(180)];
    assert_eq!(drain(&mut backlog(all)), expected);
}

#[test]
fn a_clip_that_ends_in_the_minute_of_an_utterance_goes_before_pictures_and_one_recorded_later_too() {
    let mut backlog = backlog([said(125), clip(110), picture(300)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(said(125)));
    add_new(&mut backlog, clip(140));
    assert_eq!(drain(&mut backlog), [clip(140), clip(110), picture(300)]);
}

#[test]
fn what_was_just_said_goes_before_what_was_said_while_there_was_no_network() {
    let mut backlog = backlog([said(0), said(10)]);
    add_new(&mut backlog, said(5000));
    add_new(&mut backlog, said(5010));
    add_new(&mut backlog, picture(5012));
    assert_eq!(drain(&mut backlog), [said(5000), said(5010), said(0), said(10), picture(5012)]);
}

#[test]
fn only_what_was_just_said_outranks_the_item_in_hand() {
    let mut backlog = backlog([said(0), said(10)]);
    let old = backlog.take(NOW, Want::Any).expect("it waits");
    assert!(!backlog.is_outranked(&old, Want::Any));
    add_new(&mut backlog, said(5000));
    assert!(backlog.is_outranked(&old, Want::Any));
    let new = backlog.take(NOW, Want::Any).expect("it waits");
    assert_eq!(new, said(5000));
    add_new(&mut backlog, said(5005));
    assert!(!backlog.is_outranked(&new, Want::Any), "they are answered in the order in which they were said");
}

#[test]
fn an_item_that_fails_lets_the_others_pass_until_its_time() {
    let mut backlog = backlog([clip(1000), clip(2000)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    backlog.defer(&clip(1000), |failures| NOW + Duration::from_secs(failures.into()));
    assert_eq!(drain(&mut backlog), [clip(2000)]);
    assert_eq!(backlog.waiting(Kind::Clip).items, 1);
    let due = backlog.next_due().expect("one is deferred");
    assert_eq!(backlog.take(due, Want::Any), Some(clip(1000)));
}

#[test]
fn of_those_whose_file_is_in_place_what_was_just_said_goes_before_what_is_old() {
    let mut backlog = backlog([said(1000), said(9000)]);
    for name in std::iter::from_fn(|| backlog.take(NOW, Want::Any)).collect::<Vec<_>>() {
        backlog.note_file_in_place(&name, false);
        backlog.hand_back(&name);
    }
    add_new(&mut backlog, said(9010));
    let taken = backlog.take(NOW, Want::FileInPlace).expect("one is in place");
    assert_eq!(taken, said(9000));
    assert!(!backlog.is_outranked(&taken, Want::FileInPlace));
    assert_eq!(backlog.take(NOW, Want::FileInPlace), Some(said(1000)));
}

#[test]
fn while_no_file_can_be_sent_those_whose_file_is_in_place_go_on() {
    let mut backlog = backlog([clip(1000), clip(2000), clip(3000)]);
    assert_eq!(backlog.take(NOW, Want::FileInPlace), None);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    backlog.note_file_in_place(&clip(1000), false);
    backlog.hand_back(&clip(1000));
    assert_eq!(backlog.take(NOW, Want::FileInPlace), Some(clip(1000)));
    backlog.finish(&clip(1000));
    assert_eq!(backlog.take(NOW, Want::FileInPlace), None);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(2000)));
}

#[test]
fn what_cannot_be_taken_instead_outranks_nothing() {
    let mut backlog = backlog([clip(1000)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    backlog.note_file_in_place(&clip(1000), false);
    add_new(&mut backlog, said(1020));
    assert!(backlog.is_outranked(&clip(1000), Want::Any));
    assert!(
        !backlog.is_outranked(&clip(1000), Want::FileInPlace),
        "its file is not in place, and it would not be taken"
    );
    let mut speech = Kinds::default();
    speech.insert(Kind::Utterance);
    assert!(!backlog.is_outranked(&clip(1000), Want::Not(speech)));
}

#[test]
fn kinds_that_have_just_failed_are_passed_over_as_long_as_there_is_another() {
    let mut backlog = backlog([said(1), clip(2), picture(3), picture(4)]);
    let mut not = Kinds::default();
    not.insert(Kind::Utterance);
    assert_eq!(backlog.take(NOW, Want::Not(not)), Some(picture(4)));
    not.insert(Kind::Picture);
    assert_eq!(backlog.take(NOW, Want::Not(not)), Some(clip(2)));
    not.insert(Kind::Clip);
    assert_eq!(backlog.take(NOW, Want::Not(not)), Some(said(1)));
    assert_eq!(backlog.take(NOW, Want::Not(not)), Some(picture(3)));
}

#[test]
fn an_item_that_is_delayed_has_not_failed() {
    let mut backlog = backlog([clip(1000)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    backlog.delay(&clip(1000), NOW + Duration::from_secs(9));
    assert_eq!(backlog.take(NOW, Want::Any), None);
    assert_eq!(backlog.take(NOW + Duration::from_secs(9), Want::Any), Some(clip(1000)));
    backlog.defer(&clip(1000), |failures| NOW + Duration::from_secs(failures.into()));
    assert_eq!(backlog.next_due(), Some(NOW + Duration::from_secs(1)));
}

#[test]
fn a_further_picture_is_taken_only_while_nothing_more_urgent_waits() {
    let mut backlog = backlog([picture(1), picture(2), picture(3), clip(0)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(picture(3)));
    assert_eq!(backlog.take_picture(), Some(picture(2)));
    add_new(&mut backlog, said(5));
    assert_eq!(backlog.take_picture(), None);
    backlog.finish(&picture(3));
    backlog.hand_back(&picture(2));
    assert_eq!((backlog.waiting(Kind::Picture).items, backlog.take(NOW, Want::Any)), (2, Some(said(5))));
    assert_eq!(backlog.take_picture(), None, "the clip of that minute goes first");
}

#[test]
fn an_item_handed_back_is_taken_first_again() {
    let mut backlog = backlog([clip(1000), clip(2000)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    backlog.hand_back(&clip(1000));
    assert_eq!(backlog.take(NOW, Want::Any), Some(clip(1000)));
    assert_eq!(backlog.waiting(Kind::Clip).items, 2);
}

#[test]
fn what_was_recorded_before_the_clock_was_set_waits_for_it_and_then_has_its_place() {
    let mut backlog = backlog([said(50)]);
    backlog.add(said(20), Placed { at_us: 0, is_settled: false });
    assert_eq!(backlog.take(NOW, Want::Any), Some(said(50)));
    assert_eq!((backlog.take(NOW, Want::Any), backlog.unsettled()), (None, 1));
    backlog.settle(placed);
    assert_eq!((backlog.take(NOW, Want::Any), backlog.unsettled()), (Some(said(20)), 0));
}

fn given_up(backlog: &mut Backlog, newcomer: Kind, items: u64) -> Option<Vec<ItemName>> {
    let sacrifices = backlog.sacrifice(newcomer, items * 8192, 0)?;
    Some(sacrifices.into_iter().map(|sacrifice| sacrifice.name).collect())
}

#[test]
fn the_oldest_pictures_are_given_up_first_then_the_oldest_clips_and_speech_last() {
    let mut backlog = backlog([said(1), said(2), clip(3), clip(4), picture(5), picture(6)]);
    assert_eq!(given_up(&mut backlog, Kind::Utterance, 1), Some(vec![picture(5)]));
    assert_eq!(given_up(&mut backlog, Kind::Utterance, 2), Some(vec![picture(6), clip(3)]));
    assert_eq!(given_up(&mut backlog, Kind::Utterance, 2), Some(vec![clip(4), said(1)]));
    assert_eq!(backlog.disk_bytes(), 8192);
}

#[test]
fn nothing_is_given_up_for_what_is_worth_less() {
    let mut backlog = backlog([said(1), clip(2), picture(3)]);
    assert_eq!(given_up(&mut backlog, Kind::Picture, 2), None);
    assert_eq!(given_up(&mut backlog, Kind::Clip, 3), None);
    assert_eq!(given_up(&mut backlog, Kind::Clip, 2), Some(vec![picture(3), clip(2)]));
}

#[test]
fn what_is_being_delivered_is_not_given_up() {
    let mut backlog = backlog([picture(1), picture(2)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(picture(2)));
    assert_eq!(given_up(&mut backlog, Kind::Utterance, 2), None);
    assert_eq!(given_up(&mut backlog, Kind::Utterance, 1), Some(vec![picture(1)]));
    backlog.finish(&picture(2));
    assert_eq!((backlog.disk_bytes(), backlog.is_empty()), (0, true));
}

#[test]
fn of_one_kind_the_refused_are_given_up_before_those_that_wait() {
    let mut backlog = backlog([picture(1), picture(2), clip(3)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(picture(2)));
    backlog.refuse(&picture(2));
    let sacrifices = backlog.sacrifice(Kind::Clip, 3 * 8192, 0).expect("there is enough");
    let refused: Vec<_> = sacrifices.iter().map(|s| (s.name.clone(), s.was_refused)).collect();
    assert_eq!(refused, [(picture(2), true), (picture(1), false), (clip(3), false)]);
    assert_eq!(backlog.disk_bytes(), 0);
}

#[test]
fn pictures_are_given_up_in_lots_and_only_pictures() {
    let mut backlog = backlog((0..10).map(picture).chain([clip(0)]));
    let sacrifices = backlog.sacrifice(Kind::Picture, 1, 3 * 8192).expect("there is enough");
    assert_eq!(sacrifices.len(), 4);
    let sacrifices = backlog.sacrifice(Kind::Clip, 1, 100 * 8192).expect("there is enough");
    assert_eq!(sacrifices.len(), 6);
    assert_eq!(backlog.waiting(Kind::Clip).items, 1);
}

#[test]
fn deferred_and_unsettled_items_are_given_up_by_age_like_the_others() {
    let mut backlog = backlog([picture(2)]);
    assert_eq!(backlog.take(NOW, Want::Any), Some(picture(2)));
    backlog.defer(&picture(2), |_| NOW + Duration::from_secs(9));
    add(&mut backlog, picture(3));
    backlog.add(picture(1), Placed { at_us: (BASE_S + 1) * 1_000_000, is_settled: false });
    assert_eq!(given_up(&mut backlog, Kind::Picture, 3), Some(vec![picture(1), picture(2), picture(3)]));
    assert_eq!((backlog.next_due(), backlog.is_empty()), (None, true));
}
