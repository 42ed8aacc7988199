//! What is recorded, and what is known of it: the words that capture, spool and upload share. PURE.

pub mod name;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use name::ItemName;

/// Of the WAV file of an utterance, before its samples, which are 16 kHz mono of 16 bits.
pub const WAV_HEADER_BYTES: usize = 44;

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

    /// Reads a name back.
    pub fn parse(text: &str) -> Option<Self> {
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
    /// The clock was never set before the machine was stopped: placed as well as can be, see [`crate::spool::placement`].
    TimeUncertain,
}

/// An item in the ledger: the number of its row, and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// What kind of item it is.
    pub kind: Kind,
    /// Its row.
    pub row: i64,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.row)
    }
}

/// What the ledger knows of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The item.
    pub item: Item,
    /// The name of its file.
    pub name: ItemName,
    /// What its wall-clock times are worth.
    pub wall: Wall,
    /// How far its delivery has come.
    pub step: Step,
    /// Whether its row may have been posted by a request whose answer never came.
    pub row_unclear: bool,
}

impl Entry {
    /// An item that has just been recorded for this owner, with a file of so many bytes.
    pub fn new(dated: Dated, media_bytes: u64, owner: Option<OwnerTag>) -> Self {
        let name = ItemName::of(&dated, media_bytes, owner);
        let Dated { item, wall, .. } = dated;
        Self { item, name, wall, step: Step::Recorded, row_unclear: false }
    }

    /// The length of its file in bytes.
    pub fn media_bytes(&self) -> u64 {
        self.name.media_bytes()
    }
}

/// For whom something is recorded: it is delivered to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The home, by its number at the API.
    pub home_id: u32,
    /// The address of the API.
    pub api: String,
}

/// An owner in few letters, for the ledger and for the names of files. Names must tell owners apart if the ledger is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerTag(pub u32);

impl Owner {
    /// FNV-1a (draft-eastlake-fnv), since it stays the same in every version of everything.
    pub fn tag(&self) -> OwnerTag {
        let bytes = self.home_id.to_be_bytes().into_iter().chain(self.api.bytes());
        OwnerTag(bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "home {} at {}", self.home_id, self.api)
    }
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
