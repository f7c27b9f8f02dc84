//! Which certificate a client is shown where a server has several, by nginx, by vordr under its name, and by vordr with
//! the KDL of the file.

use super::server::{Program, Server};
use crate::harness::{Authority, free_port, subject_shown};
use crate::https_kinds::pair;
use std::net::Ipv4Addr;

/// The arguments of each client.
const CLIENTS: [&str; 11] = [
    "-tls1_3",
    "-tls1_3 -sigalgs RSA-PSS+SHA256",
    "-tls1_3 -sigalgs ECDSA+SHA256",
    "-tls1_3 -sigalgs ECDSA+SHA384",
    "-tls1_3 -sigalgs ed25519",
    "-tls1_3 -sigalgs RSA-PSS+SHA256:ECDSA+SHA256:ECDSA+SHA384",
    "-tls1_2",
    "-tls1_2 -sigalgs RSA+SHA256",
    "-tls1_2 -sigalgs RSA-PSS+SHA256:ed25519",
    "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
    "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
];

/// What each client is shown where `http` and its servers are these, in which `SHOW KINDS;` stands for the
/// directives that name them.
async fn shown(program: Program, rules: &str) -> Vec<(&'static str, Option<String>)> {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let mut rules = rules.to_owned();
    while let Some((before, (kinds, after))) =
        rules.split_once("SHOW ").and_then(|(before, rest)| Some((before, rest.split_once(';')?)))
    {
        let directives = kinds.split(' ').map(|kind| {
            pair(&authority, kind).write(folder.path(), kind);
            let at = folder.path().join(kind).display().to_string();
            format!("ssl_certificate {at}.pem; ssl_certificate_key {at}.key;\n")
        });
        rules = format!("{before}{}{after}", directives.collect::<String>());
    }
    let port = free_port();
    let rules = format!(
        "events {{}} http {{ access_log off; ssl_prefer_server_ciphers on; ssl_protocols TLSv1.2 TLSv1.3; {rules} }}"
    );
    let rules = rules.replace("LISTEN", &format!("listen 127.0.0.1:{port} ssl"));
    let _server = Server::running(program, &rules, port).await.unwrap();
    let mut shown = Vec::new();
    for client in CLIENTS {
        shown.push((client, subject_shown((Ipv4Addr::LOCALHOST, port).into(), client).await));
    }
    shown
}

async fn is_the_same(programs: &[Program], rules: &str) {
    let nginx = shown(Program::Nginx, rules).await;
    for program in programs {
        assert_eq!(shown(*program, rules).await, nginx, "{program:?}: {rules}");
    }
}

#[tokio::test]
async fn of_several_certificates_each_client_is_shown_the_one_that_nginx_shows_it() {
    let all = [Program::Vordr, Program::VordrWithKdl];
    is_the_same(&all, "server { LISTEN; SHOW rsa ecdsa; return 204; }").await;
    is_the_same(&all, "SHOW ecdsa rsa; server { LISTEN; return 204; }").await;
    is_the_same(&all, "SHOW ecdsa rsa; server { LISTEN; SHOW rsa ed25519; return 204; }").await;
    let shared =
        "server { LISTEN; SHOW rsa p384; return 204; } server { LISTEN; server_name a.test; return 204; }";
    is_the_same(&all, shared).await;
    // Two keys of one kind are an error in KDL.
    is_the_same(&[Program::Vordr], "server { LISTEN; SHOW rsa ecdsa p384; return 204; }").await;
}
