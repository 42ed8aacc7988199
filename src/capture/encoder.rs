//! Which H.264 encoder is used, why, and how it is asked. PURE.
//!
//! What the Pi's encoder takes and what hangs it is from the driver (`bcm2835-v4l2-codec.c` of the Raspberry Pi kernel)
//! and from its users' reports (github.com/raspberrypi/linux, issues 3974 and 4906).

use std::fmt;

use super::SourceError;
use super::ladder::Memory;
use crate::config::VideoConfig;
use crate::limits::{HARDWARE_HEIGHT_PX, HARDWARE_MACROBLOCKS_PER_S, HARDWARE_WIDTH_PX, macroblocks_per_s};

/// The driver of the Pi's encoder. Which `/dev/video…` it has depends on what else is plugged in.
pub const HARDWARE_DRIVER: &str = "bcm2835-codec";

/// About 1.1 Mbit/s at 640x480 and 24 frames a second: 3 MB a clip, and faces stay recognisable.
const MILLIBITS_PER_PIXEL: u64 = 150;

/// The hardware takes its bit rate in these steps, bits a second.
const BIT_RATE_STEP: u64 = 25_000;

/// From the lowest to the highest bit rate of the hardware, bits a second.
const BIT_RATES: std::ops::RangeInclusive<u64> = BIT_RATE_STEP..=25_000_000;

/// At the highest bit rate and fewer frames a second than this the hardware hangs.
const LEAST_RATE_AT_MOST_BITS: u32 = 9;

/// The encoders of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Those of V4L2, each with what its device says of itself.
    pub v4l2: Vec<V4l2Encoder>,
    /// The names of those in software, the cheapest first.
    pub software: Vec<Software>,
}

/// An encoder behind a V4L2 device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V4l2Encoder {
    /// The name of GStreamer's element: `v4l2h264enc` for the first one, `v4l2video12h264enc` and the like for others.
    pub element: String,
    /// The device file that it opens.
    pub device: String,
    /// The device's driver.
    pub driver: String,
}

/// An encoder in software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// `x264enc`
    X264,
    /// `openh264enc`
    OpenH264,
}

impl Software {
    /// The best one first.
    pub const ALL: [Self; 2] = [Self::X264, Self::OpenH264];

    /// The name of GStreamer's element.
    pub fn element(self) -> &'static str {
        match self {
            Self::X264 => "x264enc",
            Self::OpenH264 => "openh264enc",
        }
    }
}

/// What encodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// The Pi's hardware.
    Hardware(V4l2Encoder, Settings),
    /// The processor.
    Software(Software),
}

/// The encoder that was chosen; shown, it is one line with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// What encodes.
    pub engine: Engine,
    /// Why not the hardware; empty if it is.
    pub reason: String,
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.engine {
            Engine::Hardware(V4l2Encoder { element, device, driver }, _) => {
                write!(f, "{element}, in hardware ({device}, {driver})")
            }
            Engine::Software(software) => write!(f, "{}, in software: {}", software.element(), self.reason),
        }
    }
}

/// Whether the hardware may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// Where it is there and can do it.
    Allowed,
    /// It has failed.
    Failed,
}

/// Takes the hardware where it is there and can do what is wanted, else the best one in software.
///
/// # Errors
/// When there is none; says what to install.
pub fn choose(found: &Found, video: &VideoConfig, hardware: Hardware) -> Result<Encoder, SourceError> {
    let reason = match on_hardware(found, video, hardware) {
        Ok(engine) => return Ok(Encoder { engine, reason: String::new() }),
        Err(reason) => reason,
    };
    match found.software.first() {
        Some(software) => Ok(Encoder { engine: Engine::Software(*software), reason }),
        None => Err(SourceError(format!(
            "no H.264 encoder: {reason}; install GStreamer's ugly plugins (x264enc) or bad plugins (openh264enc)"
        ))),
    }
}

fn on_hardware(found: &Found, video: &VideoConfig, hardware: Hardware) -> Result<Engine, String> {
    let Some(encoder) = found.v4l2.iter().find(|encoder| encoder.driver == HARDWARE_DRIVER) else {
        let others: Vec<_> = found.v4l2.iter().map(|other| format!("{} has {}", other.device, other.driver)).collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        return Err(format!("no hardware encoder {HARDWARE_DRIVER}{others}"));
    };
    if hardware == Hardware::Failed {
        return Err(format!("the hardware encoder {} has failed", encoder.device));
    }
    let settings = Settings::of(video);
    match settings.obstacle() {
        Some(obstacle) => Err(obstacle),
        None => Ok(Engine::Hardware(encoder.clone(), settings)),
    }
}

