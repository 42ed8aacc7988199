//! Whether a film is two, one behind the other: GStreamer plays the first of such a Matroska or FLV file and passes over the rest.
//! Reads what it is given and decides nothing else.

use std::io::{Read, Seek};

use super::peek::read;

/// Level-1 elements of Matroska (RFC 8794, RFC 9559): the header of a file, and its one segment.
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

/// Tags of FLV that are looked at: a film of some hours.
const MOST_TAGS: usize = 1_000_000;
const FLV: [u8; 4] = *b"FLV\x01";

/// The byte at which another file begins, if the first says how long it is.
pub fn second(file: &mut (impl Read + Seek)) -> Option<u64> {
    match read(file, 0)? {
        EBML => matroska(file),
        FLV => flv(file),
        _ => None,
    }
}

fn matroska(file: &mut (impl Read + Seek)) -> Option<u64> {
    let segment = element_end(file, 0)?;
    if read(file, segment)? != SEGMENT {
        return None;
    }
    let end = element_end(file, segment)?;
    (read(file, end)? == EBML).then_some(end)
}

/// Where an element with an identifier of four bytes ends. A live recording does not say.
fn element_end(file: &mut (impl Read + Seek), at: u64) -> Option<u64> {
    let [first] = read(file, at + 4)?;
    // As many zeros as bytes follow stand before the first one (RFC 8794, section 4).
    let length = u64::from(first.leading_zeros()) + 1;
    let bytes: [u8; 8] = read(file, at + 4)?;
    let bits = u64::from_be_bytes(bytes) >> 8u64.checked_sub(length)?.checked_mul(8)?;
    let unknown = (1 << (7 * length)) - 1;
    let size = bits & unknown;
    if size == unknown { None } else { at.checked_add(4 + length)?.checked_add(size) }
}

/// A header of nine bytes; then tags, each with the size of the one before in front of it (Adobe, FLV 10.1, annex E).
fn flv(file: &mut (impl Read + Seek)) -> Option<u64> {
    let mut at = u64::from(u32::from_be_bytes(read(file, 5)?));
    for _ in 0..MOST_TAGS {
        if read(file, at + 4)? == FLV {
            return Some(at + 4);
        }
        let [kind, high, middle, low] = read(file, at + 4)?;
        if !matches!(kind & 0x1f, 8 | 9 | 18) {
            return None;
        }
        at += 15 + u64::from(u32::from_be_bytes([0, high, middle, low]));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn found(parts: &[&[u8]]) -> Option<u64> {
        second(&mut Cursor::new(parts.concat()))
    }

    #[test]
    fn a_second_matroska_file_is_found_where_the_first_ends() {
        let header = [&EBML[..], &[0x84, 1, 2, 3, 4]].concat();
        let film = [&header[..], &SEGMENT, &[0x40, 0x64], &[7; 100]].concat();
        assert_eq!(found(&[&film]), None);
        assert_eq!(found(&[&film, &film]), Some(film.len() as u64));
        let live = [&header[..], &SEGMENT, &[0x01], &[0xff; 7], &[7; 100]].concat();
        assert_eq!(found(&[&live, &film]), None);
    }

    #[test]
    fn a_second_flv_file_is_found_behind_the_tags_of_the_first() {
        let tag = [&[8, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0][..], &[5; 20], &31u32.to_be_bytes()].concat();
        let film = [&FLV[..], &[4], &9u32.to_be_bytes(), &[0; 4], &tag, &tag].concat();
        assert_eq!(found(&[&film]), None);
        assert_eq!(found(&[&film, &film]), Some(film.len() as u64));
    }

    #[test]
    fn whatever_else_a_file_holds_nothing_is_found_in_it() {
        for bytes in
            [&b""[..], b"FLV\x01", b"RIFF....WAVE", &EBML, &[0x1a, 0x45, 0xdf, 0xa3, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(found(&[bytes]), None, "{bytes:?}");
        }
    }
}
