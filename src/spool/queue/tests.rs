use super::*;
use crate::item::Step;

const NOW: Duration = Duration::from_secs(100);
/// On the minute.
const BASE_S: i64 = 1_800_000_000;

/// An item of this length that begins at that second. The second is the number of its row, too.
fn item(kind: Kind, second: i64, length_s: i64) -> Waiting {
    let (at_us, length_us) = ((BASE_S + second) * 1_000_000, length_s * 1_000_000);
    Waiting { id: ItemId { kind, row: second }, at_us, length_us, bytes: 4096, step: Step::Recorded }
}

fn said(second: i64) -> Waiting {
    item(Kind::Utterance, second, 3)
}

fn clip(second: i64) -> Waiting {
    item(Kind::Clip, second, 20)
}

fn picture(second: i64) -> Waiting {
    item(Kind::Picture, second, 0)
}

fn queue(items: impl IntoIterator<Item = Waiting>) -> Queue {
    let mut queue = Queue::default();
    items.into_iter().for_each(|item| queue.add(item));
    queue
}

fn take(queue: &mut Queue) -> Option<ItemId> {
    queue.take(NOW, Want::Any)
}

/// Delivers everything.
fn drain(queue: &mut Queue) -> Vec<ItemId> {
    std::iter::from_fn(|| take(queue).inspect(|id| queue.finish(id))).collect()
}

fn ids<const N: usize>(items: [Waiting; N]) -> Vec<ItemId> {
    items.map(|item| item.id).into()
}

#[test]
fn speech_goes_first_then_the_clips_around_it_then_the_newest_pictures_then_the_oldest_clips() {
    // The utterance touches the minute from 120 to 180; the clip at 100 ends as it begins.
    let all = [clip(0), clip(100), clip(120), clip(160), clip(180), picture(5), picture(121), said(125)];
    let expected = [said(125), clip(160), clip(120), clip(100), picture(121), picture(5), clip(0), clip(180)];
    assert_eq!(drain(&mut queue(all)), ids(expected));
}

#[test]
fn a_clip_that_ends_in_the_minute_of_an_utterance_goes_before_pictures_and_one_recorded_later_too() {
    let mut queue = queue([said(125), clip(110), picture(300)]);
    assert_eq!(take(&mut queue), Some(said(125).id));
    queue.add_new(clip(140));
    assert_eq!(drain(&mut queue), ids([clip(140), clip(110), picture(300)]));
}

#[test]
fn what_was_just_said_goes_before_what_was_said_while_there_was_no_network() {
    let mut queue = queue([said(0), said(10)]);
    queue.add_new(said(5000));
    queue.add_new(said(5010));
    queue.add_new(picture(5012));
    assert_eq!(drain(&mut queue), ids([said(5000), said(5010), said(0), said(10), picture(5012)]));
}

#[test]
fn only_what_was_just_said_outranks_the_item_in_hand() {
    let mut queue = queue([said(0), said(10)]);
    let old = take(&mut queue).expect("it waits");
    assert!(!queue.is_outranked(&old, Want::Any));
    queue.add_new(said(5000));
    assert!(queue.is_outranked(&old, Want::Any));
    let new = take(&mut queue).expect("it waits");
    assert_eq!(new, said(5000).id);
    queue.add_new(said(5005));
    assert!(!queue.is_outranked(&new, Want::Any), "they are answered in the order in which they were said");
}

#[test]
fn an_item_that_fails_lets_the_others_pass_until_its_time() {
    let mut queue = queue([clip(1000), clip(2000)]);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    queue.delay(&clip(1000).id, NOW + Duration::from_secs(1));
    assert_eq!(drain(&mut queue), ids([clip(2000)]));
    assert_eq!(queue.waiting(Kind::Clip).items, 1);
    let due = queue.next_due().expect("one is deferred");
    assert_eq!(queue.take(due, Want::Any), Some(clip(1000).id));
}

#[test]
fn of_those_whose_file_is_in_place_what_was_just_said_goes_before_what_is_old() {
    let mut queue = queue([said(1000), said(9000)]);
    for name in std::iter::from_fn(|| take(&mut queue)).collect::<Vec<_>>() {
        queue.note_file_in_place(&name, false);
        queue.hand_back(&name);
    }
    queue.add_new(said(9010));
    let taken = queue.take(NOW, Want::FileInPlace).expect("one is in place");
    assert_eq!(taken, said(9000).id);
    assert!(!queue.is_outranked(&taken, Want::FileInPlace));
    assert_eq!(queue.take(NOW, Want::FileInPlace), Some(said(1000).id));
}

#[test]
fn while_no_file_can_be_sent_those_whose_file_is_in_place_go_on() {
    let mut queue = queue([clip(1000), clip(2000), clip(3000)]);
    assert_eq!(queue.take(NOW, Want::FileInPlace), None);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    queue.note_file_in_place(&clip(1000).id, false);
    queue.hand_back(&clip(1000).id);
    assert_eq!(queue.take(NOW, Want::FileInPlace), Some(clip(1000).id));
    queue.finish(&clip(1000).id);
    assert_eq!(queue.take(NOW, Want::FileInPlace), None);
    assert_eq!(take(&mut queue), Some(clip(2000).id));
}

