//! Where the sound is in a WAV file that is not as it should be: its format behind its sound, its sound in several pieces, files
//! joined, a length or a byte rate that is wrong. GStreamer takes the last piece of such a file, or nothing, without a word.
//! Reads what it is given and decides nothing else.
//!
//! ```text
//! RIFF size WAVE   fmt_ size format   LIST size …   data size sound   (RIFF size WAVE …)
//! ```

use std::io::{Read, Seek, SeekFrom};

/// Real files have a dozen; what has more is no WAV file.
const MOST_CHUNKS: usize = 4_096;

/// A format with the extension of WAVE_FORMAT_EXTENSIBLE has 40 bytes, one of a codec some more.
const MOST_FORMAT_BYTES: u64 = 256;

/// `RIFF`, a size, `WAVE`.
const START_BYTES: u64 = 12;

/// Formats whose byte rate follows from the rest: whole numbers, floating point, and either in WAVE_FORMAT_EXTENSIBLE.
const PLAIN_FORMATS: [u16; 3] = [1, 3, 0xFFFE];

/// Written where a size does not fit into 32 bits, or was not known.
const UNKNOWN: u32 = u32::MAX;

/// What has to be read of a file, in place of the file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// A header for all of its sound.
    pub header: Vec<u8>,
    /// Where its sound is: first byte, and how many.
    pub parts: Vec<(u64, u64)>,
}

/// Looks through a file. `None` if it is no WAV file, or one that can be taken as it is.
///
/// # Errors
/// When its parts are of different formats, in words that go on from its name.
pub fn mended(file: &mut (impl Read + Seek)) -> Result<Option<Mended>, String> {
    let Some(found) = look(file) else { return Ok(None) };
    let Some(first) = found.formats.first() else { return Ok(None) };
    if found.formats.iter().any(|format| format != first) {
        return Err("it is several WAV files joined, and their formats differ; take them apart".into());
    }
    let format = with_true_byte_rate(first);
    let is_good =
        !found.is_format_late && !found.is_unfilled && !found.has_more && found.parts.len() == 1 && format == *first;
    let sound_bytes: u64 = found.parts.iter().map(|(_, bytes)| bytes).sum();
    Ok((!is_good && sound_bytes > 0).then(|| Mended { header: header(&format, sound_bytes), parts: found.parts }))
}

#[derive(Debug, Default)]
struct Found {
    formats: Vec<Vec<u8>>,
    parts: Vec<(u64, u64)>,
    /// Sound stands before its format.
    is_format_late: bool,
    /// An odd chunk is not filled.
    is_unfilled: bool,
    /// There is more sound than its size says.
    has_more: bool,
}

/// One chunk's head.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    kind: [u8; 4],
    size: u32,
    body: u64,
}

fn look(file: &mut (impl Read + Seek)) -> Option<Found> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    let (mut found, mut long_size) = (Found::default(), None);
    let mut file_end = start_at(file, 0, end)?;
    let mut at = START_BYTES;
    for _ in 0..MOST_CHUNKS {
        let Some(Chunk { kind, size, body }) = chunk_at(file, at) else { return Some(found) };
        let size = if kind == *b"data" && size == UNKNOWN { long_size.unwrap_or(u64::from(size)) } else { size.into() };
        let claimed = body.saturating_add(size);
        let next = match &kind {
            b"RIFF" | b"RF64" | b"BW64" if start_at(file, at, end).is_some() => {
                file_end = start_at(file, at, end)?;
                Some(at + START_BYTES)
            }
            b"fmt " if size <= MOST_FORMAT_BYTES => {
                found.formats.push(read(file, body, size)?);
                next_chunk(file, claimed, size, end)
            }
            // Sizes of 64 bits: of the file, of its sound (EBU Tech 3306).
            b"ds64" => {
                long_size = read(file, body, 16).and_then(|sizes| u64_at(&sizes, 8));
                next_chunk(file, claimed, size, end)
            }
            b"data" => {
                found.is_format_late |= found.formats.is_empty();
                let next = next_chunk(file, claimed, size, end);
                // What no chunk begins with is sound, if the file's own size has it in the file; else it is somebody's tag.
                let is_longer = next.is_none() && (claimed > end || size == 0 || file_end >= end);
                let until = if is_longer { end } else { claimed.min(end) };
                // Of a size that was never written, the rest is as everybody takes it.
                found.has_more |= until > claimed && size > 0;
                if until > body {
                    found.parts.push((body, until - body));
                }
                next
            }
            _ => next_chunk(file, claimed, size, end),
        };
        let Some(next) = next else { return Some(found) };
        found.is_unfilled |= size % 2 == 1 && next == claimed && next < end;
        at = next;
    }
    None
}