/// How the hardware controls its bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateControl {
    /// `V4L2_MPEG_VIDEO_BITRATE_MODE_VBR`
    Variable,
    /// `V4L2_MPEG_VIDEO_BITRATE_MODE_CBR`
    Constant,
}

/// A profile of H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Main
    Main,
    /// High
    High,
}

/// Levels of H.264 (ITU-T H.264, table A-1), as far as they matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the driver takes when the caps do not say.
    One,
    /// VGA at 30 frames a second needs this at least.
    Three,
    /// Up to 1080p at 30, all that the hardware does.
    Four,
}

/// What the hardware is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: u32,
    /// Bits a second.
    pub bit_rate: u64,
    /// Frames from one I frame to the next. Each is an IDR frame, and only there can a clip begin.
    pub i_period: u32,
    /// Frames in a clip.
    pub clip_frames: u32,
    /// Stands in the caps behind the encoder.
    pub profile: Profile,
    /// Stands in the caps behind the encoder.
    pub level: Level,
    /// How the bit rate is kept.
    pub rate_control: RateControl,
}

impl Settings {
    /// For these pictures.
    pub fn of(video: &VideoConfig) -> Self {
        let VideoConfig { width, height, frame_rate, video_length_s, .. } = *video;
        let clip_frames = video_length_s * frame_rate;
        // One a second; where that would be every frame, the next longer period that clips are a multiple of.
        let i_period = (frame_rate.max(2)..=clip_frames).find(|period| clip_frames.is_multiple_of(*period));
        Self {
            width,
            height,
            frame_rate,
            bit_rate: bit_rate(video),
            i_period: i_period.unwrap_or(1),
            clip_frames,
            profile: Profile::High,
            level: Level::Four,
            rate_control: RateControl::Variable,
        }
    }

    /// Why the hardware must not be asked for this: it would refuse, hang, or give clips that begin at a wrong time.
    pub fn obstacle(&self) -> Option<String> {
        let Self { width, height, frame_rate, bit_rate, i_period, .. } = *self;
        let is_hd = height > 720;
        if width > HARDWARE_WIDTH_PX || height > HARDWARE_HEIGHT_PX {
            Some(format!(
                "the hardware encoder takes up to {HARDWARE_WIDTH_PX}x{HARDWARE_HEIGHT_PX} pixels, not {width}x{height}"
            ))
        } else if macroblocks_per_s(width, height, frame_rate) > HARDWARE_MACROBLOCKS_PER_S {
            Some(format!("the hardware encoder is too slow for {width}x{height} at {frame_rate} frames a second"))
        } else if self.level < self.least_level() {
            Some(format!("the hardware encoder fails at {width}x{height} unless the level is higher"))
        } else if i_period < 2 {
            Some("the hardware encoder hangs when every frame is an I frame; choose longer clips or more frames".into())
        } else if !self.clip_frames.is_multiple_of(i_period) {
            Some(format!("clips of {} frames cannot begin at I frames {i_period} apart", self.clip_frames))
        } else if is_hd && self.profile == Profile::Main && self.rate_control == RateControl::Constant {
            Some("the hardware encoder times out at 1080p with a constant bit rate in the main profile".into())
        } else if !BIT_RATES.contains(&bit_rate) || !bit_rate.is_multiple_of(BIT_RATE_STEP) {
            Some(format!("the hardware encoder takes 25 kbit/s to 25 Mbit/s in steps of 25 kbit/s, not {bit_rate}"))
        } else if frame_rate < LEAST_RATE_AT_MOST_BITS && bit_rate == *BIT_RATES.end() {
            Some(format!("the hardware encoder hangs at {frame_rate} frames a second with 25 Mbit/s"))
        } else {
            None
        }
    }

    fn least_level(&self) -> Level {
        /// What levels 1 and 3 hold, in macroblocks a second (ITU-T H.264, table A-1).
        const PER_S: [(Level, u32); 2] = [(Level::One, 1_485), (Level::Three, 40_500)];
        let needed = macroblocks_per_s(self.width, self.height, self.frame_rate);
        PER_S.into_iter().find(|(_, most)| needed <= *most).map_or(Level::Four, |(level, _)| level)
    }

    fn caps(&self) -> String {
        let profile = match self.profile {
            Profile::Main => "main",
            Profile::High => "high",
        };
        let level = match self.level {
            Level::One => "1",
            Level::Three => "3",
            Level::Four => "4",
        };
        format!("video/x-h264,profile=(string){profile},level=(string){level}")
    }

