//! The spool: finished items between capture and upload, and what may be done with them. PURE, but for [`disk`].
//!
//! ```text
//! scratch/   being written; at start, what is whole of a clip is taken up, and the rest removed
//! items/     NAME.wav|mp4|jpg, and NAME.json, its manifest, written last: the item is complete
//! refused/   items that the API will never take, each with the API's answer
//! damaged/   what could not be read back; never deleted, never delivered
//! runs/      what each run knew of the clock, as long as anything it recorded before the clock was set waits
//! books.json what was dropped in all runs
//! ```

mod adopt;
mod backlog;
pub mod books;
pub mod budget;
pub mod disk;
pub mod keeper;
#[cfg(test)]
mod model;
pub mod name;
pub mod placement;
mod queue;
mod shelf;
pub mod survey;
pub mod wall;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use backlog::{Amount, Backlog, Placed, Sacrifice, Want};
pub use disk::{Spool, SpoolError};
pub use keeper::{Keeper, Recording};
pub use name::ItemName;

use crate::limits;

/// What is recorded. The order is that of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something said, as WAV: someone waits for the answer.
    Utterance,
    /// A stretch of video, as MP4.
    Clip,
    /// One picture of a second, as JPEG.
    Picture,
}

impl Kind {
    /// All kinds, most urgent first.
    pub const ALL: [Self; 3] = [Self::Utterance, Self::Clip, Self::Picture];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == text)
    }

    /// The ending of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Utterance => "wav",
            Self::Clip => "mp4",
            Self::Picture => "jpg",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Utterance => "audio/wav",
            Self::Clip => "video/mp4",
            Self::Picture => "image/jpeg",
        }
    }

    /// How much space must be free for one more of it. Deliveries write their progress, so a disk that is quite full
    /// could never be emptied again; and speech is worth more than clips, clips more than pictures.
    pub fn reserve_bytes(self) -> u64 {
        match self {
            Self::Utterance => limits::SPEECH_RESERVE_BYTES,
            Self::Clip => limits::CLIP_RESERVE_BYTES,
            Self::Picture => limits::PICTURE_RESERVE_BYTES,
        }
    }
}

/// Some of the kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds([bool; Kind::ALL.len()]);

impl Kinds {
    /// One more.
    pub fn insert(&mut self, kind: Kind) {
        self.0[kind as usize] = true;
    }

    /// Whether it is one of them.
    pub fn contains(self, kind: Kind) -> bool {
        self.0[kind as usize]
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.into_iter().filter(|is_in| *is_in).count()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utterance => "utterance",
            Self::Clip => "clip",
            Self::Picture => "picture",
        })
    }
}

/// One recorded item. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Item {
    /// Something said, by the bounds of the sound itself.
    Utterance {
        /// The run that recorded it.
        uid: Uuid,
        /// Counts within the run, from 0.
        index: u32,
        /// When its first sample was taken.
        start: Timestamp,
        /// When its last sample was over.
        end: Timestamp,
        /// What its row and its task have in common: `T-{cluster}-{32 hex digits}`.
        track_id: String,
    },
    /// A stretch of video within one minute.
    Clip {
        /// The run that recorded it.
        uid: Uuid,
        /// When its first frame was taken.
        start: Timestamp,
        /// When its last frame was over.
        end: Timestamp,
    },
    /// The picture of a second.
    Picture {
        /// The run that recorded it.
        uid: Uuid,
        /// When it was taken.
        taken: Timestamp,
    },
}

impl Item {
    /// What kind of item it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Utterance { .. } => Kind::Utterance,
            Self::Clip { .. } => Kind::Clip,
            Self::Picture { .. } => Kind::Picture,
        }
    }

    /// The run that recorded it.
    pub fn uid(&self) -> Uuid {
        match self {
            Self::Utterance { uid, .. } | Self::Clip { uid, .. } | Self::Picture { uid, .. } => *uid,
        }
    }

    /// When it begins.
    pub fn start(&self) -> Timestamp {
        match self {
            Self::Utterance { start, .. } | Self::Clip { start, .. } => *start,
            Self::Picture { taken, .. } => *taken,
        }
    }

    /// When it ends; a picture ends when it was taken.
    pub fn end(&self) -> Timestamp {
        match self {
            Self::Utterance { end, .. } | Self::Clip { end, .. } => *end,
            Self::Picture { taken, .. } => *taken,
        }
    }

    /// Gives an utterance the track id that it would have in this cluster; says whether that is another one
    /// (api-contract, "What the consumers need" 8: `T-{cluster}-{32 hex digits}`).
    pub fn move_to_cluster(&mut self, cluster: &str) -> bool {
        let Self::Utterance { track_id, .. } = self else { return false };
        let moved = track_id.rsplit_once('-').filter(|_| track_id.starts_with("T-"));
        let moved = moved.map(|(_, number)| format!("T-{cluster}-{number}")).filter(|moved| moved != track_id);
        moved.map(|moved| *track_id = moved).is_some()
    }

    /// The same, begun at another time.
    pub fn at(mut self, time: Timestamp) -> Self {
        let length = self.end().duration_since(self.start());
        match &mut self {
            Self::Utterance { start, end, .. } | Self::Clip { start, end, .. } => {
                (*start, *end) = (time, time.checked_add(length).unwrap_or(Timestamp::MAX));
            }
            Self::Picture { taken, .. } => *taken = time,
        }
        self
    }
}

