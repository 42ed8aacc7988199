//! An API behind TLS, with certificates of the test's own making.

use std::fs;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use listener::item::Kind;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::proxy::read_message;
use crate::spool::{self, Items};

/// An authority that signs what a test asks for.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// Its own certificate, with its key.
    own: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let own = (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()));
        Self { issuer: Issuer::new(params, key), pem: certificate.pem(), own }
    }

    /// A certificate for this name, valid in these years.
    fn sign(&self, name: &str, years: (i32, i32)) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

/// Speaks TLS for a server that does not.
fn front(server: &str, certificate: (CertificateDer<'static>, PrivateKeyDer<'static>)) -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.0], certificate.1).expect("they fit"));
    let server = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
            let (client, server) = (client.expect("a connection"), server.clone());
            // A client that does not trust the certificate goes away.
            thread::spawn(move || drop(pass_on(StreamOwned::new(connection, client), &server)));
        }
    });
    address
}

fn pass_on(client: StreamOwned<ServerConnection, TcpStream>, server: &str) -> io::Result<()> {
    let mut client = BufReader::new(client);
    while let Some(request) = read_message(&mut client)? {
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&[request.head, request.body].concat())?;
        let Some(answer) = read_message(&mut BufReader::new(upstream))? else { break };
        client.get_mut().write_all(&[answer.head, answer.body].concat())?;
    }
    Ok(())
}

const NOW: (i32, i32) = (2020, 2200);

/// What is told first when the API is behind this certificate; "nothing" if all is delivered.
fn told(
    api: &DemoApi,
    ca_file: Option<&Path>,
    certificate: (CertificateDer<'static>, PrivateKeyDer<'static>),
) -> String {
    let data_dir = tempdir().expect("a folder");
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 1, pictures: 1 });
    let address = front(&api.address, certificate);
    let trust = ca_file.map(|file| format!("ca_file = \"{}\"\n", file.display())).unwrap_or_default();
    let config = spool::config(&format!("https://{address}"), &trust);
    let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
    assert_eq!(told.is_empty(), spool.waiting(Kind::Utterance) == 0);
    told.first().map_or("nothing".into(), |fault| fault.text.clone())
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_only_then() {
    let (api, authority, folder) = (DemoApi::start(&[]), Authority::new(), tempdir().expect("a folder"));
    let [own, other] = ["own.pem", "other.pem"].map(|file| folder.path().join(file));
    fs::write(&own, &authority.pem).expect("writable");
    fs::write(&other, Authority::new().pem).expect("writable");
    let certificate = || authority.sign("127.0.0.1", NOW);
    assert_eq!(told(&api, Some(&own), certificate()), "nothing");
    for not_trusting in [None, Some(other.as_path())] {
        let told = told(&api, not_trusting, certificate());
        assert!(told.contains("not trusted") && told.contains("ca_file"), "{told}");
    }
}

#[test]
fn a_file_of_authorities_is_read_however_an_editor_has_written_it() {
    let (api, authority, folder) = (DemoApi::start(&[]), Authority::new(), tempdir().expect("a folder"));
    let file = folder.path().join("own.pem");
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let marked = [b"\xEF\xBB\xBF", authority.pem.as_bytes()].concat();
    let wide = [&b"\xFF\xFE"[..], &utf_16(&authority.pem)].concat();
    for written in [marked, wide] {
        fs::write(&file, written).expect("writable");
        assert_eq!(told(&api, Some(&file), authority.sign("127.0.0.1", NOW)), "nothing");
    }
}

#[test]
fn a_server_that_shows_an_authoritys_own_certificate_is_told_to_get_another() {
    let (api, authority, folder) = (DemoApi::start(&[]), Authority::new(), tempdir().expect("a folder"));
    let file = folder.path().join("own.pem");
    fs::write(&file, &authority.pem).expect("writable");
    let told = told(&api, Some(&file), (authority.own.0.clone(), authority.own.1.clone_key()));
    assert!(told.contains("that of an authority"), "{told}");
}

#[test]
fn a_clock_that_is_far_off_is_named_as_the_cause() {
    let (api, authority, folder) = (DemoApi::start(&[]), Authority::new(), tempdir().expect("a folder"));
    let own = folder.path().join("own.pem");
    fs::write(&own, &authority.pem).expect("writable");
    let early = told(&api, Some(&own), authority.sign("127.0.0.1", (2100, 2200)));
    assert!(early.contains("2100-01-01") && early.contains("the clock is wrong"), "{early}");
    let late = told(&api, Some(&own), authority.sign("127.0.0.1", (2000, 2001)));
    assert!(late.contains("2001-01-01") && late.contains("if the clock is right"), "{late}");
    let other = told(&api, Some(&own), authority.sign("api.example.org", NOW));
    assert!(other.contains("another name"), "{other}");
}

#[test]
fn a_server_without_tls_behind_https_is_said_to_be_one() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 0, pictures: 0 });
    let config = spool::config(&api.address.replace("http://", "https://"), "");
    let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
    assert!(told[0].text.contains("speaks no TLS there; is it http:// ?"), "{told:?}");
}
