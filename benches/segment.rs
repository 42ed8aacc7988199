//! How much processor time a minute of sound costs, with a fixed threshold (energy alone) and following the room.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use listener::segment::{Settings, Threshold, segment_all};

const MINUTE_SAMPLES: usize = 60 * 16_000;

/// A minute of syllables and pauses over noise.
fn minute() -> Vec<i16> {
    let mut chance = 1u32;
    let mut noise = move || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (chance >> 16) as i16 / 256
    };
    let syllable = |at: usize| (at / 48_000).is_multiple_of(2) && (at / 3_200).is_multiple_of(2);
    let voice = |at: usize| if at % 40 < 20 { 6_000 } else { -6_000 };
    (0..MINUTE_SAMPLES).map(|at| noise() + if syllable(at) { voice(at) } else { 0 }).collect()
}

fn segment(criterion: &mut Criterion) {
    let recording = minute();
    let mut group = criterion.benchmark_group("segment_a_minute");
    for (name, threshold) in [("fixed", Threshold::Fixed(5000.0)), ("auto", Threshold::Auto)] {
        let settings =
            Settings { threshold, pause_ms: 700, lead_in_ms: 500, tail_ms: 400, shortest_ms: 60, timeout_ms: 30_000 };
        group.bench_function(name, |bencher| bencher.iter(|| segment_all(settings, black_box(&recording))));
    }
    group.finish();
}

criterion_group!(benches, segment);
criterion_main!(benches);
