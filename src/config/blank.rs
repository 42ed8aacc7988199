//! The token taken out of a file, and nothing else of it changed. PURE.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::decode::{decode, encode};
use super::keys::Key;
use super::parse::normal;

/// The same file with `""` for its token: comments, line ends and encoding stay. `None` if there is no token in it.
pub fn without_token(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = decode(bytes).ok()?;
    let place = token(&normal(&text))?;
    let [start, end] = [place.start, place.end].map(|at| in_original(&text, at));
    Some(encode(&[&text[..start], "\"\"", &text[end..]].concat(), bytes))
}

/// Where the value of the token stands, unless it is blank.
fn token(text: &str) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let (_, value) = table.get_ref().iter().find(|(name, _)| name.get_ref() == Key::Token.name())?;
    let is_blank = matches!(value.get_ref(), DeValue::String(token) if token.trim().is_empty());
    (!is_blank).then(|| value.span())
}

/// Where in a text that byte is which stands at `at` in its [`normal`] form.
fn in_original(text: &str, at: usize) -> usize {
    let mut place = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
    for _ in 0..at {
        place += if text.as_bytes()[place..].starts_with(b"\r\n") { 2 } else { 1 };
    }
    place
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_token_goes() {
        let file = |token: &str| {
            format!("# my \"token\"\r\nhome_id = 3\r\n  token={token}\t# keep safe\r\n[audio]\r\npause = 700")
        };
        let blank = file("\"\"").into_bytes();
        assert_eq!(without_token(file(r#""s3cret \" s3cret""#).as_bytes()), Some(blank.clone()));
        assert_eq!(without_token(&blank), None);
        assert_eq!(without_token(b"home_id = 3"), None);
    }

    proptest! {
        #[test]
        fn nothing_else_changes_whatever_the_encoding_and_the_line_ends(
            mark in any::<bool>(),
            line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            comment in "# [ -~äß€]{0,20}",
            token in "[a-z#=ä€]{1,20}",
            quotes in prop::sample::select(vec!["\"", "'", "\"\"\"", "'''"]),
            encoding in 0..3,
        ) {
            let file = |token: &str| {
                let lines = [&comment, "home_id = 3", &format!("token = {token} {comment}"), "[audio]", "pause = 7", ""];
                let text = lines.join(line_end);
                let text = if mark { format!("\u{feff}{text}") } else { text };
                match encoding {
                    0 => text.into_bytes(),
                    1 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                    _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                }
            };
            prop_assert_eq!(without_token(&file(&format!("{quotes}{token}{quotes}"))), Some(file("\"\"")));
            prop_assert_eq!(without_token(&file("\"\"")), None);
        }

        #[test]
        fn whatever_else_there_is_makes_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            without_token(&bytes);
        }
    }
}
