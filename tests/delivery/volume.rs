//! A shared folder; and a place that nobody knows.

use tempfile::tempdir;

use crate::api::DemoApi;
use crate::spool::{self, Items};

#[test]
fn files_go_to_the_shared_volume_once_it_is_mounted() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "volume"]), tempdir().expect("a folder"));
    let volume = api.files();
    std::fs::create_dir_all(&volume).expect("writable");
    let items = Items { utterances: 3, clips: 2, pictures: 5 };
    let spool = spool::filled(data_dir.path(), items);
    let config = spool::config(&api.address, &format!("[storage.volume]\ndir = \"{}\"\n", volume.display()));
    let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
    assert!(told[0].text.contains("not mounted"), "{told:?}");
    assert_eq!(std::fs::read_dir(&volume).expect("readable").count(), 0, "nothing is written beside the share");

    std::fs::write(volume.join(".listener-volume"), "").expect("writable");
    assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), []);
    std::fs::remove_file(volume.join(".listener-volume")).expect("it is there");
    std::fs::remove_dir(volume.join(".listener-scratch")).expect("it is empty");
    spool::assert_all_arrived(&api, items);
}

#[test]
fn a_place_that_is_not_known_is_said_and_all_is_kept() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "tape"]), tempdir().expect("a folder"));
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 0, pictures: 1 });
    let config = spool::config(&api.address, "");
    let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
    assert!(told[0].text.contains("\"tape\"") && told[0].text.contains("not known"), "{told:?}");
    assert_eq!(spool.waiting(listener::item::Kind::Utterance), 1);
    assert_eq!(api.summary()["utterances"]["rows"], 0);
}
