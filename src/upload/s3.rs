//! A bucket of Amazon S3 or of a server that speaks the same. EDGE: the only file that knows `object_store`.

#![expect(clippy::disallowed_types, reason = "EDGE: the network")]

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStoreExt, RetryConfig};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

use super::answer::one_line;
use super::proxy::proxy_for;
use super::store::{FileStore, Probe, StoreError, Tried};
use super::tls;
use crate::config::S3Config;
use crate::item::{Item, name};
use crate::limits::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, S3_PART_BYTES, SLOWEST_UPLOAD_BYTES_PER_S};

/// A bucket.
pub struct S3 {
    place: String,
    bucket: AmazonS3,
    runtime: Runtime,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("place", &self.place).finish_non_exhaustive()
    }
}

impl S3 {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// In words, when the configuration cannot be used.
    pub fn new(config: &S3Config, ca_file: Option<&Path>) -> Result<Self, String> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_checksum_algorithm(Checksum::SHA256)
            // Waiting and trying again is the state machine's part.
            .with_retry(RetryConfig { max_retries: 0, ..Default::default() })
            .with_http_connector(Connector { client: client(ca_file)? });
        let mut place = format!("the S3 bucket {}", config.bucket);
        if let Some(endpoint) = &config.endpoint {
            place = format!("{place} at {endpoint}");
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let amazon = || format!("https://s3.{}.amazonaws.com", config.region);
        if let Some(proxy) = proxy_for(&config.endpoint.clone().unwrap_or_else(amazon)) {
            place = format!("{place}, by the proxy {proxy}");
        }
        if let Some((id, secret)) = &config.keys {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        let bucket = builder.build().map_err(|error| format!("{place} cannot be used: {error}"))?;
        // One thread drives the connections while another waits here for an answer.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start a thread for {place}: {error}"))?;
        Ok(Self { place, bucket, runtime })
    }

    /// A file of one part in one request; a longer one in parts, of which only one is in memory.
    fn send(&self, key: &Key, mut file: File, bytes: u64) -> Result<(), StoreError> {
        if bytes <= S3_PART_BYTES {
            let content = read(&mut file)?;
            return self.within(bytes, self.bucket.put(key, content.into())).map(drop);
        }
        let mut upload = self.within(0, self.bucket.put_multipart(key))?;
        let sent = self.send_parts(upload.as_mut(), &mut file);
        if sent.is_err() {
            // Parts of an upload that is never completed would be paid for until somebody cleans up.
            let _ = self.within(0, upload.abort());
        }
        sent
    }

    fn send_parts(&self, upload: &mut dyn MultipartUpload, file: &mut File) -> Result<(), StoreError> {
        loop {
            let part = read(&mut *file)?;
            if part.is_empty() {
                return self.within(0, upload.complete()).map(drop);
            }
            self.within(part.len() as u64, upload.put_part(part.into()))?;
        }
    }

    /// Waits for an answer to a request of so many bytes.
    fn within<T>(&self, bytes: u64, request: impl Future<Output = object_store::Result<T>>) -> Result<T, StoreError> {
        let patience = ANSWER_TIMEOUT + Duration::from_secs(bytes / SLOWEST_UPLOAD_BYTES_PER_S);
        let answer = self.runtime.block_on(async { tokio::time::timeout(patience, request).await });
        match answer {
            Ok(answer) => answer.map_err(|error| self.explain(&error)),
            Err(_) => Err(StoreError::Failed(format!("{} does not answer in time", self.place))),
        }
    }

    fn explain(&self, error: &object_store::Error) -> StoreError {
        let place = &self.place;
        if let Some(cause) = tls::distrust(error) {
            return StoreError::Away(format!("{place} is not trusted: {cause}"));
        }
        let told = one_line(&answer_in(&error.to_string()).unwrap_or_else(|| tls::root_cause(error)));
        if let Some(moved) = tls::causes(error).find_map(|cause| cause.downcast_ref::<Moved>()) {
            return StoreError::Away(format!("{place} is elsewhere: {moved}"));
        }
        if told.contains(CLOCK_IS_WRONG) {
            return StoreError::Away(format!(
                "{place} finds this machine's clock wrong: {told}; let the clock be synchronised, or set it"
            ));
        }
        match error {
            object_store::Error::NotFound { .. } => {
                StoreError::Away(format!("{place} is not there: {told}; check bucket, region and endpoint"))
            }
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                StoreError::Away(format!(
                    "{place} refuses this device: {told}; check the access key, its rights and this machine's clock"
                ))
            }
            _ => StoreError::Failed(format!("{place} did not take a file: {told}")),
        }
    }
}

