//! Questions to the name servers, and their answers.

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use vordr_rules::table::Resolver as Rules;

/// How long one family's addresses wait for the other's (RFC 8305, section 3, has less; here nobody waits for it).
const OTHER_FAMILY: Duration = Duration::from_millis(500);

/// An answer, which has at least one address.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) hosts: Vec<Host>,
    pub(super) time_to_live: Duration,
}

/// A host, and what the name said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
    /// 0 where the name says nothing of it.
    pub(super) port: u16,
    pub(super) priority: u16,
    pub(super) weight: u32,
}

/// A host's addresses; `before` is the last good answer.
pub(super) async fn host(asker: &Asker, name: &str, before: &[Host]) -> Result<Answer, String> {
    let (addresses, time_to_live) = addresses(asker, name, before).await?;
    let time_to_live = asker.valid.unwrap_or(time_to_live);
    let host = Host { name: name.to_owned(), addresses, port: 0, priority: 0, weight: 1 };
    Ok(Answer { hosts: vec![host], time_to_live })
}

/// A service's hosts, each with its addresses. One that cannot be resolved is left out.
pub(super) async fn service(asker: &Asker, name: &str, before: &[Host]) -> Result<Answer, String> {
    let found = asker.resolver.lookup(name, RecordType::SRV).await.map_err(|error| words(&error))?;
    let mut time_to_live = time_to_live(&found);
    let mut hosts = Vec::new();
    let mut problem = None;
    for record in found.answers() {
        let RData::SRV(service) = &record.data else { continue };
        let target = service.target.to_string();
        match addresses(asker, &target, before).await {
            Ok((addresses, shorter)) => {
                time_to_live = time_to_live.min(shorter);
                // A weight of 0 is the least there is (RFC 2782), and no weight is a server's.
                let weight = u32::from(service.weight).max(1);
                let (port, priority) = (service.port, service.priority);
                hosts.push(Host { name: target, addresses, port, priority, weight });
            }
            Err(reason) => problem = Some(format!("{target}: {reason}")),
        }
    }
    let time_to_live = asker.valid.unwrap_or(time_to_live);
    hosts.sort_by(|one, other| (&one.addresses, one.port).cmp(&(&other.addresses, other.port)));
    match hosts.is_empty() {
        false => Ok(Answer { hosts, time_to_live }),
        true => Err(problem.unwrap_or_else(|| "the service has no host".to_owned())),
    }
}

/// Both families are asked at once; one that does not answer does not hold the other up for long, and is taken to have
/// what it had before: with other addresses it would be another server.
async fn addresses(asker: &Asker, name: &str, before: &[Host]) -> Result<(Vec<IpAddr>, Duration), String> {
    let resolver = &asker.resolver;
    if let [only] = asker.families {
        let (mut addresses, time_to_live) =
            family(resolver, name, *only).await.map_err(|none| none.reason)?;
        addresses.sort();
        return Ok((addresses, time_to_live));
    }
    let mut four = Box::pin(family(resolver, name, RecordType::A));
    let mut six = Box::pin(family(resolver, name, RecordType::AAAA));
    let (first, other) = tokio::select! {
        first = &mut four => (first, six),
        first = &mut six => (first, four),
    };
    let other = match &first {
        Ok(_) => tokio::time::timeout(OTHER_FAMILY, other).await.unwrap_or_else(|_| Err(NoAddress::lost())),
        Err(_) => other.await,
    };
    let (mut addresses, time_to_live) = match (first, other) {
        (Ok((mut one, live)), Ok((another, shorter))) => {
            one.extend(another);
            (one, live.min(shorter))
        }
        (Ok(mut one), Err(none)) | (Err(none), Ok(mut one)) => {
            if none.is_lost {
                one.0.extend(of_the_other_family(&one.0, name, before));
            }
            one
        }
        (Err(none), Err(_)) => return Err(none.reason),
    };
    addresses.sort();
    addresses.dedup();
    Ok((addresses, time_to_live))
}

/// What a host had before of the family that these addresses are not of.
fn of_the_other_family(known: &[IpAddr], name: &str, before: &[Host]) -> Vec<IpAddr> {
    let is_known = |ip: &IpAddr| known.iter().any(|known| known.is_ipv6() == ip.is_ipv6());
    let host = before.iter().find(|host| host.name == name);
    let all = host.into_iter().flat_map(|host| &host.addresses);
    all.filter(|ip| !is_known(ip)).copied().collect()
}

/// Why there is no address of one family.
struct NoAddress {
    reason: String,
    /// There may be one: nobody said that there is none.
    is_lost: bool,
}

impl NoAddress {
    fn lost() -> Self {
        Self { reason: "no name server answered in time".to_owned(), is_lost: true }
    }
}

impl From<&NetError> for NoAddress {
    fn from(error: &NetError) -> Self {
        let is_lost = match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => {
                !matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
            }
            _ => true,
        };
        Self { reason: words(error), is_lost }
    }
}

async fn family(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<(Vec<IpAddr>, Duration), NoAddress> {
    let found = resolver.lookup(name, kind).await.map_err(|error| NoAddress::from(&error))?;
    let addresses: Vec<IpAddr> = found.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
    match addresses.is_empty() {
        false => Ok((addresses, time_to_live(&found))),
        true => Err(NoAddress { reason: "it has no address".to_owned(), is_lost: false }),
    }
}

/// Why there is no answer, as an operator would put it.
fn words(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no name server answered in time".to_owned(),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => "there is no such name".to_owned(),
            ResponseCode::NoError => "it has no address".to_owned(),
            other => format!("the name server answered: {other}"),
        },
        NetError::Dns(DnsError::ResponseCode(other)) => format!("the name server answered: {other}"),
        other => other.to_string(),
    }
}

fn time_to_live(lookup: &Lookup) -> Duration {
    lookup.valid_until().saturating_duration_since(Instant::now())
}

/// Who is asked, and how.
#[derive(Clone)]
pub(super) struct Asker {
    resolver: TokioResolver,
    /// `A` and `AAAA`, or one of them.
    families: &'static [RecordType],
    /// How long answers are believed, whatever they say.
    valid: Option<Duration>,
}

impl Asker {
    /// The system's name servers, `/etc/hosts` included, or those that are named. Answers are not cached by the
    /// resolver: each name here keeps its own.
    pub(super) fn new(named: Option<&Rules>) -> Result<Self, String> {
        let mut builder = match named {
            None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
            Some(named) => {
                let servers = named.servers.iter().map(server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        builder.options_mut().cache_size = 0;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        let families: &[RecordType] = match named.map(|named| (named.ipv4, named.ipv6)) {
            Some((true, false)) => &[RecordType::A],
            Some((false, true)) => &[RecordType::AAAA],
            _ => &[RecordType::A, RecordType::AAAA],
        };
        Ok(Self { resolver, families, valid: named.and_then(|named| named.valid) })
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
