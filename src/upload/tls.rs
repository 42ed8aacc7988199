//! Whom to trust, and why someone is not trusted. EDGE: reads the file of authorities.

#![expect(clippy::disallowed_methods, reason = "EDGE: files, the environment")]

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Certificate;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::config;

/// Makes `ring` do the cryptography of the whole program. Before any client is built.
pub fn install_provider() {
    // An error says that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether a request to the API at `domain` can go through TLS: to itself, or to a proxy on the way.
pub fn is_used(domain: &str) -> bool {
    let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    !domain.starts_with("http://") || proxies.iter().any(|name| env::var_os(name).is_some())
}

/// The authorities in a PEM file, to be trusted in place of the system's.
///
/// # Errors
/// In words, when the file cannot be read or holds no certificate.
pub fn authorities(ca_file: &Path) -> Result<Vec<Certificate>, String> {
    let name = ca_file.display();
    let pem = fs::read(ca_file).map_err(|error| format!("ca_file {name} cannot be read: {error}"))?;
    // Editors put a mark before the text, or write it as UTF-16.
    let text = config::decode_unmarked(&pem).map_or(pem, String::into_bytes);
    match Certificate::from_pem_bundle(&text) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("ca_file {name} holds no certificate; it must be a PEM file, with BEGIN CERTIFICATE in it")),
    }
}

/// Why a server's certificate was not trusted, with what to do; none if the error is about something else.
pub fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    let cause = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(cause)) => Some(cause),
        _ => None,
    })?;
    Some(match cause {
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is valid only from {}, and this machine's clock says {}: the clock is wrong; let it be \
             synchronised, or set it",
            shown(*not_before),
            shown(*time)
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate was valid until {}, and this machine's clock says {}; if the clock is right, the server \
             needs a new certificate",
            shown(*not_after),
            shown(*time)
        ),
        // A bad signature is that of another authority of the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody whom this machine trusts vouches for its certificate; if the server's authority is one of your own, \
             name its file in ca_file"
                .into()
        }
        CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; check the address".into()
        }
        // webpki's own error, which rustls hands on in a box.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority, which is for signing others; give the server one that the authority \
             has signed"
                .into()
        }
        other => format!("its certificate is not good: {other}"),
    })
}

/// Whether whoever answers speaks something else than TLS.
pub fn is_no_tls(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidMessage(_))))
}

fn shown(time: UnixTime) -> String {
    Timestamp::UNIX_EPOCH
        .checked_add(Duration::from_secs(time.as_secs()))
        .map_or("a far future".into(), |time| time.to_string())
}

/// The innermost cause in words: the outer ones repeat what was being done.
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// The error and what it wraps. An `io::Error` hides the one it wraps behind that one's own source.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
