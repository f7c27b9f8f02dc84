//! `listen`: an address that a server answers on.

use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{Address, Introduction};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "listen",
    "PORT | \"IP:PORT\" | \"unix:PATH\"",
    "An address to listen on; a bare port is IPv4 and IPv6.",
)
.properties(&["tls", "redirect", "proxy-protocol"])
.many();

/// As written.
#[derive(Debug)]
pub(crate) struct Listen {
    pub address: Spanned<Address>,
    pub tls: Option<Spanned<bool>>,
    pub redirect_https: bool,
    pub proxy_protocol: Option<Spanned<Introduction>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Listen> {
    let mut node = Node::open(kdl, &WORD, reading);
    let address = node.need(reading);
    refuse_words_of_nginx(&mut node, reading);
    let tls = node.property("tls", reading);
    let redirect = node.property::<String>("redirect", reading);
    let redirect_https = one_of(redirect, &["https"], "redirect", reading).is_some();
    let proxy_protocol = read_introduction(&mut node, reading);
    node.finish(reading);
    Some(Listen { address: address?, tls, redirect_https, proxy_protocol })
}

/// `proxy-protocol=on`, `told` or `off`.
fn read_introduction(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<Introduction>> {
    let word = node.property::<String>("proxy-protocol", reading)?;
    let span = word.span;
    let [believed, told] = Introduction::ALL.map(Introduction::word);
    let at = one_of(Some(word), &[believed, told, "off"], "proxy-protocol", reading)?;
    Introduction::ALL.get(at).map(|introduction| Spanned::new(*introduction, span))
}

/// What nginx writes as a word behind the address. Left out, TLS would be, too.
fn refuse_words_of_nginx(node: &mut Node<'_>, reading: &mut Reading<'_>) {
    let words = [
        ("ssl", "write `tls=on`"),
        ("tls", "write `tls=on`"),
        ("proxy_protocol", "write `proxy-protocol=on`"),
        ("default_server", "it is the server's: `server \"…\" default=on { … }`"),
        ("http2", "leave it out: HTTP/2 is spoken wherever TLS is"),
    ];
    while let Some((span, word, label)) =
        words.iter().find_map(|(word, label)| Some((node.take_word(word)?, word, label)))
    {
        let message = format!("`listen` has no word `{word}`");
        reading.report(Diagnostic::error("surplus-argument", span, message).label(*label));
    }
}
