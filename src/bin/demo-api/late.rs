//! Rows that are kept after their answer was given up, as behind a locked table or a gateway that does not wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::answer::{Answer, own_error, server_error};
use crate::http::App;
use crate::persist::Keeper;
use crate::records::{Event, Table};

/// Which rows are late.
#[derive(Default)]
pub struct Late {
    /// Every nth that is posted; none if 0.
    every: u32,
    by: Duration,
    posted: AtomicU32,
}

impl Late {
    /// Every nth row is kept so much later.
    pub fn new(every: u32, by: Duration) -> Self {
        Late { every, by, posted: AtomicU32::new(0) }
    }

    fn is_next(&self) -> bool {
        let number = self.posted.fetch_add(1, Ordering::Relaxed) + 1;
        self.every > 0 && number.is_multiple_of(self.every)
    }
}

/// Keeps a row and gives the answer; or keeps it later, and says at once that nobody knows.
pub fn keep_row(app: &Arc<App>, keeper: &mut Keeper, event: Event, answer: Response) -> Answer {
    if !app.late.is_next() {
        keeper.record(Timestamp::now(), event).map_err(|error| own_error(&error))?;
        return Ok(answer);
    }
    let app = Arc::clone(app);
    tokio::spawn(async move {
        tokio::time::sleep(app.late.by).await;
        let mut keeper = app.keeper();
        let event = with_next_id(event, &keeper);
        if let Err(error) = keeper.record(Timestamp::now(), event) {
            drop(own_error(&error));
        }
    });
    Ok(server_error().into_response())
}

/// Others may have been kept meanwhile.
fn with_next_id(mut event: Event, keeper: &Keeper) -> Event {
    match &mut event {
        Event::Audio { row, .. } => row.id = keeper.store.next_id(Table::Audio),
        Event::Video { row, .. } => row.id = keeper.store.next_id(Table::Video),
        _ => {}
    }
    event
}
