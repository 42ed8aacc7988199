//! What an answer of the API means: one table for all calls (api-contract, "Requests"). PURE.
//!
//! An answer says something about the item in hand, about the way to the API, or nothing certain. [`ApiError`] says which of
//! these; what is done then is decided in [`super::Uploader`].

use serde_json::Value;

use super::answer::{Answer, ApiError, one_line};
use crate::limits::BUSY_WAIT;

/// A request to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `POST /hardware/register/`
    Register,
    /// `GET /hardware/storage_solution/`
    StorageSolution,
    /// `POST /hardware/upload_file/`
    UploadFile,
    /// `POST /hardware/audio/` or `video/`
    PostRow,
    /// `GET /hardware/list_files/`
    ListFiles,
    /// `DELETE /hardware/audio/{id}/` or `video/`
    DeleteRow,
    /// `POST /queue_task/ai_task/`
    PostTask,
}

impl Call {
    /// Whether that is what the API itself gives for this call, and not what a portal on the way makes up. What the API says
    /// in words may be translated where Django has the words: of those, only keys are looked at.
    fn gives(self, json: &Value) -> bool {
        let has = |key: &str| !json[key].is_null();
        match self {
            Self::Register => has("id") || has("mac_address"),
            Self::StorageSolution => json["storage_solution"].is_string(),
            // Anybody's "message" would do otherwise, and what counts as delivered is removed here.
            Self::UploadFile => json["message"] == "File uploaded successfully.",
            Self::PostRow => has("id"),
            Self::ListFiles => json["audio_files"].is_array() && json["video_files"].is_array(),
            Self::PostTask => has("task_id"),
            Self::DeleteRow => json["error"].is_null(),
        }
    }
}

/// What the answer to a call means: the body of a success, or what is wrong.
pub fn meaning(call: Call, answer: &Answer) -> Result<Value, ApiError> {
    let json = answer.json();
    let cause = || format!("it answered {} with {}", answer.status, answer.shown());
    let fields = json.as_ref().is_some_and(has_field_errors);
    match (answer.status, &json) {
        (204, _) if call == Call::DeleteRow => Ok(Value::Null),
        (200..300, Some(json)) if call.gives(json) => Ok(json.clone()),
        (200..300, _) => Err(ApiError::NotTheApi(cause())),
        // Gone is what was wanted.
        (404, Some(json)) if call == Call::DeleteRow && json["detail"].is_string() => Ok(Value::Null),
        (400, Some(json)) if !json["home"].is_null() => Err(ApiError::UnknownHome(words(&json["home"]))),
        // A device that is there already: by the key, since the words are in the server's language.
        (400, Some(json)) if call == Call::Register && is_only_mac(json) => Ok(Value::Null),
        (409, Some(_)) if call == Call::Register => Ok(Value::Null),
        (400 | 422, Some(_)) if fields => Err(ApiError::Refused { status: answer.status, answer: answer.shown() }),
        (413, _) => Err(ApiError::Refused { status: 413, answer: "the file is too large for the server".into() }),
        (401, Some(json)) => Err(ApiError::Unauthorized(words_or(&json["detail"], answer))),
        (403, Some(json)) if json["detail"].is_string() => Err(ApiError::Unauthorized(words(&json["detail"]))),
        (503, _) if answer.retry_after.is_none() => Err(ApiError::Unclear(cause())),
        (429 | 503, _) => {
            Err(ApiError::Busy(format!("it answered {}", answer.status), answer.retry_after.unwrap_or(BUSY_WAIT)))
        }
        (500.., _) => Err(ApiError::Unclear(cause())),
        (300..400, _) => Err(ApiError::Doubtful(moved(answer))),
        _ => Err(ApiError::Doubtful(cause())),
    }
}

/// Redirects are not followed: they lead to a login page, or from http to https, and would take the token along.
fn moved(answer: &Answer) -> String {
    match &answer.location {
        Some(place) => format!(
            "it answered {}: it is moved to {}; if that is the API, write its scheme and host into api_domain",
            answer.status,
            one_line(place)
        ),
        None => format!("it answered {} with {}", answer.status, answer.shown()),
    }
}

/// Django REST framework's validation errors: a list of sentences for each field, and no `detail` for the request as a whole.
fn has_field_errors(json: &Value) -> bool {
    json.as_object().is_some_and(|fields| fields.values().any(|errors| errors.is_array() || errors.is_object()))
}

fn is_only_mac(json: &Value) -> bool {
    json.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("mac_address"))
}

/// The words of a value, in a line: Django REST framework gives a list of sentences for each field.
fn words(value: &Value) -> String {
    one_line(&match value {
        Value::String(words) => words.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    })
}

fn words_or(value: &Value, answer: &Answer) -> String {
    if value.is_null() { answer.shown() } else { words(value) }
}

#[cfg(test)]
mod tests;
