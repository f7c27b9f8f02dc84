//! `auth basic`: a name and a password (RFC 7617), held against an htpasswd file.

use super::authorization::credentials;
use super::passwords::Passwords;
use super::secrets::{Successes, trace};
use crate::clients::Clients;
use crate::exchange::Failure;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How many passwords wait for their turn at most; further ones are not looked at.
const WAITING: usize = 64;
/// How many of one client.
const WAITING_OF_ONE: u64 = 8;
/// How long one waits for its turn at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at passwords: so many at once that requests without one still have a processor.
#[derive(Debug)]
pub(super) struct Basic {
    successes: Successes,
    turns: Arc<Semaphore>,
    places: Semaphore,
    waiting: Arc<Clients>,
}

impl Default for Basic {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new((cores / 2).max(1)));
        let (successes, waiting) = (Successes::default(), Arc::default());
        Self { successes, turns, places: Semaphore::new(WAITING), waiting }
    }
}

impl Basic {
    /// The user whose password this is; a failure where it was not looked at, because too many others wait, or too many of
    /// this client.
    pub(super) async fn user(
        &self,
        passwords: Arc<Passwords>,
        request: &Parts,
        client: IpAddr,
    ) -> Result<Option<String>, Failure> {
        let Some((user, password)) = credentials(request) else { return Ok(None) };
        let (hash, known) = passwords.of(&user);
        let trace = trace(&[user.as_bytes(), password.as_bytes(), hash.as_str().as_bytes()]);
        // For who is unknown the hash is somebody else's.
        if known && self.successes.has(&trace, Instant::now()) {
            return Ok(Some(user));
        }
        let turn = self.turn(client).await.map_err(|why| Failure::Undecided(why.to_owned()))?;
        let name = user.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            let (hash, known) = passwords.of(&name);
            let right = hash.is_of(password.as_bytes());
            // Held to the end, though whoever waits for it may be gone.
            drop(turn);
            right && known
        });
        let right = hashing.await.unwrap_or(false);
        Ok(right.then(|| {
            self.successes.put(trace, Instant::now());
            user
        }))
    }

    /// A turn at hashing, if there is one in time: whoever floods vordr with passwords fills no memory, keeps nobody waiting
    /// for ever, and leaves room for others to wait.
    async fn turn(&self, client: IpAddr) -> Result<OwnedSemaphorePermit, &'static str> {
        let _share =
            self.waiting.enter(client, WAITING_OF_ONE).ok_or("too many passwords from this address wait")?;
        let too_many = "too many passwords wait";
        let _place = self.places.try_acquire().map_err(|_| too_many)?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(too_many)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gate::authorization::tests::{basic, request};
    use std::net::Ipv4Addr;
    use std::pin::Pin;
    use std::task::{Context, Waker};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn is_waiting(turn: &mut Pin<Box<impl Future>>) -> bool {
        turn.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_hashed_once_until_its_hash_changes() {
        let read = |hash: &str| Arc::new(Passwords::read(&format!("ann:{hash}")).unwrap());
        let (old, new) =
            (read(&bcrypt::hash("secret", 4).unwrap()), read(&bcrypt::hash("other", 4).unwrap()));
        let (asker, right) = (Basic::default(), request(&[&basic("ann:secret")]));
        let ann = || Ok(Some("ann".to_owned()));
        assert_eq!(asker.user(old.clone(), &right, CLIENT).await, ann());
        // Nobody has a turn any more: what is answered now was remembered.
        asker.turns.close();
        assert_eq!(asker.user(old.clone(), &right, CLIENT).await, ann());
        let unseen = Err(Failure::Undecided("too many passwords wait".to_owned()));
        assert_eq!(asker.user(old, &request(&[&basic("ann:wrong")]), CLIENT).await, unseen);
        assert_eq!(asker.user(new, &right, CLIENT).await, unseen);
    }

    #[tokio::test]
    async fn who_is_no_longer_in_the_file_is_not_let_in_by_somebody_elses_hash() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let read = |users: &[&str]| {
            let lines: Vec<_> = users.iter().map(|user| format!("{user}:{hash}")).collect();
            Arc::new(Passwords::read(&lines.join("\n")).unwrap())
        };
        let (asker, ann) = (Basic::default(), request(&[&basic("ann:secret")]));
        assert_eq!(asker.user(read(&["ann", "bob"]), &ann, CLIENT).await, Ok(Some("ann".to_owned())));
        assert_eq!(asker.user(read(&["bob"]), &ann, CLIENT).await, Ok(None));
    }

    #[tokio::test]
    async fn one_client_leaves_room_for_others_to_wait() {
        let (asker, other) = (Basic::default(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
        let cores = u32::try_from(asker.turns.available_permits()).unwrap();
        // Nobody has a turn for now.
        let held = asker.turns.acquire_many(cores).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING_OF_ONE).map(|_| Box::pin(asker.turn(CLIENT))).collect();
        for turn in &mut waiting {
            assert!(is_waiting(turn));
        }
        assert_eq!(asker.turn(CLIENT).await.unwrap_err(), "too many passwords from this address wait");
        let mut others = Box::pin(asker.turn(other));
        assert!(is_waiting(&mut others), "there is room for it");
        drop((waiting, held));
        assert!(others.await.is_ok());
        assert_eq!(asker.waiting.known(), 0);
    }

    #[tokio::test]
    async fn nobody_comes_in_by_the_decoy() {
        let passwords = Passwords::read(&format!("ann:{}", bcrypt::hash("secret", 4).unwrap())).unwrap();
        let eve = request(&[&basic("eve:secret")]);
        assert_eq!(Basic::default().user(Arc::new(passwords), &eve, CLIENT).await, Ok(None));
    }
}
