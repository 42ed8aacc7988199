//! The segmenter allocates when an utterance begins or ends, and never for a frame.

use listener::capture::synthetic_voice::synthetic_voice;
use listener::segment::{Segmenter, Settings, Threshold};

const WINDOW: usize = 160;

#[test]
fn no_frame_allocates_after_the_start() {
    for threshold in [Threshold::Fixed(1000.0), Threshold::Auto] {
        let settings =
            Settings { threshold, pause_ms: 700, lead_in_ms: 500, tail_ms: 400, shortest_ms: 60, timeout_ms: 30_000 };
        let mut segmenter = Segmenter::new(settings);
        let quiet: Vec<i16> = (0..WINDOW).map(|at| (at % 7) as i16).collect();
        let voice = synthetic_voice(1000 * WINDOW, 20_000.0);
        // Ten seconds in turn: quiet and speech.
        let window = |at: usize| match (at / 1000).is_multiple_of(2) {
            true => &quiet[..],
            false => &voice[at % 1000 * WINDOW..][..WINDOW],
        };
        let (mut utterances, mut frames_that_allocated, mut allocations) = (0, 0, 0);
        for at in 0..12_000 {
            let (was_speaking, mut utterance) = (segmenter.is_speaking(), None);
            // Counted for this thread alone: the harness's own may allocate at any time.
            let allocated = allocation_counter::measure(|| utterance = segmenter.push(window(at))).count_total;
            allocations += allocated;
            let is_frame_like_any_other = utterance.is_none() && segmenter.is_speaking() == was_speaking;
            utterances += usize::from(utterance.is_some());
            frames_that_allocated += usize::from(allocated > 0 && is_frame_like_any_other);
        }
        assert!(utterances >= 5, "{utterances} utterances in {threshold:?}");
        assert!(allocations > 0, "an utterance is allocated: is anything counted?");
        assert_eq!(frames_that_allocated, 0, "{threshold:?}");
    }
}
