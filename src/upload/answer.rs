//! What an answer of the API means (api-contract, "Requests"). PURE.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::limits::{RETRY_AFTER_MOST, SHOWN_ANSWER_CHARS};

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: String,
    /// For how long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// For how long a server asks to be left alone: seconds, or a date by its own clock (RFC 9110, section 10.2.3).
pub fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let header = header.trim();
    let asked = match header.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        // This machine's clock may be wrong, and the server's is the one that counts.
        Err(_) => {
            let [until, now] = [httpdate::parse_http_date(header), httpdate::parse_http_date(date?)];
            until.ok()?.duration_since(now.ok()?).ok()
        }
    };
    asked.map(|asked| asked.min(RETRY_AFTER_MOST))
}

/// Why a call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// Nothing was sent: no route, no name, no connection.
    #[error("{0}")]
    Unreachable(String),
    /// Nothing was sent: the certificate of whoever answers is not trusted.
    #[error("{0}")]
    Untrusted(String),
    /// It was sent, and whether it was acted on is not known.
    #[error("{0}")]
    Unclear(String),
    /// As [`Self::Unclear`], and it asks to be left alone for a while.
    #[error("{0}")]
    Busy(String, Duration),
    /// Whatever answered is not the API, or is broken: a page instead of JSON, a redirect, an unknown route.
    #[error("{0}")]
    NotTheApi(String),
    /// The token was refused.
    #[error("the token was refused ({0})")]
    Unauthorized(String),
    /// The home is not known to the server.
    #[error("the home was refused ({0})")]
    UnknownHome(String),
    /// This request will never be accepted; another may.
    #[error("the API refused it ({status}): {answer}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the server said.
        answer: String,
    },
    /// The item's own file cannot be read.
    #[error("{0}")]
    File(String),
}

/// What the body of a success, or a refusal in the API's own words, holds.
type Read = Result<Value, ApiError>;

