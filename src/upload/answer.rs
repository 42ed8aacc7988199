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
        let line = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(SHOWN_ANSWER_CHARS).collect()
    }
}

/// The rows of an utterance that `list_files` names: by home, run and index. The oldest first.
pub fn rows_of_utterance(files: &Value, home: u32, uid: &str, index: u32) -> Vec<u64> {
    rows(files, "audio_files", home, uid, |row| row["sequence_index"] == index)
}

/// The rows of a clip: by home, run and file.
pub fn rows_of_clip(files: &Value, home: u32, uid: &str, file: &str) -> Vec<u64> {
    rows(files, "video_files", home, uid, |row| row["video_file"] == file)
}

fn rows(files: &Value, list: &str, home: u32, uid: &str, is_it: impl Fn(&Value) -> bool) -> Vec<u64> {
    let rows = files[list].as_array().into_iter().flatten();
    let own = rows.filter(|row| row["uid"] == uid && row["home"] == home && is_it(row));
    let mut ids: Vec<u64> = own.filter_map(|row| row["id"].as_u64()).collect();
    ids.sort_unstable();
    ids
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
    fn a_row_is_found_by_home_run_and_index_or_file() {
        let files: Value = serde_json::from_str(
            r#"{"audio_files":[{"id":9,"home":1,"uid":"a","sequence_index":3},{"id":4,"home":1,"uid":"a","sequence_index":3},
                               {"id":5,"home":2,"uid":"a","sequence_index":3}],
                "video_files":[{"id":7,"home":1,"uid":"a","video_file":"x.mp4"}]}"#,
        )
        .expect("JSON");
        assert_eq!(rows_of_utterance(&files, 1, "a", 3), [4, 9]);
        assert_eq!(rows_of_utterance(&files, 1, "a", 4), Vec::<u64>::new());
        assert_eq!(rows_of_utterance(&files, 1, "b", 3), Vec::<u64>::new());
        assert_eq!(rows_of_clip(&files, 1, "a", "x.mp4"), [7]);
        assert_eq!(rows_of_clip(&files, 1, "a", "y.mp4"), Vec::<u64>::new());
    }
}
