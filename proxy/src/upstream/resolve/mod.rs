//! Names resolved in the background, by their TTL, the last good answer kept.

mod ask;
mod name;

use super::member::Destination;
use ask::Asker;
use name::{Kind, Name};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use vordr_rules::table::{Resolver, ServerAddress};

/// The shortest time an answer is believed, however short its TTL.
const SHORTEST: Duration = Duration::from_secs(1);
/// How often the system's settings are looked for while they cannot be read.
const SETTINGS: Duration = Duration::from_secs(5);
/// The longest pause after a failure, while the last good answer is kept.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause where there is none yet, so that requests fail.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Every name that the servers of one generation of rules have.
#[derive(Debug)]
pub(super) struct Names {
    /// As the rules have them: `chat.example`, `srv://_http._tcp.chat.example`.
    by_name: BTreeMap<String, Arc<Name>>,
    /// Who is asked for them, if not the system's name servers.
    named: Option<Arc<Resolver>>,
    /// Who is asked for names that requests make.
    of_requests: Option<Arc<Resolver>>,
}

/// A server that a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) destination: Destination,
    /// Lower ones are asked first (RFC 2782).
    pub(super) priority: u16,
    pub(super) weight: u32,
}

impl Names {
    pub(super) fn new(resolver: Option<Resolver>) -> Self {
        let of_requests = resolver.map(Arc::new);
        let named = of_requests.clone().filter(|resolver| !resolver.placeholders_alone);
        Self { by_name: BTreeMap::new(), named, of_requests }
    }

    /// No names yet; requests make them.
    pub(super) fn of_requests(&self) -> Self {
        let of_requests = self.of_requests.clone();
        Self { by_name: BTreeMap::new(), named: of_requests.clone(), of_requests }
    }

    /// How long a request that names a host waits for its addresses; `None` is as long as for a connection.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.of_requests.as_ref()?.timeout
    }

    /// Asks for an address's name once. How long the answer lasts; `None` is for ever, as it is no name.
    pub(super) async fn ask_once(&self, address: &ServerAddress) -> Result<Option<Duration>, String> {
        let Some(name) = self.known(address) else { return Ok(None) };
        name.ask_once(&Asker::new(self.named.as_deref())?).await.map(Some)
    }

    /// Takes an address's name in, with what was known of it before; where it stands twice, the shorter time holds.
    pub(super) fn add(&mut self, address: &ServerAddress, longest: Duration, before: Option<&Self>) {
        let (name, kind) = match address {
            ServerAddress::Name(name, _) => (name.clone(), Kind::Host),
            ServerAddress::Srv(name) => (service(name), Kind::Service(name.clone())),
            ServerAddress::Ip(..) | ServerAddress::Unix(_) => return,
        };
        let longest = self.named.as_ref().and_then(|named| named.valid).unwrap_or(longest);
        let longest = self.by_name.get(&name).map_or(longest, |known| known.longest.min(longest));
        let known = before.and_then(|before| before.by_name.get(&name));
        self.by_name
            .insert(name.clone(), Arc::new(Name::new(name, kind, longest, known.map(|known| &**known))));
    }

    /// Where a server of the rules is to be found now, or why nowhere.
    pub(super) fn found_at(&self, address: &ServerAddress) -> Result<Vec<Found>, String> {
        let one = |destination| Ok(vec![Found { destination, priority: 0, weight: 1 }]);
        match address {
            ServerAddress::Ip(ip, port) => one(Destination::Tcp(vec![SocketAddr::new(*ip, *port)])),
            ServerAddress::Unix(path) => one(Destination::Unix(path.clone())),
            ServerAddress::Name(name, port) => self.found(name, *port),
            ServerAddress::Srv(name) => self.found_service(name),
        }
    }

    /// The servers behind a host's name, or why there are none. Addresses of two families go in pairs: they are
    /// taken for two ways to the same server.
    fn found(&self, name: &str, port: u16) -> Result<Vec<Found>, String> {
        let known = self.by_name.get(name).ok_or("it is not in the rules")?;
        let answer = known.answer().map_err(|reason| format!("{name}: {reason}"))?;
        let hosts = answer.iter().flat_map(|host| pairs(&host.addresses));
        Ok(hosts.map(|pair| at_port(&pair, port, 0, 1)).collect())
    }

    /// The servers behind a service's name.
    fn found_service(&self, name: &str) -> Result<Vec<Found>, String> {
        let known = self.by_name.get(&service(name)).ok_or("it is not in the rules")?;
        let answer = known.answer().map_err(|reason| format!("{}: {reason}", service(name)))?;
        let servers = answer.iter().flat_map(|host| {
            let pairs = pairs(&host.addresses).into_iter();
            pairs.map(|pair| at_port(&pair, host.port, host.priority, host.weight))
        });
        Ok(servers.collect())
    }

    /// Waits until the first question about an address's name has been answered, in whichever way.
    pub(super) async fn asked(&self, address: &ServerAddress) {
        if let Some(known) = self.known(address) {
            known.asked().await;
        }
    }

    /// Why there is no newer answer to an address's name.
    pub(super) fn problem(&self, address: &ServerAddress) -> Option<String> {
        self.known(address)?.problem()
    }

    fn known(&self, address: &ServerAddress) -> Option<&Arc<Name>> {
        match address {
            ServerAddress::Name(name, _) => self.by_name.get(name),
            ServerAddress::Srv(name) => self.by_name.get(&service(name)),
            ServerAddress::Ip(..) | ServerAddress::Unix(_) => None,
        }
    }

    /// When an address's name was resolved last.
    pub(super) fn last_success(&self, address: &ServerAddress) -> Option<SystemTime> {
        self.known(address)?.last_success()
    }

    /// Keeps every name resolved, for ever; `changed` is told of each answer before anybody else.
    pub(super) async fn resolve(&self, changed: Arc<dyn Fn() + Send + Sync>) {
        if self.by_name.is_empty() {
            return;
        }
        let asker = self.asker().await;
        let mut names = JoinSet::new();
        for name in self.by_name.values() {
            names.spawn(name.clone().keep_resolved(asker.clone(), changed.clone()));
        }
        while names.join_next().await.is_some() {}
    }

    /// Who is asked, as soon as the system's settings can be read.
    async fn asker(&self) -> Asker {
        loop {
            match Asker::new(self.named.as_deref()) {
                Ok(asker) => return asker,
                Err(reason) => self.by_name.values().for_each(|name| name.failed(&reason)),
            }
            tokio::time::sleep(SETTINGS).await;
        }
    }
}

fn service(name: &str) -> String {
    format!("srv://{name}")
}

fn at_port(pair: &[IpAddr], port: u16, priority: u16, weight: u32) -> Found {
    let addresses = pair.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    Found { destination: Destination::Tcp(addresses), priority, weight }
}

/// An IPv6 address and an IPv4 one each, as long as there are both.
fn pairs(addresses: &[IpAddr]) -> Vec<Vec<IpAddr>> {
    let (six, four): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(|address| address.is_ipv6());
    let count = six.len().max(four.len());
    (0..count).map(|at| [six.get(at), four.get(at)].into_iter().flatten().map(|ip| **ip).collect()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_two_families_go_in_pairs() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (four, other, six) = (ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1"));
        assert_eq!(pairs(&[four, other, six]), [vec![six, four], vec![other]]);
        assert_eq!(pairs(&[six]), [vec![six]]);
        assert!(pairs(&[]).is_empty());
    }
}
