//! How the servers of a running vordr stand, in words.

use serde_json::Value;
use vordr_rules::table::Balance;

/// A line for each server of a pool.
pub(super) fn of(status: &Value, pool: &str) -> Vec<String> {
    let pools = status["upstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(pool) = pools.iter().find(|known| known["name"] == pool) else {
        return vec!["the vordr that runs has no such upstream: it has other rules".to_owned()];
    };
    let peers = pool["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
    peers.iter().flat_map(lines).collect()
}

fn lines(peer: &Value) -> Vec<String> {
    let text = |name: &str| peer[name].as_str().unwrap_or_default();
    let state = if peer["up"] == true { "up" } else { "out" };
    let problem = match text("problem") {
        "" => String::new(),
        problem => format!(": {problem}"),
    };
    let in_flight = peer["in_flight"].as_u64().unwrap_or_default();
    let mut lines = vec![format!("{}  {state}{problem}, {in_flight} in flight", text("address"))];
    for address in peer["addresses"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let state = if address["up"] == true { "up" } else { "out" };
        lines.push(format!("  {}  {state}", address["address"].as_str().unwrap_or_default()));
    }
    lines
}

/// How a server is chosen, where that is not in turn.
pub(super) fn policy(balance: &Balance) -> String {
    match balance {
        Balance::RoundRobin => String::new(),
        Balance::LeastConn => ", by least-conn".to_owned(),
        Balance::Random => ", by random".to_owned(),
        Balance::IpHash => ", by ip-hash".to_owned(),
        Balance::Hash(key) => format!(", by hash of {key}"),
    }
}
