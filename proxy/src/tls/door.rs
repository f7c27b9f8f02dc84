//! The TLS of each listener: what a client gets, by the name that it asks for.

use super::certificates::Certificates;
use super::client::Judge;
use super::profile::{AuthorityFlaw, Profile, Shown, challenge};
use crate::start_error::StartError;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::ClientHello;
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::{Address, ClientCa, ListenerId, ServerTls, Table};

/// The only protocol of a client that checks a tls-alpn-01 challenge (RFC 8737, section 4).
const CHALLENGE: &[u8] = b"acme-tls/1";

/// Every listener with TLS, under one set of rules.
#[derive(Debug)]
pub(crate) struct Doors {
    certificates: Arc<Certificates>,
    held: ArcSwap<Held>,
}

#[derive(Debug)]
struct Held {
    doors: HashMap<Address, Arc<Door>>,
    profiles: Vec<Arc<Profile>>,
}

impl Doors {
    /// Does what a table says. Tickets that were given out before stay good for servers that ask for the same.
    pub(crate) fn open(
        table: &Arc<Table>,
        certificates: Arc<Certificates>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let known = before.map(|before| before.held.load().profiles.clone()).unwrap_or_default();
        let held =
            Held::new(table, &certificates, &known).map_err(|flaw| StartError::Tls(flaw.to_string()))?;
        Ok(Self { certificates, held: ArcSwap::from_pointee(held) })
    }

    /// Reads the clients' authorities anew; where that fails all stays as it was.
    pub(super) fn reopen(&self, table: &Arc<Table>) -> Result<(), AuthorityFlaw> {
        let held = Held::new(table, &self.certificates, &self.held.load().profiles)?;
        self.held.store(Arc::new(held));
        Ok(())
    }

    /// The door at an address; `None` where clients come in the clear.
    pub(crate) fn at(&self, address: &Address) -> Option<Arc<Door>> {
        self.held.load().doors.get(address).cloned()
    }
}

impl Held {
    fn new(
        table: &Arc<Table>,
        certificates: &Arc<Certificates>,
        known: &[Arc<Profile>],
    ) -> Result<Self, AuthorityFlaw> {
        let mut opening = Opening { table, certificates, known, used: Vec::new() };
        let mut doors = HashMap::new();
        for (number, listener) in table.listeners.iter().enumerate().filter(|(_, listener)| listener.tls) {
            let door = opening.door(ListenerId(number))?;
            doors.insert(listener.address.clone(), Arc::new(door));
        }
        Ok(Self { doors, profiles: opening.used })
    }
}

/// One listener with TLS.
#[derive(Debug)]
pub(crate) struct Door {
    table: Arc<Table>,
    listener: ListenerId,
    certificates: Arc<Certificates>,
    /// For each server of the table; `None` for one that is not on this listener.
    entries: Vec<Option<Entry>>,
}

/// What a client gets.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// What the handshake is done with.
    pub config: Arc<ServerConfig>,
    /// What its certificate is held against.
    pub client_ca: Option<Arc<ClientCa>>,
    /// By whom.
    pub judge: Option<Arc<Judge>>,
    /// It is refused.
    pub rejects: bool,
    /// It only checks a challenge: the connection ends with the handshake.
    pub is_challenge: bool,
}

impl Door {
    /// What a client gets that says this first; `None` for one that checks a challenge which is not held here.
    pub(super) fn entry(&self, hello: &ClientHello<'_>) -> Option<Entry> {
        let name = hello.server_name().unwrap_or_default();
        if hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == CHALLENGE)) {
            let config = Arc::new(challenge(&*self.certificates.challenge(name)?, CHALLENGE).ok()?);
            return Some(Entry { config, client_ca: None, judge: None, rejects: false, is_challenge: true });
        }
        let server = self.table.binding(self.listener, name)?.server;
        self.entries.get(server.0)?.clone()
    }
}

/// Doors that are being made of a table.
struct Opening<'a> {
    table: &'a Arc<Table>,
    certificates: &'a Arc<Certificates>,
    known: &'a [Arc<Profile>],
    used: Vec<Arc<Profile>>,
}

