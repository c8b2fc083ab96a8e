//! Ctrl-C, SIGTERM and SIGHUP: the first asks a command to say where it stands, the second ends it at once.
//!
//! A signal that was ignored by whoever started the program stays ignored, as POSIX has it of shells and as Go does it:
//! `nohup`, `command &` in a script, `trap '' INT`.

use std::{fs, future, io};

use tokio::{
    signal::unix::{self, SignalKind, signal},
    sync::watch,
};

use crate::exit::Exit;

/// What the program was told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM; or SIGHUP: the terminal, or the connection to it, is gone.
    Terminate,
}

impl Signal {
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// The signals that have come so far.
#[derive(Clone)]
pub struct Interrupts(watch::Receiver<Vec<Signal>>);

impl Interrupts {
    /// Takes the signals over from the system; needs a runtime.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn listen() -> io::Result<Self> {
        let ignored = ignored();
        let mut interrupt = Source::of(SignalKind::interrupt(), ignored)?;
        let mut terminate = Source::of(SignalKind::terminate(), ignored)?;
        let mut hangup = Source::of(SignalKind::hangup(), ignored)?;
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            loop {
                let (came, again) = tokio::select! {
                    () = interrupt.next() => (Signal::Interrupt, true),
                    () = terminate.next() => (Signal::Terminate, true),
                    // The shell sends it to its jobs, and the system once more when the shell is gone: one event.
                    () = hangup.next() => (Signal::Terminate, false),
                };
                sender.send_modify(|signals: &mut Vec<Signal>| {
                    if again || signals.is_empty() {
                        signals.push(came);
                    }
                });
            }
        });
        Ok(Self(receiver))
    }

    /// Returns when the first signal has come.
    pub async fn first(&self) -> Signal {
        self.nth(0).await
    }

    /// Returns when a second signal has come.
    pub async fn second(&self) -> Signal {
        self.nth(1).await
    }

    async fn nth(&self, number: usize) -> Signal {
        let mut receiver = self.0.clone();
        let seen = receiver
            .wait_for(|signals| signals.len() > number)
            .await
            .map(|signals| signals[number]);
        match seen {
            Ok(signal) => signal,
            // The listener is gone: no signal will ever come.
            Err(_) => std::future::pending().await,
        }
    }
}

/// One signal of the system; `None` where it stays ignored.
struct Source(Option<unix::Signal>);

impl Source {
    fn of(kind: SignalKind, ignored: u64) -> io::Result<Self> {
        let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
        Ok(Self(if is_ignored {
            None
        } else {
            Some(signal(kind)?)
        }))
    }

    /// Returns each time that it has come.
    async fn next(&mut self) {
        let came = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if came.is_none() {
            future::pending::<()>().await;
        }
    }
}

/// The signals that this process was started to ignore, as bits. Where the system has no `/proc` it is none.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_by(&status).unwrap_or_default()
}

/// See proc(5): signal N is bit N-1 of a number in base 16.
fn ignored_by(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let bits = lines.find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_as_the_system_writes_it() {
        for (status, expected) in [
            (
                "Name:\tbmctl\nSigIgn:\t0000000000001003\nSigCgt:\t0\n",
                Some(0x1003),
            ),
            ("SigIgn:\t0000000000000000\n", Some(0)),
            ("SigIgn:\tx\n", None),
            ("", None),
        ] {
            assert_eq!(ignored_by(status), expected, "{status:?}");
        }
    }

    #[tokio::test]
    async fn a_signal_that_was_ignored_is_not_listened_to() {
        let hangup = SignalKind::hangup();
        assert!(Source::of(hangup, 0b1).unwrap().0.is_none());
        assert!(Source::of(hangup, 0b10).unwrap().0.is_some());
    }
}
