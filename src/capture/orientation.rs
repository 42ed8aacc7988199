//! How a film has to be turned to stand upright. Reads what it is given and decides nothing else.
//!
//! GStreamer 1.22 knows the four turns of an MP4's matrix and passes over its mirrored ones (qtdemux.c,
//! `qtdemux_inspect_transformation_matrix`), so these are looked for here.

use std::io::{Read, Seek, SeekFrom};

use super::peek::read;

/// Boxes that are looked at, of a film whose index may be long.
const MOST_BOXES: usize = 10_000;

/// moov, trak, mdia: the matrix and the track's kind lie no deeper.
const DEEPEST: usize = 3;

/// The parts of a track's matrix that turn and mirror, as their signs: [a b; c d] (ISO/IEC 14496-12, 8.3.2).
type Signs = [i32; 4];

/// What videoflip is asked for, in the words of GStreamer's video-direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As the film's tags say, or not at all.
    Auto,
    /// Left and right change places.
    Horizontal,
    /// Top and bottom do.
    Vertical,
    /// Mirrored at the diagonal from the upper left.
    UpperLeft,
    /// Mirrored at the diagonal from the upper right.
    UpperRight,
}

impl Direction {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Horizontal => "horiz",
            Self::Vertical => "vert",
            Self::UpperLeft => "ul-lr",
            Self::UpperRight => "ur-ll",
        }
    }
}

/// How the first track with pictures is mirrored; [`Direction::Auto`] for what is no MP4, or not mirrored.
pub fn mirrored(file: &mut (impl Read + Seek)) -> Direction {
    let end = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let mut search = Search { boxes_left: MOST_BOXES, track: None, film: None };
    // What cannot be read further has been found, or is not there.
    let _ = search.walk(file, 0, end, 0);
    match search.film {
        Some([-1, 0, 0, 1]) => Direction::Horizontal,
        Some([1, 0, 0, -1]) => Direction::Vertical,
        Some([0, 1, 1, 0]) => Direction::UpperLeft,
        Some([0, -1, -1, 0]) => Direction::UpperRight,
        _ => Direction::Auto,
    }
}

struct Search {
    boxes_left: usize,
    /// Of the track that is being looked at.
    track: Option<Signs>,
    /// Of the first track with pictures.
    film: Option<Signs>,
}

impl Search {
    /// Goes through boxes until the matrix of a track with pictures is found.
    fn walk(&mut self, file: &mut (impl Read + Seek), mut at: u64, end: u64, depth: usize) -> Option<()> {
        while at < end && self.film.is_none() {
            self.boxes_left = self.boxes_left.checked_sub(1)?;
            let head: [u8; 8] = read(file, at)?;
            let mut body = at + 8;
            let size = match u64::from(number(&head, 0)) {
                0 => end - at,
                1 => {
                    body += 8;
                    u64::from_be_bytes(read(file, at + 8)?)
                }
                size => size,
            };
            let next = at.checked_add(size).filter(|next| *next >= body && *next <= end)?;
            match &head[4..] {
                b"moov" | b"trak" | b"mdia" if depth < DEEPEST => self.walk(file, body, next, depth + 1)?,
                b"tkhd" => self.track = signs(file, body),
                b"hdlr" if read::<12>(file, body)?[8..] == *b"vide" => self.film = self.track,
                _ => {}
            }
            at = next;
        }
        Some(())
    }
}

/// The matrix stands behind the times, which have 64 bits in version 1.
fn signs(file: &mut (impl Read + Seek), body: u64) -> Option<Signs> {
    let [version] = read(file, body)?;
    let matrix: [u8; 36] = read(file, body + if version == 1 { 52 } else { 40 })?;
    Some([0, 4, 12, 16].map(|at| (number(&matrix, at) as i32).signum()))
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn track(handler: &[u8; 4], version: u8, signs: Signs) -> Vec<u8> {
        let mut head = vec![0; if version == 1 { 52 } else { 40 }];
        head[0] = version;
        let [a, b, c, d] = signs.map(|sign| sign << 16);
        let matrix = [a, b, 0, c, d, 0, 320 << 16, 0, 1 << 30].map(i32::to_be_bytes).concat();
        let handler = boxed(b"hdlr", &[&[0; 8], &handler[..], &[0; 12]].concat());
        boxed(b"trak", &[boxed(b"tkhd", &[head, matrix, vec![0; 8]].concat()), boxed(b"mdia", &handler)].concat())
    }

    fn film(tracks: &[Vec<u8>]) -> Vec<u8> {
        [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[1; 99]), boxed(b"moov", &tracks.concat())].concat()
    }

    fn of(file: &[u8]) -> Direction {
        mirrored(&mut Cursor::new(file))
    }

    #[test]
    fn the_four_mirrored_matrices_are_known_in_either_version() {
        let all = [
            ([-1, 0, 0, 1], Direction::Horizontal),
            ([1, 0, 0, -1], Direction::Vertical),
            ([0, 1, 1, 0], Direction::UpperLeft),
            ([0, -1, -1, 0], Direction::UpperRight),
        ];
        for (signs, direction) in all {
            assert_eq!(of(&film(&[track(b"vide", 0, signs)])), direction);
            assert_eq!(of(&film(&[track(b"soun", 0, [1, 0, 0, 1]), track(b"vide", 1, signs)])), direction);
        }
    }

    #[test]
    fn what_is_only_turned_is_left_to_the_tags() {
        for signs in [[1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0]] {
            assert_eq!(of(&film(&[track(b"vide", 0, signs)])), Direction::Auto);
        }
        assert_eq!(of(&film(&[track(b"soun", 0, [-1, 0, 0, 1])])), Direction::Auto);
        assert_eq!(of(b"OggS and so on"), Direction::Auto);
        assert_eq!(of(b""), Direction::Auto);
    }

    #[test]
    fn whatever_the_bytes_are_they_are_looked_through() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let mut file = film(&[track(b"vide", 0, [-1, 0, 0, 1])]);
            (0..8).for_each(|_| {
                let at = random.usize(..file.len());
                file[at] = random.u8(..);
            });
            of(&file);
        }
    }
}