    /// The controls for the device, which holds them only while it is open: as a GstStructure.
    fn controls(&self) -> String {
        let mode = match self.rate_control {
            RateControl::Variable => 0,
            RateControl::Constant => 1,
        };
        let Self { bit_rate, i_period, .. } = self;
        format!(
            "controls,repeat_sequence_header=1,video_bitrate_mode={mode},video_bitrate={bit_rate},\
             h264_i_frame_period={i_period}"
        )
    }
}

/// Bits a second, in the steps of the hardware.
fn bit_rate(video: &VideoConfig) -> u64 {
    let pixels_per_s = u64::from(video.width) * u64::from(video.height) * u64::from(video.frame_rate);
    let wanted = (pixels_per_s * MILLIBITS_PER_PIXEL / 1000).next_multiple_of(BIT_RATE_STEP);
    wanted.clamp(*BIT_RATES.start(), *BIT_RATES.end())
}

impl Encoder {
    /// Whether the Pi's hardware is used.
    pub fn is_hardware(&self) -> bool {
        matches!(self.engine, Engine::Hardware(..))
    }

    /// The formats of frames that it takes, in GStreamer's names.
    pub fn input_formats(&self) -> &'static str {
        match self.engine {
            Engine::Hardware(..) => "{I420,NV12,YUY2,UYVY}",
            // Said explicitly: of an RGB picture x264 would make 4:4:4, which browsers do not play.
            Engine::Software(_) => "I420",
        }
    }

    /// The element as a part of a pipeline description, named `encoder`, and the caps behind it: a key frame a second at
    /// least, no frame that refers to a later one.
    pub fn element(&self, video: &VideoConfig, memory: Memory) -> String {
        let (bit_rate, rate) = (bit_rate(video), video.frame_rate);
        match &self.engine {
            Engine::Hardware(encoder, settings) => {
                let import = if memory == Memory::Shared { "output-io-mode=dmabuf-import " } else { "" };
                let (element, controls, caps) = (&encoder.element, settings.controls(), settings.caps());
                format!("{element} name=encoder {import}extra-controls=\"{controls}\" ! {caps}")
            }
            Engine::Software(Software::X264) => format!(
                "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={} key-int-max={rate}",
                bit_rate / 1000
            ),
            Engine::Software(Software::OpenH264) => {
                format!("openh264enc name=encoder complexity=low bitrate={bit_rate} gop-size={rate}")
            }
        }
    }
}

