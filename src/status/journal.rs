//! The systemd journal. EDGE: the only file that speaks to it.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: the journal")]

use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Sends log lines to the journal if standard error is connected to it (systemd.exec(5), `JOURNAL_STREAM`). The keys of
/// a log line become journal fields: `journalctl PART=camera`.
pub fn start() -> bool {
    if !connected_to_journal() {
        return false;
    }
    let started = JournalLog::new().and_then(|log| log.install().map_err(std::io::Error::other));
    if started.is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    started.is_ok()
}
