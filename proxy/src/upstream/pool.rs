//! A pool of servers under one generation of rules.

use super::balance::{By, Tier};
use super::hash;
use super::member::{Destination, Member};
use super::patience::Patience;
use super::queue::Queue;
use super::resolve::Names;
use super::standing::{Slot, Standing};
use super::sticky::Mark;
use super::wish::Wish;
use crate::exchange::{Endpoint, Failure};
use arc_swap::ArcSwap;
use http::HeaderValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use vordr_rules::table::{HostHeader, HttpVersion, Proxy, Sticky, Upstream, UpstreamServer, UpstreamTls};

/// A pool, and who is in it now.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) rules: Upstream,
    pub(super) speech: Speech,
    pub(super) live: Arc<Live>,
    /// The rules' servers, in their order.
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    /// Tells its connections from those of other pools.
    pub(super) key: u64,
    members: ArcSwap<Members>,
    patience: Arc<Patience>,
    /// Other servers are in it now.
    pub(super) refreshed: Notify,
}

/// How the servers of a pool are spoken with, where no request says so.
#[derive(Debug, Default)]
pub(super) struct Speech {
    pub(super) tls: Option<UpstreamTls>,
    pub(super) http: HttpVersion,
    pub(super) proxy_protocol: Option<u8>,
    host: Option<HeaderValue>,
}

impl From<&Proxy> for Speech {
    fn from(proxy: &Proxy) -> Self {
        let host = match &proxy.host {
            HostHeader::Fixed(host) => Some(host.clone()),
            HostHeader::Preserve | HostHeader::Upstream => None,
        };
        let proxy_protocol = proxy.proxy_protocol;
        Self { tls: proxy.tls.clone(), http: proxy.http, proxy_protocol, host }
    }
}

/// What is known of a pool, whichever rules hold.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) queue: Arc<Queue>,
    turn: AtomicUsize,
    /// A request is under way to see whether a server that is out is well again.
    probing: AtomicBool,
    /// By address, and by place among those with the same. Held weakly: one that is gone is forgotten when its last
    /// stream ends.
    standings: Mutex<HashMap<(String, usize), Weak<Standing>>>,
}

/// The servers of a pool whose addresses are known.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Those that are asked first, then those that are asked while each of them is out or full.
    tiers: Vec<Tier>,
    /// Why there is no other, where a name is not resolved.
    problem: Option<String>,
}

/// A server that was chosen.
#[derive(Debug)]
pub(crate) struct Target {
    pub(super) member: Arc<Member>,
    /// It is out, and this request is to show whether it still is.
    probe: Option<Probe>,
    _slot: Slot,
}

impl Target {
    /// The server.
    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }
}

/// Why no server can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The rules have each of them `down`.
    AllDown,
    /// No address is known.
    Unresolved(String),
    /// All are out; the first is back after this long.
    Out(Duration),
    /// Each has as many requests as it may.
    Busy,
    /// All were tried.
    Exhausted,
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Unresolved(reason) => Self::Dns(reason),
            Unavailable::AllDown => Self::NoUpstream("all its servers are `down`".to_owned()),
            Unavailable::Busy => Self::QueueFull,
            Unavailable::Out(_) | Unavailable::Exhausted => Self::NoneUp,
        }
    }
}

impl Unavailable {
    /// The failure that it is. nginx answers 502 to whatever finds no server, and lets nobody wait for one.
    pub(super) fn told(self, as_nginx: bool) -> Failure {
        if as_nginx && self.is_none_live() { Failure::NoneLive } else { self.into() }
    }

    /// Whether there are servers, and none of them can be asked now.
    pub(super) fn is_none_live(&self) -> bool {
        matches!(self, Self::AllDown | Self::Busy | Self::Out(_) | Self::Exhausted)
    }
}

impl Pool {
    pub(super) fn new(
        rules: &Upstream,
        proxy: Option<&Proxy>,
        live: Arc<Live>,
        patience: Arc<Patience>,
        names: &Names,
    ) -> Arc<Self> {
        let mut rules = rules.clone();
        rules.servers.retain(|server| !server.down);
        let endpoint = |server: &UpstreamServer| Arc::new(Endpoint::new(&rules.name, &server.address));
        let endpoints = rules.servers.iter().map(endpoint).collect();
        let mut speech = proxy.map(Speech::from).unwrap_or_default();
        // A `proxy` by which requests name pools may lead to those of either scheme.
        speech.tls = speech.tls.filter(|_| rules.tls);
        Self::with(endpoints, speech, rules, (live, patience), names)
    }

