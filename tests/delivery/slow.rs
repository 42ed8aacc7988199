//! The same with a thousand items, and against a real Django; `scripts/test` runs them in a stage of their own.

mod django;

use crate::faults;
use crate::spool::Items;

const THOUSAND: Items = Items { utterances: 250, clips: 150, pictures: 600 };

#[test]
fn a_thousand_items_arrive_once_each_by_the_api() {
    faults::by_the_api(THOUSAND);
}

#[test]
fn a_thousand_items_arrive_once_each_in_a_bucket() {
    faults::into_a_bucket(THOUSAND);
}

#[test]
fn a_thousand_items_arrive_once_each_on_a_server() {
    faults::to_a_server(THOUSAND);
}

#[test]
fn a_thousand_items_arrive_once_each_on_a_volume() {
    faults::on_a_volume(THOUSAND);
}
