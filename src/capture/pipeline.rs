//! Pipelines, in the words of gst-launch-1.0. PURE.
//!
//! ```text
//! source ─> thinned to the wanted rate ─> tee ─> decoded and converted as the encoder needs it ─> H.264 ─> clips
//!                                          └──> one frame a second and no other ─> JPEG, if it is none ─> pictures
//! ```

use std::fmt;
use std::time::Duration;

use super::camera::{Choice, PixelSource};
use super::encoder::Encoder;
use super::ladder::Memory;
use crate::config::VideoConfig;

/// Encoded frames that may wait while a clip is being closed: a few seconds' worth.
const ENCODED_IN_FLIGHT: u32 = 120;

/// Pictures that may wait: some seconds' worth.
const PICTURES_IN_FLIGHT: u32 = 8;

/// Where pictures come from, live.
#[derive(Debug, Clone, PartialEq)]
pub enum VideoSource {
    /// A V4L2 camera.
    Camera {
        /// Its device file.
        device: String,
        /// The format it is opened in.
        format: Choice,
    },
    /// The Pi's own camera, which only libcamera can run. It gives any size and rate.
    Libcamera {
        /// Its name there.
        name: String,
    },
    /// GStreamer's moving ball.
    Test,
}

impl fmt::Display for VideoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test => f.write_str("test picture"),
            Self::Libcamera { name } => write!(f, "libcamera, {name}"),
            Self::Camera { device, format: Choice { fourcc, width, height, frame_rate, .. } } => {
                write!(f, "{device}, {fourcc} {width}x{height} at {frame_rate}")
            }
        }
    }
}

impl VideoSource {
    /// The device or name that the element `camera` has to be told as this property.
    pub fn property(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Camera { device, .. } => Some(("device", device)),
            Self::Libcamera { name } => Some(("camera-name", name)),
            Self::Test => None,
        }
    }

    /// What its frames are.
    pub fn frames(&self, config: &VideoConfig) -> Frames {
        match self {
            Self::Camera { format, .. } => {
                Frames { rate: format.frame_rate, are_jpeg: format.source == PixelSource::Mjpeg }
            }
            Self::Libcamera { .. } | Self::Test => Frames { rate: f64::from(config.frame_rate), are_jpeg: false },
        }
    }

    /// Its element, named `camera`, and the caps behind it.
    fn element(&self, config: &VideoConfig, memory: Memory) -> String {
        let VideoConfig { width, height, frame_rate, .. } = config;
        match self {
            Self::Test => format!(
                "videotestsrc name=camera is-live=true pattern=ball \
                 background-color=0xff1d3557 foreground-color=0xffffb703 \
                 ! video/x-raw,format=I420,width={width},height={height},framerate={frame_rate}/1"
            ),
            // Left open, libcamera takes the lowest rate there is, and colours that the encoder's driver does not know.
            Self::Libcamera { .. } => format!(
                "libcamerasrc name=camera ! video/x-raw,format=NV12,width={width},height={height},\
                 framerate={frame_rate}/1,colorimetry=bt709,interlace-mode=progressive"
            ),
            Self::Camera { format, .. } => {
                let Choice { width, height, frame_rate, .. } = format;
                // Cameras say 29.97 in fractions of their own; one of a hundred to either side is the same rate.
                let [least, most] = [0.99, 1.01].map(|factor| (frame_rate * factor * 100.0).round());
                let size = format!("width={width},height={height},framerate=(fraction)[{least}/100,{most}/100]");
                let shared = if memory == Memory::Shared { " io-mode=dmabuf" } else { "" };
                match format.source {
                    PixelSource::Mjpeg => format!("v4l2src name=camera ! image/jpeg,{size}"),
                    PixelSource::Raw => format!("v4l2src name=camera{shared} ! video/x-raw,{size}"),
                }
            }
        }
    }
}

/// What comes out of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frames {
    /// Frames a second.
    pub rate: f64,
    /// Each is a JPEG picture, not pixels.
    pub are_jpeg: bool,
}

