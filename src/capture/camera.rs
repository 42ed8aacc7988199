//! Which camera is used, and in which of its formats. PURE.

use super::{CameraFormat, CameraInfo, SourceError};

/// What can be encoded without decoding it first, the cheapest to convert at the front. V4L2's names.
const RAW: [&str; 6] = ["YUYV", "UYVY", "NV12", "YU12", "RGB3", "BGR3"];
const MJPEG: [&str; 2] = ["MJPG", "JPEG"];

/// A camera that is asked for 30 frames a second and says 29.97 gives what was asked for.
const ENOUGH: f64 = 0.99;

/// The pictures wanted from a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second, at least.
    pub frame_rate: u32,
}

/// What has to be done with a camera's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelSource {
    /// Each frame is a JPEG picture and has to be decoded.
    Mjpeg,
    /// Pixels.
    Raw,
}

/// The format to ask a camera for.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What its frames are.
    pub source: PixelSource,
    /// V4L2's four letters.
    pub fourcc: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second: of those that the camera offers, the lowest that is enough, else the highest. What was wanted
    /// if the camera does not tell.
    pub frame_rate: f64,
}

/// The format of a camera that suits best: size before rate, and pixels before JPEG if both are fast enough.
pub fn choose_format(formats: &[CameraFormat], wanted: &Wanted) -> Option<Choice> {
    let choices: Vec<Choice> = formats.iter().filter_map(|format| choice(format, wanted)).collect();
    let size = best_size(choices.iter().map(|one| (one.width, one.height)), wanted)?;
    let reached = |one: &Choice| match f64::from(wanted.frame_rate) {
        rate if one.frame_rate >= rate * ENOUGH => 1.0,
        rate => one.frame_rate / rate,
    };
    let cost = |one: &Choice| RAW.iter().position(|raw| *raw == one.fourcc).unwrap_or(RAW.len());
    let of_size = choices.into_iter().filter(|one| (one.width, one.height) == size);
    of_size.min_by(|a, b| reached(b).total_cmp(&reached(a)).then(cost(a).cmp(&cost(b))))
}

fn choice(format: &CameraFormat, wanted: &Wanted) -> Option<Choice> {
    let source = source(&format.fourcc)?;
    let rate = f64::from(wanted.frame_rate);
    let enough = format.frame_rates.iter().copied().filter(|offered| *offered >= rate * ENOUGH);
    let frame_rate =
        enough.min_by(f64::total_cmp).or(format.frame_rates.iter().copied().max_by(f64::total_cmp)).unwrap_or(rate);
    Some(Choice { source, fourcc: format.fourcc.clone(), width: format.width, height: format.height, frame_rate })
}

fn source(fourcc: &str) -> Option<PixelSource> {
    match fourcc {
        raw if RAW.contains(&raw) => Some(PixelSource::Raw),
        jpeg if MJPEG.contains(&jpeg) => Some(PixelSource::Mjpeg),
        _ => None,
    }
}

/// The wanted size, else the smallest that covers it, else the largest.
fn best_size(sizes: impl Iterator<Item = (u32, u32)>, wanted: &Wanted) -> Option<(u32, u32)> {
    let pixels = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
    let (covering, smaller): (Vec<_>, Vec<_>) =
        sizes.partition(|(width, height)| *width >= wanted.width && *height >= wanted.height);
    covering.into_iter().min_by_key(pixels).or(smaller.into_iter().max_by_key(pixels))
}

/// The camera of that device file, with that name below `/dev/v4l/by-id`, or with that in its own name, in capitals or
/// not; the first whose pictures can be used if none is wanted by name.
///
/// # Errors
/// When there is none.
pub fn choose_camera<'a>(cameras: &'a [CameraInfo], wanted_name: Option<&str>) -> Result<&'a CameraInfo, SourceError> {
    let found = match wanted_name {
        None => cameras
            .iter()
            .find(|camera| camera.formats.iter().any(|format| source(&format.fourcc).is_some()))
            .or(cameras.first()),
        Some(name) => cameras
            .iter()
            .find(|camera| camera.device == name || is_by_id(camera, name))
            .or_else(|| cameras.iter().find(|camera| camera.card.to_lowercase().contains(&name.to_lowercase()))),
    };
    found.ok_or_else(|| SourceError(no_camera(cameras, wanted_name)))
}

