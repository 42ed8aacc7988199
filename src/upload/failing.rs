//! What is done when something fails: whether the item waits, the way, or both. PURE.

use std::time::Duration;

use super::complaints::Ruling;
use super::delivery::Delivery;
use super::{Action, ApiError, Link, PutBack, Stage, StoreError, Uploader, fault_of};
use crate::event::{Event, Fault, Part};
use crate::item::ItemId;
use crate::limits::{OUTAGE_WAIT, PAUSED_DELIVERIES, REFUSED_RETRY, ROW_SETTLE};

impl Uploader {
    pub(super) fn put_back(&mut self, id: &ItemId, how: PutBack) {
        self.pending.push_back(Action::PutBack(*id, how));
    }

    /// It goes on where it is when it is taken again.
    pub(super) fn pause(&mut self, delivery: Delivery) {
        if self.paused.len() == PAUSED_DELIVERIES {
            self.paused.pop_front();
        }
        self.paused.push_back(delivery);
    }

    pub(super) fn fail(&mut self, error: ApiError, now: Duration, jitter: f64) -> Vec<Event> {
        let Some(delivery) = self.hand.take() else { return self.link_failed(&error, now, jitter) };
        let Delivery { id, stage, .. } = &delivery;
        let is_known = self.complaints.knows(id);
        match &error {
            ApiError::File(text) => return self.file_failed(delivery, text.clone(), now, jitter),
            ApiError::Unreachable(_) | ApiError::Untrusted(_) => {
                self.api.fail(Duration::ZERO, now, jitter);
                self.put_back(id, PutBack::Unchanged);
                return vec![Event::Fault(fault_of(&self.domain, &error))];
            }
            ApiError::BrokenOff(_) | ApiError::NotTheApi(_) => self.api.fail_with(id, Duration::ZERO, now, jitter),
            ApiError::Busy(_, wait) => self.api.fail_with(id, *wait, now, jitter),
            ApiError::Unclear(_) | ApiError::Doubtful(_) | ApiError::Refused { .. } => {
                self.api.doubt(id, is_known, now, jitter);
            }
            // Registering tells at once whether it is so.
            ApiError::Unauthorized(_) | ApiError::UnknownHome(_) => {
                self.link = Link::Unregistered;
                self.api.doubt(id, is_known, now, jitter);
                if !self.api.is_well() {
                    self.api.rest_for(REFUSED_RETRY, now);
                }
            }
        }
        if let ApiError::Refused { answer, .. } = &error
            && let Some(call) = stage.call()
        {
            match self.complaints.refused(id, call, answer) {
                Ruling::SetAside => self.put_back(id, PutBack::Refused(error.to_string())),
                Ruling::Keep(set_aside) => {
                    self.put_off(id, *stage, &error.to_string(), now);
                    if !set_aside.is_empty() {
                        self.pending.push_back(Action::TakeBack(set_aside));
                    }
                }
            }
        } else {
            self.put_off(id, *stage, &error.to_string(), now);
        }
        if self.api.is_well() { vec![] } else { vec![Event::Fault(fault_of(&self.domain, &error))] }
    }

    /// Registering, or asking where files are wanted, has failed. While a place is known, that holds up nothing.
    fn link_failed(&mut self, error: &ApiError, now: Duration, jitter: f64) -> Vec<Event> {
        self.link_has_failed = true;
        match error {
            ApiError::Unauthorized(_) | ApiError::UnknownHome(_) => {
                self.link = Link::Unregistered;
                self.api.rest_for(REFUSED_RETRY, now);
            }
            ApiError::Busy(_, wait) => self.api.rest_for(*wait, now),
            _ => self.api.fail(Duration::ZERO, now, jitter),
        }
        let may_be_the_call = !matches!(error, ApiError::Unreachable(_) | ApiError::Untrusted(_));
        if let Link::Ready { asked, .. } = &mut self.link
            && may_be_the_call
        {
            *asked = now;
        }
        vec![Event::Fault(fault_of(&self.domain, error))]
    }

    pub(super) fn not_stored(&mut self, error: StoreError, now: Duration, jitter: f64) -> Vec<Event> {
        let text = match error {
            StoreError::Api(error) => return self.fail(error, now, jitter),
            StoreError::File(text) => {
                let Some(delivery) = self.hand.take() else { return vec![] };
                return self.file_failed(delivery, text, now, jitter);
            }
            StoreError::Away(text) => {
                self.files.fail(Duration::ZERO, now, jitter);
                if let Some(delivery) = self.hand.take() {
                    self.put_back(&delivery.id, PutBack::Unchanged);
                }
                text
            }
            StoreError::Failed(text) => {
                if let Some(Delivery { id, stage, .. }) = self.hand.take() {
                    self.files.doubt(&id, self.complaints.knows(&id), now, jitter);
                    self.put_off(&id, stage, &text, now);
                }
                format!("{text}; it is tried again")
            }
        };
        if self.files.is_well() { vec![] } else { vec![Event::Fault(Fault::new(Part::Storage, text))] }
    }

    /// The item waits: alone, or as long as it takes to look again where no item is to blame.
    fn put_off(&mut self, id: &ItemId, stage: Stage, cause: &str, now: Duration) {
        if !self.is_well() {
            self.passed_over.insert(id.kind);
        }
        if self.api.is_down() || self.files.is_down() {
            return self.put_back(id, PutBack::Later(OUTAGE_WAIT));
        }
        self.complaints.put_off(id, stage, cause, now);
        self.put_back(id, PutBack::Alone(ROW_SETTLE));
    }

    /// The item's own file cannot be read.
    fn file_failed(&mut self, delivery: Delivery, text: String, now: Duration, jitter: f64) -> Vec<Event> {
        self.put_back(&delivery.id, PutBack::Alone(Duration::ZERO));
        self.disk_failed(text, now, jitter)
    }

    /// The spool did not do as asked. What it was to write is written when the item is taken again: what was sent is not sent
    /// once more.
    pub(super) fn spool_failed(&mut self, text: String, now: Duration, jitter: f64) -> Vec<Event> {
        // Whoever was to put an item away has handed it back.
        if let Some(Action::TakeBack(ids)) = self.pending.pop_front() {
            self.owed = Some(ids);
        }
        if let Some(delivery) = self.hand.take() {
            self.put_back(&delivery.id, PutBack::Alone(Duration::ZERO));
            self.pause(delivery);
        }
        self.disk_failed(text, now, jitter)
    }

    fn disk_failed(&mut self, text: String, now: Duration, jitter: f64) -> Vec<Event> {
        self.disk.fail(Duration::ZERO, now, jitter);
        let fault = Fault::new(Part::Disk, text);
        self.disk_fault = Some(fault.clone());
        vec![Event::Fault(fault)]
    }
}
