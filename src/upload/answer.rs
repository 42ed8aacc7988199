//! An answer of the API, and what may be wrong with a call (api-contract, "Requests"). PURE.

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
    /// Where a redirect leads.
    pub location: Option<String>,
}

/// For how long a server asks to be left alone: seconds, or a date by its own clock (RFC 9110, section 10.2.3).
pub fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let header = header.trim();
    let is_number = !header.is_empty() && header.bytes().all(|digit| digit.is_ascii_digit());
    let asked = if is_number {
        // One that no number of 64 bits holds is longer than any wait.
        Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)))
    } else {
        // This machine's clock may be wrong, and the server's is the one that counts.
        let [until, now] = [httpdate::parse_http_date(header), httpdate::parse_http_date(date?)];
        until.ok()?.duration_since(now.ok()?).ok()
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
    /// It was sent, the connection was lost, and whether it was acted on is not known.
    #[error("{0}")]
    BrokenOff(String),
    /// It was sent, and whether it was acted on is not known: a server error, or no answer in time.
    #[error("{0}")]
    Unclear(String),
    /// It asks to be left alone for a while.
    #[error("{0}")]
    Busy(String, Duration),
    /// A success that the API never gives: a portal's page, an error in the body.
    #[error("{0}")]
    NotTheApi(String),
    /// Nobody knows whether this is about the item, or about a gateway on the way: a page with 403, a redirect, 404.
    #[error("{0}")]
    Doubtful(String),
    /// The token, or its account, was refused.
    #[error("the token was refused ({0})")]
    Unauthorized(String),
    /// The home is not known to the server.
    #[error("the home was refused ({0})")]
    UnknownHome(String),
    /// This item was refused, field by field; another may be taken.
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

impl ApiError {
    /// With other words for the cause, where what is on the way may be the cause.
    pub fn on_the_way(self, words: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Unreachable(cause) => Self::Unreachable(words(&cause)),
            Self::BrokenOff(cause) => Self::BrokenOff(words(&cause)),
            Self::Unclear(cause) => Self::Unclear(words(&cause)),
            Self::NotTheApi(cause) => Self::NotTheApi(words(&cause)),
            Self::Doubtful(cause) => Self::Doubtful(words(&cause)),
            other => other,
        }
    }
}

impl Answer {
    /// The body, if it is a JSON object.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok().filter(|value: &Value| value.is_object())
    }

    /// The body shortened to one line; a page is not worth showing.
    pub fn shown(&self) -> String {
        if self.body.trim_start().starts_with('<') {
            return "an HTML page".into();
        }
        if self.body.trim().is_empty() {
            return "nothing".into();
        }
        one_line(&self.body)
    }
}

/// What somebody else says, in one line that is no longer than a person reads, without what a terminal would obey.
pub fn one_line(text: &str) -> String {
    let plain = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    plain.collect::<Vec<_>>().join(" ").chars().take(SHOWN_ANSWER_CHARS).collect()
}

/// The rows of an utterance that `list_files` names: by home, run and index. First those of its own track id, which the task
/// will name; then the oldest.
///
/// # Errors
/// When a row of it has no number to delete it by.
pub fn rows_of_utterance(
    files: &Value,
    home: u32,
    uid: &str,
    index: u32,
    track_id: &str,
) -> Result<Vec<u64>, ApiError> {
    rows(files, "audio_files", home, uid, |row| {
        (row["sequence_index"] == index).then(|| u8::from(row["track_id"] != track_id))
    })
}

/// The rows of a clip: by home, run and file.
///
/// # Errors
/// When a row of it has no number to delete it by.
pub fn rows_of_clip(files: &Value, home: u32, uid: &str, file: &str) -> Result<Vec<u64>, ApiError> {
    rows(files, "video_files", home, uid, |row| (row["video_file"] == file).then_some(0))
}

/// In the order of the rank that `rank` gives those of the item.
fn rows(
    files: &Value,
    list: &str,
    home: u32,
    uid: &str,
    rank: impl Fn(&Value) -> Option<u8>,
) -> Result<Vec<u64>, ApiError> {
    let rows = files[list].as_array().into_iter().flatten().filter(|row| row["uid"] == uid && row["home"] == home);
    let mut own = Vec::new();
    for row in rows {
        let Some(rank) = rank(row) else { continue };
        let id = row["id"].as_u64().ok_or_else(|| ApiError::NotTheApi("a row in its list has no number".into()))?;
        own.push((rank, id));
    }
    own.sort_unstable();
    Ok(own.into_iter().map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
        let date = Some("Sun, 22 Nov 2026 10:00:00 GMT");
        let most = Some(RETRY_AFTER_MOST.as_secs());
        let cases = [
            ("120", None, Some(120)),
            (" 5 ", date, Some(5)),
            ("Sun, 22 Nov 2026 10:02:00 GMT", date, Some(120)),
            ("Sunday, 22-Nov-26 10:00:30 GMT", date, Some(30)),
            ("Sun Nov 22 10:00:01 2026", date, Some(1)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", date, None),
            ("Sun, 22 Nov 2026 10:02:00 GMT", None, None),
            ("Mon, 23 Nov 2026 10:00:00 GMT", date, most),
            ("999999999", None, most),
            ("99999999999999999999999999", None, most),
            ("soon", date, None),
            ("-1", date, None),
            ("", date, None),
        ];
        for (header, date, expected_s) in cases {
            assert_eq!(retry_after(header, date).map(|wait| wait.as_secs()), expected_s, "{header}");
        }
    }

    #[test]
    fn a_row_is_found_by_home_run_and_index_or_file_and_the_one_of_its_track_id_comes_first() {
        let files: Value = serde_json::from_str(
            r#"{"audio_files":[{"id":9,"home":1,"uid":"a","sequence_index":3,"track_id":"T"},
                               {"id":4,"home":1,"uid":"a","sequence_index":3,"track_id":"other"},
                               {"id":5,"home":2,"uid":"a","sequence_index":3,"track_id":"T"}],
                "video_files":[{"id":7,"home":1,"uid":"a","video_file":"x.mp4"},
                               {"id":"7","home":1,"uid":"a","video_file":"z.mp4"}]}"#,
        )
        .expect("JSON");
        assert_eq!(rows_of_utterance(&files, 1, "a", 3, "T"), Ok(vec![9, 4]));
        assert_eq!(rows_of_utterance(&files, 1, "a", 3, "none"), Ok(vec![4, 9]));
        assert_eq!(rows_of_utterance(&files, 1, "a", 4, "T"), Ok(vec![]));
        assert_eq!(rows_of_utterance(&files, 1, "b", 3, "T"), Ok(vec![]));
        assert_eq!(rows_of_clip(&files, 1, "a", "x.mp4"), Ok(vec![7]));
        assert_eq!(rows_of_clip(&files, 1, "a", "y.mp4"), Ok(vec![]));
        assert!(matches!(rows_of_clip(&files, 1, "a", "z.mp4"), Err(ApiError::NotTheApi(_))));
    }

    #[test]
    fn what_somebody_else_says_is_one_line_that_no_terminal_obeys() {
        assert_eq!(one_line("a\u{1b}[2J\r\n b\t\u{7}c"), "a [2J b c");
        assert_eq!(one_line(&"x".repeat(100_000)).len(), SHOWN_ANSWER_CHARS);
    }
}
