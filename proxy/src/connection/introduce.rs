//! Who the client is, where somebody in front says so ahead of everything else: `listen … proxy-protocol=on`, or `told`
//! where that is not believed of anybody who says it.

use super::link::Link;
use super::serve::Worker;
use super::transport::Transport;
use crate::exchange::{Client, Failure};
use crate::places::Place;
use crate::proxy_header::{Introduced, Read, read};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout_at;
use vordr_rules::table::{Introduction, Process, Table};

/// Why a connection has come to its end before a word of its client's was read.
enum Silenced {
    /// Whoever connected has gone, or vordr stops.
    Over,
    Failed(Failure),
}

/// Reads the header where one is to come; `None` where the connection has come to its end with it. Who may not say whom
/// a connection is for, or says it wrongly, is not answered: what comes next may not be HTTP.
pub(super) async fn introduce(
    worker: &Worker,
    transport: &mut Transport,
    link: Arc<Link>,
    place: &mut Place,
) -> Option<Arc<Link>> {
    let shared = &worker.shared;
    let Some(introduction) = awaited(&shared.current().table, &link) else { return Some(link) };
    let generation = shared.generation();
    let process = &generation.table.process;
    let introduced = match header(process, introduction, transport, &link).await {
        Ok(Introduced::Itself) => return Some(link),
        Ok(Introduced::Client { client, to }) if introduction == Introduction::Told => {
            link.introduce(client, to);
            return Some(link);
        }
        Ok(Introduced::Client { client, to }) => link.on_behalf_of(client, to),
        Err(Silenced::Over) => return None,
        Err(Silenced::Failed(failure)) => {
            shared.observer.rejected(&link.rejection(failure));
            return None;
        }
    };
    let client = introduced.client.as_ref().map(|client| client.address);
    match place.name(process, client) {
        Ok(()) => Some(introduced),
        Err(failure) => {
            shared.observer.rejected(&introduced.rejection(failure));
            None
        }
    }
}

fn awaited(table: &Table, link: &Link) -> Option<Introduction> {
    table.listeners.iter().find(|listener| listener.address == link.listener)?.proxy_protocol
}

/// The header counts as part of the first head: both must be there within `header-timeout`.
async fn header(
    process: &Process,
    introduction: Introduction,
    transport: &mut Transport,
    link: &Link,
) -> Result<Introduced, Silenced> {
    let peer = link.client.clone().unwrap_or_else(Client::local).address;
    let is_trusted = process.trusted_proxies.iter().any(|proxy| proxy.contains(&peer));
    if introduction == Introduction::Believed && !is_trusted {
        return Err(Silenced::Failed(Failure::ProxyHeader("it comes from nobody of `trusted-proxies`")));
    }
    // Ten years stand for ever.
    let end = link.opened() + process.limits.header_timeout.unwrap_or(Duration::from_secs(315_360_000));
    tokio::select! {
        biased;
        header = timeout_at(end, whole(transport)) => {
            header.unwrap_or(Err(Silenced::Failed(Failure::HeaderTimeout)))
        }
        () = link.closing.cancelled() => Err(Silenced::Over),
    }
}

/// Reads to the header's last byte, and no further: what follows is TLS's or HTTP's.
async fn whole(transport: &mut Transport) -> Result<Introduced, Silenced> {
    let mut header = Vec::new();
    loop {
        match read(&header) {
            Ok(Read::Whole(introduced)) => return Ok(introduced),
            Ok(Read::More(more)) => more_of(transport, &mut header, more).await?,
            Err(why) => return Err(Silenced::Failed(Failure::ProxyHeader(why))),
        }
    }
}

async fn more_of(transport: &mut Transport, header: &mut Vec<u8>, more: usize) -> Result<(), Silenced> {
    let came = header.len();
    header.resize(came + more, 0);
    match transport.read_exact(header.get_mut(came..).unwrap_or_default()).await {
        Ok(_) => Ok(()),
        // Probes connect and go.
        Err(error) if came == 0 || error.kind() != io::ErrorKind::UnexpectedEof => Err(Silenced::Over),
        Err(_) => Err(Silenced::Failed(Failure::ProxyHeader("it ends within its PROXY header"))),
    }
}
