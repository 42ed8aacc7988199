//! Does what the state machine says, in a thread of its own. EDGE.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::http::ApiClient;
use super::store::Stores;
use super::{Action, ApiError, Outcome, PutBack, Stage, StorageSolution, StoreError, Uploader, Want, backoff};
use crate::clock::Clock;
use crate::event::Event;
use crate::spool::{ItemName, Manifest, Spool, SpoolError};

/// How long one wait lasts at most, so that a stop is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Delivers from the spool until `stop` is set, and then ends after the request that is under way.
pub fn run(
    spool: &Spool,
    api: &ApiClient,
    stores: &mut Stores,
    clock: &dyn Clock,
    stop: &AtomicBool,
    tell: &dyn Fn(Event),
) {
    let mut uploader = Uploader::new(api.domain(), clock.monotonic());
    while !stop.load(Ordering::Relaxed) {
        let outcome = match uploader.next(clock.monotonic()) {
            Action::RestUntil(until) => {
                spool.rest(until.saturating_sub(clock.monotonic()).min(LONGEST_WAIT));
                continue;
            }
            Action::Register => or_failed(api.register().map(|()| Outcome::Done)),
            Action::AskStorageSolution => or_failed(api.storage_solution().map(|text| choose(stores, &text))),
            Action::Take(want) => take(spool, want, clock, tell),
            Action::PutBack(how) => {
                put_back(spool, how, clock.monotonic());
                Outcome::Done
            }
            Action::Deliver(name, manifest, stage) => deliver(spool, api, stores, &name, &manifest, stage),
        };
        uploader.on(outcome, clock.monotonic(), fastrand::f64()).into_iter().for_each(tell);
    }
    spool.hand_back();
}

fn or_failed(result: Result<Outcome, ApiError>) -> Outcome {
    result.unwrap_or_else(Outcome::Failed)
}

fn choose(stores: &mut Stores, text: &str) -> Outcome {
    let solution = StorageSolution::parse(text);
    match stores.choose(&solution) {
        Ok(()) => Outcome::Solution(solution),
        Err(obstacle) => Outcome::NoStore(obstacle),
    }
}

fn take(spool: &Spool, want: Want, clock: &dyn Clock, tell: &dyn Fn(Event)) -> Outcome {
    let Some(name) = spool.take(want == Want::FileInPlace, LONGEST_WAIT, || clock.monotonic()) else {
        return Outcome::NothingWaits;
    };
    match spool.load(&name) {
        Ok(manifest) => Outcome::Taken(name, manifest),
        Err(error) if error.is_damage() => {
            log::error!("{error}");
            tell(Event::Dropped(name.kind()));
            Outcome::NothingWaits
        }
        Err(error) => {
            put_back(spool, PutBack::Deferred, clock.monotonic());
            Outcome::SpoolFailed(error.line())
        }
    }
}

fn put_back(spool: &Spool, how: PutBack, now: Duration) {
    match how {
        PutBack::Unchanged => spool.hand_back(),
        PutBack::Deferred => spool.defer(|failures| now + backoff::wait(failures, fastrand::f64())),
    }
}

fn deliver(
    spool: &Spool,
    api: &ApiClient,
    stores: &Stores,
    name: &ItemName,
    manifest: &Manifest,
    stage: Stage,
) -> Outcome {
    let item = &manifest.item;
    let done = match stage {
        Stage::Upload => match stores.put(item, &spool.media(name)) {
            Err(StoreError::Api(error)) => Err(error),
            Err(error) => return Outcome::NotStored(error),
            Ok(()) => Ok(()),
        },
        Stage::PostRow => api.post_row(item),
        Stage::PostTask => api.post_task(item),
        Stage::FindRow => return or_failed(api.has_row(item).map(Outcome::RowFound)),
        Stage::Record => return or_spool_failed(spool.record(name, manifest), Outcome::Done),
        Stage::Finish => return or_spool_failed(spool.finish(name), Outcome::Done),
    };
    match done {
        Ok(()) => {
            log::debug!(item = name.to_string().as_str(); "{stage:?} done");
            Outcome::Done
        }
        Err(error @ ApiError::Refused { .. }) => {
            log::error!("{} is set aside in refused/: {error}", name);
            or_spool_failed(spool.refuse(name, &error.to_string()), Outcome::Refused)
        }
        Err(error) => Outcome::Failed(error),
    }
}

fn or_spool_failed(result: Result<(), SpoolError>, outcome: Outcome) -> Outcome {
    result.map_or_else(|error| Outcome::SpoolFailed(error.line()), |()| outcome)
}
