//! Several scripted upstreams that are told apart by what they answer.

use super::{Origin, Vordr};

/// Upstreams that answer with their number, from 0.
pub(crate) async fn numbered(count: usize) -> Vec<Origin> {
    let mut origins = Vec::new();
    for number in 0..count {
        origins.push(Origin::answering(&number.to_string()).await);
    }
    origins
}

/// `server` lines for upstreams, each with more words.
pub(crate) fn servers(origins: &[Origin], more: &[&str]) -> String {
    let line = |(number, origin): (usize, &Origin)| {
        format!("server \"{}\" {}\n", origin.url(), more.get(number).unwrap_or(&""))
    };
    origins.iter().enumerate().map(line).collect()
}

/// One server, `a.test`, in front of a pool `app` with these words; settings stand in the location.
pub(crate) fn pooled(pool: &str, settings: &str) -> String {
    format!(
        "upstream app {{ {pool}\n }}\nserver a.test {{ listen 0; location \"/\" {{ {settings}\n proxy app; }} }}"
    )
}

/// The bodies of so many answers, one after another, on connections of their own.
pub(crate) async fn answers(vordr: &Vordr, count: usize) -> String {
    let mut bodies = String::new();
    for _ in 0..count {
        bodies += &vordr.get("http://a.test/").await.text();
    }
    bodies
}

/// An address that refuses connections.
pub(crate) const REFUSING: &str = "server \"http://127.0.0.1:1\"\n";
