//! Which cameras there are. EDGE: the only file that uses `v4l`.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: devices")]

use std::fs;
use std::io;

use v4l::capability::Flags;
use v4l::format::FourCC;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::video::Capture;
use v4l::{Device, Fraction};

use super::{CameraFormat, CameraInfo};

/// The sizes that are tried within a range.
const COMMON_SIZES: [(u32, u32); 3] = [(640, 480), (1280, 720), (1920, 1080)];

/// The rates that are tried within a range, frames a second.
const COMMON_RATES: [u32; 7] = [60, 30, 25, 20, 15, 10, 5];

/// Drivers of the Raspberry Pi that look like cameras and are parts of one: the image processor, which gives nothing
/// unless it is fed, and the receivers of the CSI connector, which list formats that no sensor behind them has. Only
/// libcamera can run them.
const PARTS_OF_A_CAMERA: [&str; 4] = ["bcm2835-isp", "unicam", "rp1-cfe", "pispbe"];

/// The part of a card's name that V4L2 passes on: `v4l2_capability.card` holds 32 bytes, the last of them zero.
const CARD_BYTES: usize = 31;

/// The driver behind a device file.
pub fn driver(device: &str) -> io::Result<String> {
    Ok(Device::with_path(device)?.query_caps()?.driver)
}

/// The cameras of this machine, in the order of their device files.
pub fn list() -> Vec<CameraInfo> {
    let names = fs::read_dir("/dev").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.to_str()?.strip_prefix("video")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().filter_map(camera).collect()
}

fn camera(number: u32) -> Option<CameraInfo> {
    let device = format!("/dev/video{number}");
    let found = Device::with_path(&device).and_then(|opened| {
        let Some((card, driver)) = identity(&opened, number)? else { return Ok(None) };
        let formats = formats(&opened)?;
        let by_id = by_id(&device);
        Ok((!formats.is_empty()).then(|| CameraInfo { device: device.clone(), card, by_id, driver, formats }))
    });
    found.unwrap_or_else(|error| {
        log::debug!("{device} is left out: {error}");
        None
    })
}

/// The link that udev keeps to a USB camera, whichever socket it is plugged into.
fn by_id(device: &str) -> Option<String> {
    let links = fs::read_dir("/dev/v4l/by-id").ok()?.flatten();
    let mut points_here =
        links.filter(|link| fs::canonicalize(link.path()).is_ok_and(|path| path.as_os_str() == device));
    Some(points_here.next()?.file_name().to_string_lossy().into_owned())
}

/// The names of card and driver; none if the device is no camera.
fn identity(device: &Device, number: u32) -> io::Result<Option<(String, String)>> {
    let (sysfs, mut name) = (format!("/sys/class/video4linux/video{number}"), Vec::new());
    if let Ok(found) = fs::read(format!("{sysfs}/name")) {
        name = found.trim_ascii_end().to_vec();
        name.truncate(CARD_BYTES);
    }
    // The crate panics when the kernel has cut the name, which a USB camera brings along, within a character.
    let (card, driver) = if std::str::from_utf8(&name).is_ok() {
        let capabilities = device.query_caps()?;
        let flags = capabilities.capabilities;
        if !flags.contains(Flags::VIDEO_CAPTURE) || flags.intersects(Flags::VIDEO_M2M | Flags::VIDEO_M2M_MPLANE) {
            return Ok(None);
        }
        (capabilities.card, capabilities.driver)
    } else {
        let driver = fs::read_link(format!("{sysfs}/device/driver"))?;
        let driver = driver.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (String::from_utf8_lossy(&name).into_owned(), driver)
    };
    Ok((!PARTS_OF_A_CAMERA.contains(&driver.as_str())).then_some((card, driver)))
}

fn formats(device: &Device) -> io::Result<Vec<CameraFormat>> {
    let mut formats: Vec<CameraFormat> = Vec::new();
    for fourcc in device.enum_formats()?.into_iter().map(|format| format.fourcc) {
        let ranges = device.enum_framesizes(fourcc).unwrap_or_default();
        for (width, height) in ranges.into_iter().flat_map(|range| sizes(range.size)) {
            let name = String::from_utf8_lossy(&fourcc.repr).into_owned();
            // Some cameras say everything twice.
            let known = |one: &CameraFormat| (&one.fourcc, one.width, one.height) == (&name, width, height);
            if !formats.iter().any(known) {
                let frame_rates = frame_rates(device, fourcc, width, height);
                formats.push(CameraFormat { fourcc: name, width, height, frame_rates });
            }
        }
    }
    Ok(formats)
}