/// From a live source to the sinks `clips` and `pictures`. `encoder` is what [`encoder_part`] says; without one there are no clips.
pub fn live(source: &VideoSource, config: &VideoConfig, encoder: Option<&str>, memory: Memory) -> String {
    let branches = branches(config, source.frames(config), encoder, Timing::AtOnce);
    format!("{} ! {branches}", source.element(config, memory))
}

/// When a sink hands out what has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// As soon as it comes.
    AtOnce,
    /// When it is due, by a clock that is so far ahead: what comes earlier than that is handed out at once. No sink waits in its
    /// start for the others: a stream may begin late.
    ByClock {
        /// How far.
        ahead: Duration,
    },
}

impl Timing {
    /// How far the clock is ahead, if there is one.
    pub fn ahead(self) -> Option<Duration> {
        match self {
            Self::AtOnce => None,
            Self::ByClock { ahead } => Some(ahead),
        }
    }

    /// In the properties of a sink.
    pub fn words(self) -> String {
        match self {
            Self::AtOnce => "sync=false".into(),
            Self::ByClock { ahead } => {
                format!("sync=true async=false ts-offset=-{}", ahead.as_nanos().min(i64::MAX as u128))
            }
        }
    }
}

/// What every source of frames leads into. `encoder` is what [`encoder_part`] says. Without one the frames themselves come to the
/// sink `clips`, the latest of them: they show that the camera is alive.
pub fn branches(config: &VideoConfig, frames: Frames, encoder: Option<&str>, timing: Timing) -> String {
    let timing = timing.words();
    // Only where there are too many: of frames whose time stamps were rounded, videorate would take some for surplus.
    let thinned = if frames.rate > f64::from(config.frame_rate) + 0.5 {
        let caps = if frames.are_jpeg { "image/jpeg" } else { "video/x-raw" };
        format!("videorate drop-only=true ! {caps},framerate={}/1 ! ", config.frame_rate)
    } else {
        String::new()
    };
    let decoded = if frames.are_jpeg { "jpegdec ! " } else { "" };
    let picture = if frames.are_jpeg { String::new() } else { format!("{} ! jpegenc ! ", sized(config)) };
    let clips = match encoder {
        Some(encoder) => format!(
            "queue ! {decoded}{encoder} ! h264parse ! video/x-h264,stream-format=avc,alignment=au \
             ! appsink name=clips {timing} max-buffers={ENCODED_IN_FLIGHT}"
        ),
        // A camera has a handful of buffers: none may be kept from it.
        None => format!(
            "queue max-size-buffers=1 leaky=downstream ! identity name=encoder \
             ! appsink name=clips {timing} max-buffers=1 drop=true"
        ),
    };
    format!(
        "{thinned}tee name=frames frames. ! {clips} \
         frames. ! queue name=picture ! {picture}appsink name=pictures {timing} max-buffers={PICTURES_IN_FLIGHT}"
    )
}

/// The encoder with what its frames have to be; nothing is converted that it takes as it is.
pub fn encoder_part(encoder: &Encoder, config: &VideoConfig, frames: Frames, memory: Memory) -> String {
    // The colours of JPEG as the hardware's driver names them; jpegdec names half of them, and that is no match.
    let colours = if encoder.is_hardware() && frames.are_jpeg { ",colorimetry=1:4:7:1" } else { "" };
    let (formats, element) = (encoder.input_formats(), encoder.element(config, memory));
    format!("{},format=(string){formats}{colours} ! {element}", sized(config))
}

/// Pixels in the wanted size.
fn sized(config: &VideoConfig) -> String {
    let VideoConfig { width, height, .. } = config;
    format!("videoscale ! videoconvert ! video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1")
}

/// Pictures as they would be recorded, at the sink `pictures`, which holds the latest.
pub fn snapshot(source: &VideoSource, config: &VideoConfig) -> String {
    let picture =
        if source.frames(config).are_jpeg { String::new() } else { format!("{} ! jpegenc ! ", sized(config)) };
    let element = source.element(config, Memory::Copied);
    format!("{element} ! {picture}appsink name=pictures sync=false max-buffers=1 drop=true")
}

