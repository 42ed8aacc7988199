//! How items are named: in the spool, and for the API. PURE.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime;
use uuid::Uuid;

use super::{Dated, Item, Kind, OwnerTag, Wall};
use crate::limits::DISK_BLOCK_BYTES;

/// What the API puts before every path (api-contract, "What the consumers need" 7).
const API_FOLDER: &str = "Listener";

/// By which clock an item is named in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stamp {
    /// Microseconds since 1970, UTC: the clock was right when it was recorded.
    Utc(i64),
    /// Microseconds since the machine was started: the clock was not set yet. Below zero for a recorded file that is
    /// played as if it ended now.
    Up(i64),
}

/// The name of an item in the spool, without its ending: `clip_20261122T101520.000000Z_0_{uid}_20000_1834022`: kind,
/// start, number, run, length in milliseconds, size of the file in bytes, and the tag of its owner if it has one. Where the clock
/// was not set yet, the start is that since the machine was started: `up0000012.250000`.
///
/// The ledger can be built anew from these names. An item keeps its name for as long as it is here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemName {
    kind: Kind,
    stamp: Stamp,
    index: u32,
    run: Uuid,
    length_ms: u32,
    media_bytes: u64,
    owner: Option<OwnerTag>,
}

impl ItemName {
    /// The name of an item that is recorded now.
    pub fn of(dated: &Dated, media_bytes: u64, owner: Option<OwnerTag>) -> Self {
        let Dated { item, recorded, wall } = dated;
        let index = match item {
            Item::Utterance { index, .. } => *index,
            Item::Clip { .. } | Item::Picture { .. } => 0,
        };
        let stamp = match wall {
            Wall::Known | Wall::TimeUncertain => Stamp::Utc(item.start().as_microsecond()),
            Wall::Provisional => Stamp::Up(recorded.uptime_us),
        };
        let length_ms = item.end().duration_since(item.start()).as_millis().clamp(0, u32::MAX.into()) as u32;
        Self { kind: item.kind(), stamp, index, run: item.uid(), length_ms, media_bytes, owner }
    }

    /// Reads a name back. `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('_');
        let name = Self {
            kind: Kind::parse(fields.next()?)?,
            stamp: Stamp::parse(fields.next()?)?,
            index: fields.next()?.parse().ok()?,
            run: Uuid::try_parse(fields.next()?).ok()?,
            length_ms: fields.next()?.parse().ok()?,
            media_bytes: fields.next()?.parse().ok()?,
            owner: match fields.next() {
                Some(tag) => Some(OwnerTag(u32::from_str_radix(tag, 16).ok()?)),
                None => None,
            },
        };
        // One item has one name.
        (fields.next().is_none() && name.to_string() == text).then_some(name)
    }

    /// By the name of its file. `None` if that is not one of ours.
    pub fn of_file(file: &str) -> Option<Self> {
        let (stem, ending) = file.rsplit_once('.')?;
        Self::parse(stem).filter(|name| name.kind.extension() == ending)
    }

    /// What kind of item it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it begins, by whichever clock it is named.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Its number in its run; 0 for what is not said.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The same, if it does not say whose it is, with this owner.
    pub fn owned_by(&self, owner: Option<OwnerTag>) -> Self {
        Self { owner: self.owner.or(owner), ..self.clone() }
    }

    /// For whom it was recorded, if that was known.
    pub fn owner(&self) -> Option<OwnerTag> {
        self.owner
    }

    /// The run that recorded it.
    pub fn run(&self) -> Uuid {
        self.run
    }

    /// How long it is, in microseconds.
    pub fn length_us(&self) -> i64 {
        i64::from(self.length_ms) * 1_000
    }

    /// What its file takes on the disk, in whole blocks.
    pub fn disk_bytes(&self) -> u64 {
        self.media_bytes.next_multiple_of(DISK_BLOCK_BYTES)
    }

    /// The size of its file.
    pub fn media_bytes(&self) -> u64 {
        self.media_bytes
    }

    /// The item of this name, what its times are worth, and the uptime at its start, in microseconds. If it is named by that,
    /// `offset_us` makes it a time. What the name does not tell is `track_id`.
    pub fn item(&self, offset_us: i64, track_id: String) -> (Item, Wall, i64) {
        let (start_us, wall) = match self.stamp {
            Stamp::Utc(us) => (us, Wall::Known),
            Stamp::Up(us) => (us.saturating_add(offset_us), Wall::Provisional),
        };
        let start = Timestamp::from_microsecond(start_us).unwrap_or_default();
        let end = Timestamp::from_microsecond(start_us.saturating_add(self.length_us())).unwrap_or(start);
        let uid = self.run;
        let item = match self.kind {
            Kind::Utterance => Item::Utterance { uid, index: self.index, start, end, track_id },
            Kind::Clip => Item::Clip { uid, start, end },
            Kind::Picture => Item::Picture { uid, taken: start },
        };
        (item, wall, start_us.saturating_sub(offset_us))
    }

    /// The file name of its sound or picture.
    pub fn media(&self) -> String {
        format!("{self}.{}", self.kind.extension())
    }
}

