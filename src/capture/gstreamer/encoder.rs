//! Which H.264 encoder, and how it is asked.

use gstreamer as gst;

use crate::capture::SourceError;
use crate::config::VideoConfig;

/// About 1.1 Mbit/s at 640x480 and 24 frames a second: 3 MB a clip, and faces stay recognisable.
const MILLIBITS_PER_PIXEL: u64 = 150;

/// The hardware takes its bit rate in these steps (bcm2835-codec).
const BIT_RATE_STEP: u64 = 25_000;

/// In order of preference: the Pi's hardware costs next to no processor time.
const ENCODERS: [&str; 3] = ["v4l2h264enc", "x264enc", "openh264enc"];

/// The encoders that are installed, best first.
pub fn encoders() -> Vec<&'static str> {
    ENCODERS.into_iter().filter(|name| gst::ElementFactory::find(name).is_some()).collect()
}

/// The best encoder as a part of a pipeline description: raw I420 in, H.264 out, a key frame a second at least, no
/// frame that refers to a later one.
pub fn description(video: &VideoConfig) -> Result<String, SourceError> {
    let pixels_per_s = u64::from(video.width) * u64::from(video.height) * u64::from(video.frame_rate);
    let bit_rate = (pixels_per_s * MILLIBITS_PER_PIXEL / 1000).next_multiple_of(BIT_RATE_STEP);
    let (kilobit_rate, rate) = (bit_rate / 1000, video.frame_rate);
    match encoders().first() {
        // The level must stand in the caps: left out, the driver takes level 1. An I period of 1 hangs it.
        Some(&"v4l2h264enc") => Ok(format!(
            "v4l2h264enc name=encoder extra-controls=\"controls,repeat_sequence_header=1,video_bitrate={bit_rate},\
             h264_i_frame_period={}\" ! video/x-h264,profile=(string)high,level=(string)4",
            rate.max(2)
        )),
        Some(&"x264enc") => Ok(format!(
            "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={kilobit_rate} key-int-max={rate}"
        )),
        Some(&"openh264enc") => {
            Ok(format!("openh264enc name=encoder complexity=low bitrate={bit_rate} gop-size={rate}"))
        }
        _ => Err(SourceError(
            "no H.264 encoder is installed; install GStreamer's ugly plugins (x264enc) or bad plugins (openh264enc)"
                .into(),
        )),
    }
}