/// How fast an encoder is on this machine: frames as busy as a lively room, as fast as they go.
pub fn trial(config: &VideoConfig, encoder: &str, frames: u32) -> String {
    let VideoConfig { width, height, frame_rate, .. } = config;
    format!(
        "videotestsrc num-buffers={frames} pattern=zone-plate kx2=20 ky2=20 kt=1 \
         ! video/x-raw,format=I420,width={width},height={height},framerate={frame_rate}/1 \
         ! {encoder} ! fakesink name=encoded sync=false"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::encoder::{self, Found, HARDWARE_DRIVER, Hardware, Software, V4l2Encoder};
    use crate::config::RawConfig;

    fn config() -> VideoConfig {
        RawConfig::default().validate().expect("the defaults are good").video
    }

    fn camera(source: PixelSource, fourcc: &str, frame_rate: f64) -> VideoSource {
        let format = Choice { source, fourcc: fourcc.into(), width: 640, height: 480, frame_rate };
        VideoSource::Camera { device: "/dev/video0".into(), format }
    }

    fn on(found: Found) -> Encoder {
        encoder::choose(&found, &config(), Hardware::Allowed).expect("an encoder")
    }

    fn pi() -> Encoder {
        let driver = HARDWARE_DRIVER.into();
        let hardware = V4l2Encoder { element: "v4l2h264enc".into(), device: "/dev/video11".into(), driver };
        on(Found { v4l2: vec![hardware], software: vec![Software::X264] })
    }

    fn described(source: &VideoSource, encoder: &Encoder, memory: Memory) -> String {
        let part = encoder_part(encoder, &config(), source.frames(&config()), memory);
        live(source, &config(), Some(&part), memory)
    }

    fn picture_branch(description: &str) -> &str {
        description.split("name=picture ! ").nth(1).expect("a branch for pictures")
    }

    #[test]
    fn a_cameras_own_jpeg_is_the_picture_and_is_decoded_for_clips_alone() {
        let description = described(&camera(PixelSource::Mjpeg, "MJPG", 30.0), &pi(), Memory::Copied);
        assert!(picture_branch(&description).starts_with("appsink name=pictures"), "{description}");
        assert_eq!(description.matches("jpegdec").count(), 1);
        assert!(!description.contains("jpegenc"));
        let [thinned, tee, decoded] = ["videorate", "tee", "jpegdec"].map(|part| description.find(part));
        assert!(thinned < tee && tee < decoded, "nothing is decoded that is not used: {description}");
    }

    #[test]
    fn pixels_go_into_the_hardware_as_they_are_and_where_they_are() {
        let description = described(&camera(PixelSource::Raw, "YUYV", 24.0), &pi(), Memory::Shared);
        assert!(description.starts_with("v4l2src name=camera io-mode=dmabuf ! video/x-raw"), "{description}");
        assert!(description.contains("{I420,NV12,YUY2,UYVY}") && description.contains("output-io-mode=dmabuf-import"));
        let description = described(&camera(PixelSource::Raw, "YUYV", 24.0), &pi(), Memory::Copied);
        assert!(!description.contains("dmabuf"), "{description}");
    }

    #[test]
    fn the_pis_own_camera_is_told_its_colours_and_its_rate() {
        let source = VideoSource::Libcamera { name: "imx708".into() };
        let description = described(&source, &pi(), Memory::Copied);
        assert!(description.contains("framerate=24/1,colorimetry=bt709"), "{description}");
        assert_eq!(source.property(), Some(("camera-name", "imx708")));
    }

    #[test]
    fn a_snapshot_needs_no_encoder() {
        let description = snapshot(&camera(PixelSource::Mjpeg, "MJPG", 30.0), &config());
        assert!(!description.contains("264") && !description.contains("jpegenc"), "{description}");
        assert!(snapshot(&VideoSource::Test, &config()).contains("jpegenc"));
    }
}
