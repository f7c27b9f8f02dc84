//! Names resolved in the background, by their TTL, the last good answer kept.

use arc_swap::ArcSwap;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The shortest time an answer is believed, however short its TTL.
const SHORTEST: Duration = Duration::from_secs(1);
/// How often the system's settings are looked for while they cannot be read.
const SETTINGS: Duration = Duration::from_secs(5);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Every name that an upstream has.
#[derive(Debug)]
pub(super) struct Names {
    by_name: BTreeMap<String, Arc<Name>>,
    nameserver: Option<SocketAddr>,
}

/// One name, and what is known of it.
#[derive(Debug)]
struct Name {
    name: String,
    /// The longest an answer is believed.
    longest: Duration,
    state: ArcSwap<State>,
    /// Whether the first question has been answered, in whichever way.
    asked: watch::Sender<bool>,
}

/// What is known of a name.
#[derive(Debug, Clone, Default)]
struct State {
    /// IPv4 first.
    addresses: Vec<IpAddr>,
    /// Why there is no newer answer.
    problem: Option<String>,
    last_success: Option<SystemTime>,
}

/// How a name stands, for `/status` and the metrics.
#[derive(Debug, Clone)]
pub(crate) struct NameStatus {
    /// The name.
    pub name: String,
    /// How many addresses are known.
    pub addresses: usize,
    /// Why there is no newer answer.
    pub problem: Option<String>,
    /// When it was resolved last.
    pub last_success: Option<SystemTime>,
}

impl Names {
    pub(super) fn new(nameserver: Option<SocketAddr>) -> Self {
        Self { by_name: BTreeMap::new(), nameserver }
    }

    /// Takes a name in; where it stands twice, the shorter time holds.
    pub(super) fn add(&mut self, name: &str, longest: Duration) {
        let longest = self.by_name.get(name).map_or(longest, |known| known.longest.min(longest));
        let state = State { problem: Some("not asked yet".to_owned()), ..State::default() };
        let fresh = Name {
            name: name.to_owned(),
            longest,
            state: ArcSwap::from_pointee(state),
            asked: watch::Sender::new(false),
        };
        self.by_name.insert(name.to_owned(), Arc::new(fresh));
    }

    /// The addresses of a name, or why there are none.
    pub(super) fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let Some(known) = self.by_name.get(name) else { return Err("it is not in the rules".to_owned()) };
        let state = known.state.load();
        match state.addresses.is_empty() {
            false => Ok(state.addresses.clone()),
            true => Err(state.problem.clone().unwrap_or_else(|| "it has no address".to_owned())),
        }
    }

    /// Waits until the first question about a name has been answered, in whichever way.
    pub(super) async fn asked(&self, name: &str) {
        if let Some(known) = self.by_name.get(name) {
            // Cannot fail while the name is there to hold the sender.
            let _ = known.asked.subscribe().wait_for(|asked| *asked).await;
        }
    }

    pub(super) fn status(&self) -> Vec<NameStatus> {
        let status = |known: &Arc<Name>| {
            let state = known.state.load();
            NameStatus {
                name: known.name.clone(),
                addresses: state.addresses.len(),
                problem: state.problem.clone(),
                last_success: state.last_success,
            }
        };
        self.by_name.values().map(status).collect()
    }

    /// The resolver, as soon as the system's settings can be read.
    async fn resolver(&self) -> TokioResolver {
        loop {
            match resolver(self.nameserver) {
                Ok(resolver) => return resolver,
                Err(reason) => self.by_name.values().for_each(|name| name.failed(&reason)),
            }
            tokio::time::sleep(SETTINGS).await;
        }
    }

    /// Keeps every name resolved, for ever.
    pub(super) async fn resolve(&self) {
        let resolver = self.resolver().await;
        let mut names = JoinSet::new();
        for name in self.by_name.values() {
            names.spawn(name.clone().keep_resolved(resolver.clone()));
        }
        while names.join_next().await.is_some() {}
    }
}

impl Name {
    async fn keep_resolved(self: Arc<Self>, resolver: TokioResolver) {
        let mut pause = SHORTEST;
        loop {
            match resolver.lookup_ip(self.name.as_str()).await {
                Ok(answer) if answer.iter().next().is_some() => {
                    pause = SHORTEST;
                    let left = answer.valid_until().saturating_duration_since(Instant::now());
                    self.succeeded(answer.iter().collect());
                    tokio::time::sleep(left.clamp(SHORTEST, self.longest.max(SHORTEST))).await;
                }
                outcome => {
                    let reason = outcome
                        .err()
                        .map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
                    self.failed(&reason);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn succeeded(&self, mut addresses: Vec<IpAddr>) {
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        self.state.store(Arc::new(State { addresses, problem: None, last_success: Some(SystemTime::now()) }));
        self.asked.send_replace(true);
    }

    /// The last good answer is kept: an old address that works is better than none.
    fn failed(&self, reason: &str) {
        let state = State { problem: Some(reason.to_owned()), ..(**self.state.load()).clone() };
        self.state.store(Arc::new(state));
        self.asked.send_replace(true);
    }
}

/// The system's name servers, `/etc/hosts` included, or the one that is named. Answers are not cached by the
/// resolver: each name here keeps its own.
fn resolver(nameserver: Option<SocketAddr>) -> Result<TokioResolver, String> {
    let mut builder = match nameserver {
        None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
        Some(address) => {
            let mut udp = ConnectionConfig::new(ProtocolConfig::Udp);
            udp.port = address.port();
            let server = NameServerConfig::new(address.ip(), true, vec![udp]);
            let config = ResolverConfig::from_name_servers(vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.options_mut().cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}
