//! How the servers of a running vordr stand, in words.

use super::admin;
use serde_json::Value;
use std::time::Duration;
use vordr::rules::table::{Address, Balance};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a running vordr for its status.
pub(super) fn ask(address: &Address) -> Result<Value, String> {
    let problem = |reason: String| format!("no vordr answers at {address}: {reason}");
    match admin::ask(address, "GET /status", PATIENCE) {
        Ok((200, body)) => serde_json::from_str(&body).map_err(|error| problem(error.to_string())),
        Ok((status, _)) => Err(problem(format!("it answered {status}"))),
        Err(error) => Err(problem(error.to_string())),
    }
}

/// A line for each server of a pool.
pub(super) fn of(status: &Value, pool: &str) -> String {
    let pools = status["upstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(pool) = pools.iter().find(|known| known["name"] == pool) else {
        return "  the vordr that runs has no such upstream: it has other rules\n".to_owned();
    };
    let peers = pool["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
    peers.iter().map(line).collect()
}

fn line(peer: &Value) -> String {
    let text = |name: &str| peer[name].as_str().unwrap_or_default();
    let state = if peer["up"] == true { "up" } else { "out" };
    let problem = match text("problem") {
        "" => String::new(),
        problem => format!(": {problem}"),
    };
    let in_flight = peer["in_flight"].as_u64().unwrap_or_default();
    let mut line = format!("  {}  {state}{problem}, {in_flight} in flight\n", text("address"));
    for address in peer["addresses"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let state = if address["up"] == true { "up" } else { "out" };
        line += &format!("    {}  {state}\n", address["address"].as_str().unwrap_or_default());
    }
    line
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
