//! The calls of the API (api-contract, "Requests"). EDGE: the only file that speaks HTTP.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: the network, files")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::strtime;
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response, multipart};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, InvalidHeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::tls::Version;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError, retry_after, rows_of_clip, rows_of_utterance};
use super::list;
use super::meaning::{Call, meaning};
use super::proxy::proxy_for;
use super::store::Probe;
use super::tls::{self, root_cause};
use crate::clock::{signed, since_epoch};
use crate::config::{self, ApiConfig};
use crate::device_id::DeviceId;
use crate::item::{Item, name};
use crate::limits;

/// The API at one address, for one home.
#[derive(Debug)]
pub struct ApiClient {
    client: Client,
    domain: String,
    home_id: u32,
    device: DeviceId,
    token: RwLock<HeaderValue>,
    token_file: Option<PathBuf>,
    /// What stands between here and there, by the environment.
    proxy: Option<String>,
}

impl ApiClient {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// When the token cannot be sent in a header, or the authorities to be trusted cannot be read.
    pub fn new(api: &ApiConfig, token: &SecretString, home_id: u32, device: DeviceId) -> Result<Self, ApiError> {
        tls::install_provider();
        let unusable = |error: &(dyn Error + 'static)| ApiError::Unreachable(root_cause(error));
        let token = RwLock::new(authorization(token).map_err(|error| unusable(&error))?);
        let mut builder = Client::builder()
            // No answer is long, and what is compressed may be anything.
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .timeout(limits::ANSWER_TIMEOUT)
            // A redirect is to a login page: the address is wrong.
            .redirect(Policy::none())
            .tls_version_min(Version::TLS_1_2)
            .user_agent(concat!("listener/", env!("CARGO_PKG_VERSION")));
        if let Some(ca_file) = &api.ca_file {
            builder = builder.tls_certs_only(tls::authorities(ca_file).map_err(ApiError::Untrusted)?);
        } else if !tls::is_used(&api.domain) {
            // To read the system's takes 10 ms and a megabyte.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| unusable(&error))?;
        let (domain, token_file) = (api.domain.clone(), api.token_file.clone());
        let proxy = proxy_for(&domain);
        Ok(Self { client, domain, home_id, device, token, token_file, proxy })
    }

    /// Where it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Makes the device known to the home; one that is known already is no error. A token that was changed in its file is the one
    /// from now on.
    pub fn register(&self) -> Result<(), ApiError> {
        self.read_token_again();
        let request = self.post("/hardware/register/").form(&[
            ("home", self.home_id.to_string().as_str()),
            ("mac_address", &self.device.mac_address),
            ("device_name", &self.device.name),
            ("device_type", &self.device.model),
            ("description", concat!("Listener ", env!("CARGO_PKG_VERSION"))),
        ]);
        self.ask(Call::Register, request).map(drop)
    }

    /// Asks how files are wanted.
    pub fn storage_solution(&self) -> Result<String, ApiError> {
        let answer = self.ask(Call::StorageSolution, self.get("/hardware/storage_solution/"))?;
        match answer["storage_solution"].as_str() {
            Some(solution) => Ok(solution.into()),
            None => Err(ApiError::NotTheApi("its answer names no storage_solution".into())),
        }
    }

    /// Sends an item's file; sent again, it overwrites.
    pub fn upload(&self, item: &Item, media: &Path) -> Result<(), ApiError> {
        self.send_file(name::api_path(item), name::api_file(item), item.kind().media_type(), media)
    }

    /// Sends a small file and gives its path, always the same: the API neither gives files back nor removes them.
    pub fn upload_probe(&self, probe: &Probe) -> Result<String, ApiError> {
        let path = name::api_path_of("listener-check.txt");
        self.send_file(path.clone(), probe.name.clone(), "text/plain", &probe.file)?;
        Ok(path)
    }

    fn send_file(&self, path: String, name: String, media_type: &str, media: &Path) -> Result<(), ApiError> {
        let unreadable = |error| ApiError::File(format!("cannot read {}: {error}", media.display()));
        let file = File::open(media).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        // A part of unknown length would be sent chunked, which the server does not understand.
        let part = multipart::Part::reader_with_length(file, bytes)
            .file_name(name)
            .mime_str(media_type)
            .map_err(|error| ApiError::File(error.to_string()))?;
        let form = multipart::Form::new().text("dest_path", path).part("file", part);
        let patience = limits::ANSWER_TIMEOUT + Duration::from_secs(bytes / limits::SLOWEST_UPLOAD_BYTES_PER_S);
        let request = self.post("/hardware/upload_file/").timeout(patience);
        let request = if bytes <= limits::SENT_FROM_MEMORY_BYTES {
            let kind = format!("multipart/form-data; boundary={}", form.boundary());
            let mut body = Vec::new();
            form.into_reader().read_to_end(&mut body).map_err(unreadable)?;
            request.header(CONTENT_TYPE, kind).body(body)
        } else {
            request.multipart(form)
        };
        self.ask(Call::UploadFile, request).map(drop)
    }

    /// Posts an item's row. Posted twice, there are two: see the module's documentation. A picture has none.
    pub fn post_row(&self, item: &Item) -> Result<(), ApiError> {
        let (home, uid) = (self.home_id.to_string(), item.uid().to_string());
        let (file, start, end) = (name::api_file(item), row_time(item.start()), row_time(item.end()));
        let common = [
            ("home", home.as_str()),
            ("uid", &uid),
            ("start_time", &start),
            ("end_time", &end),
            ("hardware_device_mac_address", &self.device.mac_address),
        ];
        let request = match item {
            Item::Utterance { index, track_id, .. } => {
                let own = [("sequence_index", &index.to_string()), ("audio_file", &file), ("track_id", track_id)];
                let own = own.map(|(key, value)| (key, value.as_str()));
                self.post("/hardware/audio/").form(&[&common[..], &own].concat())
            }
            Item::Clip { .. } => {
                self.post("/hardware/video/").form(&[&common[..], &[("video_file", file.as_str())]].concat())
            }
            Item::Picture { .. } => return Ok(()),
        };
        self.ask(Call::PostRow, request).map(drop)
    }

    /// Asks which rows of an item are there, the oldest first.
    pub fn rows(&self, item: &Item) -> Result<Vec<u64>, ApiError> {
        // The server compares with the time at which it made the row, by its own clock.
        let from = since_epoch(item.end()) - signed(limits::ROW_SEARCH_MARGIN);
        let request = self.get("/hardware/list_files/").form(&[("from_time", from.as_secs())]);
        let uid = item.uid().to_string();
        let files =
            self.ask_by(Call::ListFiles, request, |body| list::of_run(body.take(limits::MAX_LIST_BYTES), &uid))?;
        Ok(match item {
            Item::Utterance { index, track_id, .. } => rows_of_utterance(&files, self.home_id, &uid, *index, track_id)?,
            Item::Clip { .. } => rows_of_clip(&files, self.home_id, &uid, &name::api_file(item))?,
            Item::Picture { .. } => Vec::new(),
        })
    }

    /// Deletes a row of an item: there is another. One that is gone already is no error.
    pub fn delete_row(&self, item: &Item, id: u64) -> Result<(), ApiError> {
        let table = match item {
            Item::Utterance { .. } => "audio",
            Item::Clip { .. } => "video",
            Item::Picture { .. } => return Ok(()),
        };
        let request = self.request(Method::DELETE, &format!("/hardware/{table}/{id}/"));
        self.ask(Call::DeleteRow, request).map(drop)
    }

    /// Queues the recognition of an utterance. Anything else has no task.
    pub fn post_task(&self, item: &Item) -> Result<(), ApiError> {
        let Item::Utterance { uid, index, start, end, track_id } = item else { return Ok(()) };
        let parameters = json!({
            "uid": uid,
            "home_id": self.home_id,
            "audio_index": index.to_string(),
            "start_time": task_time(*start),
            "end_time": task_time(*end),
            "hardware_device_mac_address": self.device.mac_address,
        });
        let request = self.post("/queue_task/ai_task/").form(&[
            ("name", "speech_to_text"),
            ("task_name", "speech2text"),
            ("track_id", track_id),
            ("parameters", &parameters.to_string()),
        ]);
        self.ask(Call::PostTask, request).map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.token.read().expect("no panic while held").clone();
        self.client.request(method, format!("{}{path}", self.domain)).header(AUTHORIZATION, token)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A file that cannot be read, or that holds no token now, changes nothing.
    fn read_token_again(&self) {
        let Some(file) = &self.token_file else { return };
        let read = fs::read(file).ok().and_then(|bytes| config::token_in(&bytes));
        if let Some(token) = read.and_then(|token| authorization(&token).ok()) {
            *self.token.write().expect("no panic while held") = token;
        }
    }

    fn ask(&self, call: Call, request: RequestBuilder) -> Result<Value, ApiError> {
        self.ask_by(call, request, whole)
    }

    /// Reads the body of a success by a way of its own.
    fn ask_by(
        &self,
        call: Call,
        request: RequestBuilder,
        read: impl FnOnce(BufReader<Response>) -> io::Result<String>,
    ) -> Result<Value, ApiError> {
        let answer = send(request, read).map(|answer| self.without_token(answer));
        answer.and_then(|answer| meaning(call, &answer)).map_err(|error| match &self.proxy {
            Some(proxy) => {
                error.on_the_way(|cause| format!("{cause}, by the proxy {proxy} that the environment names"))
            }
            None => error,
        })
    }

    /// Who answers may say what it was asked, and what it says is shown.
    fn without_token(&self, mut answer: Answer) -> Answer {
        let token = self.token.read().expect("no panic while held").clone();
        let secret = token.to_str().unwrap_or_default().trim_start_matches("Token ");
        for text in std::iter::once(&mut answer.body).chain(&mut answer.location) {
            if !secret.is_empty() && text.contains(secret) {
                *text = text.replace(secret, "…");
            }
        }
        answer
    }
}

/// As much of a body as any answer but a list has.
fn whole(body: BufReader<Response>) -> io::Result<String> {
    let mut bytes = Vec::new();
    body.take(limits::MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn authorization(token: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Token {}", token.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Rows take an offset; `Z` is the shortest (api-contract: a naive time would be taken in the server's zone).
fn row_time(time: Timestamp) -> String {
    strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", time).expect("a constant format of a UTC time")
}

/// Tasks must parse as `%Y-%m-%dT%H:%M:%S.%f`: fraction digits even when zero, no offset.
fn task_time(time: Timestamp) -> String {
    strtime::format("%Y-%m-%dT%H:%M:%S.%6f", time).expect("a constant format of a UTC time")
}

fn send(
    request: RequestBuilder,
    read: impl FnOnce(BufReader<Response>) -> io::Result<String>,
) -> Result<Answer, ApiError> {
    let response = request.send().map_err(classify)?;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = header(LOCATION).map(str::to_owned);
    let retry_after = header(RETRY_AFTER).and_then(|wait| retry_after(wait, header(DATE)));
    let body = BufReader::new(response);
    let body = if (200..300).contains(&status) { read(body) } else { whole(body) };
    let body = body.map_err(|error| match tls::causes(&error).any(is_timeout) {
        true => ApiError::Unclear("no whole answer in time".into()),
        false => ApiError::BrokenOff(root_cause(&error)),
    })?;
    Ok(Answer { status, body, retry_after, location })
}

fn is_timeout(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
        || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn classify(error: reqwest::Error) -> ApiError {
    let error = error.without_url();
    if let Some(cause) = tls::distrust(&error) {
        return ApiError::Untrusted(cause);
    }
    if tls::is_no_tls(&error) {
        return ApiError::Unreachable("it speaks no TLS there; is it http:// ?".into());
    }
    if error.is_connect() || error.is_builder() {
        return ApiError::Unreachable(if error.is_timeout() { "no answer in time".into() } else { root_cause(&error) });
    }
    if error.is_timeout() {
        return ApiError::Unclear("no answer in time".into());
    }
    ApiError::BrokenOff(format!("the connection broke off ({})", root_cause(&error)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn times_have_all_six_digits_even_when_they_are_zero() {
        let time = Timestamp::UNIX_EPOCH + SignedDuration::from_micros(1_800_000_000_000_000);
        assert_eq!(task_time(time), "2027-01-15T08:00:00.000000");
        assert_eq!(row_time(time + SignedDuration::from_nanos(1_999)), "2027-01-15T08:00:00.000001Z");
    }
}
