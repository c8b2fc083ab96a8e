//! Ctrl-C and SIGTERM: the first asks a command to say where it stands, the second ends it at once.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::exit::Exit;

/// What the program was told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
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
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            loop {
                let came = tokio::select! {
                    Some(()) = interrupt.recv() => Signal::Interrupt,
                    Some(()) = terminate.recv() => Signal::Terminate,
                    else => return,
                };
                sender.send_modify(|signals| signals.push(came));
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
