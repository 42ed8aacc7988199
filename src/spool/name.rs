//! How items are named: in the spool, and for the API. PURE.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{Item, Kind};

/// What the API puts before every path (api-contract, "What the consumers need" 7).
const API_FOLDER: &str = "Listener";

/// The name of an item in the spool, without its ending: `clip_20261122T101520.000000Z_0_{uid}`.
///
/// It sorts by urgency: speech before clips before pictures, and the oldest first within a kind. So a folder's
/// listing alone is enough to know what waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemName {
    kind: Kind,
    text: Box<str>,
}

impl ItemName {
    /// The name of this item.
    pub fn of(item: &Item) -> Self {
        let index = match item {
            Item::Utterance { index, .. } => *index,
            Item::Clip { .. } | Item::Picture { .. } => 0,
        };
        let text = format!(
            "{}_{}_{index}_{}",
            item.kind(),
            strtime::format("%Y%m%dT%H%M%S.%6fZ", item.start()).expect("a constant format of a UTC time"),
            item.uid().simple()
        );
        Self { kind: item.kind(), text: text.into() }
    }

    /// Reads a name back. `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('_');
        let kind = Kind::parse(fields.next()?)?;
        let stamp = fields.next()?;
        let stamped = stamp.len() == 23 && stamp.as_bytes()[8] == b'T' && stamp.ends_with('Z');
        let index: Option<u32> = fields.next()?.parse().ok();
        let uid = Uuid::try_parse(fields.next()?).ok();
        (stamped && index.is_some() && uid.is_some() && fields.next().is_none())
            .then(|| Self { kind, text: text.into() })
    }

    /// The run and the start of a clip, by its name alone.
    pub fn clip(&self) -> Option<(Uuid, Timestamp)> {
        let mut fields = self.text.split('_').skip(1);
        let (stamp, uid) = (fields.next()?, fields.nth(1)?);
        let start = DateTime::strptime("%Y%m%dT%H%M%S.%fZ", stamp).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some((Uuid::try_parse(uid).ok()?, start)).filter(|_| self.kind == Kind::Clip)
    }

    /// What kind of item it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The file name of its manifest.
    pub fn manifest(&self) -> String {
        format!("{}.json", self.text)
    }

    /// The file name of its sound or picture.
    pub fn media(&self) -> String {
        format!("{}.{}", self.text, self.kind.extension())
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The file's own name, as the rows of the API give it: `{index}-{YYYYmmddHHMMSS of the end}.wav`,
/// `{YYYY-MM-DD_HH-MM-SS of the start}.mp4`, `{second}.jpg` (api-contract, "What the consumers need" 1, 5, 6).
pub fn api_file(item: &Item) -> String {
    let at = |format, time: Timestamp| strtime::format(format, time).expect("a constant format of a UTC time");
    match item {
        Item::Utterance { index, end, .. } => format!("{index}-{}.wav", at("%Y%m%d%H%M%S", *end)),
        Item::Clip { start, .. } => format!("{}.mp4", at("%Y-%m-%d_%H-%M-%S", *start)),
        Item::Picture { taken, .. } => format!("{}.jpg", at("%-S", *taken)),
    }
}

/// Where the API keeps the file: `Listener/` and [`data_path`].
pub fn api_path(item: &Item) -> String {
    format!("{API_FOLDER}/{}", data_path(item))
}

/// The file's path in the data folder (api-contract, "What the consumers need" 1, 5 and 6).
pub fn data_path(item: &Item) -> String {
    let (uid, file) = (item.uid(), api_file(item));
    match item {
        Item::Utterance { .. } => format!("audio/{uid}/{file}"),
        Item::Clip { .. } => format!("videos/{uid}/{file}"),
        Item::Picture { taken, .. } => {
            let minute = strtime::format("%Y-%m-%d_%H-%M", *taken).expect("a constant format of a UTC time");
            format!("videos/{uid}/frames/{minute}/{file}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn utterance() -> Item {
        Item::Utterance {
            uid: UID,
            index: 12,
            start: time("2026-11-22T10:15:18.25Z"),
            end: time("2026-11-22T10:15:20.999999Z"),
            track_id: "T".into(),
        }
    }

    #[test]
    fn files_are_named_as_the_consumers_of_the_api_look_for_them() {
        let clip = Item::Clip { uid: UID, start: time("2026-11-22T10:15:20.03Z"), end: time("2026-11-22T10:15:40Z") };
        let picture = Item::Picture { uid: UID, taken: time("2026-11-22T10:15:07.9Z") };
        assert_eq!(api_path(&utterance()), "Listener/audio/01234567-89ab-cdef-0123-456789abcdef/12-20261122101520.wav");
        assert_eq!(api_path(&clip), "Listener/videos/01234567-89ab-cdef-0123-456789abcdef/2026-11-22_10-15-20.mp4");
        assert_eq!(
            api_path(&picture),
            "Listener/videos/01234567-89ab-cdef-0123-456789abcdef/frames/2026-11-22_10-15/7.jpg"
        );
    }

    #[test]
    fn a_name_is_read_back_and_a_strange_one_is_not() {
        let name = ItemName::of(&utterance());
        assert_eq!(name.to_string(), "utterance_20261122T101518.250000Z_12_0123456789abcdef0123456789abcdef");
        assert_eq!(ItemName::parse(&name.to_string()), Some(name));
        for strange in ["", "clip", "clip_x_0_y", "notes.txt", "utterance_20261122T101518.250000Z_12_zz"] {
            assert_eq!(ItemName::parse(strange), None, "{strange}");
        }
    }

    #[test]
    fn a_clips_name_tells_its_run_and_its_start_to_the_microsecond() {
        let start = time("2026-11-22T10:15:20.000031Z");
        let name = ItemName::of(&Item::Clip { uid: UID, start, end: start });
        assert_eq!(name.clip(), Some((UID, start)));
        assert_eq!(ItemName::of(&utterance()).clip(), None);
    }

    #[test]
    fn names_sort_speech_first_and_then_by_age() {
        let clip = |second| {
            ItemName::of(&Item::Clip {
                uid: UID,
                start: Timestamp::from_second(second).expect("in range"),
                end: Timestamp::from_second(second + 20).expect("in range"),
            })
        };
        let picture = ItemName::of(&Item::Picture { uid: UID, taken: Timestamp::from_second(1).expect("in range") });
        let mut names = vec![picture.clone(), clip(1_000_000_020), clip(1_000_000_000), ItemName::of(&utterance())];
        names.sort();
        assert_eq!(names, [ItemName::of(&utterance()), clip(1_000_000_000), clip(1_000_000_020), picture]);
    }
}
