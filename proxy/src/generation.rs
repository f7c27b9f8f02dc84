//! One set of rules while it is in force, and for as long as an exchange still uses it.

use crate::files::Folders;
use crate::gate::{Credentials, Store};
use crate::observe::{Observer, OpenLogs};
use crate::start_error::StartError;
use crate::tls::{Certificates, Doors};
use crate::trace::Tracer;
use crate::upstream::Upstreams;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{LimitStore, Table};

/// Rules, with what belongs to them alone. An exchange keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct Generation {
    /// From 1, counted up by every reload.
    pub number: u64,
    /// The rules.
    pub table: Arc<Table>,
    /// The pools that they name.
    pub upstreams: Arc<Upstreams>,
    /// TLS of its listeners.
    pub doors: Arc<Doors>,
    /// What credentials are held against.
    pub credentials: Credentials,
    /// Where `limit` counts together with other vordr.
    pub limit_store: Option<Arc<Store>>,
    /// Who has spans, where there are any.
    pub tracer: Option<Tracer>,
    /// What files are served from.
    pub folders: Folders,
    /// What `vordr show` does not show of them.
    secrets: Vec<String>,
    /// What those who hold to it log to, once newer rules log elsewhere.
    logs: OnceLock<Arc<OpenLogs>>,
    /// Cancelled when newer rules take their place.
    pub replaced: CancellationToken,
}

impl Generation {
    /// Opens what the rules name. Whatever is known of it from the generation before is taken over.
    pub(crate) fn open(
        table: Arc<Table>,
        secrets: Vec<String>,
        nameserver: Option<SocketAddr>,
        certificates: &Arc<Certificates>,
        observer: &Arc<Observer>,
        before: Option<&Self>,
    ) -> Result<Arc<Self>, StartError> {
        let store_before = before.and_then(|before| before.limit_store.as_ref());
        let limit_store = table.process.limit_store.as_ref();
        Ok(Arc::new(Self {
            limit_store: limit_store.map(|rules| Store::open(rules, store_before)).transpose()?,
            number: before.map_or(1, |before| before.number + 1),
            upstreams: Upstreams::new(&table, nameserver, before.map(|before| &*before.upstreams))?,
            doors: Doors::open(&table, certificates.clone(), before.map(|before| &*before.doors))?.into(),
            credentials: Credentials::open(&table, before.map(|before| &before.credentials))?,
            tracer: Tracer::open(&table.process, observer, before.and_then(|before| before.tracer.as_ref()))?,
            folders: Folders::open(&table)?,
            table,
            secrets,
            logs: OnceLock::new(),
            replaced: CancellationToken::new(),
        }))
    }

    /// Keeps the logs open for as long as it is in use itself.
    pub(crate) fn keep_logs(&self, logs: Arc<OpenLogs>) {
        // Newer rules take its place once.
        let _ = self.logs.set(logs);
    }

    /// The rules as `vordr show` prints them.
    pub(crate) fn effective_rules(&self) -> String {
        vordr_rules::show::effective(&self.table, &self.secrets)
    }

    /// What is served, in a line.
    pub(crate) fn in_words(&self) -> String {
        let addresses = self.table.listeners.iter().map(|listener| listener.address.to_string());
        let addresses = addresses.collect::<Vec<_>>().join(" ");
        format!("serving {} on {addresses}; generation {}", servers(&self.table), self.number)
    }

    /// Resolves the pools' names, checks their servers and keeps the limit store at hand until newer rules are in
    /// force; what is known by then stays known.
    pub(crate) async fn look_after(self: Arc<Self>, observer: Arc<Observer>) {
        let (upstreams, replaced) = (self.upstreams.clone(), self.replaced.clone());
        let limit_store = self.limit_store.clone().zip(self.table.process.limit_store.clone());
        // What waits here must not keep the generation alive.
        drop(self);
        let looking =
            async { tokio::join!(upstreams.look_after(observer.clone()), keep(limit_store, &observer)) };
        tokio::select! {
            () = replaced.cancelled() => {}
            _ = looking => {}
        }
    }
}

async fn keep(limit_store: Option<(Arc<Store>, LimitStore)>, observer: &Observer) {
    if let Some((store, rules)) = limit_store {
        store.look_after(rules, observer).await;
    }
}

fn servers(table: &Table) -> String {
    match table.servers.len() {
        1 => "one server".to_owned(),
        many => format!("{many} servers"),
    }
}
