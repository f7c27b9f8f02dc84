//! Every certificate that may be shown, put in, replaced and removed while vordr runs.
//!
//! Whoever gets certificates (files, ACME) puts them in here; a handshake takes what is there at that moment, and
//! waits for nobody. Neither a reload of the rules nor a failed renewal takes one away.

use super::certificate::{Certificate, Kind};
use super::inspect::FromFiles;
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;
use vordr_rules::table::{CertificateFiles, Server};

/// The certificates, by where they come from.
#[derive(Debug)]
pub(crate) struct Certificates {
    by_files: Shelf<CertificateFiles>,
    by_host: Shelf<String>,
    challenges: Shelf<String>,
}

impl Certificates {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { by_files: Shelf::new(), by_host: Shelf::new(), challenges: Shelf::new() }
    }

    /// Shows a certificate for these hosts from the next handshake on, in the place of any before. The hosts are
    /// those of a server whose certificate comes from ACME, lowercase, the server's first host first.
    pub(crate) fn put(&self, hosts: &[String], certificate: Certificate) {
        let certificate = Arc::new(certificate);
        self.by_host.insert(hosts.iter().map(|host| (host.clone(), certificate.clone())));
    }

    /// Shows nothing for these hosts any more.
    pub(crate) fn remove(&self, hosts: &[String]) {
        self.by_host.remove(hosts);
    }

    /// What is shown for a host whose certificate comes from ACME.
    pub(crate) fn of_host(&self, host: &str) -> Option<Arc<Certificate>> {
        self.by_host.get(host)
    }

    /// Answers tls-alpn-01 for a host (RFC 8737): a client that offers `acme-tls/1` alone is shown this one.
    pub(crate) fn answer_challenge(&self, host: &str, certificate: Certificate) {
        self.challenges.insert([(host.to_owned(), Arc::new(certificate))]);
    }

    /// The challenge is over.
    pub(crate) fn end_challenge(&self, host: &str) {
        self.challenges.remove(&[host.to_owned()]);
    }

    /// What a client that checks a challenge for this host is shown.
    pub(super) fn challenge(&self, host: &str) -> Option<Arc<Certificate>> {
        self.challenges.get(host)
    }

    /// Shows what was read from files.
    pub(crate) fn put_files(&self, read: &[FromFiles]) {
        self.by_files.insert(read.iter().map(|from| (from.files.clone(), from.certificate.clone())));
    }

    /// Forgets what came from other files than these.
    pub(crate) fn keep_files(&self, read: &[FromFiles]) {
        let kept = read.iter().map(|from| (from.files.clone(), from.certificate.clone()));
        self.by_files.0.store(Arc::new(kept.collect()));
    }

    /// What a server has to show a client that asks for `name`: one for each kind of key, the most wanted first.
    pub(crate) fn of_server(&self, server: &Server, name: &str) -> Vec<Arc<Certificate>> {
        let Some(tls) = server.tls.as_ref().filter(|tls| !tls.rejects) else { return Vec::new() };
        if tls.certificates.is_empty() {
            // A client that names nobody, or somebody else, is shown the server's first.
            let of_host = self.by_host.get(name).or_else(|| self.by_host.get(server.name()));
            return of_host.into_iter().collect();
        }
        let mut kinds: BTreeMap<Kind, Arc<Certificate>> = BTreeMap::new();
        let held = tls.certificates.iter().filter_map(|files| self.by_files.get(files));
        // A later one takes the place of one before, as in nginx.
        kinds.extend(held.map(|certificate| (certificate.kind(), certificate)));
        kinds.into_values().collect()
    }

    /// When the first of those runs out that a server shows.
    pub(crate) fn not_after(&self, server: &Server) -> Option<SystemTime> {
        self.of_server(server, server.name()).iter().map(|shown| shown.not_after()).min()
    }
}

/// Certificates by a key; looked up without a lock, changed by copying.
#[derive(Debug)]
struct Shelf<K>(ArcSwap<HashMap<K, Arc<Certificate>>>);

impl<K: Clone + Eq + std::hash::Hash> Shelf<K> {
    fn new() -> Self {
        Self(ArcSwap::default())
    }

    fn get<Q>(&self, key: &Q) -> Option<Arc<Certificate>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + std::hash::Hash + ?Sized,
    {
        self.0.load().get(key).cloned()
    }

    fn insert(&self, more: impl IntoIterator<Item = (K, Arc<Certificate>)>) {
        let more: Vec<_> = more.into_iter().collect();
        self.0.rcu(|held| {
            let mut held = HashMap::clone(held);
            held.extend(more.iter().cloned());
            held
        });
    }

    fn remove(&self, keys: &[K]) {
        self.0.rcu(|held| {
            let mut held = HashMap::clone(held);
            keys.iter().for_each(|key| drop(held.remove(key)));
            held
        });
    }
}