    /// A pool that a request named.
    pub(super) fn of_requests(
        rules: Upstream,
        proxy: &Proxy,
        patience: Arc<Patience>,
        names: &Names,
    ) -> Arc<Self> {
        let endpoint =
            |server: &UpstreamServer| Arc::new(Endpoint::of_requests(&rules.name, &server.address));
        let endpoints = rules.servers.iter().map(endpoint).collect();
        Self::with(endpoints, Speech::from(proxy), rules, (Arc::default(), patience), names)
    }

    fn with(
        endpoints: Vec<Arc<Endpoint>>,
        speech: Speech,
        rules: Upstream,
        (live, patience): (Arc<Live>, Arc<Patience>),
        names: &Names,
    ) -> Arc<Self> {
        let pool = Self {
            endpoints,
            speech,
            key: hash::of(rules.name.as_bytes()),
            rules,
            refreshed: Notify::new(),
            patience,
            live,
            members: ArcSwap::default(),
        };
        pool.refresh(names);
        Arc::new(pool)
    }

    /// Takes the names' present addresses. Streams to those that are gone go on.
    pub(super) fn refresh(&self, names: &Names) {
        let before = self.members();
        let mut tiers: BTreeMap<(bool, u16), Vec<Arc<Member>>> = BTreeMap::new();
        let mut problem = None;
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (server, endpoint) in self.rules.servers.iter().zip(&self.endpoints) {
            match names.found_at(&server.address) {
                Ok(found) => {
                    for found in found {
                        let tier = tiers.entry((server.backup, found.priority)).or_default();
                        let weight = server.weight.saturating_mul(found.weight);
                        let name = found.destination.to_string();
                        let place = seen.entry(name).and_modify(|place| *place += 1).or_default();
                        tier.push(self.member(
                            endpoint,
                            found.destination,
                            (weight, server.connections),
                            *place,
                            &before,
                        ));
                    }
                }
                Err(reason) => problem = Some(reason),
            }
        }
        let tiers = tiers.into_values().map(Tier::new).collect();
        self.members.store(Arc::new(Members { tiers, problem }));
        let now = self.members();
        if now.len() != before.len() || now.iter().zip(&before).any(|(now, before)| !Arc::ptr_eq(now, before))
        {
            self.live.queue.wake_all();
            self.refreshed.notify_one();
        }
    }

    /// The Host that a server is called by, where no request says so.
    pub(super) fn host_of(&self, member: &Member) -> HeaderValue {
        let own = if self.speech.tls.is_some() { &member.endpoint.https } else { &member.endpoint.http };
        self.speech.host.clone().unwrap_or_else(|| own.clone())
    }

    fn member(
        &self,
        endpoint: &Arc<Endpoint>,
        destination: Destination,
        (weight, connections): (u32, Option<usize>),
        place: usize,
        before: &[Arc<Member>],
    ) -> Arc<Member> {
        let is_same = |known: &&Arc<Member>| {
            Arc::ptr_eq(&known.endpoint, endpoint)
                && known.destination == destination
                && (known.weight, known.connections, known.place) == (weight, connections, place)
        };
        if let Some(known) = before.iter().find(is_same) {
            return known.clone();
        }
        let standing = self.live.standing(&destination.to_string(), place);
        let mut member = Member::new(endpoint, destination, weight.max(1), standing, &self.patience);
        (member.place, member.connections) = (place, connections);
        if let Some(Sticky::Cookie { name, secret }) = &self.rules.sticky {
            member.mark = Some(Mark::new(name, &self.rules.name, &member.name, secret.as_deref()));
        }
        Arc::new(member)
    }

