//! What is kept of ACME from one start to the next, and what becomes of it where it cannot be used.

use crate::acme::{Site, issued, logged, rules};
use crate::harness::pebble::Pebble;
use std::time::Duration;

/// A site that has its certificate from a vordr that was stopped since, and its rules.
async fn with_certificate(pebble: &Pebble) -> (Site, String) {
    let site = Site::of(pebble);
    let rules = rules(pebble, "a.test", "acme");
    let vordr = site.serve(&rules).await;
    issued(&vordr).await;
    vordr.stop();
    vordr.stopped().await;
    (site, rules)
}

#[tokio::test]
async fn a_stored_certificate_that_cannot_be_read_is_neither_moved_away_nor_ordered_anew() {
    let pebble = Pebble::running().await;
    let (site, rules) = with_certificate(&pebble).await;
    let (stored, away) = (site.certificate("a.test"), site.state.path().join("away"));
    std::fs::rename(&stored, &away).unwrap();
    // Not even root reads a folder.
    std::fs::create_dir(&stored).unwrap();
    let vordr = site.serve(&rules).await;
    logged(&vordr, &["the stored certificate cannot be read", "a.test"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    std::fs::remove_dir(&stored).unwrap();
    std::fs::rename(&away, &stored).unwrap();
    issued(&vordr).await;
    assert_eq!(pebble.orders(), 1, "{}", pebble.said());
    assert_eq!(vordr.error_log().matches("cannot be read").count(), 1, "{}", vordr.error_log());
}

#[tokio::test]
async fn a_damaged_account_that_cannot_be_moved_away_is_said_now_and_then() {
    let pebble = Pebble::running().await;
    let (site, rules) = with_certificate(&pebble).await;
    std::fs::remove_file(site.certificate("a.test")).unwrap();
    std::fs::write(site.file("account.json"), "nothing").unwrap();
    std::fs::create_dir(site.file("account.json.damaged")).unwrap();
    let vordr = site.serve(&rules).await;
    logged(&vordr, &["no certificate was issued", "cannot be set aside"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(vordr.error_log().matches("nor set aside").count(), 1, "{}", vordr.error_log());
}

#[tokio::test]
async fn a_restart_shows_what_is_stored_and_orders_nothing() {
    let mut pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let rules = rules(&pebble, "a.test", "acme");
    let vordr = site.serve(&rules).await;
    issued(&vordr).await;
    let first = pebble.vouched("a.test").await.expect("a good certificate");
    vordr.stop();
    vordr.stopped().await;
    pebble.stop();
    let vordr = site.serve(&rules).await;
    assert_eq!(pebble.vouched("a.test").await, Some(first));
    assert!(!vordr.error_log().contains("self-signed"), "{}", vordr.error_log());
    assert!(!vordr.error_log().contains("is ordered"), "{}", vordr.error_log());
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_its_certificate_ordered_anew() {
    let pebble = Pebble::running().await;
    let (site, rules) = with_certificate(&pebble).await;
    let file = site.certificate("a.test");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 3]).unwrap();
    std::fs::write(site.file("account.json"), "{").unwrap();
    let vordr = site.serve(&rules).await;
    logged(&vordr, &["set aside", "a.test.pem", "a.test.pem.damaged"]).await;
    logged(&vordr, &["set aside", "account.json", "it does not hold an account"]).await;
    issued(&vordr).await;
    assert_eq!(std::fs::read(file.with_extension("pem.damaged")).unwrap(), &whole[..whole.len() / 3]);
    assert!(pebble.vouched("a.test").await.is_some());
}
