//! The spool: finished items between capture and upload, and what may be done with them. PURE, but for [`disk`].
//!
//! ```text
//! scratch/   being written; at start, what is whole of a clip is taken up, and the rest removed
//! items/     NAME.wav|mp4|jpg, and NAME.json, its manifest, written last: the item is complete
//! refused/   items that the API will never take, each with the API's answer
//! damaged/   what could not be read back; never deleted, never delivered
//! ```

mod adopt;
mod backlog;
pub mod disk;
pub mod keeper;
pub mod name;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use backlog::Backlog;
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
}

/// What stands beside an item's file, and says that it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The item.
    pub item: Item,
    /// The length of its file in bytes.
    pub media_bytes: u64,
    /// How far its delivery has come.
    pub step: Step,
}

/// What to do with the files found in `items/` at start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Complete: these wait for delivery.
    pub complete: Vec<ItemName>,
    /// File names without a manifest, unfinished: to be removed.
    pub unfinished: Vec<String>,
    /// Names of strangers, and manifests whose item is gone: to be set aside, never delivered.
    pub damaged: Vec<String>,
}

/// Decides what is complete from the names of the files alone (durability rule 1).
pub fn recover(mut files: Vec<String>) -> Recovery {
    files.sort_unstable();
    let mut recovery = Recovery::default();
    for file in &files {
        let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        let Some(name) = ItemName::parse(stem) else {
            recovery.damaged.push(file.clone());
            continue;
        };
        let has = |other: String| files.binary_search(&other).is_ok();
        if ending == "json" {
            if has(name.media()) {
                recovery.complete.push(name);
            } else {
                recovery.damaged.push(file.clone());
            }
        } else if *file != name.media() {
            recovery.damaged.push(file.clone());
        } else if !has(name.manifest()) {
            recovery.unfinished.push(file.clone());
        }
    }
    recovery
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_file_and_manifest_is_complete() {
        let name = |second: i64| {
            let taken = Timestamp::from_second(1_800_000_000 + second).expect("in range");
            ItemName::of(&Item::Picture { uid: Uuid::nil(), taken })
        };
        let recovery = recover(vec![
            name(1).manifest(),
            name(1).media(),
            name(2).media(),
            name(3).manifest(),
            "thumbs.db".into(),
            format!("{}.wav", name(4)),
        ]);
        assert_eq!(recovery.complete, [name(1)]);
        assert_eq!(recovery.unfinished, [name(2).media()]);
        assert_eq!(recovery.damaged, [name(3).manifest(), format!("{}.wav", name(4)), "thumbs.db".into()]);
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
            step: Step::Uploaded,
        };
        let text = serde_json::to_string(&manifest).expect("serialises");
        assert!(text.contains(r#""kind":"utterance""#) && text.contains(r#""step":"uploaded""#), "{text}");
        assert_eq!(serde_json::from_str::<Manifest>(&text).expect("reads back"), manifest);
    }
}
