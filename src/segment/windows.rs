//! Sound in chunks of any size, as windows of one size. PURE.

use crate::limits::WINDOW_SAMPLES;

/// Keeps what does not fill a window until the next chunk.
#[derive(Debug, Default)]
pub struct Windows {
    begun: Vec<i16>,
}

impl Windows {
    /// Hands every window that `chunk` completes to `hear`.
    pub fn feed(&mut self, mut chunk: &[i16], mut hear: impl FnMut(&[i16])) {
        if !self.begun.is_empty() {
            let (first, rest) = chunk.split_at(chunk.len().min(WINDOW_SAMPLES - self.begun.len()));
            self.begun.extend_from_slice(first);
            chunk = rest;
            if self.begun.len() < WINDOW_SAMPLES {
                return;
            }
            hear(&self.begun);
            self.begun.clear();
        }
        let windows = chunk.chunks_exact(WINDOW_SAMPLES);
        self.begun.extend_from_slice(windows.remainder());
        windows.for_each(hear);
    }
}
