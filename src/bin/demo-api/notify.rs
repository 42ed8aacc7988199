//! Notifies another program of each change before the client is answered, for tests that have to know the order.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::Context;

/// The program that is notified, if there is one.
#[derive(Default)]
pub struct Notify(Option<UnixStream>);

impl Notify {
    /// Connects to the program that listens on this socket.
    pub fn to(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
        Ok(Notify(Some(stream)))
    }

    /// Sends the number of a change as a line, and waits for a byte.
    pub fn changed(&mut self, seq: u64) -> io::Result<()> {
        let Some(stream) = &mut self.0 else { return Ok(()) };
        stream.write_all(format!("{seq}\n").as_bytes())?;
        stream.read_exact(&mut [0])
    }
}
