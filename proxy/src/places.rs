//! Places for clients' connections: so many in all, and so many for each client.

use crate::clients::{Clients, Share};
use crate::exchange::Failure;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vordr_rules::table::Process;

/// Who has how many of the places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: AtomicU64,
    clients: Arc<Clients>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    /// Whose it is, where that is counted.
    client: Option<Share>,
}

impl Places {
    /// Takes a place for a connection from `client`, which is nobody's on a Unix socket; refuses it where `limits
    /// connections` is reached.
    pub(crate) fn take(
        self: &Arc<Self>,
        process: &Process,
        client: Option<IpAddr>,
    ) -> Result<Place, Failure> {
        let mut place = Place { places: self.clone(), client: None };
        // Counted first, so that two at once cannot both take the last place.
        if self.taken.fetch_add(1, Relaxed) >= process.limits.connections.unwrap_or(u64::MAX) {
            return Err(Failure::ConnectionLimit);
        }
        place.name(process, client).map(|()| place)
    }
}

impl Place {
    /// Counts it as one of `client`'s, who may not have been known before; refuses it where that is one too many.
    pub(crate) fn name(&mut self, process: &Process, client: Option<IpAddr>) -> Result<(), Failure> {
        let (Some(most), Some(client), None) = (process.limits.connections_per_client, client, &self.client)
        else {
            return Ok(());
        };
        // A proxy brings the connections of all of its clients.
        if process.trusted_proxies.iter().any(|proxy| proxy.contains(&client)) {
            return Ok(());
        }
        self.client = Some(self.places.clients.enter(client, most).ok_or(Failure::ClientConnections)?);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn process(connections: Option<u64>, per_client: Option<u64>) -> Process {
        let mut process = Process::default();
        process.limits.connections = connections;
        process.limits.connections_per_client = per_client;
        process
    }

    fn from(client: &str) -> Option<IpAddr> {
        Some(client.parse().unwrap())
    }

    #[test]
    fn each_client_has_so_many_places_and_gets_them_back() {
        let (places, process) = (Arc::new(Places::default()), process(None, Some(2)));
        let first = places.take(&process, from("192.0.2.1")).unwrap();
        let _second = places.take(&process, from("192.0.2.1")).unwrap();
        assert_eq!(places.take(&process, from("192.0.2.1")).unwrap_err(), Failure::ClientConnections);
        let other = places.take(&process, from("192.0.2.2")).unwrap();
        drop(first);
        let _third = places.take(&process, from("192.0.2.1")).unwrap();
        drop(other);
        let known = (places.clients.known(), places.taken.load(Relaxed));
        assert_eq!(known, (1, 2), "nothing is kept of who has left");
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let (places, process) = (Arc::new(Places::default()), process(None, Some(1)));
        let _place = places.take(&process, from("2001:db8::1")).unwrap();
        assert!(places.take(&process, from("2001:db8::ffff:2")).is_err());
        let _other = places.take(&process, from("2001:db8:0:1::1")).unwrap();
    }

    #[test]
    fn proxies_that_are_trusted_and_unix_sockets_are_not_counted_for_themselves() {
        let places = Arc::new(Places::default());
        let mut process = process(Some(3), Some(1));
        process.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let _held: Vec<_> = [from("10.1.2.3"), from("10.1.2.3"), None]
            .map(|client| places.take(&process, client).unwrap())
            .into();
        assert_eq!(places.take(&process, None).unwrap_err(), Failure::ConnectionLimit);
    }
}