fn is_by_id(camera: &CameraInfo, name: &str) -> bool {
    camera.by_id.as_deref().is_some_and(|by_id| by_id == name.strip_prefix("/dev/v4l/by-id/").unwrap_or(name))
}

fn no_camera(cameras: &[CameraInfo], wanted_name: Option<&str>) -> String {
    let there_are: Vec<_> = cameras.iter().map(|camera| format!("{} ({})", camera.device, camera.card)).collect();
    match (wanted_name, there_are.join(", ")) {
        (None, _) => "no camera; plug one in".to_owned(),
        (Some(name), none) if none.is_empty() => format!("no camera {name:?}, nor any other; plug it in"),
        (Some(name), others) => format!("no camera {name:?}; plug it in, or choose one of {others}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Wanted = Wanted { width: 1280, height: 720, frame_rate: 30 };

    fn format(fourcc: &str, width: u32, height: u32, frame_rates: &[f64]) -> CameraFormat {
        CameraFormat { fourcc: fourcc.to_owned(), width, height, frame_rates: frame_rates.to_vec() }
    }

    /// The four letters, the width and the rate that are chosen for 1280x720 at 30 frames a second.
    fn chosen(formats: &[CameraFormat]) -> Option<(String, u32, f64)> {
        choose_format(formats, &HD).map(|one| (one.fourcc, one.width, one.frame_rate))
    }

    fn some(fourcc: &str, width: u32, frame_rate: f64) -> Option<(String, u32, f64)> {
        Some((fourcc.to_owned(), width, frame_rate))
    }

    #[test]
    fn pixels_are_preferred_when_they_are_fast_enough() {
        let formats = [format("MJPG", 1280, 720, &[60.0, 30.0]), format("YUYV", 1280, 720, &[30.0, 10.0])];
        assert_eq!(chosen(&formats), some("YUYV", 1280, 30.0));
        assert_eq!(choose_format(&formats, &HD).map(|one| one.source), Some(PixelSource::Raw));
    }

    #[test]
    fn jpeg_is_taken_when_only_jpeg_is_fast_enough() {
        let formats = [format("YUYV", 1280, 720, &[10.0]), format("MJPG", 1280, 720, &[60.0, 30.0, 5.0])];
        assert_eq!(chosen(&formats), some("MJPG", 1280, 30.0));
        assert_eq!(choose_format(&formats, &HD).map(|one| one.source), Some(PixelSource::Mjpeg));
    }

    #[test]
    fn the_fastest_is_taken_when_none_is_fast_enough() {
        let formats = [format("YUYV", 1280, 720, &[10.0, 5.0]), format("MJPG", 1280, 720, &[15.0])];
        assert_eq!(chosen(&formats), some("MJPG", 1280, 15.0));
        let formats = [format("MJPG", 1280, 720, &[15.0]), format("UYVY", 1280, 720, &[15.0])];
        assert_eq!(chosen(&formats), some("UYVY", 1280, 15.0));
    }

    #[test]
    fn a_rate_a_thousandth_short_is_enough() {
        let formats = [format("MJPG", 1280, 720, &[60.0]), format("YUYV", 1280, 720, &[29.97])];
        assert_eq!(chosen(&formats), some("YUYV", 1280, 29.97));
    }

    #[test]
    fn a_camera_that_does_not_tell_its_rates_is_asked_for_what_is_wanted() {
        assert_eq!(chosen(&[format("NV12", 1280, 720, &[])]), some("NV12", 1280, 30.0));
    }

    #[test]
    fn pixels_that_are_cheaper_to_convert_come_first() {
        let formats = ["BGR3", "RGB3", "YU12", "NV12", "UYVY"].map(|fourcc| format(fourcc, 1280, 720, &[30.0]));
        assert_eq!(chosen(&formats), some("UYVY", 1280, 30.0));
        assert_eq!(chosen(&formats[..2]), some("RGB3", 1280, 30.0));
    }

    #[test]
    fn the_exact_size_is_preferred_even_when_it_is_slower() {
        let formats = [format("YUYV", 1920, 1080, &[30.0]), format("YUYV", 1280, 720, &[10.0])];
        assert_eq!(chosen(&formats), some("YUYV", 1280, 10.0));
    }

    #[test]
    fn without_the_exact_size_the_smallest_that_covers_it_is_taken() {
        let formats = [(1920, 1080), (1280, 960), (1024, 1024), (640, 480)]
            .map(|(width, height)| format("YUYV", width, height, &[30.0]));
        assert_eq!(chosen(&formats), some("YUYV", 1280, 30.0));
        let size = choose_format(&formats, &HD).map(|one| (one.width, one.height));
        assert_eq!(size, Some((1280, 960)));
    }

    #[test]
    fn without_any_that_covers_it_the_largest_is_taken() {
        let formats = [(320, 240), (800, 600), (640, 480)].map(|(w, h)| format("MJPG", w, h, &[30.0]));
        assert_eq!(chosen(&formats), some("MJPG", 800, 30.0));
    }

    #[test]
    fn formats_that_cannot_be_used_are_passed_over() {
        assert_eq!(chosen(&[format("pBAA", 1280, 720, &[30.0]), format("H264", 1280, 720, &[30.0])]), None);
        assert_eq!(chosen(&[]), None);
    }

    fn cameras() -> Vec<CameraInfo> {
        let camera = |number: u32, card: &str, fourcc| CameraInfo {
            device: format!("/dev/video{number}"),
            card: card.to_owned(),
            by_id: (number == 1).then(|| "usb-046d_HD_Pro_Webcam_C920_9B4C8F5F-video-index0".to_owned()),
            driver: "uvcvideo".to_owned(),
            formats: vec![format(fourcc, 640, 480, &[30.0])],
        };
        vec![camera(0, "Depth", "Z16 "), camera(1, "HD Pro Webcam", "YUYV"), camera(10, "Arducam", "MJPG")]
    }

    fn device(wanted_name: Option<&str>) -> Result<String, String> {
        choose_camera(&cameras(), wanted_name).map(|camera| camera.device.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_camera_with_usable_pictures_is_taken_when_none_is_named() {
        assert_eq!(device(None), Ok("/dev/video1".to_owned()));
        assert_eq!(choose_camera(&cameras()[..1], None).map(|camera| camera.card.as_str()), Ok("Depth"));
    }

    #[test]
    fn a_camera_is_found_by_its_whole_device_file_or_a_part_of_its_name() {
        assert_eq!(device(Some("/dev/video10")), Ok("/dev/video10".to_owned()));
        assert_eq!(device(Some("webcam")), Ok("/dev/video1".to_owned()));
        assert!(device(Some("/dev/video")).is_err());
    }

    #[test]
    fn a_camera_is_found_by_the_name_that_it_keeps_at_any_socket() {
        let by_id = "usb-046d_HD_Pro_Webcam_C920_9B4C8F5F-video-index0";
        for name in [by_id.to_owned(), format!("/dev/v4l/by-id/{by_id}")] {
            assert_eq!(device(Some(&name)), Ok("/dev/video1".to_owned()));
        }
    }

    #[test]
    fn a_camera_that_is_not_there_is_told_with_those_that_are() {
        let others = "/dev/video0 (Depth), /dev/video1 (HD Pro Webcam), /dev/video10 (Arducam)";
        assert_eq!(device(Some("C920")), Err(format!("no camera \"C920\"; plug it in, or choose one of {others}")));
        let none = |name| choose_camera(&[], name).map_err(|error| error.to_string());
        assert_eq!(none(Some("C920")), Err("no camera \"C920\", nor any other; plug it in".to_owned()));
        assert_eq!(none(None), Err("no camera; plug one in".to_owned()));
    }
}