impl Stamp {
    /// `YYYYmmddTHHMMSS.ffffffZ`, or `up` and seconds with six fraction digits.
    fn parse(text: &str) -> Option<Self> {
        let Some(up) = text.strip_prefix("up") else {
            let stamped = text.len() == 23 && text.as_bytes()[8] == b'T';
            let time: Timestamp = stamped.then(|| text.parse().ok())??;
            return Some(Self::Utc(time.as_microsecond()));
        };
        let (seconds, micros) = up.split_once('.')?;
        let (sign, seconds) = seconds.strip_prefix('-').map_or((1, seconds), |seconds| (-1, seconds));
        let (seconds, micros): (i64, i64) = (seconds.parse().ok()?, micros.parse().ok()?);
        Some(Self::Up(seconds.checked_mul(1_000_000)?.checked_add(micros)?.checked_mul(sign)?))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Utc(us) => {
                let time = Timestamp::from_microsecond(us).unwrap_or_default();
                f.write_str(&strtime::format("%Y%m%dT%H%M%S.%6fZ", time).map_err(|_| fmt::Error)?)
            }
            Self::Up(us) => {
                let (sign, us) = (if us < 0 { "-" } else { "" }, us.unsigned_abs());
                write!(f, "up{sign}{:07}.{:06}", us / 1_000_000, us % 1_000_000)
            }
        }
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, stamp, index, run, length_ms, media_bytes, owner } = self;
        write!(f, "{kind}_{stamp}_{index}_{}_{length_ms}_{media_bytes}", run.simple())?;
        owner.map_or(Ok(()), |OwnerTag(tag)| write!(f, "_{tag:08x}"))
    }
}

/// The name of a clip's file while it is being written: a power cut leaves it behind with its run and its start.
pub fn unfinished_clip(run: Uuid, start: Timestamp) -> String {
    let stamp = Stamp::Utc(start.as_microsecond());
    format!("{}_{stamp}_{}.{}", Kind::Clip, run.simple(), Kind::Clip.extension())
}

/// The run and the start of a clip that was being written, by the name of its file.
pub fn parse_unfinished_clip(file: &str) -> Option<(Uuid, Timestamp)> {
    let (_, rest) = file.split_once('_')?;
    let (stamp, run) = rest.strip_suffix(Kind::Clip.extension())?.strip_suffix('.')?.split_once('_')?;
    let (Stamp::Utc(us), run) = (Stamp::parse(stamp)?, Uuid::try_parse(run).ok()?) else { return None };
    let start = Timestamp::from_microsecond(us).ok()?;
    (unfinished_clip(run, start) == file).then_some((run, start))
}

/// The name of the file of what is being said, while it is: its samples, little-endian.
pub fn unfinished_speech(run: Uuid, index: u32, start: Timestamp) -> String {
    format!("speech_{}_{index}_{}.pcm", Stamp::Utc(start.as_microsecond()), run.simple())
}

/// The run, the number and the start of what was being said, by the name of its file.
pub fn parse_unfinished_speech(file: &str) -> Option<(Uuid, u32, Timestamp)> {
    let mut fields = file.strip_prefix("speech_")?.strip_suffix(".pcm")?.splitn(3, '_');
    let Stamp::Utc(us) = Stamp::parse(fields.next()?)? else { return None };
    let (index, run) = (fields.next()?.parse().ok()?, Uuid::try_parse(fields.next()?).ok()?);
    let start = Timestamp::from_microsecond(us).ok()?;
    (unfinished_speech(run, index, start) == file).then_some((run, index, start))
}

