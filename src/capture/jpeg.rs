//! Whether a camera's JPEG is whole, and what it lacks to be a picture for everybody. PURE.
//!
//! What a camera sends as Motion-JPEG may be cut off where USB lost a part of it, has padding behind its end, and often lacks the
//! Huffman tables: they are those of the standard then (USB Device Class Definition for Video Devices: Motion-JPEG Payload, "each
//! frame"; ISO/IEC 10918-1, annex K.3), which decoders of files do not know.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::limits::ENDLESS_FRAMES;

const START: [u8; 2] = [0xFF, 0xD8];
const END: [u8; 2] = [0xFF, 0xD9];
const HUFFMAN_TABLES: u8 = 0xC4;
const QUANTISATION_TABLES: u8 = 0xDB;
const SCAN: u8 = 0xDA;

/// The picture as a file: what stands behind its end taken off, tables put in. None: it is not whole.
pub fn whole(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    let header = Header::of(frame)?;
    // No byte of a scan looks like a marker (ISO/IEC 10918-1, B.1.1.5).
    let scan = frame[header.scan_at..].windows(END.len()).position(|pair| pair == END)? + END.len();
    Some(header.completed(&frame[..header.scan_at + scan]))
}

/// The same of a camera that never sends an end, as some do: whether this frame is cut off, nobody can tell.
pub fn whole_without_end(frame: &[u8]) -> Option<Vec<u8>> {
    let header = Header::of(frame)?;
    Some([&header.completed(frame), &END[..]].concat())
}

/// The frames of one camera: whether it is one that never sends an end.
#[derive(Debug, Default)]
pub struct Jpegs {
    /// In a row.
    broken: u32,
}

impl Jpegs {
    /// The picture of the next frame, if it is whole, or as whole as this camera's are.
    pub fn take<'a>(&mut self, frame: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if let Some(jpeg) = whole(frame) {
            self.broken = 0;
            return Some(jpeg);
        }
        self.broken = self.broken.saturating_add(1);
        (self.broken >= ENDLESS_FRAMES).then(|| whole_without_end(frame))?.map(Cow::from)
    }

    /// Whether it has given nothing whole for so long that nothing is to be hoped for.
    pub fn are_useless(&self) -> bool {
        self.broken > ENDLESS_FRAMES
    }
}

/// What stands before the scan.
#[derive(Default)]
struct Header {
    has_size: bool,
    has_quantisation: bool,
    has_huffman: bool,
    scan_at: usize,
}

impl Header {
    /// A frame with this header, with the tables that it lacks.
    fn completed<'a>(&self, frame: &'a [u8]) -> Cow<'a, [u8]> {
        let (before, scan) = frame.split_at(self.scan_at);
        if self.has_huffman { frame.into() } else { [before, &standard_tables(), scan].concat().into() }
    }

    /// That of a frame that has what only the camera knows: its size, and its quantisation. Segment by segment: FF, its kind, its length with the two bytes of the length (ISO/IEC 10918-1, B.1).
    fn of(frame: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut at = frame.starts_with(&START).then_some(START.len())?;
        loop {
            let (&[0xFF, kind], rest) = frame.get(at..)?.split_first_chunk()? else { return None };
            match kind {
                // More of the same byte may stand before a marker.
                0xFF => at += 1,
                SCAN => {
                    let is_good = header.has_size && header.has_quantisation;
                    return is_good.then_some(Self { scan_at: at, ..header });
                }
                _ => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
                    if length < 2 || length > rest.len() {
                        return None;
                    }
                    match kind {
                        HUFFMAN_TABLES => header.has_huffman = true,
                        QUANTISATION_TABLES => header.has_quantisation = true,
                        // A frame, of whatever kind; C8 is reserved, CC is about arithmetic coding.
                        0xC0..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => header.has_size = true,
                        _ => {}
                    }
                    at += 2 + length;
                }
            }
        }
    }
}

/// A table's class and number, how many codes there are of each length, and the first values; the rest follow by `RUNS`.
struct Table {
    class: u8,
    codes: [u8; 16],
    first: &'static [u8],
    runs: &'static [RangeInclusive<u8>],
}

