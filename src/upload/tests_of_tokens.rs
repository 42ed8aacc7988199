//! What is done where the token, or its account, is refused.

use super::tests::{NOW, fail, faults, numbered, ready, take};
use super::*;
use crate::item::{Kind, Step};

#[test]
fn a_refused_token_is_tried_at_once_and_then_stops_delivery_for_a_minute() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    let refused = || ApiError::Unauthorized("Invalid token.".into());
    assert_eq!(fail(&mut uploader, refused()), (PutBack::Alone(ROW_SETTLE), vec![]));
    assert_eq!(uploader.next(NOW), Action::Register);
    let events = uploader.on(Outcome::Failed(refused()), NOW, 1.0);
    assert_eq!(faults(&events), [Part::Token]);
    assert_eq!(uploader.next(NOW), Action::RestUntil(NOW + REFUSED_RETRY));
    assert_eq!(uploader.next(NOW + REFUSED_RETRY), Action::Register);
    let events = uploader.on(Outcome::Done, NOW + REFUSED_RETRY, 0.0);
    assert!(events.contains(&Event::Cleared(Part::Token)));
}

#[test]
fn one_item_that_is_denied_to_a_good_token_waits_alone() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    fail(&mut uploader, ApiError::Unauthorized("not allowed".into()));
    uploader.on(Outcome::Done, NOW, 0.0);
    assert_eq!(uploader.next(NOW), Action::Take(Want::Any), "files go where they did");
}

#[test]
fn a_token_that_may_register_and_not_write_is_told_and_rested_for_after_three_items() {
    let mut uploader = ready();
    let refused = || ApiError::Unauthorized("You do not have permission to perform this action.".into());
    let (mut now, mut told, mut requests) = (NOW, Vec::new(), 0);
    for number in 0..200 {
        while uploader.next(now) != Action::Take(uploader.want(now)) {
            match uploader.next(now) {
                Action::RestUntil(until) => now = until,
                _ => told.extend(faults(&uploader.on(Outcome::Done, now, 0.0))),
            }
        }
        let (id, entry) = numbered(Kind::Picture, Step::Recorded, number);
        uploader.on(Outcome::Taken(id, entry), now, 0.0);
        told.extend(faults(&uploader.on(Outcome::Failed(refused()), now, 1.0)));
        requests += 1;
        if now > NOW + Duration::from_secs(600) {
            break;
        }
    }
    assert!(told.contains(&Part::Token), "{told:?}");
    assert!(requests < 20, "{requests} files in ten minutes that nobody takes");
}

#[test]
fn a_token_that_is_refused_at_registering_is_taken_back_when_it_is_not() {
    let mut uploader = ready();
    take(&mut uploader, Kind::Picture, Step::Recorded);
    let refused = || ApiError::Unauthorized("Invalid token.".into());
    fail(&mut uploader, refused());
    assert_eq!(faults(&uploader.on(Outcome::Failed(refused()), NOW, 1.0)), [Part::Token]);
    let events = uploader.on(Outcome::Done, NOW + REFUSED_RETRY, 0.0);
    assert!(events.contains(&Event::Cleared(Part::Token)), "though nothing waits that could show it: {events:?}");
}