impl Opening<'_> {
    fn door(&mut self, listener: ListenerId) -> Result<Door, AuthorityFlaw> {
        let mut entries = vec![None; self.table.servers.len()];
        let mut configs = Vec::new();
        let bindings = self.table.listeners.get(listener.0).into_iter().flat_map(|found| found.bindings());
        for server in bindings.map(|binding| binding.server) {
            let tls = self.table.servers.get(server.0).and_then(|server| server.tls.as_ref());
            if let (Some(slot @ None), Some(tls)) = (entries.get_mut(server.0), tls) {
                *slot = Some(self.entry(listener, tls, &mut configs)?);
            }
        }
        let (table, certificates) = (self.table.clone(), self.certificates.clone());
        Ok(Door { table, listener, certificates, entries })
    }

    /// Servers that ask for the same share one configuration.
    fn entry(
        &mut self,
        listener: ListenerId,
        tls: &ServerTls,
        configs: &mut Vec<(Arc<Profile>, Arc<ServerConfig>)>,
    ) -> Result<Entry, AuthorityFlaw> {
        let profile = self.profile(tls)?;
        let judge = profile.judge();
        let config = match configs.iter().find(|(known, _)| Arc::ptr_eq(known, &profile)) {
            Some((_, config)) => config.clone(),
            None => {
                let (table, certificates) = (self.table.clone(), self.certificates.clone());
                let config = Arc::new(profile.config(Shown { table, listener, certificates })?);
                configs.push((profile, config.clone()));
                config
            }
        };
        let client_ca = tls.client_ca.clone().map(Arc::new);
        Ok(Entry { config, client_ca, judge, rejects: tls.rejects, is_challenge: false })
    }

    fn profile(&mut self, tls: &ServerTls) -> Result<Arc<Profile>, AuthorityFlaw> {
        if let Some(used) = self.used.iter().find(|used| used.serves(tls)) {
            return Ok(used.clone());
        }
        let read = Profile::read(tls)?;
        let profile = match self.known.iter().find(|known| known.is_same(&read)) {
            Some(known) => known.clone(),
            None => Arc::new(read),
        };
        self.used.push(profile.clone());
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vordr_rules::InMemory;

    fn rules(more: &str) -> Arc<Table> {
        let servers = (0..100).map(|number| {
            let tls = r#"tls { cert "/c"; key "/k"; }"#;
            format!(
                "server h{number}.test {{ listen 443 tls=on; {tls}; location \"/\" {{ respond 204; }} }}\n"
            )
        });
        let text = servers.collect::<String>() + more;
        Arc::new(vordr_rules::load("test.kdl", &text, &InMemory::default()).unwrap().table)
    }

    fn opened(table: &Arc<Table>, before: Option<&Doors>) -> Doors {
        let certificates = Arc::new(Certificates::new());
        Doors::open(table, certificates, before).unwrap()
    }

    fn configs(doors: &Doors) -> Vec<Arc<ServerConfig>> {
        let door = doors.at(&Address::Port(443)).unwrap();
        let mut found: Vec<Arc<ServerConfig>> = Vec::new();
        for entry in door.entries.iter().flatten() {
            if !found.iter().any(|known| Arc::ptr_eq(known, &entry.config)) {
                found.push(entry.config.clone());
            }
        }
        found
    }

    #[test]
    fn servers_that_ask_for_the_same_share_one_configuration() {
        assert_eq!(configs(&opened(&rules(""), None)).len(), 1);
        let strict = r#"server strict.test {
            listen 443 tls=on
            tls { cert "/c"; key "/k"; versions "1.3"; }
            location "/" { respond 204; }
        }"#;
        assert_eq!(configs(&opened(&rules(strict), None)).len(), 2);
    }

    #[test]
    fn tickets_stay_good_from_one_set_of_rules_to_the_next() {
        let first = opened(&rules(""), None);
        let second = opened(&rules(""), Some(&first));
        let tickets = |doors: &Doors| configs(doors)[0].ticketer.clone();
        assert!(Arc::ptr_eq(&tickets(&first), &tickets(&second)));
        assert!(!Arc::ptr_eq(&tickets(&first), &tickets(&opened(&rules(""), None))));
    }
}
