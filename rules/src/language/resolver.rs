//! `resolver`: the name servers that are asked in the place of the system's.

use super::text;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::Resolver;
use crate::word::Word;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("resolver", "\"ADDRESS\"…", "The name servers that are asked in the place of the system's.")
        .properties(&["valid", "timeout", "ipv4", "ipv6", "for"]);

pub(super) fn read(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Resolver> {
    let written = node.need_some::<String>(reading);
    let valid = node.property::<Duration>("valid", reading);
    let timeout = node.property::<Duration>("timeout", reading);
    let ipv4 = node.property::<bool>("ipv4", reading);
    let ipv6 = node.property::<bool>("ipv6", reading);
    let names = node.property::<String>("for", reading);
    let placeholders_alone = text::one_of(names, &["all", "placeholders"], "for", reading) == Some(1);
    let is_on = |switch: &Option<Spanned<bool>>| switch.as_ref().is_none_or(|switch| switch.value);
    if let (false, Some(off)) = (is_on(&ipv4) || is_on(&ipv6), &ipv6) {
        reading.report(text::wrong("ipv6", off.span, "some addresses have to be asked for"));
    }
    if let Some(none) = timeout.as_ref().filter(|timeout| timeout.value.is_zero()) {
        reading.report(text::wrong("timeout", none.span, "no name server answers at once"));
    }
    let mut servers = Vec::new();
    for written in &written {
        match Resolver::server(&written.value) {
            Some(server) => servers.push(server),
            None => reading.report(text::wrong(
                "resolver",
                written.span,
                "a name server is an address: `\"9.9.9.9\"`, `\"[::1]:5353\"`",
            )),
        }
    }
    let (valid, timeout) = (valid.map(|valid| valid.value), timeout.map(|timeout| timeout.value));
    let (ipv4, ipv6) = (is_on(&ipv4), is_on(&ipv6));
    (!servers.is_empty()).then_some(Resolver { servers, valid, timeout, ipv4, ipv6, placeholders_alone })
}
