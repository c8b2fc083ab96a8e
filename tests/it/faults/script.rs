//! What is to be broken, and when: data only.

use std::time::Duration;

use http::{Method, Request};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Of a connection: closed as soon as it is there.
    Refuse,
    /// Of a connection: reset in the middle of the TLS handshake.
    ResetInTls,
    /// Of a connection: open, and nobody there (half-open).
    Silence,
    /// Nothing is carried out, and the connection ends without an answer.
    Drop,
    /// It is carried out, but the connection ends without the answer.
    DropAnswer,
    /// Nothing is carried out, and no answer ever comes.
    Hang,
    /// It goes through, this much later.
    Delay(Duration),
    /// An answer of the API server in its own words, without carrying anything out.
    Answer {
        code: u16,
        /// The header, in seconds.
        retry_after: Option<u32>,
    },
    /// An answer of this code that never ends.
    Endless(u16),
    /// An answer of this code with a message of so many bytes.
    Words(u16, usize),
    /// Of a watch: a line that never ends.
    EndlessLine,
    /// Somebody else answers, without carrying anything out.
    Says {
        code: u16,
        media: &'static str,
        body: &'static str,
    },
    /// Of a watch: the connection breaks after so many events.
    CutWatch(usize),
    /// Of a watch: it ends as watches do, after so many events.
    EndWatch(usize),
    /// Of a watch: after so many events an ERROR of this code, as the API server sends it.
    ErrorInWatch(usize, u16),
}

impl Fault {
    pub const fn answer(code: u16) -> Self {
        Self::Answer {
            code,
            retry_after: None,
        }
    }

    /// A document in the place of the answer.
    pub const fn says(code: u16, body: &'static str) -> Self {
        Self::Says {
            code,
            media: "application/json",
            body,
        }
    }

    /// What a server written in Go says of a path that it does not know.
    pub const fn no_such_path() -> Self {
        Self::Says {
            code: 404,
            media: "text/plain; charset=utf-8",
            body: "404 page not found\n",
        }
    }

    /// Does it break connections, before there is any request?
    pub const fn of_connection(self) -> bool {
        matches!(self, Self::Refuse | Self::ResetInTls | Self::Silence)
    }

    const fn of_watch(self) -> bool {
        matches!(
            self,
            Self::EndlessLine | Self::CutWatch(_) | Self::EndWatch(_) | Self::ErrorInWatch(..)
        )
    }
}

/// What a fault waits for.
#[derive(Clone, Debug)]
pub enum On {
    /// Connections for faults of those, watches for faults of those, else any request.
    Any,
    /// Requests of this method whose path ends with that.
    Request(Method, &'static str),
    /// All requests whose path begins with that.
    Under(&'static str),
}

/// Faults in the order in which they are looked for. What has none goes through.
#[derive(Default)]
pub struct Script {
    rules: Vec<Rule>,
    chance: Option<Chance>,
}

struct Rule {
    on: On,
    fault: Fault,
    /// How often yet.
    times: usize,
}

/// Faults at random, but the same ones for the same seed and the same order of events.
struct Chance {
    rng: StdRng,
    /// How many yet: what is broken for ever proves nothing.
    left: usize,
}

impl Script {
    /// Nothing is broken.
    pub fn none() -> Self {
        Self::default()
    }

    /// Breaks the first so many of these.
    #[must_use]
    pub fn then(mut self, times: usize, on: On, fault: Fault) -> Self {
        self.rules.push(Rule { on, fault, times });
        self
    }

    /// Breaks all of these.
    #[must_use]
    pub fn always(self, on: On, fault: Fault) -> Self {
        self.then(usize::MAX, on, fault)
    }

    /// As chance has it, so many times: every kind of fault that passes by itself.
    pub fn seeded(seed: u64, faults: usize) -> Self {
        Self {
            rules: Vec::new(),
            chance: Some(Chance {
                rng: StdRng::seed_from_u64(seed),
                left: faults,
            }),
        }
    }

    /// What happens to a new connection.
    pub fn of_connection(&mut self) -> Option<Fault> {
        const KINDS: [Fault; 2] = [Fault::Refuse, Fault::ResetInTls];
        self.take(|rule| rule.fault.of_connection())
            .or_else(|| self.draw(&KINDS))
    }

    /// What happens to a request.
    pub fn of_request<B>(&mut self, request: &Request<B>) -> Option<Fault> {
        const KINDS: [Fault; 7] = [
            Fault::Drop,
            Fault::DropAnswer,
            Fault::Delay(Duration::from_millis(50)),
            Fault::answer(429),
            Fault::answer(500),
            Fault::answer(503),
            Fault::answer(504),
        ];
        const WATCHES: [Fault; 4] = [
            Fault::CutWatch(1),
            Fault::EndWatch(1),
            Fault::ErrorInWatch(0, 410),
            Fault::ErrorInWatch(1, 500),
        ];
        let watches = is_watch(request);
        let meant = |rule: &Rule| {
            let kind = !rule.fault.of_connection() && (watches || !rule.fault.of_watch());
            kind && match &rule.on {
                On::Any => true,
                On::Request(method, path) => {
                    request.method() == method && request.uri().path().ends_with(path)
                }
                On::Under(path) => request.uri().path().starts_with(path),
            }
        };
        let kinds: &[Fault] = if watches { &WATCHES } else { &KINDS };
        self.take(meant).or_else(|| self.draw(kinds))
    }

    fn take(&mut self, meant: impl Fn(&Rule) -> bool) -> Option<Fault> {
        let rule = self
            .rules
            .iter_mut()
            .find(|rule| rule.times > 0 && meant(rule))?;
        rule.times -= 1;
        Some(rule.fault)
    }

    /// Every third time, as long as there are any.
    fn draw(&mut self, kinds: &[Fault]) -> Option<Fault> {
        let chance = self.chance.as_mut().filter(|chance| chance.left > 0)?;
        let drawn = chance.rng.random_range(0..kinds.len() * 3);
        let fault = kinds.get(drawn).copied()?;
        chance.left -= 1;
        Some(fault)
    }
}

fn is_watch<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}