/// Where the chunk behind one is that ends at `claimed`: with the byte that fills an odd size, or without, as some write it.
/// `None` if there is none, and the file goes on.
fn next_chunk(file: &mut (impl Read + Seek), claimed: u64, size: u64, end: u64) -> Option<u64> {
    let padded = claimed.saturating_add(size % 2);
    if padded >= end {
        return (claimed == end || padded == end).then_some(end);
    }
    [padded, claimed].into_iter().find(|at| chunk_at(file, *at).is_some_and(|chunk| is_likely(&chunk, end)))
}

/// Sound is hardly ever four letters and a size that fits.
fn is_likely(chunk: &Chunk, end: u64) -> bool {
    let is_text = chunk.kind.iter().all(|byte| (b' '..=b'~').contains(byte));
    let fits = chunk.body.saturating_add(u64::from(chunk.size)) <= end;
    is_text && (fits || matches!(&chunk.kind, b"data" | b"RIFF" | b"RF64"))
}

/// Where a file that starts here ends by its own account; to the end of what there is, where its size was never written.
fn start_at(file: &mut (impl Read + Seek), at: u64, end: u64) -> Option<u64> {
    let head = read(file, at, START_BYTES)?;
    let is_start = matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") && &head[8..] == b"WAVE";
    let size = u32_at(&head, 4).filter(|size| !matches!(*size, 0 | UNKNOWN));
    is_start.then(|| size.map_or(end, |size| at + 8 + u64::from(size)))
}

fn chunk_at(file: &mut (impl Read + Seek), at: u64) -> Option<Chunk> {
    let head = read(file, at, 8)?;
    Some(Chunk { kind: head[..4].try_into().ok()?, size: u32_at(&head, 4)?, body: at + 8 })
}

fn read(file: &mut (impl Read + Seek), at: u64, bytes: u64) -> Option<Vec<u8>> {
    let mut read = vec![0; usize::try_from(bytes).ok()?];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut read).ok()?;
    Some(read)
}

fn with_true_byte_rate(format: &[u8]) -> Vec<u8> {
    let mut format = format.to_vec();
    let number = |at: usize| format.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    if let (Some(kind), Some(rate), Some(block)) = (number(0), u32_at(&format, 4), number(12))
        && PLAIN_FORMATS.contains(&kind)
        && let Some(byte_rate) = rate.checked_mul(u32::from(block))
    {
        format[8..12].copy_from_slice(&byte_rate.to_le_bytes());
    }
    format
}

