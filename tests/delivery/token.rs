//! A token in a file of its own, which somebody changes.

use std::fs;

use tempfile::tempdir;

use crate::api::{DemoApi, TOKEN};
use crate::spool::{self, Items};

#[test]
fn a_token_that_is_changed_in_its_file_is_the_one_from_then_on() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let items = Items { utterances: 1, clips: 1, pictures: 1 };
    let spool = spool::filled(data_dir.path(), items);
    let mut config = spool::config(&api.address, "");
    let file = data_dir.path().join("token");
    fs::write(&file, "old").expect("writable");
    config.api.token = Some("old".into());
    config.api.token_file = Some(file.clone());
    let told = spool::deliver(&spool, &config, data_dir.path(), |told| {
        if !told.is_empty() {
            fs::write(&file, format!("{TOKEN}\r\n")).expect("writable");
        }
        false
    });
    assert!(told[0].text.contains("refuses the token"), "{told:?}");
    spool::assert_all_arrived(&api, items);
}
