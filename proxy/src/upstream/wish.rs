//! What a request has to say about which server it goes to.

use super::balance::By;
use super::hash;
use super::member::Member;
use crate::exchange::Exchange;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use vordr_rules::table::{Balance, Sticky, Upstream, cookie};

/// How the server of one request is to be chosen.
#[derive(Debug)]
pub(super) struct Wish<'r> {
    pub(super) by: By,
    /// The client's cookie, which names a server.
    pub(super) mark: Option<&'r str>,
    /// Not these: they were tried.
    pub(super) tried: &'r [Arc<Member>],
}

impl<'r> Wish<'r> {
    pub(super) fn of(
        exchange: &Exchange,
        request: &'r Parts,
        rules: &Upstream,
        tried: &'r [Arc<Member>],
    ) -> Self {
        let mut wish = Self { by: by(exchange, request, &rules.balance), mark: None, tried };
        match &rules.sticky {
            None => {}
            Some(Sticky::Cookie { name, .. }) => wish.mark = cookie(&request.headers, name),
            Some(Sticky::Header(name)) => {
                wish.belongs_to(request.headers.get(name.as_str()).map(http::HeaderValue::as_bytes));
            }
            Some(Sticky::Query(name)) => wish.belongs_to(parameter(request.uri.query(), name)),
        }
        wish
    }

    /// Whether a server was tried already.
    pub(super) fn has_tried(&self, member: &Member) -> bool {
        self.tried.iter().any(|tried| tried.is(member))
    }

    fn belongs_to(&mut self, key: Option<&[u8]>) {
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            self.by = By::Key(hash::of(key));
        }
    }
}

fn by(exchange: &Exchange, request: &Parts, balance: &Balance) -> By {
    match balance {
        Balance::RoundRobin => By::Turn,
        Balance::LeastConn => By::LeastBusy,
        Balance::Random => By::TwoChoices,
        Balance::IpHash => By::Key(match exchange.public.client.address {
            IpAddr::V4(address) => hash::of(&address.octets()),
            IpAddr::V6(address) => hash::of(&address.octets()),
        }),
        Balance::Hash(key) => By::Key(hash::of(&exchange.key(key, request))),
    }
}

/// A query parameter's value as it came.
fn parameter<'q>(query: Option<&'q str>, name: &str) -> Option<&'q [u8]> {
    let mut pairs = query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes())
}
