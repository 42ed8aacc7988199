//! A proxy that does to connections what networks and broken servers do.
//!
//! Our own: the known ones (toxiproxy, noxious) cut after so many bytes and cannot tell the head of a request from its
//! body, nor answer 500 after the server has acted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is done to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    CutBeforeRequest,
    CutInRequestHead,
    CutInRequestBody,
    CutBeforeAnswer,
    CutInAnswerHead,
    CutInAnswerBody,
    Delay,
    ServerErrorAfterActing,
    Garbage,
    Slow,
}

/// All of them, so that each happens as often as the others.
pub const ALL: [Fault; 10] = [
    Fault::CutBeforeRequest,
    Fault::CutInRequestHead,
    Fault::CutInRequestBody,
    Fault::CutBeforeAnswer,
    Fault::CutInAnswerHead,
    Fault::CutInAnswerBody,
    Fault::Delay,
    Fault::ServerErrorAfterActing,
    Fault::Garbage,
    Fault::Slow,
];

/// What happened, for the test to see that it did.
#[derive(Default)]
pub struct Done([AtomicU32; ALL.len()]);

impl Done {
    fn count(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often this fault happened.
    pub fn times(&self, fault: Fault) -> u32 {
        self.0[fault as usize].load(Ordering::Relaxed)
    }
}

/// A proxy on loopback; its threads end with the process.
pub struct Proxy {
    pub address: SocketAddr,
    pub done: Arc<Done>,
}

impl Proxy {
    /// Speaks HTTP/1.1 with bodies of known length; one exchange in `one_in` suffers a fault.
    pub fn http(server: &str, one_in: u32, seed: u64) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let chance = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        Self::start(move |client, done| {
            let draw = |fault: &mut Option<Fault>| {
                let mut chance = chance.lock().expect("whole");
                *fault = (chance.u32(0..one_in) == 0).then(|| ALL[chance.usize(0..ALL.len())]);
            };
            exchange_all(client, &server, draw, done)
        })
    }

    /// Passes bytes on either way, and cuts every connection after so many at most, or holds it up for a moment. The first
    /// is cut in its handshake, so that luck spares no test.
    pub fn raw(server: SocketAddr, most_bytes: u64, seed: u64) -> Self {
        const HANDSHAKE_BYTES: u64 = 1_000;
        let chance = Arc::new(Mutex::new((fastrand::Rng::with_seed(seed), true)));
        Self::start(move |client, done| {
            let upstream = TcpStream::connect(server)?;
            let mut chance = chance.lock().expect("whole");
            let (chance, is_first) = &mut *chance;
            let most_bytes = if std::mem::take(is_first) { HANDSHAKE_BYTES } else { most_bytes };
            let ways = [(client.try_clone()?, upstream.try_clone()?), (upstream, client)];
            for (mut from, mut to) in ways {
                let (bytes, is_slow) = (chance.u64(1..=most_bytes), chance.u32(0..8) == 0);
                let done = Arc::clone(done);
                thread::spawn(move || {
                    if is_slow {
                        done.count(Fault::Delay);
                        thread::sleep(Duration::from_millis(100));
                    }
                    // Either side may have gone, which is what this is about.
                    let passed = io::copy(&mut (&mut from).take(bytes), &mut to);
                    if passed.is_ok_and(|passed| passed == bytes) {
                        done.count(Fault::CutInRequestBody);
                    }
                    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                });
            }
            Ok(())
        })
    }

    fn start(serve: impl Fn(TcpStream, &Arc<Done>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, done, serve) =
            (listener.local_addr().expect("an address"), Arc::new(Done::default()), Arc::new(serve));
        let counts = Arc::clone(&done);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, serve, done) = (client.expect("a connection"), Arc::clone(&serve), Arc::clone(&counts));
                // A client that has gone is no fault of this proxy.
                thread::spawn(move || drop(serve(client, &done)));
            }
        });
        Self { address, done }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A request or an answer.
pub struct Message {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

/// A server that gives this answer to every request. Its address.
pub fn answering(answer: impl Fn(&Message) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = BufReader::new(client.expect("a connection"));
            while let Ok(Some(asked)) = read_message(&mut client) {
                client.get_mut().write_all(answer(&asked).as_bytes()).expect("somebody reads");
            }
        }
    });
    format!("http://{address}")
}

/// A head, and a body as long as it says. None at the end of the connection.
pub fn read_message(from: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if from.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    assert!(!text.contains("transfer-encoding"), "chunked bodies are not for this proxy: {text}");
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    Ok(Some(Message { head, body }))
}

fn exchange_all(client: TcpStream, server: &str, draw: impl Fn(&mut Option<Fault>), done: &Done) -> io::Result<()> {
    let (mut requests, mut client) = (BufReader::new(client.try_clone()?), client);
    while let Some(request) = read_message(&mut requests)? {
        let mut fault = None;
        draw(&mut fault);
        if let Some(fault) = fault {
            done.count(fault);
        }
        let mut upstream = TcpStream::connect(server)?;
        let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
        match fault {
            Some(Fault::CutBeforeRequest) => return Ok(()),
            Some(Fault::CutInRequestHead) => return upstream.write_all(&half(&request.head)),
            Some(Fault::CutInRequestBody) => {
                upstream.write_all(&request.head)?;
                return upstream.write_all(&half(&request.body));
            }
            Some(Fault::Delay) => thread::sleep(Duration::from_millis(50)),
            _ => {}
        }
        upstream.write_all(&request.head)?;
        upstream.write_all(&request.body)?;
        // From here on the server has acted, whatever the client gets to see of it.
        let Some(answer) = read_message(&mut BufReader::new(upstream))? else { return Ok(()) };
        let whole = [&answer.head[..], &answer.body].concat();
        match fault {
            Some(Fault::CutBeforeAnswer) => return Ok(()),
            Some(Fault::CutInAnswerHead) => return client.write_all(&half(&answer.head)),
            Some(Fault::CutInAnswerBody) if !answer.body.is_empty() => {
                client.write_all(&answer.head)?;
                return client.write_all(&half(&answer.body));
            }
            Some(Fault::ServerErrorAfterActing) => client.write_all(
                b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>oops</h1>\n",
            )?,
            Some(Fault::Garbage) => return client.write_all(b"\x00\xff\x17 SSH-2.0-what?\r\n\r\n<>{}"),
            Some(Fault::Slow) => {
                for byte in whole.chunks(40) {
                    client.write_all(byte)?;
                    thread::sleep(Duration::from_millis(10));
                }
            }
            _ => client.write_all(&whole)?,
        }
    }
    Ok(())
}
