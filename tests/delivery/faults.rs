//! Through a proxy that breaks connections wherever they can break, everything arrives once.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::tempdir;

use crate::api::DemoApi;
use crate::proxy::{self, Proxy};
use crate::s3::{self, Moto};
use crate::spool::{self, Items};
use crate::sshd::Sshd;

const FEW: Items = Items { utterances: 20, clips: 10, pictures: 30 };

/// A seed for the faults, and for whoever has to repeat them.
fn seed() -> u64 {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    seed
}

/// Every kind of fault has happened, where there were enough of them.
fn assert_tried(proxy: &Proxy, items: Items) {
    if items.pictures >= 500 {
        let missing: Vec<_> = proxy::ALL.into_iter().filter(|fault| proxy.done.times(*fault) == 0).collect();
        assert!(missing.is_empty(), "{missing:?} did not happen");
    }
}

pub fn by_the_api(items: Items) {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let proxy = Proxy::http(&api.address, 5, seed());
    let spool = spool::filled(data_dir.path(), items);
    let told = spool::deliver(&spool, &spool::config(&proxy.url(), ""), data_dir.path(), |_| false);
    spool::assert_all_arrived(&api, items);
    assert!(!told.is_empty());
    assert_tried(&proxy, items);
}

pub fn into_a_bucket(items: Items) {
    let (api, moto) = (DemoApi::start(&["--storage_solution", "s3"]), Moto::start("homes"));
    let data_dir = tempdir().expect("a folder");
    let (to_api, to_s3) = (Proxy::http(&api.address, 5, seed()), Proxy::http(&moto.address, 5, seed()));
    let spool = spool::filled(data_dir.path(), items);
    let expected = s3::expected_keys(&spool);
    let config = spool::config(&to_api.url(), &s3::section(&to_s3.url(), "homes"));
    spool::deliver(&spool, &config, data_dir.path(), |_| false);
    assert_eq!(moto.keys("homes"), expected);
    spool::assert_rows_once(&api.summary(), items);
    assert_tried(&to_s3, items);
}

pub fn to_a_server(items: Items) {
    let (api, sshd) = (DemoApi::start(&["--storage_solution", "local"]), Sshd::start());
    std::fs::create_dir_all(api.files()).expect("writable");
    let data_dir = tempdir().expect("a folder");
    let to_api = Proxy::http(&api.address, 5, seed());
    // A handshake takes some 5 kB, a file some 3 kB: some connections break in the one, some in the other. A new one takes
    // a third of a second.
    let most_bytes = if items.pictures > FEW.pictures { 250_000 } else { 60_000 };
    let to_sshd = Proxy::raw(SocketAddr::from(([127, 0, 0, 1], sshd.port)), most_bytes, seed());
    let spool = spool::filled(data_dir.path(), items);
    let section = sshd.section(to_sshd.address.port(), &api.files(), "user_key");
    let config = spool::config(&to_api.url(), &section);
    spool::deliver(&spool, &config, data_dir.path(), |_| false);
    assert!(to_sshd.done.times(proxy::Fault::CutInRequestBody) > 0);
    remove_scratch(&api.files().join(".listener-scratch"));
    spool::assert_all_arrived(&api, items);
}

/// What broken connections have left there is where no consumer looks.
fn remove_scratch(scratch: &Path) {
    std::fs::remove_dir_all(scratch).expect("it is there");
}

pub fn on_a_volume(items: Items) {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "volume"]), tempdir().expect("a folder"));
    let volume = api.files();
    std::fs::create_dir_all(&volume).expect("writable");
    std::fs::write(volume.join(".listener-volume"), "").expect("writable");
    let proxy = Proxy::http(&api.address, 5, seed());
    let spool = spool::filled(data_dir.path(), items);
    let section = format!("[storage.volume]\ndir = \"{}\"\n", volume.display());
    spool::deliver(&spool, &spool::config(&proxy.url(), &section), data_dir.path(), |_| false);
    std::fs::remove_file(volume.join(".listener-volume")).expect("it is there");
    remove_scratch(&volume.join(".listener-scratch"));
    spool::assert_all_arrived(&api, items);
}

#[test]
fn a_few_items_arrive_once_each_by_the_api() {
    by_the_api(FEW);
}

#[test]
fn a_few_items_arrive_once_each_in_a_bucket() {
    into_a_bucket(FEW);
}

#[test]
fn a_few_items_arrive_once_each_on_a_server() {
    to_a_server(FEW);
}

#[test]
fn a_few_items_arrive_once_each_on_a_volume() {
    on_a_volume(FEW);
}