#[test]
fn what_cannot_be_taken_instead_outranks_nothing() {
    let mut queue = queue([clip(1000)]);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    queue.note_file_in_place(&clip(1000).id, false);
    queue.add_new(said(1020));
    assert!(queue.is_outranked(&clip(1000).id, Want::Any));
    assert!(
        !queue.is_outranked(&clip(1000).id, Want::FileInPlace),
        "its file is not in place, and it would not be taken"
    );
    let mut speech = Kinds::default();
    speech.insert(Kind::Utterance);
    assert!(!queue.is_outranked(&clip(1000).id, Want::Not(speech)));
}

#[test]
fn kinds_that_have_just_failed_are_passed_over_as_long_as_there_is_another() {
    let mut queue = queue([said(1), clip(2), picture(3), picture(4)]);
    let mut not = Kinds::default();
    not.insert(Kind::Utterance);
    assert_eq!(queue.take(NOW, Want::Not(not)), Some(picture(4).id));
    not.insert(Kind::Picture);
    assert_eq!(queue.take(NOW, Want::Not(not)), Some(clip(2).id));
    not.insert(Kind::Clip);
    assert_eq!(queue.take(NOW, Want::Not(not)), Some(said(1).id));
    assert_eq!(queue.take(NOW, Want::Not(not)), Some(picture(3).id));
}

#[test]
fn an_item_that_is_delayed_has_not_failed() {
    let mut queue = queue([clip(1000)]);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    queue.delay(&clip(1000).id, NOW + Duration::from_secs(9));
    assert_eq!(take(&mut queue), None);
    assert_eq!(queue.take(NOW + Duration::from_secs(9), Want::Any), Some(clip(1000).id));
    queue.delay(&clip(1000).id, NOW + Duration::from_secs(1));
    assert_eq!(queue.next_due(), Some(NOW + Duration::from_secs(1)));
}

#[test]
fn a_further_picture_is_taken_only_while_nothing_more_urgent_waits() {
    let mut queue = queue([picture(1), picture(2), picture(3), clip(0)]);
    assert_eq!(take(&mut queue), Some(picture(3).id));
    assert_eq!(queue.take_picture(), Some(picture(2).id));
    queue.add_new(said(5));
    assert_eq!(queue.take_picture(), None);
    queue.finish(&picture(3).id);
    queue.hand_back(&picture(2).id);
    assert_eq!((queue.waiting(Kind::Picture).items, take(&mut queue)), (2, Some(said(5).id)));
    assert_eq!(queue.take_picture(), None, "the clip of that minute goes first");
}

#[test]
fn an_item_handed_back_is_taken_first_again() {
    let mut queue = queue([clip(1000), clip(2000)]);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    queue.hand_back(&clip(1000).id);
    assert_eq!(take(&mut queue), Some(clip(1000).id));
    assert_eq!(queue.waiting(Kind::Clip).items, 2);
}

#[test]
fn what_is_read_anew_keeps_its_place_and_what_is_in_hand_stays_there() {
    let mut queue = queue([said(1), clip(1000), picture(5)]);
    assert_eq!(take(&mut queue), Some(said(1).id));
    queue.clear();
    [said(1), clip(1000)].into_iter().for_each(|item| queue.add(item));
    let waiting = Kind::ALL.map(|kind| queue.waiting(kind).items);
    assert_eq!((waiting, take(&mut queue), take(&mut queue)), ([1, 1, 0], Some(clip(1000).id), None));
    queue.finish(&said(1).id);
    queue.finish(&clip(1000).id);
    assert!(queue.is_empty());
}

#[test]
fn an_item_whose_file_was_sent_by_an_earlier_run_is_known_to_be_in_place() {
    let mut queue = queue([clip(1000), Waiting { step: Step::Sent, ..clip(2000) }]);
    assert_eq!((queue.sent(Kind::Clip), queue.take(NOW, Want::FileInPlace)), (0, Some(clip(2000).id)));
}

#[test]
fn an_item_that_waits_takes_little_memory() {
    assert!(size_of::<Slot>() <= 24, "200,000 of them are held");
}

#[test]
fn what_was_sent_counts_as_sent_by_this_process_alone_since_another_looks_at_it_at_once() {
    let sent = Waiting { step: Step::Sent, ..said(1) };
    let mut queue = queue([sent]);
    assert_eq!(queue.sent(Kind::Utterance), 0, "an earlier process has sent it");
    let id = take(&mut queue).expect("it waits");
    queue.note_file_in_place(&id, true);
    queue.delay(&id, NOW * 2);
    assert_eq!(queue.sent(Kind::Utterance), 1);
    queue.clear();
    queue.add(Waiting { step: Step::Sent, ..said(1) });
    assert_eq!(queue.sent(Kind::Utterance), 1, "the rows were read anew");
}
