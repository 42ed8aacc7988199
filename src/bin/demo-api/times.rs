//! Times as the server reads them: in rows, in tasks and in file names. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The zone in which the real server takes a time that names none (Australia/Perth, no summer time). Using it here
/// shows a client's naive times as what they are: eight hours off.
const SERVER_OFFSET_S: i32 = 8 * 3600;

/// A time of a row, with the one fault that the server swallows.
#[derive(Debug, PartialEq, Eq)]
pub struct RowTime {
    /// The instant, cut to the microsecond.
    pub at: Timestamp,
    /// It named neither `Z` nor an offset.
    pub naive: bool,
}

/// Reads what the server accepts in a row: `YYYY-MM-DDThh:mm[:ss[.ffffff]][Z|+hh[:mm]]`.
pub fn parse_row_time(text: &str) -> Option<RowTime> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let at = civil(date, time.trim_end(), Fraction::Any)?;
    let offset_s = match zone {
        "" => SERVER_OFFSET_S,
        "Z" => 0,
        _ => parse_offset_s(zone)?,
    };
    if zone.is_empty() && time.ends_with(' ') {
        return None;
    }
    let offset = Offset::from_seconds(offset_s).ok()?;
    let at = at.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp();
    let at = Timestamp::from_microsecond(at.as_microsecond()).ok()?;
    Some(RowTime { at, naive: zone.is_empty() })
}

/// Reads what the worker parses in a task, `%Y-%m-%dT%H:%M:%S.%f`: one to six fraction digits, no zone.
pub fn parse_task_time(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once('T')?;
    civil(date, time, Fraction::OneToSix)
}

/// The stamp in an utterance's file name, `YYYYmmddHHMMSS`.
pub fn stamp(at: DateTime) -> String {
    let (y, mo, d) = (at.year(), at.month(), at.day());
    format!("{y:04}{mo:02}{d:02}{:02}{:02}{:02}", at.hour(), at.minute(), at.second())
}

/// The second in a clip's file name, `YYYY-MM-DD_HH-MM-SS`; its first 16 characters name the frames folder.
pub fn clip_stem(at: DateTime) -> String {
    let (y, mo, d) = (at.year(), at.month(), at.day());
    format!("{y:04}-{mo:02}-{d:02}_{:02}-{:02}-{:02}", at.hour(), at.minute(), at.second())
}

/// The instant that a stamp of 14 digits names, read as UTC.
pub fn parse_stamp(text: &str) -> Option<Timestamp> {
    if text.len() != 14 || !all_digits(text) {
        return None;
    }
    let part = |from: usize, to: usize| &text[from..to];
    let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    let time = format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14));
    in_utc(civil(&date, &time, Fraction::Any)?)
}

/// The instant that a clip's stem (`YYYY-MM-DD_HH-MM-SS`) or a frames folder (`YYYY-MM-DD_HH-MM`) names, as UTC.
pub fn parse_dashed(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('_')?;
    in_utc(civil(date, &time.replace('-', ":"), Fraction::Any)?)
}

/// The civil time in UTC.
pub fn utc(at: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(at)
}

/// The minute that holds this instant, in minutes since 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

fn in_utc(at: DateTime) -> Option<Timestamp> {
    at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// How many fraction digits may follow the seconds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fraction {
    /// None, or any number; finer than a microsecond is cut off later.
    Any,
    /// The point is required, and one to six digits after it.
    OneToSix,
}

fn civil(date: &str, time: &str, fraction: Fraction) -> Option<DateTime> {
    let (whole, digits) = match time.split_once('.') {
        Some((whole, digits)) => (whole, Some(digits)),
        None => (time, None),
    };
    let nanosecond = match digits {
        None if fraction == Fraction::OneToSix => return None,
        None => 0,
        Some(digits) => {
            let longest = if fraction == Fraction::OneToSix { 6 } else { 12 };
            if !(1..=longest).contains(&digits.len()) || !all_digits(digits) {
                return None;
            }
            format!("{digits:0<9}")[..9].parse().ok()?
        }
    };
    let date: Vec<&str> = date.split('-').collect();
    let time: Vec<&str> = whole.split(':').collect();
    let [year, month, day] = *date.as_slice() else {
        return None;
    };
    let (hour, minute, second) = match *time.as_slice() {
        [hour, minute, second] => (hour, minute, second),
        [hour, minute] if fraction == Fraction::Any && digits.is_none() => (hour, minute, "00"),
        _ => return None,
    };
    if year.len() != 4 || !all_digits(year) {
        return None;
    }
    let (month, day) = (two_digits(month)?, two_digits(day)?);
    let (hour, minute, second) = (two_digits(hour)?, two_digits(minute)?, two_digits(second)?);
    DateTime::new(year.parse().ok()?, month, day, hour, minute, second, nanosecond).ok()
}

fn parse_offset_s(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match text.get(1..)? {
        rest if rest.len() == 2 => (rest, "00"),
        rest if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        rest => rest.split_once(':')?,
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

fn two_digits(text: &str) -> Option<i8> {
    if text.len() == 2 && all_digits(text) { text.parse().ok() } else { None }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Option<(String, bool)> {
        parse_row_time(text).map(|time| (time.at.to_string(), time.naive))
    }

    #[test]
    fn a_row_time_with_an_offset_is_honoured_and_a_naive_one_is_taken_in_the_servers_zone() {
        let utc = |text: &str, naive| Some((text.to_owned(), naive));
        assert_eq!(row("2024-05-01T10:00:00Z"), utc("2024-05-01T10:00:00Z", false));
        assert_eq!(row("2024-05-01T10:00:00.1234567Z"), utc("2024-05-01T10:00:00.123456Z", false));
        assert_eq!(row("2024-05-01T10:00:00+02:00"), utc("2024-05-01T08:00:00Z", false));
        assert_eq!(row("2024-05-01 10:00:00-0130"), utc("2024-05-01T11:30:00Z", false));
        assert_eq!(row("2024-05-01T10:00"), utc("2024-05-01T02:00:00Z", true));
    }

    #[test]
    fn a_plus_that_was_not_encoded_and_other_nonsense_are_no_times() {
        for text in
            ["2024-05-01T10:00:00 00:00", "2024-05-01", "now", "", "2024-13-01T10:00:00Z", "T", "2024-05-01T10:00:00+é"]
        {
            assert_eq!(row(text), None, "{text}");
        }
    }

    #[test]
    fn a_task_time_needs_one_to_six_fraction_digits_and_no_zone() {
        for text in ["2024-05-01T10:00:00.0", "2024-05-01T10:00:00.123456"] {
            assert!(parse_task_time(text).is_some(), "{text}");
        }
        for text in
            ["2024-05-01T10:00:00", "2024-05-01T10:00:00.1234567", "2024-05-01T10:00:00.5Z", "2024-05-01 10:00:00.5"]
        {
            assert!(parse_task_time(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_of_files_read_back_as_the_instants_they_were_made_from() {
        let at: Timestamp = "2024-05-01T09:08:07Z".parse().expect("a time");
        assert_eq!(stamp(utc(at)), "20240501090807");
        assert_eq!(parse_stamp("20240501090807"), Some(at));
        assert_eq!(clip_stem(utc(at)), "2024-05-01_09-08-07");
        assert_eq!(parse_dashed("2024-05-01_09-08-07"), Some(at));
    }
}
