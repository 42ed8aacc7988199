//! The answer of `list_files`, read as a stream: a server may have a day's rows of all its homes in it. PURE.

use std::fmt;
use std::io::{self, BufRead, ErrorKind};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The same answer with the rows of one run alone; or, where it is something else, its beginning.
///
/// # Errors
/// When the connection is lost.
pub fn of_run(mut body: impl BufRead, uid: &str) -> io::Result<String> {
    let beginning = String::from_utf8_lossy(body.fill_buf()?).into_owned();
    let mut lists = serde_json::Deserializer::from_reader(&mut body);
    match (Lists { uid }).deserialize(&mut lists).and_then(|files| serde_json::to_string(&files)) {
        Ok(reduced) => Ok(reduced),
        Err(error) if error.is_io() => Err(error.io_error_kind().unwrap_or(ErrorKind::Other).into()),
        Err(_) => Ok(beginning),
    }
}

/// A row: what tells it from others. The rest is not kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Row {
    id: Value,
    home: Value,
    uid: Value,
    sequence_index: Value,
    track_id: Value,
    video_file: Value,
}

/// What the answer has of both; without one of them it is not the API's.
#[derive(Debug, Serialize)]
struct Files {
    audio_files: Vec<Row>,
    video_files: Vec<Row>,
}

struct Lists<'a> {
    uid: &'a str,
}

impl<'de> DeserializeSeed<'de> for Lists<'_> {
    type Value = Files;

    fn deserialize<D: Deserializer<'de>>(self, lists: D) -> Result<Files, D::Error> {
        lists.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Lists<'_> {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two lists of list_files")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut lists: A) -> Result<Files, A::Error> {
        let (mut audio_files, mut video_files) = (None, None);
        while let Some(name) = lists.next_key::<String>()? {
            let rows = Rows { uid: self.uid };
            match name.as_str() {
                "audio_files" => audio_files = Some(lists.next_value_seed(rows)?),
                "video_files" => video_files = Some(lists.next_value_seed(rows)?),
                _ => drop(lists.next_value::<IgnoredAny>()?),
            }
        }
        let lacks = || serde::de::Error::custom("it lacks a list");
        Ok(Files { audio_files: audio_files.ok_or_else(lacks)?, video_files: video_files.ok_or_else(lacks)? })
    }
}

struct Rows<'a> {
    uid: &'a str,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Vec<Row>;

    fn deserialize<D: Deserializer<'de>>(self, rows: D) -> Result<Vec<Row>, D::Error> {
        rows.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<Row>, A::Error> {
        let mut own = Vec::new();
        while let Some(row) = rows.next_element::<Row>()? {
            if row.uid == self.uid {
                own.push(row);
            }
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn reduced(body: &str, uid: &str) -> String {
        of_run(body.as_bytes(), uid).expect("nothing breaks off")
    }

    #[test]
    fn of_all_rows_those_of_one_run_are_kept() {
        let body = r#"{"more":[1,{"a":"b"}],"audio_files":[
            {"id":1,"home":1,"uid":"a","sequence_index":3,"start_time":"x","text":null},
            {"id":2,"home":null,"uid":"b","sequence_index":3}],
            "video_files":[{"id":7,"home":1,"uid":"a","video_file":"x.mp4"},{"id":8,"uid":null},{}]}"#;
        let files: Value = serde_json::from_str(&reduced(body, "a")).expect("JSON");
        let ids = |list: &str| files[list].as_array().expect("a list").iter().map(|row| row["id"].clone()).collect();
        let (audio, video): (Vec<_>, Vec<_>) = (ids("audio_files"), ids("video_files"));
        assert_eq!((audio, video), (vec![Value::from(1)], vec![Value::from(7)]));
        assert_eq!(files["audio_files"][0]["sequence_index"], 3);
        assert_eq!(files["video_files"][0]["video_file"], "x.mp4");
    }

    #[test]
    fn what_is_no_list_is_shown_as_it_begins() {
        for body in ["<!doctype html>", r#"{"error":"no"}"#, r#"{"audio_files":[]}"#, r#"{"audio_files":[1],"#, ""] {
            assert_eq!(reduced(body, "a"), body);
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error_and_no_empty_list() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::ConnectionReset.into())
            }
        }
        let body = io::BufReader::with_capacity(8, br#"{"audio_files":[{"id":1,"#.chain(Broken));
        assert_eq!(of_run(body, "a").map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    }
}
