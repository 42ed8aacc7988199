//! What the streams of a recorded file lead into, in the words of gst-launch-1.0. PURE.
//!
//! Apart from `pipeline.rs`, whose elements every image has: an image need not play files.

use super::orientation::Direction;
use super::pipeline::{Frames, Timing, branches};
use crate::config::VideoConfig;
use crate::limits::SAMPLE_RATE_HZ;

/// Pieces of sound that may wait.
const SOUND_IN_FLIGHT: u32 = 50;

/// What the sound of a file leads into, to the sink `sound`. Its channels stay as they are.
pub fn sound(timing: Timing) -> String {
    format!(
        "queue name=entrance ! audioconvert ! audioresample \
         ! audio/x-raw,format=S16LE,rate={SAMPLE_RATE_HZ},layout=interleaved \
         ! appsink name=sound {} max-buffers={SOUND_IN_FLIGHT}",
        timing.words()
    )
}

/// What the pictures of a file lead into, upright, to the sinks `clips` and `pictures`.
pub fn pictures(config: &VideoConfig, frames: Frames, encoder: &str, direction: Direction, timing: Timing) -> String {
    let branches = branches(config, frames, Some(encoder), timing);
    format!("queue name=entrance ! videoconvert ! videoflip video-direction={} ! {branches}", direction.name())
}
