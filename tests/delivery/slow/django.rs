//! What the uploader makes of a real Django REST framework: its words, its refusals, its rows that come late.

use listener::event::Part;
use listener::item::Kind;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::api::TOKEN;
use crate::django::{self, Django, HOME};
use crate::spool::{self, Items};

const ITEMS: Items = Items { utterances: 40, clips: 20, pictures: 60 };

#[test]
fn a_real_django_takes_everything_once_in_every_language() {
    for (language, known) in [
        ("en", "Hardware Device with this mac address already exists."),
        ("de", "Hardware Device mit diesem Wert für das Feld mac address existiert bereits."),
        ("fr", "Un objet Hardware Device avec ce champ mac address existe déjà."),
    ] {
        let (django, data_dir) = (Django::start(&[("API_LANGUAGE", language)]), tempdir().expect("a folder"));
        let config = spool::config(&django.address, "");
        // The first start makes the device known, the second finds it so.
        let mut items = Vec::new();
        for of_start in [Items { utterances: 0, clips: 0, pictures: 1 }, ITEMS] {
            let spool = spool::filled(data_dir.path(), of_start);
            items = spool::items(&spool);
            assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), [], "{language}");
        }
        let form = [("home", "1"), ("mac_address", "02:00:00:00:00:01")];
        let answer = django::call(&django.address, Method::POST, "/hardware/register/", TOKEN, &form);
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Value>().expect("JSON"), json!({ "mac_address": [known] }));
        django::assert_all_arrived(&django, &items);
    }
}

#[test]
fn a_bad_token_is_told_as_one_whether_the_server_answers_401_or_403() {
    for (authentication, status) in [("token,session", 401), ("session,token", 403)] {
        let settings = [("API_AUTHENTICATION", authentication), ("API_LANGUAGE", "de")];
        let (django, data_dir) = (Django::start(&settings), tempdir().expect("a folder"));
        let answer = django::call(&django.address, Method::GET, "/hardware/storage_solution/", "another-token", &[]);
        assert_eq!(answer.status(), status);
        let items = Items { utterances: 4, clips: 2, pictures: 3 };
        let spool = spool::filled(data_dir.path(), items);
        let all = spool::items(&spool);
        let config = spool::config_of(HOME, "another-token", &django.address, "");
        let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
        assert_eq!(told[0].part, Part::Token);
        let text = "the API refuses the token: Ungültiges Token. Get one from the server's administrator";
        assert_eq!(told[0].text, text);
        let waiting = [Kind::Utterance, Kind::Clip, Kind::Picture].map(|kind| spool.waiting(kind));
        assert_eq!(waiting, [4, 2, 3]);
        django::assert_once(&django, &[]);
        let config = spool::config(&django.address, "");
        assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), []);
        django::assert_all_arrived(&django, &all);
    }
}

#[test]
fn an_unknown_home_is_told_in_the_servers_language() {
    for (language, words) in [
        ("en", "Invalid pk \"2\" - object does not exist."),
        ("de", "Ungültiger pk \"2\" - Object existiert nicht."),
        // Messages have one space for each run of the server's white space, no-break spaces too.
        ("fr", "Clé primaire « 2 » non valide - l'objet n'existe pas."),
    ] {
        let (django, data_dir) = (Django::start(&[("API_LANGUAGE", language)]), tempdir().expect("a folder"));
        let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 1, pictures: 1 });
        let config = spool::config_of(HOME + 1, TOKEN, &django.address, "");
        let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
        assert_eq!(told[0].part, Part::Home);
        let text = format!("the API does not know this home: {words} Check home_id, or make the home there");
        assert_eq!(told[0].text, text);
        django::assert_once(&django, &[]);
        assert_eq!(spool::items(&spool).len(), 3);
    }
}

#[test]
fn rows_that_a_real_django_commits_late_are_one_each_in_the_end() {
    let (django, data_dir) = (Django::start(&[("API_LATE_EVERY", "3")]), tempdir().expect("a folder"));
    let spool = spool::filled(data_dir.path(), Items { utterances: 20, clips: 6, pictures: 3 });
    let items = spool::items(&spool);
    // Two minutes of this clock are six seconds.
    spool::deliver_evenly(&spool, &spool::config(&django.address, ""), data_dir.path());
    django::assert_once(&django, &items);
    let counts = django.counts();
    assert!(
        counts["late"].as_u64() > Some(0) && counts["deleted"].as_u64() > Some(0),
        "nothing was put to the test: {counts}"
    );
}