fn frame_rates(device: &Device, fourcc: FourCC, width: u32, height: u32) -> Vec<f64> {
    let intervals = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
    arranged(intervals.into_iter().flat_map(|interval| rates(&interval.interval)).collect())
}

fn sizes(size: FrameSizeEnum) -> Vec<(u32, u32)> {
    match size {
        FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
        FrameSizeEnum::Stepwise(range) => {
            let mut sizes = vec![(range.min_width, range.min_height), (range.max_width, range.max_height)];
            let common = COMMON_SIZES.into_iter().filter(|size| fits(*size, &range));
            sizes.extend(common);
            sizes.sort_unstable();
            sizes.dedup();
            sizes
        }
    }
}

fn fits((width, height): (u32, u32), range: &Stepwise) -> bool {
    // A step of zero is none: the range is continuous.
    let on_step = |value: u32, min: u32, step: u32| step < 2 || (value - min).is_multiple_of(step);
    (range.min_width..=range.max_width).contains(&width)
        && (range.min_height..=range.max_height).contains(&height)
        && on_step(width, range.min_width, range.step_width)
        && on_step(height, range.min_height, range.step_height)
}

fn rates(interval: &FrameIntervalEnum) -> Vec<f64> {
    match interval {
        FrameIntervalEnum::Discrete(interval) => rate(interval).into_iter().collect(),
        FrameIntervalEnum::Stepwise(range) => {
            let (Some(slowest), Some(fastest)) = (rate(&range.max), rate(&range.min)) else { return Vec::new() };
            let common = COMMON_RATES.map(f64::from).into_iter();
            common.filter(|rate| (slowest..=fastest).contains(rate)).chain([slowest, fastest]).collect()
        }
    }
}

/// Frames a second from the seconds a frame takes, rounded to a hundredth.
fn rate(interval: &Fraction) -> Option<f64> {
    let rate = f64::from(interval.denominator) / f64::from(interval.numerator);
    (rate.is_finite() && rate > 0.0).then(|| (rate * 100.0).round() / 100.0)
}

fn arranged(mut rates: Vec<f64>) -> Vec<f64> {
    rates.sort_by(|a, b| b.total_cmp(a));
    rates.dedup();
    rates
}

#[cfg(test)]
mod tests {
    use v4l::frameinterval::Stepwise as IntervalRange;
    use v4l::framesize::Discrete;

    use super::*;

    fn range(min: (u32, u32), max: (u32, u32), step: u32) -> FrameSizeEnum {
        FrameSizeEnum::Stepwise(Stepwise {
            min_width: min.0,
            max_width: max.0,
            step_width: step,
            min_height: min.1,
            max_height: max.1,
            step_height: step,
        })
    }

    #[test]
    fn looking_for_cameras_never_fails() {
        assert!(list().iter().all(|camera| !camera.formats.is_empty()));
    }

    #[test]
    fn a_range_of_sizes_gives_its_ends_and_the_common_sizes_within() {
        let sizes_of = |min, max, step| sizes(range(min, max, step));
        assert_eq!(sizes_of((32, 32), (1296, 972), 2), [(32, 32), (640, 480), (1280, 720), (1296, 972)]);
        assert_eq!(sizes_of((640, 480), (640, 480), 0), [(640, 480)]);
        assert_eq!(sizes_of((48, 32), (800, 600), 100), [(48, 32), (800, 600)]);
        assert_eq!(sizes(FrameSizeEnum::Discrete(Discrete { width: 800, height: 600 })), [(800, 600)]);
    }

    #[test]
    fn a_range_of_intervals_gives_its_ends_and_the_common_rates_within() {
        let (min, max, step) = (Fraction::new(1, 30), Fraction::new(1, 12), Fraction::new(1, 1));
        let range = FrameIntervalEnum::Stepwise(IntervalRange { min, max, step });
        assert_eq!(arranged(rates(&range)), [30.0, 25.0, 20.0, 15.0, 12.0]);
    }

    #[test]
    fn rates_are_rounded_and_nonsense_is_left_out() {
        let rates_of =
            |numerator, denominator| rates(&FrameIntervalEnum::Discrete(Fraction::new(numerator, denominator)));
        assert_eq!(rates_of(1001, 30_000), [29.97]);
        assert!(rates_of(0, 30).is_empty() && rates_of(1, 0).is_empty() && rates_of(0, 0).is_empty());
    }
}