    /// Every server whose address is known.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        self.members.load().tiers.iter().flat_map(|tier| &tier.members).cloned().collect()
    }

    /// Chooses a server, and takes a place among its requests.
    pub(super) fn choose(&self, wish: &Wish<'_>) -> Result<Target, Unavailable> {
        let members = self.members.load();
        if members
            .named(wish)
            .is_some_and(|own| own.standing.is_up() && !wish.has_tried(own) && !own.has_place())
        {
            // What the client has there is nowhere else.
            return Err(Unavailable::Busy);
        }
        // Whoever was quicker has taken the place that was seen free: then the next choice is another.
        for _ in 0..8 {
            let Some(member) = self.pick(&members, wish) else {
                // Or a place has become free since.
                if self.has_another(wish.tried) {
                    continue;
                }
                break;
            };
            if let Some(slot) = member.standing.take(member.connections) {
                return Ok(Target { member: member.clone(), probe: None, _slot: slot });
            }
        }
        self.probe(&members, wish)
    }

    fn pick<'m>(&self, members: &'m Members, wish: &Wish<'_>) -> Option<&'m Arc<Member>> {
        let usable =
            |member: &Member| member.standing.is_up() && member.has_place() && !wish.has_tried(member);
        if let Some(own) = members.named(wish).filter(|own| usable(own)) {
            return Some(own);
        }
        let turn = self.live.turn.fetch_add(1, Relaxed);
        let slow_start = self.rules.slow_start.filter(|_| !matches!(wish.by, By::Key(_)));
        // Drawn once, since a server is asked for its share more than once.
        let draw = if slow_start.is_some() { fastrand::f64() } else { 0.0 };
        let eager = |member: &Member| usable(member) && member.standing.takes_its_share(slow_start, draw);
        members.tiers.iter().find_map(|tier| {
            let chosen = slow_start.and_then(|_| tier.choose(wish.by, turn, eager));
            chosen.or_else(|| tier.choose(wish.by, turn, usable))
        })
    }

    /// No server can be asked. Where all are out, one request at a time goes to see whether they still are.
    fn probe(&self, members: &Members, wish: &Wish<'_>) -> Result<Target, Unavailable> {
        let all: Vec<&Arc<Member>> = members.tiers.iter().flat_map(|tier| &tier.members).collect();
        if self.rules.servers.is_empty() {
            return Err(Unavailable::AllDown);
        }
        if all.is_empty() {
            let problem = members.problem.clone().unwrap_or_else(|| "it has no address".to_owned());
            return Err(Unavailable::Unresolved(problem));
        }
        if all.iter().any(|member| member.standing.is_up()) {
            // One that was not tried was full a moment ago.
            let is_full = |member: &Member| !member.has_place() || !wish.has_tried(member);
            let full = all.iter().any(|member| member.standing.is_up() && is_full(member));
            return Err(if full { Unavailable::Busy } else { Unavailable::Exhausted });
        }
        let paused = all.iter().filter(|member| !member.standing.is_unwell() && !wish.has_tried(member));
        let first = paused.min_by_key(|member| member.standing.pause_left());
        let checks = self.rules.health.as_ref().map(|health| health.every * health.rise);
        let left = first.map_or(checks.unwrap_or_default(), |member| member.standing.pause_left());
        let target = first.and_then(|member| {
            let probe = Probe::begin(&self.live)?;
            let slot = member.standing.take(member.connections)?;
            Some(Target { member: (*member).clone(), probe: Some(probe), _slot: slot })
        });
        target.ok_or(Unavailable::Out(left))
    }

    /// Whether a request that failed somewhere could go to another server.
    pub(super) fn has_another(&self, tried: &[Arc<Member>]) -> bool {
        let members = self.members.load();
        members.tiers.iter().flat_map(|tier| &tier.members).any(|member| {
            member.standing.is_up() && member.has_place() && !tried.iter().any(|tried| tried.is(member))
        })
    }

    /// Whether the server has another address that was not tried.
    pub(super) fn has_another_address(&self, of: &Member, tried: &[Arc<Member>]) -> bool {
        let members = self.members.load();
        members.tiers.iter().flat_map(|tier| &tier.members).any(|member| {
            Arc::ptr_eq(&member.endpoint, &of.endpoint)
                && member.standing.is_up()
                && !tried.iter().any(|tried| tried.is(member))
        })
    }
}

impl Members {
    /// The server that the client's cookie names.
    fn named(&self, wish: &Wish<'_>) -> Option<&Arc<Member>> {
        let mark = wish.mark?;
        let mut all = self.tiers.iter().flat_map(|tier| &tier.members);
        all.find(|member| member.mark.as_ref().is_some_and(|own| own.is(mark)))
    }
}

impl Live {
    fn standing(&self, address: &str, place: usize) -> Arc<Standing> {
        let mut standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        standings.retain(|_, standing| standing.strong_count() > 0);
        let key = (address.to_owned(), place);
        if let Some(known) = standings.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let fresh = Standing::new(self.queue.clone());
        standings.insert(key, Arc::downgrade(&fresh));
        fresh
    }
}

/// The one request that sees whether a server is still out, until it is dropped.
#[derive(Debug)]
struct Probe {
    live: Arc<Live>,
}

impl Probe {
    fn begin(live: &Arc<Live>) -> Option<Self> {
        let taken = live.probing.swap(true, Relaxed);
        if taken { None } else { Some(Self { live: live.clone() }) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.live.probing.store(false, Relaxed);
    }
}

impl Target {
    /// Whether this request is to show if the server is still out.
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}