/// The run of a file in the scratch folder, by its name.
pub fn run_of_unfinished(file: &str) -> Option<Uuid> {
    let clip = || parse_unfinished_clip(file).map(|(run, _)| run);
    let speech = || parse_unfinished_speech(file).map(|(run, ..)| run);
    clip().or_else(speech).or_else(|| ItemName::of_file(file).map(|name| name.run()))
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
    api_path_of(&data_path(item))
}

/// Where the API keeps a file that is no recording: no consumer looks there.
pub fn api_path_of(file: &str) -> String {
    format!("{API_FOLDER}/{file}")
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
    use crate::item::Recorded;

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

    fn name(item: Item, wall: Wall) -> ItemName {
        let recorded = Recorded { boot: Uuid::nil(), uptime_us: 12_250_000 };
        ItemName::of(&Dated { item, recorded, wall }, 5000, None)
    }

    #[test]
    fn a_name_is_read_back_and_a_strange_one_is_not() {
        let known = name(utterance(), Wall::Known);
        assert_eq!(
            known.to_string(),
            "utterance_20261122T101518.250000Z_12_0123456789abcdef0123456789abcdef_2749_5000"
        );
        let early = name(utterance(), Wall::Provisional);
        assert_eq!(early.to_string(), "utterance_up0000012.250000_12_0123456789abcdef0123456789abcdef_2749_5000");
        let before = ItemName { stamp: Stamp::Up(-1_500_000), ..early.clone() };
        let owned = ItemName { owner: Some(OwnerTag(0xa1)), ..known.clone() };
        assert!(owned.to_string().ends_with("_5000_000000a1"));
        for name in [known, early, before, owned] {
            assert_eq!(ItemName::parse(&name.to_string()), Some(name));
        }
        let run = "0123456789abcdef0123456789abcdef";
        for strange in [
            "".to_owned(),
            "clip".into(),
            "clip_x_0_y".into(),
            "notes.txt".into(),
            "utterance_20261122T101518.250000Z_12_zz_1_1".into(),
            format!("utterance_20261122T101518.250000Z_12_{run}"),
            format!("utterance_20261199T101518.250000Z_12_{run}_1_1"),
            format!("utterance_20261122T101518.250000Z_012_{run}_1_1"),
            format!("utterance_up12_12_{run}_1_1"),
            format!("utterance_20261122T101518.250000Z_12_{run}_1_1_1"),
            format!("utterance_20261122T101518.250000Z_12_{run}_1_1_000000A1"),
            format!("utterance_20261122T101518.250000Z_12_{run}_1_1_000000a1_1"),
        ] {
            assert_eq!(ItemName::parse(&strange), None, "{strange}");
        }
    }

    #[test]
    fn the_file_of_a_clip_that_is_being_written_tells_its_run_and_its_start_to_the_microsecond() {
        let start = time("2026-11-22T10:15:20.000031Z");
        let file = unfinished_clip(UID, start);
        assert_eq!(parse_unfinished_clip(&file), Some((UID, start)));
        for strange in ["", "clip.mp4", ".tmpAbCdEf", &file.replace("clip", "picture"), &file.replace("mp4", "jpg")] {
            assert_eq!(parse_unfinished_clip(strange), None, "{strange}");
        }
    }

    #[test]
    fn the_file_of_what_is_being_said_tells_its_run_its_number_and_its_start() {
        let start = time("2026-11-22T10:15:18.250001Z");
        let file = unfinished_speech(UID, 7, start);
        assert_eq!(parse_unfinished_speech(&file), Some((UID, 7, start)));
        for strange in ["", "speech_.pcm", ".tmpAbCdEf", &file.replace("_7_", "_07_"), &file.replace("pcm", "wav")] {
            assert_eq!(parse_unfinished_speech(strange), None, "{strange}");
        }
    }

    #[test]
    fn a_name_says_what_the_file_takes_on_the_disk() {
        assert_eq!(name(utterance(), Wall::Known).disk_bytes(), 8192);
    }
}
