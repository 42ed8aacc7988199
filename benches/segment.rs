//! How much processor time a minute of sound costs, with a fixed threshold (energy alone) and following the room.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use listener::capture::synthetic_voice::synthetic_voice;
use listener::segment::{Settings, Threshold, segment_all};

const MINUTE_SAMPLES: usize = 60 * 16_000;

/// What is heard beside faint noise: three seconds of speech in every six, a knock a second, or nothing.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Speech,
    Knocks,
    Nothing,
}

fn minute(beside: Beside) -> Vec<i16> {
    let mut chance = 1u32;
    let mut noise = move || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (chance >> 16) as i16 / 2048
    };
    let voice = synthetic_voice(48_000, 6_000.0);
    let said = |at: usize| match beside {
        Beside::Speech if (at / 48_000).is_multiple_of(2) => voice[at % 48_000],
        Beside::Knocks if at % 16_000 < 800 => (8_000 - 10 * (at % 800) as i16) * if at % 8 < 4 { 1 } else { -1 },
        _ => 0,
    };
    (0..MINUTE_SAMPLES).map(|at| noise() + said(at)).collect()
}

fn segment(criterion: &mut Criterion) {
    let [talk, knocks, quiet] = [Beside::Speech, Beside::Knocks, Beside::Nothing].map(minute);
    let mut group = criterion.benchmark_group("segment_a_minute");
    let cases = [
        ("fixed", Threshold::Fixed(5000.0), &talk),
        ("auto", Threshold::Auto, &talk),
        ("auto-knocks", Threshold::Auto, &knocks),
        ("auto-quiet", Threshold::Auto, &quiet),
    ];
    for (name, threshold, recording) in cases {
        let settings =
            Settings { threshold, pause_ms: 700, lead_in_ms: 500, tail_ms: 400, shortest_ms: 60, timeout_ms: 30_000 };
        group.bench_function(name, |bencher| bencher.iter(|| segment_all(settings, black_box(recording))));
    }
    group.finish();
}

criterion_group!(benches, segment);
criterion_main!(benches);
