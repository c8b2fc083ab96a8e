//! Who is connected, and who has to go when there is no room: strangers first, those who have said nothing for longest,
//! then who is known and asks nothing. So strangers lock nobody out who has a credential.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A connection has so long to say who it is, however many others want in.
const GRACE: Duration = Duration::from_millis(500);

/// The connections that are open.
#[derive(Debug)]
pub struct Places {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    guests: BTreeMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    /// Has it asked with a credential?
    known: bool,
    /// Answers that are under way.
    busy: usize,
    since: Instant,
    leave: CancellationToken,
}

/// What is to be done before one more can come.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    Free,
    /// This one has to go.
    Without(u64),
    /// Nobody may be sent away before then.
    From(Instant),
    Never,
}

impl Open {
    fn room(&self, most: usize, now: Instant) -> Room {
        if self.guests.len() < most {
            return Room::Free;
        }
        let strangers = self.guests.iter().filter(|(_, guest)| !guest.known);
        if let Some((id, guest)) = strangers.min_by_key(|(_, guest)| guest.since) {
            let due = guest.since + GRACE;
            return if due <= now {
                Room::Without(*id)
            } else {
                Room::From(due)
            };
        }
        let idle = self.guests.iter().filter(|(_, guest)| guest.busy == 0);
        let longest = idle.min_by_key(|(_, guest)| guest.since);
        longest.map_or(Room::Never, |(id, _)| Room::Without(*id))
    }
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
        })
    }

    /// A place for one more, where need be somebody else's; `None` where all are busy.
    pub async fn enter(self: &Arc<Self>) -> Option<Place> {
        loop {
            let due = {
                let mut open = self.lock();
                match open.room(self.most, Instant::now()) {
                    Room::Free => return Some(self.place(&mut open)),
                    Room::Without(id) => {
                        dismiss(&mut open, id);
                        continue;
                    }
                    Room::From(due) => due,
                    Room::Never => return None,
                }
            };
            tokio::time::sleep_until(due).await;
        }
    }

    /// Sends away whoever is the first to go, if anybody is: the process can have no more connections.
    pub fn make_room(&self) {
        let mut open = self.lock();
        if let Room::Without(id) = open.room(0, Instant::now()) {
            dismiss(&mut open, id);
        }
    }

    fn place(self: &Arc<Self>, open: &mut Open) -> Place {
        let id = open.next;
        open.next += 1;
        let leave = CancellationToken::new();
        let guest = Guest {
            known: false,
            busy: 0,
            since: Instant::now(),
            leave: leave.clone(),
        };
        open.guests.insert(id, guest);
        Place {
            places: self.clone(),
            id,
            leave,
        }
    }

    // A panic in between leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dismiss(open: &mut Open, id: u64) {
    if let Some(guest) = open.guests.remove(&id) {
        tracing::debug!(known = guest.known, "a connection was closed to make room");
        guest.leave.cancel();
    }
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    id: u64,
    leave: CancellationToken,
}

impl Place {
    /// Returns when the place is needed for somebody else.
    pub async fn needed(&self) {
        self.leave.cancelled().await;
    }

    /// The connection asks something, with a credential or without; until the answer is through.
    pub fn ask(self: &Arc<Self>, known: bool) -> Asking {
        self.change(|guest| {
            guest.known |= known;
            guest.busy += 1;
        });
        Asking(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Guest)) {
        let mut open = self.places.lock();
        if let Some(guest) = open.guests.get_mut(&self.id) {
            change(guest);
            guest.since = Instant::now();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().guests.remove(&self.id);
    }
}

/// An answer that is under way.
#[derive(Debug)]
pub struct Asking(Arc<Place>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0
            .change(|guest| guest.busy = guest.busy.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guests as (known, busy, seconds of silence), and who has to go.
    #[test]
    fn strangers_go_first_and_then_who_asks_nothing() {
        let now = Instant::now() + Duration::from_secs(100);
        for (guests, goes) in [
            (&[(false, 0, 5), (false, 0, 9), (true, 0, 60)][..], Some(1)),
            (&[(true, 0, 60), (false, 1, 2), (true, 1, 70)], Some(1)),
            (&[(true, 0, 10), (true, 0, 60), (true, 1, 70)], Some(1)),
            (&[(true, 1, 10), (true, 2, 60)], None),
        ] {
            let mut open = Open::default();
            for (id, (known, busy, silence)) in (0..).zip(guests) {
                let guest = Guest {
                    known: *known,
                    busy: *busy,
                    since: now - Duration::from_secs(*silence),
                    leave: CancellationToken::new(),
                };
                open.guests.insert(id, guest);
            }
            assert_eq!(open.room(10, now), Room::Free);
            let room = open.room(guests.len(), now);
            assert_eq!(room, goes.map_or(Room::Never, Room::Without), "{guests:?}");
        }
    }

    #[tokio::test]
    async fn a_stranger_has_a_moment_to_say_who_it_is() {
        let places = Places::new(2);
        let known = Arc::new(places.enter().await.unwrap());
        drop(known.ask(true));
        let stranger = places.enter().await.unwrap();
        let before = Instant::now();
        let third = places.enter().await.unwrap();
        assert!(before.elapsed() >= GRACE);
        stranger.needed().await;
        assert!(!known.leave.is_cancelled() && !third.leave.is_cancelled());
        // Now the other one has said who it is, and asks: the one that is idle goes.
        let third = Arc::new(third);
        let asking = third.ask(true);
        let fourth = Arc::new(places.enter().await.unwrap());
        known.needed().await;
        let also = fourth.ask(true);
        assert!(places.enter().await.is_none());
        drop((asking, also, stranger, known));
        assert!(places.enter().await.is_some());
    }
}
