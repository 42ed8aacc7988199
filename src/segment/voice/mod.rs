//! Whether what is heard is a voice: asked for while there is reason to. PURE.

mod network;
mod spectrum;

use std::sync::LazyLock;

use network::{Memory, Network, STEP};

use super::noise::rms_of;

/// Whoever is asked after a rest first hears what came before, or the first answers would be about nothing: half a second.
const REMEMBERED_STEPS: usize = 16;

/// The network was taught with speech of usual loudness. What stays below an RMS of 1600 is raised to it, by 60 dB at most.
const USUAL_DB: f32 = 64.0;
const MOST_GAIN_DB: f32 = 60.0;
/// The loudest is forgotten at half a decibel a second.
const LOUDEST_FALL_DB: f32 = 0.005;

/// Its weights never change: one copy of them, a megabyte, serves every detector.
static NETWORK: LazyLock<Network> = LazyLock::new(Network::new);

/// A detector of voices, which hears everything and works only while it is awake.
#[derive(Debug)]
pub(super) struct Voice {
    network: &'static Network,
    memory: Memory,
    is_awake: bool,
    /// The newest steps, and the one that is being filled.
    steps: [[i16; STEP]; REMEMBERED_STEPS],
    complete: usize,
    filled: usize,
    loudest_db: f32,
}

impl Voice {
    /// Has heard nothing yet, and is awake: nothing is known of the room.
    pub(super) fn new() -> Self {
        Self {
            network: LazyLock::force(&NETWORK),
            memory: Memory::empty(),
            is_awake: true,
            steps: [[0; STEP]; REMEMBERED_STEPS],
            complete: 0,
            filled: 0,
            loudest_db: 0.0,
        }
    }

    pub(super) fn is_awake(&self) -> bool {
        self.is_awake
    }

    pub(super) fn sleep(&mut self) {
        self.is_awake = false;
    }

    /// Hears a window of this level in the speech band. Returns the probability that somebody speaks if it is awake and the
    /// window completes a step.
    pub(super) fn hear(&mut self, window: &[i16], level_db: f32) -> Option<f32> {
        self.loudest_db = level_db.max(self.loudest_db - LOUDEST_FALL_DB);
        let (now, next) = window.split_at(window.len().min(STEP - self.filled));
        let step = self.complete % REMEMBERED_STEPS;
        self.steps[step][self.filled..][..now.len()].copy_from_slice(now);
        self.filled += now.len();
        if self.filled < STEP {
            return None;
        }
        self.complete += 1;
        self.filled = next.len();
        self.steps[self.complete % REMEMBERED_STEPS][..next.len()].copy_from_slice(next);
        self.is_awake.then(|| self.judge(step))
    }

    /// Hears again what came last, and tells what it thinks of each step, the newest last.
    pub(super) fn wake(&mut self, mut tell: impl FnMut(f32)) {
        self.is_awake = true;
        self.memory = Memory::empty();
        // The step that is being filled has taken the place of the oldest.
        let first = (self.complete + 1).saturating_sub(REMEMBERED_STEPS);
        for step in first..self.complete {
            let probability = self.judge(step % REMEMBERED_STEPS);
            tell(probability);
        }
    }

    fn judge(&mut self, step: usize) -> f32 {
        let gain = rms_of((USUAL_DB - self.loudest_db).clamp(0.0, MOST_GAIN_DB));
        let sound = std::array::from_fn(|n| f32::from(self.steps[step][n]) * gain / 32768.0);
        self.network.hear(&mut self.memory, &sound)
    }
}
