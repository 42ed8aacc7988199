//! The stages' threads, and the order in which they begin and end.
//!
//! ```text
//!             switch on                 sources over
//!           ┌───────────────> Muting ─────────────────> Muted ──┐
//! Recording ┤                                                   │ switch off
//!     ^     └──source over, time up, told──> Finishing          │
//!     └─────────────────────────────────────────────────────────┘
//! Finishing ──what is open is closed and kept──> Draining
//! Draining ──all delivered, no progress in sight, or told to stop──> Stopping ──> over
//! ```

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: threads, random numbers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use uuid::Uuid;

use super::View;
use crate::capture::mute::Switch;
use crate::capture::stages::{self, Outlets, Source};
use crate::config::Config;
use crate::limits::{DRAIN_TIMEOUT, FINISH_TIMEOUT, STOP_TIMEOUT};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Recording,
    /// The sources are being closed, since this monotonic time, for the mute switch.
    Muting {
        since: Duration,
    },
    /// No device is open.
    Muted,
    Finishing {
        since: Duration,
    },
    /// `delivered` items at monotonic time `since`: no progress has been made since then.
    Draining {
        delivered: u64,
        since: Duration,
    },
    Stopping {
        since: Duration,
    },
}

/// The capture side: what makes sources, and those that run.
pub struct Capture {
    pub source: Source,
    pub config: Config,
    /// Dropped, the keeper ends once the sources have.
    pub outlets: Option<Outlets>,
    pub sources: Vec<JoinHandle<()>>,
    pub keeper: JoinHandle<()>,
    pub mute: Option<Box<dyn Switch>>,
}

/// The upload side.
pub struct Upload {
    pub thread: JoinHandle<()>,
    pub stop: Arc<AtomicBool>,
}

/// The threads of one process: of one side, or of both.
pub struct Stages {
    pub capture: Option<Capture>,
    pub upload: Option<Upload>,
}

impl Capture {
    fn start(&mut self) -> anyhow::Result<()> {
        if let Some(outlets) = &mut self.outlets {
            self.sources = stages::start(&self.source, &self.config, outlets)?;
        }
        Ok(())
    }

    /// Under a run of their own: the API names what is seen by the second, and one may come twice.
    fn start_again(&mut self) -> anyhow::Result<()> {
        if let Some(outlets) = &mut self.outlets {
            outlets.stop = Arc::default();
            outlets.uid = Uuid::new_v4();
        }
        self.start()
    }

    fn stop(&self) {
        if let Some(outlets) = &self.outlets {
            outlets.stop.store(true, Ordering::Relaxed);
        }
    }

    fn are_sources_over(&self) -> bool {
        self.sources.iter().all(JoinHandle::is_finished)
    }

    fn is_muted(&mut self) -> anyhow::Result<bool> {
        let Some(switch) = &mut self.mute else { return Ok(false) };
        switch.is_on().context("the mute switch cannot be read, so nothing is recorded")
    }
}

impl Stages {
    /// The first phase: with the switch on, no device is opened.
    ///
    /// # Errors
    /// When a file cannot be played, or the switch cannot be read.
    pub fn begin(&mut self) -> anyhow::Result<Phase> {
        let Some(capture) = &mut self.capture else { return Ok(Phase::Recording) };
        if capture.is_muted()? {
            return Ok(Phase::Muted);
        }
        capture.start()?;
        Ok(Phase::Recording)
    }

    /// The phase to go on in; `None` when all is over.
    ///
    /// # Errors
    /// When the mute switch is on and a device cannot be let go, or the switch cannot be read: the program must end.
    pub fn next_phase(
        &mut self,
        phase: Phase,
        now: Duration,
        told: bool,
        is_time_up: bool,
        view: &View,
    ) -> anyhow::Result<Option<Phase>> {
        let delivered = view.delivered();
        let is_over = told || is_time_up;
        Ok(Some(match phase {
            Phase::Recording | Phase::Muting { .. } | Phase::Muted
                if is_over || phase == Phase::Recording && self.are_sources_over() =>
            {
                if let Some(capture) = &mut self.capture {
                    capture.stop();
                    capture.outlets = None;
                }
                Phase::Finishing { since: now }
            }
            Phase::Recording | Phase::Muting { .. } | Phase::Muted => self.look_at_switch(phase, now)?,
            // A device that hangs in its driver is left behind.
            Phase::Finishing { since } if self.is_kept() || now >= since + FINISH_TIMEOUT => {
                Phase::Draining { delivered, since: now }
            }
            Phase::Draining { delivered: before, .. } if delivered > before => {
                Phase::Draining { delivered, since: now }
            }
            Phase::Draining { since, .. }
                if told
                    || self.upload.is_none()
                    || view.is_all_sent()
                    || view.needs_person()
                    || now >= since + DRAIN_TIMEOUT =>
            {
                if let Some(upload) = &self.upload {
                    upload.stop.store(true, Ordering::Relaxed);
                    view.ends.wake();
                }
                Phase::Stopping { since: now }
            }
            // A request that hangs is cut off: the item stays where its row says.
            Phase::Stopping { since }
                if self.upload.as_ref().is_none_or(|upload| upload.thread.is_finished())
                    || now >= since + STOP_TIMEOUT =>
            {
                return Ok(None);
            }
            unchanged => unchanged,
        }))
    }

    fn look_at_switch(&mut self, phase: Phase, now: Duration) -> anyhow::Result<Phase> {
        let Some(capture) = &mut self.capture else { return Ok(phase) };
        let is_muted = capture.is_muted()?;
        Ok(match phase {
            Phase::Recording if is_muted => {
                capture.stop();
                Phase::Muting { since: now }
            }
            Phase::Muting { .. } if capture.are_sources_over() => Phase::Muted,
            Phase::Muting { since } if now >= since + FINISH_TIMEOUT => {
                bail!(
                    "the mute switch is on and the microphone or the camera does not let go: the program ends instead"
                )
            }
            Phase::Muted if !is_muted => {
                capture.start_again()?;
                Phase::Recording
            }
            unchanged => unchanged,
        })
    }

    /// Without a capture side there is nothing that could be over.
    fn are_sources_over(&self) -> bool {
        self.capture.as_ref().is_some_and(Capture::are_sources_over)
    }

    /// The keeper ends only after those who hand it recordings.
    fn is_kept(&self) -> bool {
        self.capture.as_ref().is_none_or(|capture| capture.are_sources_over() && capture.keeper.is_finished())
    }
}
