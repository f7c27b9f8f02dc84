//! How much of something each client has, and no client more than its share.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clients are counted in parts, each under a lock of its own.
const PARTS: usize = 64;

/// Those who have any; so there are never more entries than things to have.
#[derive(Debug)]
pub(crate) struct Clients {
    parts: [Mutex<HashMap<Network, u64>>; PARTS],
    hasher: RandomState,
}

/// A client as far as it can be told from others: an IPv4 address, or the 64 bits of an IPv6 address that its owner cannot
/// choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(u32),
    V6(u64),
}

/// One of those that a client has, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    clients: Arc<Clients>,
    network: Network,
}

impl Clients {
    /// Counts one more for a client, unless it has `most` already.
    pub(crate) fn enter(self: &Arc<Self>, client: IpAddr, most: u64) -> Option<Share> {
        let network = Network::from(client);
        let mut part = self.part(network);
        let count = part.get(&network).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        part.insert(network, count + 1);
        Some(Share { clients: self.clone(), network })
    }

    /// How many clients have any.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn part(&self, network: Network) -> MutexGuard<'_, HashMap<Network, u64>> {
        let [first, ..] = &self.parts;
        let at = self.hasher.hash_one(network) as usize % PARTS;
        self.parts.get(at).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut part = self.clients.part(self.network);
        if let Some(count) = part.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                part.remove(&self.network);
            }
        }
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}
