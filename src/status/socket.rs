//! Reports on their way from the stages to the indicator: datagrams on a Unix socket. EDGE: the only file that uses one.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: a socket, random numbers"
)]

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::report::{Envelope, Report};
use crate::limits::MAX_REPORT_BYTES;

/// A stage's end. The indicator may be away, or too slow: then a report is lost, and the next one says all again.
#[derive(Debug)]
pub struct Reporter {
    /// `None` if this system has no sockets left.
    socket: Option<UnixDatagram>,
    path: PathBuf,
    run: Uuid,
}

impl Reporter {
    /// Reports to whoever listens at this path, now or later.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        let opened = UnixDatagram::unbound().and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        let socket = opened.inspect_err(|error| log::debug!("no reports to the indicator: {error}")).ok();
        Self { socket, path: path.into(), run: Uuid::new_v4() }
    }

    /// Sends a report, at once or not at all.
    pub fn send(&self, report: Report) {
        let Some(socket) = &self.socket else { return };
        let datagram = Envelope { run: self.run, report }.encode();
        if let Err(error) = socket.send_to(&datagram, &self.path) {
            log::debug!("the indicator at {} does not take reports: {error}", self.path.display());
        }
    }
}

/// The indicator's end.
#[derive(Debug)]
pub struct Inbox {
    socket: UnixDatagram,
    refused: u64,
    /// One byte more than a report may have, so that a longer one is told from one of just that length.
    buffer: Box<[u8; MAX_REPORT_BYTES + 1]>,
}

impl Inbox {
    /// Listens at this path, for senders of the same user and group. A socket that was left there is replaced.
    ///
    /// # Errors
    /// When somebody listens there already, or there can be no socket.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if UnixDatagram::unbound()?.connect(path).is_ok() {
            return Err(io::Error::new(ErrorKind::AddrInUse, "another indicator listens there"));
        }
        // Nobody finds it before its rights are right.
        let unready = path.with_extension("new");
        match fs::remove_file(&unready) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&unready)?;
        fs::set_permissions(&unready, Permissions::from_mode(0o660))?;
        crate::durable::replace_volatile(&unready, path)?;
        Ok(Self { socket, refused: 0, buffer: Box::new([0; MAX_REPORT_BYTES + 1]) })
    }

    /// Waits for a report for so long at most. What is none is counted, and ends the wait.
    ///
    /// # Errors
    /// When the socket fails; a new one may not.
    pub fn receive(&mut self, patience: Duration) -> io::Result<Option<Envelope>> {
        // Zero would mean for ever.
        self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        let length = match self.socket.recv(&mut self.buffer[..]) {
            Ok(length) => length,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => return Ok(None),
                _ => return Err(error),
            },
        };
        let envelope = Envelope::decode(&self.buffer[..length]);
        if envelope.is_none() {
            self.refused += 1;
            log::debug!("{length} bytes that are no report, {} times now", self.refused);
        }
        Ok(envelope)
    }

    /// How many datagrams were no reports.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::Provisioned;

    const SOON: Duration = Duration::from_secs(10);

    fn told() -> Report {
        Report::Provisioned(Provisioned::NotValid("line 3: nonsense".into()))
    }

    fn in_new_folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("indicate.sock");
        (folder, path)
    }

    #[test]
    fn a_report_arrives_and_two_reporters_are_two_runs() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let mut inbox = Inbox::bind(&path)?;
        let (one, other) = (Reporter::to(&path), Reporter::to(&path));
        one.send(told());
        one.send(told());
        other.send(told());
        let mut receive = || inbox.receive(SOON).map(|envelope| envelope.expect("in time"));
        let (first, second, third) = (receive()?, receive()?, receive()?);
        assert_eq!(first.report, told());
        assert_eq!(first, second);
        assert_ne!(third.run, first.run);
        assert_eq!(inbox.receive(Duration::ZERO)?, None);
        Ok(())
    }

    #[test]
    fn a_reporter_outlives_the_indicator_and_finds_the_next_one() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let reporter = Reporter::to(&path);
        reporter.send(told());
        drop(Inbox::bind(&path)?);
        reporter.send(told());
        let mut inbox = Inbox::bind(&path)?;
        reporter.send(told());
        assert_eq!(inbox.receive(SOON)?.map(|envelope| envelope.report), Some(told()));
        assert_eq!(inbox.receive(Duration::ZERO)?, None, "what was said before is not heard");
        Ok(())
    }

    #[test]
    fn nobody_takes_the_socket_of_an_indicator_that_runs() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let _inbox = Inbox::bind(&path)?;
        assert_eq!(Inbox::bind(&path).map(drop).map_err(|error| error.kind()), Err(ErrorKind::AddrInUse));
        Ok(())
    }

    #[test]
    fn only_user_and_group_may_report() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let _inbox = Inbox::bind(&path)?;
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o660);
        Ok(())
    }

    #[test]
    fn an_indicator_that_does_not_read_holds_nobody_up() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let _inbox = Inbox::bind(&path)?;
        let reporter = Reporter::to(&path);
        // Far more than the kernel queues; a send that waits would not come back.
        (0..10_000).for_each(|_| reporter.send(told()));
        Ok(())
    }

    #[test]
    fn what_is_no_report_is_counted_and_the_next_report_is_read() -> io::Result<()> {
        let (_folder, path) = in_new_folder();
        let mut inbox = Inbox::bind(&path)?;
        let stranger = UnixDatagram::unbound()?;
        for nonsense in [&b""[..], b"{}", b"\xff\xfe", &[b' '; MAX_REPORT_BYTES + 1], &[b'['; MAX_REPORT_BYTES]] {
            stranger.send_to(nonsense, &path)?;
            assert_eq!(inbox.receive(SOON)?, None);
        }
        assert_eq!(inbox.refused(), 5);
        Reporter::to(&path).send(told());
        assert!(inbox.receive(SOON)?.is_some());
        Ok(())
    }
}