impl Answer {
    fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok().filter(|value: &Value| value.is_object())
    }

    /// The body shortened to one line; a page is not worth showing.
    fn shown(&self) -> String {
        if self.body.trim_start().starts_with('<') {
            return "an HTML page".into();
        }
        let line = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(SHOWN_ANSWER_CHARS).collect()
    }

    /// Reads the answer to a call whose success has status `expected`.
    pub fn read(&self, expected: u16) -> Read {
        match (self.status, self.json()) {
            (status, Some(json)) if status == expected => Ok(json),
            (401, Some(json)) => Err(ApiError::Unauthorized(text(&json["detail"]))),
            (400, Some(json)) if !json["home"].is_null() => Err(ApiError::UnknownHome(text(&json["home"]))),
            (408 | 425 | 429 | 500.., _) => {
                let cause = format!("it answered {} ({})", self.status, self.shown());
                Err(match self.retry_after {
                    Some(wait) => ApiError::Busy(cause, wait),
                    None => ApiError::Unclear(cause),
                })
            }
            (400..500, Some(_)) => Err(ApiError::Refused { status: self.status, answer: self.shown() }),
            (413, None) => {
                Err(ApiError::Refused { status: 413, answer: "the file is too large for the server".into() })
            }
            _ => Err(ApiError::NotTheApi(format!("it answered {} with {}", self.status, self.shown()))),
        }
    }

    /// Reads the answer to a registration: a MAC address that is already there is normal at every restart.
    pub fn read_registration(&self) -> Result<(), ApiError> {
        match self.read(201) {
            Ok(_) => Ok(()),
            Err(ApiError::Refused { .. }) if self.json().is_some_and(|json| known_device(&json)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn known_device(json: &Value) -> bool {
    let only_mac = json.as_object().is_some_and(|fields| fields.len() == 1);
    only_mac && text(&json["mac_address"]).contains("already exists")
}

/// The words of a value: Django REST gives a list of sentences for each field.
fn text(value: &Value) -> String {
    match value {
        Value::String(words) => words.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Whether `list_files` names the row of an utterance: by run and index.
pub fn lists_utterance(files: &Value, uid: &str, index: u32) -> bool {
    rows(files, "audio_files").any(|row| row["uid"] == uid && row["sequence_index"] == index)
}

/// Whether `list_files` names the row of a clip: by run and file.
pub fn lists_clip(files: &Value, uid: &str, file: &str) -> bool {
    rows(files, "video_files").any(|row| row["uid"] == uid && row["video_file"] == file)
}

fn rows<'a>(files: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    files[list].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into(), retry_after: None }
    }

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
        let date = Some("Sun, 22 Nov 2026 10:00:00 GMT");
        let cases = [
            ("120", None, Some(120)),
            (" 5 ", date, Some(5)),
            ("Sun, 22 Nov 2026 10:02:00 GMT", date, Some(120)),
            ("Sunday, 22-Nov-26 10:00:30 GMT", date, Some(30)),
            ("Sun Nov 22 10:00:01 2026", date, Some(1)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", date, None),
            ("Sun, 22 Nov 2026 10:02:00 GMT", None, None),
            ("Mon, 23 Nov 2026 10:00:00 GMT", date, Some(RETRY_AFTER_MOST.as_secs())),
            ("999999999", None, Some(RETRY_AFTER_MOST.as_secs())),
            ("soon", date, None),
            ("-1", date, None),
        ];
        for (header, date, expected_s) in cases {
            assert_eq!(retry_after(header, date).map(|wait| wait.as_secs()), expected_s, "{header}");
        }
        let busy = Answer { retry_after: Some(Duration::from_secs(9)), ..answer(503, "<h1>later</h1>") };
        assert!(matches!(busy.read(200), Err(ApiError::Busy(_, wait)) if wait.as_secs() == 9));
    }

    #[test]
    fn a_device_that_is_already_there_is_registered() {
        let known = r#"{"mac_address":["Hardware Device with this mac address already exists."]}"#;
        assert_eq!(answer(400, known).read_registration(), Ok(()));
        assert_eq!(answer(201, r#"{"id":1}"#).read_registration(), Ok(()));
    }

    #[test]
    fn an_unknown_home_is_told_even_beside_a_known_device() {
        let both = r#"{"mac_address":["Hardware Device with this mac address already exists."],
                       "home":["Invalid pk \"999\" - object does not exist."]}"#;
        let error = answer(400, both).read_registration().expect_err("no such home");
        assert_eq!(error, ApiError::UnknownHome("Invalid pk \"999\" - object does not exist.".into()));
    }

    #[test]
    fn a_bad_token_is_told_in_the_servers_words() {
        let error = answer(401, r#"{"detail":"Invalid token."}"#).read(200).expect_err("no");
        assert_eq!(error, ApiError::Unauthorized("Invalid token.".into()));
    }

    #[test]
    fn a_page_where_json_is_due_is_a_wrong_address() {
        for (status, body) in [(403, "<html>CSRF</html>"), (302, ""), (200, "<html>hello</html>"), (404, "nothing")] {
            assert!(matches!(answer(status, body).read(200), Err(ApiError::NotTheApi(_))), "{status}");
        }
    }

    #[test]
    fn a_server_error_leaves_open_whether_it_acted() {
        for status in [429, 500, 502, 503, 599] {
            assert!(matches!(answer(status, "<h1>oops</h1>").read(201), Err(ApiError::Unclear(_))), "{status}");
        }
    }

    #[test]
    fn a_row_refused_as_invalid_is_never_to_be_sent_again() {
        let error = answer(400, r#"{"uid":["This field is required."]}"#).read(201).expect_err("no");
        assert!(matches!(error, ApiError::Refused { status: 400, .. }));
    }

    #[test]
    fn a_row_is_found_by_run_and_index_or_file() {
        let files: Value = serde_json::from_str(
            r#"{"audio_files":[{"uid":"a","sequence_index":3}],"video_files":[{"uid":"a","video_file":"x.mp4"}]}"#,
        )
        .expect("JSON");
        assert!(
            lists_utterance(&files, "a", 3) && !lists_utterance(&files, "a", 4) && !lists_utterance(&files, "b", 3)
        );
        assert!(lists_clip(&files, "a", "x.mp4") && !lists_clip(&files, "a", "y.mp4"));
    }
}