/// The last step of a delivery that the API has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// None yet.
    Recorded,
    /// The file is in place.
    Uploaded,
    /// Its row is there.
    RowPosted,
    /// All of it is sent, and a row whose answer never came may still come: whether there is a second is looked at later.
    Sent,
}

/// When an item begins by the clock that no one sets: `CLOCK_BOOTTIME`, see [`crate::clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Which start of the machine it is counted from.
    pub boot: Uuid,
    /// Microseconds since then.
    pub uptime_us: i64,
}

/// How good an item's wall-clock times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wall {
    /// The clock was right, or they have been put right.
    #[default]
    Known,
    /// The clock was not set yet. Not to be delivered like this.
    Provisional,
    /// The clock was never set before the machine was stopped: placed as well as can be, see [`placement`].
    TimeUncertain,
}

/// What stands beside an item's file, and says that it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The item.
    pub item: Item,
    /// The length of its file in bytes.
    pub media_bytes: u64,
    /// When it was recorded, whatever the wall clock said.
    pub recorded: Recorded,
    /// What the wall clock said is worth.
    pub wall: Wall,
    /// How far its delivery has come.
    pub step: Step,
    /// Whether its row may have been posted by a request whose answer never came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_unclear: bool,
}

/// An item whose times have been held against the clocks: ready to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The item.
    pub item: Item,
    /// When it was recorded, whatever the wall clock said.
    pub recorded: Recorded,
    /// What the wall clock said is worth.
    pub wall: Wall,
}

impl Dated {
    /// An item whose times are right, and of which nothing else is known.
    pub fn known(item: Item) -> Self {
        Self { item, recorded: Recorded { boot: Uuid::nil(), uptime_us: 0 }, wall: Wall::Known }
    }
}

/// The files of a folder of items, by their names alone.
#[derive(Debug, Default)]
pub struct Listing {
    manifests: Vec<ItemName>,
    media: Vec<ItemName>,
    strange: Vec<String>,
}

/// What to do with the files found in `items/` at start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Complete: these wait for delivery.
    pub complete: Vec<ItemName>,
    /// Manifests without their file, which may be in another folder.
    pub bereft: Vec<ItemName>,
    /// Names of files without a manifest, unfinished: to be removed.
    pub unfinished: Vec<String>,
    /// Names of strangers: to be set aside, never delivered.
    pub damaged: Vec<String>,
}

impl Listing {
    /// One file more.
    pub fn add(&mut self, file: &str) {
        let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        match ItemName::parse(stem) {
            Some(name) if ending == "json" => self.manifests.push(name),
            Some(name) if ending == name.kind().extension() => self.media.push(name),
            _ => self.strange.push(file.into()),
        }
    }

    /// Decides what is complete (durability rule 1).
    pub fn sort_out(mut self) -> Recovery {
        self.manifests.sort_unstable();
        self.media.sort_unstable();
        let is_in = |names: &[ItemName], name: &ItemName| names.binary_search(name).is_ok();
        let unfinished = self.media.iter().filter(|name| !is_in(&self.manifests, name)).map(ItemName::media).collect();
        let (complete, bereft) = self.manifests.into_iter().partition(|name| is_in(&self.media, name));
        Recovery { complete, bereft, unfinished, damaged: self.strange }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(second: i64) -> ItemName {
        let taken = Timestamp::from_second(1_800_000_000 + second).expect("in range");
        let item = Item::Picture { uid: Uuid::nil(), taken };
        let recorded = Recorded { boot: Uuid::nil(), uptime_us: 0 };
        ItemName::of(&Manifest {
            item,
            media_bytes: 7,
            recorded,
            wall: Wall::Known,
            step: Step::Recorded,
            row_unclear: false,
        })
    }

    #[test]
    fn only_what_has_file_and_manifest_is_complete() {
        let mut listing = Listing::default();
        let wav = format!("{}.wav", picture(4));
        for file in [
            &picture(1).manifest(),
            &picture(1).media(),
            &picture(2).media(),
            &picture(3).manifest(),
            "thumbs.db",
            &wav,
        ] {
            listing.add(file);
        }
        let recovery = listing.sort_out();
        assert_eq!((recovery.complete, recovery.bereft), (vec![picture(1)], vec![picture(3)]));
        assert_eq!((recovery.unfinished, recovery.damaged), (vec![picture(2).media()], vec!["thumbs.db".into(), wav]));
    }

    #[test]
    fn a_manifest_keeps_microseconds_and_reads_back() {
        let manifest = Manifest {
            item: Item::Utterance {
                uid: Uuid::nil(),
                index: 3,
                start: "2026-11-22T10:15:18.250001Z".parse().expect("a time"),
                end: "2026-11-22T10:15:20Z".parse().expect("a time"),
                track_id: "T-CLUSTER-00".into(),
            },
            media_bytes: 44,
            recorded: Recorded { boot: Uuid::nil(), uptime_us: 12 },
            wall: Wall::TimeUncertain,
            step: Step::Uploaded,
            row_unclear: true,
        };
        let text = serde_json::to_string(&manifest).expect("serialises");
        for expected in [r#""kind":"utterance""#, r#""step":"uploaded""#, r#""wall":"time_uncertain""#] {
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(serde_json::from_str::<Manifest>(&text).expect("reads back"), manifest);
    }
}
