//! The bytes of a `listener.toml`, as text editors on any system leave them. PURE.

use super::problem::{Problem, Problems};
use crate::limits::MAX_CONFIG_BYTES;

/// Text from UTF-8 or UTF-16, with or without a byte order mark.
///
/// # Errors
/// When it is no text, or longer than [`MAX_CONFIG_BYTES`].
pub fn decode(bytes: &[u8]) -> Result<String, Problems> {
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err(whole_file(format!(
            "the file is longer than {} KiB; a listener.toml is a few lines of text",
            MAX_CONFIG_BYTES / 1024
        )));
    }
    let (encoding, rest) = Encoding::of(bytes);
    let text = match encoding {
        Encoding::Utf8 => utf_8(rest)?,
        Encoding::Utf16Le => utf_16(rest, u16::from_le_bytes)?,
        Encoding::Utf16Be => utf_16(rest, u16::from_be_bytes)?,
    };
    let of_a_word_processor = ["PK\u{3}\u{4}", "{\\rtf"].iter().any(|start| text.starts_with(start));
    if of_a_word_processor || text.contains('\0') { Err(no_text()) } else { Ok(text) }
}

/// The same without the mark of UTF-8, for who reads it not as TOML.
///
/// # Errors
/// As [`decode`].
pub fn decode_unmarked(bytes: &[u8]) -> Result<String, Problems> {
    decode(bytes).map(|text| text.trim_start_matches('\u{feff}').to_owned())
}

/// How the letters of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// What a file is written in, and what of it comes behind the mark of UTF-16, if it has one.
    fn of(bytes: &[u8]) -> (Self, &[u8]) {
        match bytes {
            [0xFF, 0xFE, rest @ ..] => (Self::Utf16Le, rest),
            [0xFE, 0xFF, rest @ ..] => (Self::Utf16Be, rest),
            // Its first character is one of the Latin alphabet, a # or a [.
            [1..=255, 0, ..] => (Self::Utf16Le, bytes),
            [0, 1..=255, ..] => (Self::Utf16Be, bytes),
            _ => (Self::Utf8, bytes),
        }
    }
}

/// Writes `text` the way that `like` was written.
pub(super) fn encode(text: &str, like: &[u8]) -> Vec<u8> {
    let (encoding, rest) = Encoding::of(like);
    let mark = &like[..like.len() - rest.len()];
    let units = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let letters = match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => units(u16::to_le_bytes),
        Encoding::Utf16Be => units(u16::to_be_bytes),
    };
    [mark, &letters].concat()
}

fn utf_8(bytes: &[u8]) -> Result<String, Problems> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        // Pictures and programs hold a zero soon; text never does.
        if bytes.contains(&0) {
            return no_text();
        }
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let text = "there is a letter that cannot be read; save the file as UTF-8 (Notepad: Save as, Encoding)";
        Problems(vec![Problem { line: Some(line), key: None, text: text.into() }])
    })
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Problems> {
    let (pairs, rest) = bytes.as_chunks();
    let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty()).ok_or_else(no_text)
}

fn no_text() -> Problems {
    whole_file("this is not a text file; write it with a plain text editor such as Notepad, not with a word processor")
}

fn whole_file(text: impl Into<String>) -> Problems {
    Problems(vec![Problem { line: None, key: None, text: text.into() }])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    proptest! {
        #[test]
        fn what_an_editor_saves_is_read_as_it_was_written(text in "[a-z#\\[][ -~äß€\r\n]{0,80}") {
            prop_assert_eq!(&decode(text.as_bytes()).expect("UTF-8"), &text);
            let marked = format!("\u{feff}{text}");
            for bytes in [as_utf_16(&marked, u16::to_le_bytes), as_utf_16(&marked, u16::to_be_bytes)] {
                prop_assert_eq!(&decode(&bytes).expect("UTF-16"), &text);
            }
            for bytes in [as_utf_16(&text, u16::to_le_bytes), as_utf_16(&text, u16::to_be_bytes)] {
                prop_assert_eq!(&decode(&bytes).expect("UTF-16 without a mark"), &text);
            }
        }

        #[test]
        fn whatever_else_there_is_gets_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            match decode(&bytes) {
                Ok(text) => prop_assert!(!text.contains('\0')),
                Err(problems) => prop_assert!(!problems.to_string().is_empty()),
            }
        }
    }
}
