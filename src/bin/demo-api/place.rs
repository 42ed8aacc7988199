//! What a `dest_path` means: where it may be written, and which part of the contract it belongs to. Pure.

use jiff::Timestamp;

use crate::times;

/// The part of the data that a file belongs to.
#[derive(Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// `Listener/audio/{uid}/{file}`
    Audio { uid: &'a str, file: &'a str },
    /// `Listener/videos/{uid}/{file}`
    Clip { uid: &'a str, file: &'a str },
    /// `Listener/videos/{uid}/frames/{minute}/{file}`
    Frame { minute: &'a str, file: &'a str },
    /// What `listener check` leaves; no consumer looks there.
    Check,
    /// Anywhere else: no consumer looks there.
    Stray,
}

/// Says where a stored path belongs.
pub fn place(dest_path: &str) -> Place<'_> {
    let parts: Vec<&str> = dest_path.split('/').collect();
    match parts.as_slice() {
        ["Listener", "audio", uid, file] => Place::Audio { uid, file },
        ["Listener", "videos", uid, file] => Place::Clip { uid, file },
        ["Listener", "videos", _, "frames", minute, file] => Place::Frame { minute, file },
        ["Listener", "listener-check.txt"] => Place::Check,
        _ => Place::Stray,
    }
}

/// The second of the minute and the instant of a frame, if it is named `{YYYY-MM-DD_HH-MM}/{0..59}.jpg`.
pub fn frame_instant(minute: &str, file: &str) -> Option<(i64, Timestamp)> {
    let second: i64 = file.strip_suffix(".jpg")?.parse().ok()?;
    let named_so = (0..60).contains(&second) && file == format!("{second}.jpg");
    let start = times::parse_dashed(minute).filter(|_| minute.len() == 16)?;
    let at = Timestamp::from_second(start.as_second() + second).ok()?;
    named_so.then_some((second, at))
}

/// The instant in a clip's name, if it is named `{YYYY-MM-DD_HH-MM-SS}.mp4`.
pub fn clip_instant(file: &str) -> Option<Timestamp> {
    let stem = file.strip_suffix(".mp4")?;
    times::parse_dashed(stem).filter(|_| stem.len() == 19)
}

/// The index and the instant in an utterance's name, if it is named `{index}-{YYYYmmddHHMMSS}.wav`.
pub fn utterance_instant(file: &str) -> Option<(i64, Timestamp)> {
    let (index, stamp) = file.strip_suffix(".wav")?.split_once('-')?;
    Some((index.parse().ok()?, times::parse_stamp(stamp)?))
}

/// Where an utterance's file must be.
pub fn audio_path(uid: &str, file: &str) -> String {
    format!("Listener/audio/{uid}/{file}")
}

/// Where a clip's file must be.
pub fn clip_path(uid: &str, file: &str) -> String {
    format!("Listener/videos/{uid}/{file}")
}

/// Whether joining this path to a folder stays inside that folder, and names a file.
pub fn is_safe(dest_path: &str) -> bool {
    dest_path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_folder_or_names_no_file_is_not_safe() {
        for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "a/", "./a", "", "a\\..\\b", "a\0b"] {
            assert!(!is_safe(path), "{path}");
        }
        assert!(is_safe("Listener/audio/u/0-20240501090807.wav"));
    }

    #[test]
    fn only_the_contracts_names_have_an_instant() {
        assert!(frame_instant("2024-05-01_09-08", "59.jpg").is_some());
        for file in ["60.jpg", "05.jpg", "5.jpg.tmp", "+5.jpg", "x.jpg"] {
            assert_eq!(frame_instant("2024-05-01_09-08", file), None, "{file}");
        }
        assert_eq!(frame_instant("2024-05-01_09-08-07", "5.jpg"), None);
        assert!(clip_instant("2024-05-01_09-08-40.mp4").is_some());
        assert_eq!(clip_instant("2024-05-01_09-08.mp4"), None);
        assert!(utterance_instant("3-20240501090807.wav").is_some());
    }
}
