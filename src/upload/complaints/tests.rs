use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn clip(second: i64) -> ItemId {
    ItemId { kind: Kind::Clip, row: second }
}

fn fault(event: Option<Event>) -> String {
    match event {
        Some(Event::Fault(fault)) if fault.part == Part::Recordings => fault.text,
        other => panic!("no fault of the recordings: {other:?}"),
    }
}

#[test]
fn after_three_refused_in_a_row_nothing_more_is_set_aside_and_what_was_comes_back() {
    let mut complaints = Complaints::default();
    let mut refused = |second| complaints.refused(&clip(second), Call::PostRow, "no");
    assert_eq!(refused(1), Ruling::SetAside);
    assert_eq!(refused(1), Ruling::SetAside, "one item is one, however often");
    assert_eq!(refused(2), Ruling::SetAside);
    assert_eq!(refused(3), Ruling::Keep(vec![clip(1), clip(2)]));
    assert_eq!(refused(4), Ruling::Keep(vec![]));
    assert!(fault(complaints.news(true, NOW)).contains("refuses every clip (no)"));
}

#[test]
fn one_that_is_taken_between_ends_the_row() {
    let mut complaints = Complaints::default();
    for second in 0..10 {
        assert_eq!(complaints.refused(&clip(second), Call::PostRow, "no"), Ruling::SetAside);
        complaints.done(Kind::Clip, Call::PostRow);
    }
    for second in 0..2 {
        complaints.refused(&clip(second), Call::PostRow, "no");
    }
    complaints.done(Kind::Clip, Call::UploadFile);
    complaints.done(Kind::Utterance, Call::PostRow);
    let others = "what else is taken says nothing about rows of clips";
    assert_eq!(complaints.refused(&clip(3), Call::PostRow, "no"), Ruling::Keep(vec![clip(0), clip(1)]), "{others}");
}

#[test]
fn a_refusal_is_told_for_a_day_or_until_nothing_is_set_aside() {
    let mut complaints = Complaints::default();
    complaints.note_set_aside("the API refused it (400): too long", NOW);
    let text = fault(complaints.news(true, NOW));
    assert!(text.contains("too long") && text.contains("listener spool retry"), "{text}");
    assert_eq!(complaints.news(true, NOW), None, "once");
    let almost = NOW + REFUSAL_TOLD - Duration::from_secs(1);
    assert_eq!(complaints.news(true, almost), None);
    assert_eq!(complaints.news(true, NOW + REFUSAL_TOLD), Some(Event::Cleared(Part::Recordings)));

    complaints.note_set_aside("no", NOW);
    fault(complaints.news(true, NOW));
    complaints.forget_set_aside();
    assert_eq!(complaints.news(true, NOW), Some(Event::Cleared(Part::Recordings)));
}

#[test]
fn an_item_that_keeps_failing_by_itself_is_told_with_what_to_look_at() {
    let mut complaints = Complaints::default();
    for _ in 1..TROUBLE_TOLD_AFTER {
        complaints.put_off(&clip(1), Stage::PostTask, "it answered 500", NOW);
        assert_eq!(complaints.news(true, NOW), None);
    }
    complaints.put_off(&clip(1), Stage::PostTask, "it answered 500", NOW);
    assert_eq!(complaints.news(false, NOW), None, "while the way is not well, no item is to blame");
    let text = fault(complaints.news(true, NOW));
    assert!(text.contains("track_cluster") && text.contains("500"), "{text}");
    complaints.forget(&clip(1));
    assert_eq!(complaints.news(true, NOW), Some(Event::Cleared(Part::Recordings)));
}

#[test]
fn an_item_that_has_gone_by_anothers_hand_is_told_no_longer() {
    let mut complaints = Complaints::default();
    for _ in 0..TROUBLE_TOLD_AFTER {
        complaints.put_off(&clip(1), Stage::PostRow, "it answered 500", NOW);
    }
    fault(complaints.news(true, NOW));
    assert_eq!(complaints.news(true, NOW + ALONE_MOST * 2), Some(Event::Cleared(Part::Recordings)));
}
