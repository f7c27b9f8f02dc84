//! When keys are asked for, and what becomes of those who wait for them.
#![allow(clippy::unwrap_used)]

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{ "keys": [{ "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }] }"#;

fn issuer(listener: &TcpListener, pause: Duration) -> Arc<Issuer> {
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    Arc::new(Issuer::with_pause(&url, pause).unwrap())
}

/// Answers each connection's one request, once it may.
async fn answer(listener: TcpListener, may: Arc<Notify>, asked: Arc<Notify>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        asked.notify_one();
        may.notified().await;
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", KEYS.len());
        stream.write_all((head + KEYS).as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_with_an_unknown_key_has_newer_ones_fetched_and_not_again_at_once() {
    for (pause, newer) in [(Duration::ZERO, true), (Duration::from_secs(3600), false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (issuer, asker, may) = (issuer(&listener, pause), Asker::new().unwrap(), Arc::new(Notify::new()));
        tokio::spawn(answer(listener, may.clone(), Arc::default()));
        may.notify_one();
        let known = issuer.keys(&asker).await.unwrap();
        may.notify_one();
        assert_eq!(issuer.newer(&known, &asker).await.is_some(), newer);
    }
}

#[tokio::test]
async fn all_who_wait_for_an_issuer_that_hangs_are_told_so_when_the_first_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = issuer(&listener, Duration::from_secs(1));
    let asker = Asker::new().unwrap().within(Duration::from_millis(1200));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let (issuer, asker) = (issuer.clone(), asker.clone());
            tokio::spawn(async move { issuer.keys(&asker).await.is_err() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert!(issuer.take_problem().is_some_and(|problem| problem.contains("no answer within")));
    assert!(issuer.take_problem().is_none(), "it is told once");
    let listener = listener.into_std().unwrap();
    assert!(listener.accept().is_ok());
    assert!(listener.accept().is_err(), "it was asked once");
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_keys_from_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = issuer(&listener, Duration::from_secs(3600));
    let (asker, may, asked) = (Asker::new().unwrap(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    tokio::spawn(answer(listener, may.clone(), asked.clone()));
    let first = tokio::spawn({
        let (issuer, asker) = (issuer.clone(), asker.clone());
        async move { issuer.keys(&asker).await.is_ok() }
    });
    asked.notified().await;
    first.abort();
    assert!(first.await.is_err());
    may.notify_one();
    assert!(issuer.keys(&asker).await.is_ok());
}