impl FileStore for S3 {
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        let unreadable = |error: io::Error| StoreError::File(format!("cannot read {}: {error}", media.display()));
        let file = File::open(media).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        self.send(&Key::from(name::api_path(item)), file, bytes)
    }

    fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError> {
        let key = Key::from(name::api_path_of(&probe.name));
        let bytes = probe.text.len() as u64;
        self.within(bytes, self.bucket.put(&key, probe.text.clone().into()))?;
        let read = self.within(bytes, async { self.bucket.get(&key).await?.bytes().await });
        let removed = self.within(0, self.bucket.delete(&key));
        let lacks = |what, error: StoreError| Tried::Lacks(format!("{key} cannot be {what}: {}", error.text()));
        Ok(match (read, removed) {
            (Err(error), Ok(())) => lacks("read back", error),
            (Err(error), Err(_)) => lacks("read back or removed, and stays", error),
            (Ok(text), _) if text != probe.text => Tried::Lacks(format!("{key} is not what was written")),
            (Ok(_), Err(error)) => lacks("removed", error),
            (Ok(_), Ok(())) => Tried::All,
        })
    }
}

fn read(file: &mut File) -> Result<Vec<u8>, StoreError> {
    let mut part = Vec::new();
    let read = file.take(S3_PART_BYTES).read_to_end(&mut part);
    read.map_err(|error| StoreError::File(format!("cannot read the item's file: {error}")))?;
    Ok(part)
}

/// What S3 itself says in its XML, if it says anything (Amazon S3 API Reference, "REST error responses").
fn answer_in(text: &str) -> Option<String> {
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0)
    };
    Some(format!("{} ({})", element("Message")?, element("Code")?))
}

/// S3's word for a request whose time is not its own (Amazon S3 API Reference, "List of error codes").
const CLOCK_IS_WRONG: &str = "RequestTimeTooSkewed";

/// Where a bucket is that is not where it was asked for.
#[derive(Debug, Error)]
enum Moved {
    #[error("it is in another region; write region = {0:?} into [storage.s3]")]
    Region(String),
    #[error("it is at {0}; write that as endpoint into [storage.s3]")]
    Address(String),
    #[error("it does not say where; check bucket, region and endpoint")]
    Somewhere,
}

impl Moved {
    /// From the headers of a redirect: the region, where S3 names it, is enough to find a bucket of Amazon's.
    fn of(headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let region = header("x-amz-bucket-region").map(Self::Region);
        region.or_else(|| header("location").map(Self::Address)).unwrap_or(Self::Somewhere)
    }
}

/// Reads what a redirect says, which `object_store` drops.
#[derive(Debug)]
struct NoRedirects(reqwest::Client);

#[async_trait]
impl HttpService for NoRedirects {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = HttpService::call(&self.0, request).await?;
        match response.status().is_redirection() {
            true => Err(HttpError::new(HttpErrorKind::Unknown, Moved::of(response.headers()))),
            false => Ok(response),
        }
    }
}

/// Gives `object_store` a client of our own making.
#[derive(Debug)]
struct Connector {
    client: reqwest::Client,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(NoRedirects(self.client.clone())))
    }
}

fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, String> {
    tls::install_provider();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .user_agent(concat!("listener/", env!("CARGO_PKG_VERSION")));
    if let Some(ca_file) = ca_file {
        builder = builder.tls_certs_only(tls::authorities(ca_file)?);
    }
    builder.build().map_err(|error| format!("TLS cannot be set up: {}", tls::root_cause(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_says_is_taken_out_of_its_xml() {
        let text = "Error performing PUT: Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\
                    <Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>";
        assert_eq!(answer_in(text).as_deref(), Some("The difference is too large. (RequestTimeTooSkewed)"));
        assert_eq!(answer_in("connection refused"), None);
    }
}
