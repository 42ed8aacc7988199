//! A row whose answer never came, and that comes late: there is one in the end.

use listener::item::Kind;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::spool::{self, Items};

const ITEMS: Items = Items { utterances: 20, clips: 6, pictures: 3 };

#[test]
fn rows_that_are_committed_three_seconds_late_are_one_each_in_the_end() {
    let (api, data_dir) = (DemoApi::start(&["--late_every", "3", "--late_ms", "3000"]), tempdir().expect("a folder"));
    let spool = spool::filled(data_dir.path(), ITEMS);
    // Two minutes of this clock are six seconds.
    spool::deliver_evenly(&spool, &spool::config(&api.address, ""), data_dir.path());
    let summary = api.summary();
    assert_eq!(summary["faults"], Value::Array(vec![]), "{summary:#}");
    spool::assert_rows_once(&summary, ITEMS);
}

#[test]
fn a_server_that_acts_after_it_was_given_up_makes_no_second_row() {
    let (api, data_dir) = (DemoApi::start(&["--act_delay_ms", "200"]), tempdir().expect("a folder"));
    let proxy = crate::proxy::Proxy::http(&api.address, 3, fastrand::u64(..));
    let items = Items { utterances: 4, clips: 1, pictures: 0 };
    let spool = spool::filled(data_dir.path(), items);
    spool::deliver_evenly(&spool, &spool::config(&proxy.url(), ""), data_dir.path());
    spool::assert_rows_once(&api.summary(), items);
}

#[test]
fn a_known_device_is_registered_by_a_server_of_any_language() {
    for language in ["en", "de", "fr"] {
        let (api, data_dir) = (DemoApi::start(&["--language", language]), tempdir().expect("a folder"));
        let config = spool::config(&api.address, "");
        for _restart in 0..2 {
            let items = Items { utterances: 1, clips: 0, pictures: 0 };
            let spool = spool::filled(data_dir.path(), items);
            assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), [], "{language}");
        }
    }
}

#[test]
fn an_utterance_whose_cluster_is_not_known_is_delivered_under_the_corrected_one() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let items = Items { utterances: 2, clips: 1, pictures: 1 };
    let spool = spool::filled_for(data_dir.path(), "CLUSTER_OF_NOBODY", items);
    let wrong = spool::config(&api.address, "track_cluster = \"CLUSTER_OF_NOBODY\"\n");
    let told = spool::deliver(&spool, &wrong, data_dir.path(), |told| !told.is_empty());
    assert!(told[0].text.contains("`track_cluster`"), "{told:?}");
    assert_eq!((spool.waiting(Kind::Utterance), api.summary()["utterances"]["tasks"].as_u64()), (2, Some(0)));

    // As a box does when it starts again with the corrected setting.
    drop(spool);
    let spool = spool::filled(data_dir.path(), Items { utterances: 0, clips: 0, pictures: 0 });
    spool::deliver_evenly(&spool, &spool::config(&api.address, ""), data_dir.path());
    spool::assert_all_arrived(&api, items);
    for row in api.rows("audio") {
        let track_id = row["track_id"].as_str().expect("text");
        assert!(track_id.starts_with("T-CLUSTER_GPT_4O_ETE_CONVERSATION-"), "{track_id}");
    }
}
