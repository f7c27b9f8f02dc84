//! An issuer that is a few lines long.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::tls::acme::failure::Failure;
use instant_acme::{Account, NewAccount};
use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[test]
fn a_pause_is_told_in_seconds_or_as_a_date() {
    assert_eq!(in_seconds("120"), Some(Duration::from_secs(120)));
    let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(100);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert!(in_seconds(&date).is_some_and(|pause| (98..=100).contains(&pause.as_secs())), "{date}");
    assert_eq!(in_seconds("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    assert_eq!(in_seconds("soon"), None);
}

#[test]
fn only_https_is_spoken() {
    let place_of = |text: &'static str| place(&Uri::from_static(text));
    assert_eq!(place_of("https://acme.example/dir"), Ok(("acme.example".to_owned(), 443)));
    assert_eq!(place_of("https://[::1]:14000/dir"), Ok(("::1".to_owned(), 14000)));
    assert!(place_of("http://acme.example/dir").is_err());
}

/// An issuer with a directory, a nonce, and this answer to everything else; what comes of asking for an account.
async fn asked(answer: &str) -> (Https, Failure) {
    let answer = answer.to_owned();
    let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let directory =
        format!(r#"{{"newNonce":"{url}/nonce","newAccount":"{url}/account","newOrder":"{url}/order"}}"#);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(socket).await.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let answer = match head.get(..length).unwrap() {
                head if head.starts_with(b"GET") => {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{directory}", directory.len())
                }
                head if head.starts_with(b"HEAD") => {
                    "HTTP/1.1 200 OK\r\nReplay-Nonce: abc\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                _ => answer.clone(),
            };
            // The other side may have had enough.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let https = Https::new(ca.to_str()).unwrap();
    let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_http(Box::new(https.clone()));
    let Err(error) = builder.create(&new, format!("{url}/dir"), None).await else {
        unreachable!("there is no account");
    };
    (https, error.into())
}

#[tokio::test]
async fn an_issuer_that_is_asked_too_often_says_when_to_come_again() {
    let (https, failure) = asked(concat!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\nRetry-After: 120\r\n",
        "Content-Length: 75\r\n\r\n",
        r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many of it"}"#
    ))
    .await;
    assert_eq!(failure.to_string(), "too many of it (rateLimited)");
    assert!(failure.is_refusal());
    assert_eq!(https.apart().take_retry_after(), None);
    assert_eq!(https.take_retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(https.take_retry_after(), None);
}

#[tokio::test]
async fn what_something_in_between_answers_is_no_refusal() {
    let (_, failure) =
        asked("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p>.").await;
    assert_eq!(failure.to_string(), "the issuer answered 502 Bad Gateway");
    assert!(!failure.is_refusal());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", "x".repeat(2 * LONGEST));
    let (_, failure) = asked(&endless).await;
    assert!(failure.to_string().contains("length limit exceeded"), "{failure}");
}
