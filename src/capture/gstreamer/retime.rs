//! Decoded streams on one time line that only goes forward, and refused where they are not what can be played.

#![expect(clippy::disallowed_types, reason = "EDGE: GStreamer, and what its threads share")]

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;

use super::decoder::Shared;
use crate::capture::retime::{Kind, Stream};
use crate::limits::{FILE_CHANNELS, FILE_PICTURE_PX, FILE_RATE_HZ};

/// The times by which a stream's pieces are put in their place.
struct Line {
    stream: Stream,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
}

/// Puts every piece that arrives at a pad in its place.
pub(super) fn attach(pad: &gst::Pad, kind: Kind, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let line = Mutex::new(Line { stream: Stream::new(kind), segment: None });
    let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(types, move |_, info| {
        let mut line = line.lock().expect("no panic while held");
        let is_wanted = match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => place(buffer, &mut line, &shared),
            Some(gst::PadProbeData::Event(event)) => pass(event, &mut line, &shared),
            _ => true,
        };
        if is_wanted {
            return gst::PadProbeReturn::Ok;
        }
        // Taken and dropped here: the bindings hand GStreamer 1.22 a null to free when told `Drop`.
        drop(info.data.take());
        gst::PadProbeReturn::Handled
    });
}

/// Whether the piece is part of the stream: what comes before its start is only there to begin decoding with.
fn place(buffer: &mut gst::Buffer, line: &mut Line, shared: &Shared) -> bool {
    let Line { stream, segment } = line;
    let said = match (buffer.pts(), segment) {
        (Some(pts), Some(segment)) => match segment.to_running_time(pts) {
            Some(running) => Some(running.into()),
            None => return false,
        },
        _ => None,
    };
    let length = buffer.duration().map_or(Duration::ZERO, Into::into);
    let at = shared.times.lock().expect("no panic while held").place(stream, said, length);
    let buffer = buffer.make_mut();
    buffer.set_pts(gst::ClockTime::try_from(at).ok());
    buffer.set_dts(gst::ClockTime::NONE);
    shared.arrivals.fetch_add(1, Ordering::Relaxed);
    true
}

/// Whether the event is for those behind.
fn pass(event: &mut gst::Event, line: &mut Line, shared: &Shared) -> bool {
    match event.view() {
        gst::EventView::Segment(said) => {
            line.segment = said.segment().downcast_ref::<gst::ClockTime>().cloned();
            let whole = gst::FormattedSegment::<gst::ClockTime>::new();
            let seqnum = event.seqnum();
            *event = gst::event::Segment::builder(&whole).seqnum(seqnum).build();
        }
        gst::EventView::Caps(said) => match judged(said.caps_owned()) {
            Ok(caps) => *event = gst::event::Caps::new(&caps),
            Err(why) => {
                shared.refuse(why);
                return false;
            }
        },
        // Its times are those of the file.
        gst::EventView::Gap(_) => return false,
        gst::EventView::Eos(_) => {
            shared.arrivals.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }
    true
}

/// The caps, as they can be played. More than two channels without places are no good caps, but plain WAV files have them: they are
/// told apart by what is in them.
pub(super) fn judged(mut caps: gst::Caps) -> Result<gst::Caps, String> {
    let Some(one) = caps.structure(0) else { return Ok(caps) };
    let number = |field: &str| one.get::<i32>(field).ok();
    if one.name() == "audio/x-raw" {
        if let Some(rate) = number("rate").filter(|rate| !FILE_RATE_HZ.contains(rate)) {
            return Err(format!(
                "it says that its sound has {} samples a second, which cannot be",
                rate.cast_unsigned()
            ));
        }
        let channels = number("channels").unwrap_or(1);
        if !FILE_CHANNELS.contains(&channels) {
            return Err(format!("its sound has {channels} channels; at most {} are taken", FILE_CHANNELS.end()));
        }
        if channels > 2 && !one.has_field("channel-mask") {
            caps.make_mut().set("channel-mask", gst::Bitmask::new(0));
        }
    } else if let (Some(width), Some(height)) = (number("width"), number("height"))
        && !(FILE_PICTURE_PX.contains(&width) && FILE_PICTURE_PX.contains(&height))
    {
        return Err(format!(
            "its pictures have {width}x{height} pixels; at most {} to a side are taken",
            FILE_PICTURE_PX.end()
        ));
    }
    Ok(caps)
}