/// Tables K.3 to K.6 of the standard.
const TABLES: [Table; 4] = [
    Table { class: 0x00, codes: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], first: &[], runs: &[0..=11] },
    Table {
        class: 0x10,
        codes: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D],
        first: &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
            0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72,
            0x82, 0x09, 0x0A,
        ],
        runs: &[
            0x16..=0x1A,
            0x25..=0x2A,
            0x34..=0x3A,
            0x43..=0x4A,
            0x53..=0x5A,
            0x63..=0x6A,
            0x73..=0x7A,
            0x83..=0x8A,
            0x92..=0x9A,
            0xA2..=0xAA,
            0xB2..=0xBA,
            0xC2..=0xCA,
            0xD2..=0xDA,
            0xE1..=0xEA,
            0xF1..=0xFA,
        ],
    },
    Table { class: 0x01, codes: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], first: &[], runs: &[0..=11] },
    Table {
        class: 0x11,
        codes: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
        first: &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
            0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1,
            0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1,
        ],
        runs: &[
            0x17..=0x1A,
            0x26..=0x2A,
            0x35..=0x3A,
            0x43..=0x4A,
            0x53..=0x5A,
            0x63..=0x6A,
            0x73..=0x7A,
            0x82..=0x8A,
            0x92..=0x9A,
            0xA2..=0xAA,
            0xB2..=0xBA,
            0xC2..=0xCA,
            0xD2..=0xDA,
            0xE2..=0xEA,
            0xF2..=0xFA,
        ],
    },
];

/// The segment that has them.
fn standard_tables() -> Vec<u8> {
    let mut tables = Vec::new();
    for Table { class, codes, first, runs } in &TABLES {
        tables.push(*class);
        tables.extend(codes);
        tables.extend(*first);
        tables.extend(runs.iter().cloned().flatten());
    }
    let length = (tables.len() + 2) as u16;
    [&[0xFF, HUFFMAN_TABLES][..], &length.to_be_bytes(), &tables].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey square of 8 by 8, as a camera sends it: without Huffman tables.
    fn frame() -> Vec<u8> {
        let quantisation = [&[0xFF, QUANTISATION_TABLES, 0, 67, 0][..], &[16; 64]].concat();
        let size = [0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        let scan = [0xFF, SCAN, 0, 8, 1, 1, 0, 0, 63, 0, 0x2B];
        [&START[..], &quantisation, &size, &scan, &END].concat()
    }

    fn with_tables() -> Vec<u8> {
        whole(&frame()).expect("whole").into_owned()
    }

    #[test]
    fn there_are_as_many_values_as_codes() {
        for Table { class, codes, first, runs } in &TABLES {
            let values = first.len() + runs.iter().cloned().flatten().count();
            assert_eq!(codes.iter().map(|count| usize::from(*count)).sum::<usize>(), values, "{class:#x}");
        }
        assert_eq!(standard_tables().len(), 2 + 418, "its known length");
    }

    #[test]
    fn a_frame_without_huffman_tables_gets_those_of_the_standard_before_its_scan_and_once() {
        let mended = with_tables();
        let Header { has_huffman, scan_at, .. } = Header::of(&mended).expect("a header");
        assert!(has_huffman && mended[scan_at..] == frame()[Header::of(&frame()).expect("a header").scan_at..]);
        assert!(matches!(whole(&mended), Some(Cow::Borrowed(same)) if same == mended));
    }

    #[test]
    fn padding_behind_the_end_is_taken_off() {
        for padding in [0x00, 0xFF, 0x2A] {
            let padded = [with_tables(), vec![padding; 300]].concat();
            assert_eq!(whole(&padded).as_deref(), Some(&with_tables()[..]));
        }
    }

    #[test]
    fn a_frame_of_a_camera_that_sends_no_end_gets_one_if_its_header_is_good() {
        let frame = frame();
        let endless = &frame[..frame.len() - END.len()];
        assert_eq!(whole(endless), None);
        assert_eq!(whole_without_end(endless).as_deref(), Some(&with_tables()[..]));
        assert_eq!(whole_without_end(&endless[..60]), None);
    }

    #[test]
    fn what_is_cut_off_anywhere_or_lacks_a_table_is_no_picture() {
        let good = with_tables();
        for end in 0..good.len() {
            assert!(whole(&good[..end]).is_none(), "cut off after {end} of {}", good.len());
        }
        let without = |kind: u8| {
            let at = good.windows(2).position(|pair| pair == [0xFF, kind]).expect("it is there");
            let length = usize::from(u16::from_be_bytes([good[at + 2], good[at + 3]]));
            [&good[..at], &good[at + 2 + length..]].concat()
        };
        assert!(whole(&without(QUANTISATION_TABLES)).is_none() && whole(&without(0xC0)).is_none());
        for other in [&b""[..], b"\0\0\0", &[0xFF, 0xD8, 0xFF, 0xD9], b"RIFF....AVI \xFF\xD9"] {
            assert!(whole(other).is_none());
        }
    }
}
