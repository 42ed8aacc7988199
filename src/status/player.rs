//! Plays what the LEDs are to say, on whatever pins there are. EDGE: a thread.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: a thread")]

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use super::leds::{Lights, Playing};
use super::pins::Pins;
use crate::clock::Clock;
use crate::supervise::named;

/// The thread that plays. It wakes when an LED changes, or is to show something else, and not otherwise.
#[derive(Debug)]
pub struct Player {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
}

/// What the thread and its owner have in common.
#[derive(Debug)]
struct Desk {
    orders: Mutex<Orders>,
    is_changed: Condvar,
}

#[derive(Debug)]
struct Orders {
    /// `None` ends it.
    lights: Option<Lights>,
    given: u64,
    followed: u64,
}

impl Desk {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().expect("no panic while held")
    }

    fn give(&self, lights: Option<Lights>) {
        let mut orders = self.orders();
        orders.lights = lights;
        orders.given += 1;
        drop(orders);
        self.is_changed.notify_one();
    }
}

impl Player {
    /// Starts to play; dark at first, whatever the pins were before.
    pub fn start(pins: Box<dyn Pins>, clock: Arc<dyn Clock>) -> Self {
        let orders = Mutex::new(Orders { lights: Some(Lights::OFF), given: 0, followed: 0 });
        let desk = Arc::new(Desk { orders, is_changed: Condvar::new() });
        let shared = Arc::clone(&desk);
        let thread = named("leds", move || {
            if let Err(error) = play(pins, &*clock, &shared) {
                log::warn!("the status LEDs cannot be lit any more: {error}");
            }
        });
        Self { desk, thread }
    }

    /// What is to be played from now on.
    pub fn show(&self, lights: Lights) {
        self.desk.give(Some(lights));
    }

    /// Whether it has followed all that it was told. One that has not after a moment hangs, or has lost its pins.
    pub fn keeps_up(&self) -> bool {
        let orders = self.desk.orders();
        orders.given == orders.followed
    }

    /// Ends playing, and waits until the LEDs are dark.
    pub fn stop(self) {
        self.desk.give(None);
        // The thread does not panic; if it did, the pins are as it left them.
        let _ = self.thread.join();
    }
}

fn play(mut pins: Box<dyn Pins>, clock: &dyn Clock, desk: &Desk) -> io::Result<()> {
    let mut playing = Playing::dark(clock.monotonic());
    let mut written = None;
    loop {
        let (lights, given) = {
            let orders = desk.orders();
            (orders.lights, orders.given)
        };
        let now = clock.monotonic();
        playing.change(lights.unwrap_or(Lights::OFF), now);
        let lit = playing.are_lit(now);
        if written != Some(lit) {
            pins.write(lit)?;
            written = Some(lit);
        }
        if lights.is_none() {
            return Ok(());
        }
        let mut orders = desk.orders();
        orders.followed = given;
        let is_told_nothing_new = |orders: &mut Orders| orders.given == given;
        // A panic of the other side ends the program.
        match playing.until_change(now) {
            Some(wait) => drop(desk.is_changed.wait_timeout_while(orders, wait, is_told_nothing_new)),
            None => drop(desk.is_changed.wait_while(orders, is_told_nothing_new)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::clock::SystemClock;
    use crate::status::leds::Pattern;

    /// What would be written to pins; there are none to be had on a test machine.
    struct Noted(Sender<[bool; 3]>);

    impl Pins for Noted {
        fn write(&mut self, lit: [bool; 3]) -> io::Result<()> {
            self.0.send(lit).map_err(io::Error::other)
        }
    }

    #[test]
    fn what_is_shown_is_written_when_it_changes() {
        let (note, noted) = channel();
        let player = Player::start(Box::new(Noted(note)), Arc::new(SystemClock));
        assert_eq!(noted.recv(), Ok([false; 3]));
        player.show(Lights { health: Pattern::STEADY, attention: Pattern::OFF, data: Pattern::SLOW_BLINK });
        let two_rounds: Vec<_> = noted.iter().take(3).collect();
        assert!(two_rounds.iter().all(|lit| lit[0] && !lit[1]), "{two_rounds:?}");
        assert!(two_rounds.windows(2).all(|pair| pair[0][2] != pair[1][2]), "{two_rounds:?}");
        player.stop();
        assert_eq!(noted.into_iter().last(), Some([false; 3]), "dark, and the pins are let go");
    }
    /// Pins that are gone, or that hold up whoever writes, for as long as the other end is kept.
    struct Stuck(Receiver<()>);

    impl Pins for Stuck {
        fn write(&mut self, _: [bool; 3]) -> io::Result<()> {
            self.0.recv().map_err(io::Error::other)
        }
    }

    fn soon(is_so: impl Fn() -> bool) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            is_so()
        })
    }

    #[test]
    fn a_player_that_hangs_or_has_lost_its_pins_does_not_keep_up() {
        let (let_go, stuck) = channel();
        let player = Player::start(Box::new(Stuck(stuck)), Arc::new(SystemClock));
        player.show(Lights::OFF);
        assert!(!player.keeps_up(), "hangs");
        let_go.send(()).expect("it waits");
        assert!(soon(|| player.keeps_up()));
        drop(let_go);
        player.show(Lights { health: Pattern::STEADY, ..Lights::OFF });
        assert!(soon(|| player.thread.is_finished()));
        assert!(!player.keeps_up(), "has lost its pins");
        player.stop();
    }
}
