//! A server for one request, and what becomes of it.

use super::Upstreams;
use super::member::Member;
use super::peer::is_of_request;
use super::pool::{Pool, Target, Unavailable};
use super::wish::Wish;
use crate::exchange::{Endpoint, Exchange, Failure, Filled, Reached};
use crate::observe::Observer;
use http::request::Parts;
use std::sync::Arc;
use std::time::Instant;
use vordr_rules::table::{Proxy, Upstream};

impl Upstreams {
    /// Chooses a server for an exchange that is to be forwarded, and notes in it whom it is about.
    pub(crate) fn choose(
        &self,
        exchange: &mut Exchange,
        request: &Parts,
        tried: &[Arc<Member>],
    ) -> Result<Target, Failure> {
        let filled = exchange.filled.take();
        let chosen = self.choose_in(filled.as_deref(), exchange, request, tried);
        exchange.filled = filled;
        chosen
    }

    fn choose_in(
        &self,
        filled: Option<&Filled>,
        exchange: &mut Exchange,
        request: &Parts,
        tried: &[Arc<Member>],
    ) -> Result<Target, Failure> {
        let Some((pool, tls)) = exchange.proxy().and_then(|proxy| self.pool_for(proxy, filled)) else {
            return Err(Failure::Internal("the action is not `proxy`".to_owned()));
        };
        let wish = Wish::of(exchange, request, &pool.rules, tried);
        let chosen = pool.choose(&wish);
        let as_nginx = exchange.has_nginxs_bodies();
        let none_live = chosen.as_ref().is_err_and(|unavailable| as_nginx && unavailable.is_none_live());
        let endpoint = match &chosen {
            Ok(target) => Some(target.member.endpoint.clone()),
            Err(_) if none_live => Some(Arc::new(Endpoint::of_pool(&pool.rules.name))),
            Err(_) => pool.endpoints.first().cloned(),
        };
        let mark = chosen.as_ref().ok().and_then(|target| target.member.mark.as_ref());
        let cookie = mark
            .filter(|mark| !wish.mark.is_some_and(|named| mark.is(named)))
            .map(|mark| mark.header(exchange.public.scheme == "https"));
        let status = none_live.then(|| Failure::NoneLive.status().as_u16());
        exchange.reached = endpoint.map(|endpoint| Reached { tls, cookie, status, ..Reached::new(endpoint) });
        exchange.forget_answer();
        exchange.retry_after = None;
        if let Err(Unavailable::Out(left)) = &chosen {
            exchange.retry_after = Some(left.as_secs() + 1);
            for member in pool.members() {
                if let Some(reason) = member.standing.reason() {
                    exchange.could_not_reach(&member.name, format!("out: {reason}"));
                }
            }
        }
        chosen.map_err(|unavailable| unavailable.told(as_nginx))
    }

    /// The pool that an exchange is about.
    pub(super) fn pool_of<'a>(&'a self, exchange: &'a Exchange) -> Option<(&'a Arc<Pool>, bool)> {
        self.pool_for(exchange.proxy()?, exchange.filled.as_deref())
    }

    fn pool_for<'a>(&'a self, proxy: &Proxy, filled: Option<&'a Filled>) -> Option<(&'a Arc<Pool>, bool)> {
        match filled {
            Some(filled) => Some((&filled.pool, filled.goal.tls)),
            None => Some((self.pool(proxy.upstream)?, proxy.tls.is_some())),
        }
    }

    /// The words of the pool that an exchange is about.
    pub(crate) fn rules<'a>(&'a self, exchange: &'a Exchange) -> Option<&'a Upstream> {
        self.pool_of(exchange).map(|(pool, _)| &pool.rules)
    }

    /// Whether the request could go to a server that was not tried.
    pub(crate) fn has_another(&self, exchange: &Exchange, tried: &[Arc<Member>]) -> bool {
        self.pool_of(exchange).is_some_and(|(pool, _)| pool.has_another(tried))
    }

    /// Whether the server that failed last has another address, that was not tried.
    pub(crate) fn has_another_address(
        &self,
        exchange: &Exchange,
        of: &Member,
        tried: &[Arc<Member>],
    ) -> bool {
        self.pool_of(exchange).is_some_and(|(pool, _)| pool.has_another_address(of, tried))
    }

    /// Whether the client is to stay with its server.
    pub(crate) fn is_sticky(&self, exchange: &Exchange) -> bool {
        self.pool_of(exchange).is_some_and(|(pool, _)| pool.rules.sticky.is_some())
    }

    /// A request failed at a server, by no fault of the request's: a handshake may have, where the request has chosen the
    /// name that was asked for.
    pub(crate) fn failed(
        &self,
        exchange: &Exchange,
        target: &Target,
        failure: &Failure,
        observer: &Arc<Observer>,
    ) {
        if let Failure::Tls(reason) = failure {
            target.member.standing.handshake_failed(reason);
        }
        let Some((pool, _)) = self.pool_of(exchange) else { return };
        let Some(passive) = &pool.rules.passive else { return };
        let names_it = |proxy: &Proxy| proxy.tls.as_ref().is_some_and(|tls| is_of_request(proxy, tls));
        if matches!(failure, Failure::Tls(_)) && exchange.proxy().is_some_and(names_it) {
            return;
        }
        let standing = &target.member.standing;
        let was_up = standing.is_up();
        if !standing.failed(passive, failure.reason()) {
            return;
        }
        if was_up {
            let seconds = passive.pause.as_secs_f64().to_string();
            let fields = [("reason", failure.reason()), ("seconds", seconds.as_str())];
            tell(observer, &target.member, false, &fields);
        }
        let (member, observer) = (target.member.clone(), observer.clone());
        tokio::spawn(async move {
            if member.standing.outlasts_pause().await && member.standing.is_up() {
                tell(&observer, &member, true, &[("reason", "its pause is over")]);
            }
        });
    }

    /// A server answered.
    pub(crate) fn answered(&self, target: &Target, observer: &Observer) {
        let standing = &target.member.standing;
        if target.is_probe() && standing.ends_pause() && standing.is_up() {
            tell(observer, &target.member, true, &[("reason", "it answered a request")]);
        }
    }
}

/// One line for each change of a server's state.
pub(super) fn tell(observer: &Observer, member: &Member, up: bool, more: &[(&str, &str)]) {
    let about = [
        ("upstream", member.endpoint.upstream.as_str()),
        ("server", member.endpoint.peer.as_str()),
        ("address", member.name.as_str()),
    ];
    let fields: Vec<(&str, &str)> = about.into_iter().chain(more.iter().copied()).collect();
    match up {
        true => observer.log().info("a server is back", &fields),
        false => observer.log().warn("a server is out", &fields),
    }
}

impl Reached {
    fn new(endpoint: Arc<crate::exchange::Endpoint>) -> Self {
        Self {
            endpoint,
            tls: false,
            cookie: None,
            chosen: Instant::now(),
            connect: None,
            reused: false,
            status: None,
            answered: None,
            over: None,
            heads: (0, 0),
            attempt: None,
        }
    }
}
