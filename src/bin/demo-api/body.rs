//! Reading request bodies: fields into memory, within a bound; uploads straight to the disk, without one.

use std::io::Write;
use std::path::Path;

use axum::body::{self, Body};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::answer::{Refusal, bad_request, json_answer, own_error};
use crate::form::{self, Form};

/// The most that the fields of one request may hold, as in the real server's framework.
const MAX_FIELDS_BYTES: usize = 2_621_440;

/// What came in an upload request.
#[derive(Default)]
pub struct Upload {
    /// The fields that are no files.
    pub form: Form,
    /// The file named `file`, in the folder for unfinished uploads, and its size.
    pub file: Option<(NamedTempFile, u64)>,
}

/// Reads the fields of a request, in any of the three ways in which they may be sent.
pub async fn read_form(request: Request) -> Result<Form, Refusal> {
    let kind = content_type(request.headers());
    if kind == "multipart/form-data" {
        return Ok(read_multipart(request, None).await?.form);
    }
    let bytes = body::to_bytes(request.into_body(), MAX_FIELDS_BYTES)
        .await
        .map_err(|error| bad_request(json!({"detail": format!("unreadable body: {error}")})))?;
    match kind.as_str() {
        _ if bytes.is_empty() => Ok(Form::default()),
        "application/x-www-form-urlencoded" => Ok(form::parse_urlencoded(&bytes)),
        "application/json" => form::parse_json(&bytes).map_err(bad_request),
        _ => {
            let detail = format!("Unsupported media type \"{kind}\" in request.");
            Err(json_answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({"detail": detail})).into())
        }
    }
}

/// Reads an upload; its file goes into `incoming`, and is gone again unless it is moved from there.
pub async fn read_upload(request: Request, incoming: &Path) -> Result<Upload, Refusal> {
    if content_type(request.headers()) == "multipart/form-data" {
        read_multipart(request, Some(incoming)).await
    } else {
        Ok(Upload { form: read_form(request).await?, file: None })
    }
}

/// Reads a body to its end and forgets it, so that the client is ready to read the answer.
pub async fn drain(mut body: Body) {
    use axum::body::HttpBody;
    use std::future::poll_fn;
    use std::pin::Pin;
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

async fn read_multipart(request: Request, incoming: Option<&Path>) -> Result<Upload, Refusal> {
    let mut upload = Upload::default();
    let length = request.headers().get(header::CONTENT_LENGTH);
    if length.is_none_or(|length| length == "0") {
        return Ok(upload); // no body at all: the server sees no fields
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| malformed(&error.body_text()))?;
    let mut fields_bytes = 0;
    while let Some(mut part) = parts.next_field().await.map_err(|error| broken(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            match incoming.filter(|_| name == "file") {
                Some(folder) => upload.file = Some(write_out(part, folder).await?),
                None => while part.chunk().await.map_err(|error| broken(&error))?.is_some() {},
            }
            continue;
        }
        let mut value = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
            fields_bytes += chunk.len();
            if fields_bytes > MAX_FIELDS_BYTES {
                return Err(malformed("the fields are too large"));
            }
            value.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&value).into_owned();
        upload.form.values.insert(name, Value::String(text));
    }
    Ok(upload)
}

async fn write_out(mut part: Field<'_>, folder: &Path) -> Result<(NamedTempFile, u64), Refusal> {
    let mut file = NamedTempFile::new_in(folder).map_err(|error| own_error(&error))?;
    let mut bytes = 0;
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        file.write_all(&chunk).map_err(|error| own_error(&error))?;
        bytes += chunk.len() as u64;
    }
    Ok((file, bytes))
}

fn broken(error: &MultipartError) -> Refusal {
    malformed(&error.body_text())
}

fn malformed(what: &str) -> Refusal {
    bad_request(json!({"detail": format!("Multipart form parse error - {what}")}))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}
