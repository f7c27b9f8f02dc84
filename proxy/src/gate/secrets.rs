//! Secrets compared by what a key that nobody knows makes of them: how long it takes tells nothing of them, and none
//! has to be kept.

use super::passwords::is_entry;
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a password that was right need not be hashed again.
const KEPT: Duration = Duration::from_secs(300);
/// Fewer threads meet where there are several.
const SHARDS: usize = 16;
/// How many are remembered in one of them.
const MOST: usize = 256;

/// What stands for a secret; made anew with each start of vordr.
pub(super) type Trace = [u8; 32];

/// What stands for a secret of several parts.
pub(super) fn trace(parts: &[&[u8]]) -> Trace {
    static KEY: LazyLock<Key> = LazyLock::new(|| {
        let mut secret = [0; 32];
        // Without the system's randomness TLS would not be there either; what is left is not guessed from outside.
        if aws_lc_rs::rand::fill(&mut secret).is_err() {
            secret = std::array::from_fn(|_| fastrand::u8(..));
        }
        Key::new(HMAC_SHA256, &secret)
    });
    let mut context = hmac::Context::with_key(&KEY);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut trace = [0; 32];
    for (byte, made) in trace.iter_mut().zip(context.sign().as_ref()) {
        *byte = *made;
    }
    trace
}

/// A file of keys or tokens, one a line.
#[derive(Debug)]
pub(super) struct Tokens(HashSet<Trace>);

impl Tokens {
    /// Reads it; empty lines and comments are passed over.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| is_entry(line));
        let tokens: HashSet<_> = lines.map(|line| trace(&[line.trim().as_bytes()])).collect();
        if tokens.is_empty() { Err("there is none in it".to_owned()) } else { Ok(Self(tokens)) }
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, token: &[u8]) -> bool {
        self.0.contains(&trace(&[token]))
    }
}

/// Passwords that were right a while ago, each with its user and its hash.
#[derive(Debug, Default)]
pub(super) struct Successes {
    shards: [Mutex<HashMap<Trace, Instant>>; SHARDS],
}

impl Successes {
    /// Whether it was right a while ago.
    pub(super) fn has(&self, trace: &Trace, now: Instant) -> bool {
        let shard = self.shard(trace).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(trace).is_some_and(|until| now < *until)
    }

    /// Remembers that it was right.
    pub(super) fn put(&self, trace: Trace, now: Instant) {
        let mut shard = self.shard(&trace).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MOST {
            shard.retain(|_, until| now < *until);
        }
        if shard.len() >= MOST {
            let oldest = shard.iter().min_by_key(|(_, until)| **until).map(|(trace, _)| *trace);
            oldest.map(|oldest| shard.remove(&oldest));
        }
        shard.insert(trace, now + KEPT);
    }

    fn shard(&self, trace: &Trace) -> &Mutex<HashMap<Trace, Instant>> {
        let [first, ..] = &self.shards;
        self.shards.get(usize::from(trace[0]) % SHARDS).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_eq!(trace(&[b"a", b"bc"]), trace(&[b"a", b"bc"]));
        assert_ne!(trace(&[b"a", b"bc"]), trace(&[b"ab", b"c"]));
    }

    #[test]
    fn a_token_is_a_whole_line() {
        let tokens = Tokens::read("# ours\nfirst\n\n  second  \n").unwrap();
        assert!(tokens.has(b"first") && tokens.has(b"second"));
        for other in ["", "firs", "first ", "First", "# ours"] {
            assert!(!tokens.has(other.as_bytes()), "{other:?}");
        }
        assert!(Tokens::read("\n# nothing\n").is_err());
    }

    #[test]
    fn what_was_right_is_remembered_for_a_while() {
        let (successes, now, ann) = (Successes::default(), Instant::now(), trace(&[b"ann"]));
        assert!(!successes.has(&ann, now));
        successes.put(ann, now);
        assert!(successes.has(&ann, now + KEPT - Duration::from_secs(1)));
        assert!(!successes.has(&ann, now + KEPT));
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let (successes, now) = (Successes::default(), Instant::now());
        for number in 0..SHARDS * MOST * 2 {
            successes.put(trace(&[&number.to_be_bytes()]), now + Duration::from_millis(number as u64));
        }
        let held: usize = successes.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= SHARDS * MOST, "{held}");
        let last = trace(&[&(SHARDS * MOST * 2 - 1).to_be_bytes()]);
        assert!(successes.has(&last, now));
    }
}