fn header(format: &[u8], sound_bytes: u64) -> Vec<u8> {
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(UNKNOWN).to_le_bytes();
    let format_bytes = format.len() as u64;
    let mut header = b"RIFF".to_vec();
    header.extend(size(sound_bytes.saturating_add(format_bytes + 20)));
    header.extend(b"WAVEfmt ");
    header.extend(size(format_bytes));
    header.extend(format);
    header.extend(b"data");
    header.extend(size(sound_bytes));
    header
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// 16 kHz, one channel, 16 bits, with this byte rate.
    fn format(byte_rate: u32) -> Vec<u8> {
        let mut format = vec![1, 0, 1, 0];
        format.extend(16_000u32.to_le_bytes());
        format.extend(byte_rate.to_le_bytes());
        format.extend([2, 0, 16, 0]);
        format
    }

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        sized(kind, body, body.len() as u32)
    }

    fn sized(kind: &[u8; 4], body: &[u8], size: u32) -> Vec<u8> {
        [&kind[..], &size.to_le_bytes(), body].concat()
    }

    fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = chunks.concat();
        [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &body].concat()
    }

    fn good() -> Vec<u8> {
        riff(&[chunk(b"fmt ", &format(32_000)), chunk(b"data", &[7; 400])])
    }

    /// Header and sound as they are read, if the file has to be mended.
    fn read_as(file: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mended = mended(&mut Cursor::new(file)).expect("no conflict")?;
        let sound = mended.parts.iter().flat_map(|(at, bytes)| &file[*at as usize..(*at + *bytes) as usize]);
        Some((mended.header, sound.copied().collect()))
    }

    fn sound_of(file: &[u8]) -> Option<Vec<u8>> {
        read_as(file).map(|(_, sound)| sound)
    }

    #[test]
    fn a_good_file_is_taken_as_it_is_and_so_is_what_is_none() {
        assert_eq!(read_as(&good()), None);
        assert_eq!(read_as(&riff(&[chunk(b"fmt ", &format(32_000))])), None);
        assert_eq!(read_as(b"fLaC and so on, longer than a header"), None);
        assert_eq!(read_as(b"RIFF"), None);
    }

    #[test]
    fn a_size_that_was_never_written_or_is_too_long_is_left_to_the_end_of_the_file() {
        for size in [0, 1_000_000, UNKNOWN] {
            let file = riff(&[chunk(b"fmt ", &format(32_000)), sized(b"data", &[7; 400], size)]);
            assert_eq!(read_as(&file), None, "{size}");
        }
    }

    #[test]
    fn sound_before_its_format_is_found() {
        let file = riff(&[chunk(b"data", &[7; 400]), chunk(b"fmt ", &format(32_000))]);
        assert_eq!(read_as(&file), Some((good()[..44].to_vec(), vec![7; 400])));
    }

    #[test]
    fn sound_in_two_pieces_is_one() {
        let pieces = [chunk(b"data", &[7; 400]), chunk(b"LIST", b"INFO"), chunk(b"data", &[9; 200])];
        let file = riff(&[vec![chunk(b"fmt ", &format(32_000))], pieces.to_vec()].concat());
        assert_eq!(sound_of(&file), Some([[7; 400].as_slice(), &[9; 200]].concat()));
    }

    #[test]
    fn joined_files_are_one_and_those_of_two_formats_are_refused() {
        assert_eq!(sound_of(&[good(), good()].concat()), Some(vec![7; 800]));
        let mut other = good();
        other[24] ^= 1;
        let refusal = mended(&mut Cursor::new([good(), other].concat())).expect_err("their rates differ");
        assert!(refusal.contains("their formats differ"), "{refusal}");
    }

    #[test]
    fn a_size_that_is_too_short_does_not_end_the_sound() {
        let file = riff(&[chunk(b"fmt ", &format(32_000)), sized(b"data", &[7; 400], 100)]);
        assert_eq!(sound_of(&file), Some(vec![7; 400]));
    }

    #[test]
    fn a_byte_rate_that_is_wrong_is_put_right() {
        for wrong in [0, 1, 16_000, u32::MAX] {
            let file = riff(&[chunk(b"fmt ", &format(wrong)), chunk(b"data", &[7; 400])]);
            assert_eq!(read_as(&file), Some((good()[..44].to_vec(), vec![7; 400])), "{wrong}");
        }
    }

    #[test]
    fn an_odd_chunk_may_be_filled_or_not() {
        for list in [sized(b"LIST", b"INFOabc\0", 7), chunk(b"LIST", b"INFOabc")] {
            let file = riff(&[chunk(b"fmt ", &format(1)), list, chunk(b"data", &[7; 400])]);
            assert_eq!(sound_of(&file), Some(vec![7; 400]));
        }
    }

    #[test]
    fn sizes_of_64_bits_are_understood() {
        let sizes: Vec<u8> = [0u64, 400, 200].iter().flat_map(|size| size.to_le_bytes()).collect();
        let pieces = [sized(b"data", &[7; 400], UNKNOWN), chunk(b"data", &[9; 200])];
        let file = riff(&[vec![chunk(b"ds64", &sizes), chunk(b"fmt ", &format(32_000))], pieces.to_vec()].concat());
        assert_eq!(sound_of(&file), Some([[7; 400].as_slice(), &[9; 200]].concat()));
    }

    #[test]
    fn whatever_the_bytes_are_they_are_looked_through() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let mut file = [good(), good()].concat();
            (0..8).for_each(|_| file[random.usize(12..90)] = random.u8(..));
            if let Ok(Some(Mended { parts, .. })) = mended(&mut Cursor::new(&file)) {
                assert!(parts.iter().all(|(at, bytes)| at + bytes <= file.len() as u64));
            }
        }
    }
}