/// The rate at which a machine keeps pace that encoded `measured` frames a second in a trial: capturing, converting and
/// whatever else it does want their part.
pub fn sustainable_rate(measured: f64, wanted: u32) -> u32 {
    const SHARE: f64 = 0.5;
    ((measured * SHARE) as u32).clamp(1, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(width: u32, height: u32, frame_rate: u32, video_length_s: u32) -> VideoConfig {
        VideoConfig { camera: "auto".into(), width, height, frame_rate, video_length_s, frame_interval_s: 1 }
    }

    fn v4l2(device: &str, driver: &str) -> V4l2Encoder {
        V4l2Encoder { element: "v4l2h264enc".into(), device: device.into(), driver: driver.into() }
    }

    fn pi() -> Found {
        Found { v4l2: vec![v4l2("/dev/video11", HARDWARE_DRIVER)], software: Software::ALL.into() }
    }

    fn chosen(found: &Found, video: &VideoConfig) -> String {
        choose(found, video, Hardware::Allowed).map_or_else(|error| error.0, |encoder| encoder.to_string())
    }

    #[test]
    fn the_pis_hardware_comes_first_then_x264_then_openh264() {
        let vga = video(640, 480, 24, 20);
        assert_eq!(chosen(&pi(), &vga), "v4l2h264enc, in hardware (/dev/video11, bcm2835-codec)");
        let laptop = Found { v4l2: vec![], software: Software::ALL.into() };
        assert_eq!(chosen(&laptop, &vga), "x264enc, in software: no hardware encoder bcm2835-codec");
        let sparse = Found { v4l2: vec![], software: vec![Software::OpenH264] };
        assert!(chosen(&sparse, &vga).starts_with("openh264enc, in software"));
        assert!(chosen(&Found::default(), &vga).contains("install GStreamer's ugly plugins"));
    }

    #[test]
    fn the_hardware_is_known_by_its_driver_and_not_by_its_number() {
        let vga = video(640, 480, 24, 20);
        let other = Found { v4l2: vec![v4l2("/dev/video11", "hantro-vpu")], ..pi() };
        let reason = "x264enc, in software: no hardware encoder bcm2835-codec (/dev/video11 has hantro-vpu)";
        assert_eq!(chosen(&other, &vga), reason);
        let both =
            Found { v4l2: vec![v4l2("/dev/video11", "hantro-vpu"), v4l2("/dev/video31", HARDWARE_DRIVER)], ..pi() };
        assert!(chosen(&both, &vga).contains("/dev/video31"));
    }

    #[test]
    fn hardware_that_has_failed_is_not_chosen_again() {
        let encoder = choose(&pi(), &video(640, 480, 24, 20), Hardware::Failed).expect("x264 is there");
        assert_eq!(encoder.to_string(), "x264enc, in software: the hardware encoder /dev/video11 has failed");
    }

    #[test]
    fn what_the_hardware_is_asked_for_is_in_its_caps_and_controls() {
        let encoder = choose(&pi(), &video(640, 480, 24, 20), Hardware::Allowed).expect("hardware");
        assert_eq!(
            encoder.element(&video(640, 480, 24, 20), Memory::Shared),
            "v4l2h264enc name=encoder output-io-mode=dmabuf-import extra-controls=\"controls,repeat_sequence_header=1,\
             video_bitrate_mode=0,video_bitrate=1125000,h264_i_frame_period=24\" \
             ! video/x-h264,profile=(string)high,level=(string)4"
        );
        assert!(!encoder.element(&video(640, 480, 24, 20), Memory::Copied).contains("dmabuf"));
    }

    #[test]
    fn every_size_and_rate_that_can_be_configured_is_one_the_hardware_takes_or_says_why_not() {
        for (width, height) in [(160, 120), (640, 480), (1280, 720), (1920, 1080)] {
            for rate in 1..=60 {
                for length in [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] {
                    let settings = Settings::of(&video(width, height, rate, length));
                    let fits = macroblocks_per_s(width, height, rate) <= HARDWARE_MACROBLOCKS_PER_S;
                    let has_period = rate * length > 1;
                    assert_eq!(settings.obstacle().is_none(), fits && has_period, "{settings:?}");
                }
            }
        }
        assert_eq!(Settings::of(&video(1920, 1080, 30, 20)).obstacle(), None);
        assert!(Settings::of(&video(1920, 1080, 31, 20)).obstacle().is_some_and(|text| text.contains("too slow")));
    }

    #[test]
    fn what_is_known_to_hang_the_hardware_is_refused() {
        let vga = Settings::of(&video(640, 480, 30, 20));
        let hd = Settings::of(&video(1920, 1080, 30, 20));
        let slow = Settings::of(&video(640, 480, 8, 20));
        let refused = [
            (Settings { i_period: 1, ..vga.clone() }, "every frame is an I frame"),
            (Settings { i_period: 7, ..vga.clone() }, "cannot begin"),
            (Settings { level: Level::One, ..vga.clone() }, "level"),
            (Settings { level: Level::Three, ..hd.clone() }, "level"),
            (Settings { profile: Profile::Main, rate_control: RateControl::Constant, ..hd.clone() }, "times out"),
            (Settings { bit_rate: 25_000_000, ..slow.clone() }, "hangs at 8 frames"),
            (Settings { bit_rate: 1_110_000, ..vga.clone() }, "steps of 25 kbit/s"),
            (Settings { bit_rate: 25_025_000, ..vga.clone() }, "25 Mbit/s"),
            (Settings { width: 1922, ..hd.clone() }, "up to 1920x1080"),
        ];
        for (settings, expected) in refused {
            let obstacle = settings.obstacle().unwrap_or_default();
            assert!(obstacle.contains(expected), "{settings:?}: {obstacle:?}");
        }
        let good = [
            Settings { level: Level::Three, ..vga },
            Settings { profile: Profile::Main, ..hd.clone() },
            Settings { rate_control: RateControl::Constant, ..hd },
        ];
        assert!(good.iter().all(|settings| settings.obstacle().is_none()));
    }

    #[test]
    fn bit_rates_stay_within_what_the_hardware_takes() {
        assert_eq!(bit_rate(&video(160, 120, 1, 20)), 25_000);
        assert_eq!(bit_rate(&video(1920, 1080, 30, 20)), 9_350_000);
        assert_eq!(bit_rate(&video(1920, 1080, 60, 20)), 18_675_000);
    }

    #[test]
    fn a_machine_is_asked_for_half_of_what_it_can_and_for_no_more_than_wanted() {
        assert_eq!([300.0, 40.0, 0.9].map(|measured| sustainable_rate(measured, 24)), [24, 20, 1]);
    }
}
