//! Everything at once: requests of every kind, streams, limits, credentials, files, reloads, and clients that mean no
//! good. What vordr holds of memory, descriptors and threads stays what it was.
//!
//! In its short form here. `make soak-mixed` runs the same for ten minutes.

mod site;
mod visits;

use crate::harness::{Authority, Binary, Client, TlsClient, within, written};
use crate::reload_repeated::Holding;
use crate::reload_under_load::{App, Clients, Count, Doors, Size, number};
use site::Site;
use std::sync::Arc;
use std::time::{Duration, Instant};
use visits::Visitors;

/// How much more may be held in the last third of the time than in the one before: an allocator keeps something back, and
/// who is there differs from one moment to the next.
const MEMORY: f64 = 1.1;
const MEMORY_BESIDES: u64 = 6 * 1024 * 1024;
const DESCRIPTORS: f64 = 1.2;
const DESCRIPTORS_BESIDES: usize = 20;
/// Threads that read files and hash passwords come when they are needed, the more the busier the machine is, and go when
/// they are not: that they do is seen at the end.
const THREADS_BESIDES: usize = 16;
const THREADS_LEFT: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_at_once_leaves_memory_descriptors_and_threads_as_they_were() {
    let (rounds, each) = (number("SOAK_ROUNDS", 3), Duration::from_secs(number("SOAK_ROUND_SECONDS", 1)));
    let (authority, app) = (Authority::new(), App::running().await);
    let site = Site::new(&authority, app.port());
    let (_folder, path) = written(&site.rules(0));
    let mut binary = Binary::running_with(path.clone(), &[]).await;
    let doors = Doors { plain: site.plain(), tls: site.tls(), client: TlsClient::trusting(&authority) };
    let quiet = Holding::of(&binary);
    let (count, size) = (Arc::new(Count::default()), Size::wanted());
    let mut usual = Clients::start(&doors, size, &count).await;
    let mut visitors = Visitors::start(&doors, number("SOAK_VISITORS", 1));

    let mut held = Vec::new();
    for round in 1..=rounds {
        std::fs::write(&path, site.rules(round)).unwrap();
        reload(&site).await;
        held.push(most_held(&binary, each).await);
        println!("round {round}: {}; {}; {}", in_words(held.last()), count.in_words(), visitors.in_words());
        usual.must_be_well();
        visitors.must_be_well();
    }
    visitors.end().await;
    usual.end_requests().await;
    assert!(count.is_everything_there(), "{}", count.in_words());
    assert!(visitors.are_all_there(), "{}", visitors.in_words());
    is_flat(&held);

    // Every stream is cut by its client.
    drop(usual);
    let left = left_over(&binary, quiet).await;
    println!("before: {}; afterwards: {}", in_words(Some(&quiet)), in_words(Some(&left)));
    binary.signal("TERM");
    let ended = within(binary.ended()).await;
    assert!(ended.success(), "{ended}: {}", binary.said());
}

async fn reload(site: &Site) {
    let mut admin = Client::connect(site.admin()).await;
    admin.send("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    let answer = admin.response().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The most that is held at any time of a round.
async fn most_held(binary: &Binary, time: Duration) -> Holding {
    let started = Instant::now();
    let mut most = Holding::of(binary);
    while started.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(200)).await;
        most = most.most(Holding::of(binary));
    }
    most
}

/// The last third against the one before; in the first one, buffers and pools grow to what is needed.
fn is_flat(held: &[Holding]) {
    let third = held.len() / 3;
    let (earlier, later) = held[third..].split_at(held.len() - 2 * third);
    let most = |held: &[Holding]| held.iter().copied().reduce(Holding::most).expect("three rounds at least");
    let (earlier, later) = (most(earlier), most(later));
    let within = |later: f64, earlier: f64, factor: f64, besides: f64| later <= earlier * factor + besides;
    let words = format!("{} after {}", in_words(Some(&later)), in_words(Some(&earlier)));
    assert!(within(later.memory as f64, earlier.memory as f64, MEMORY, MEMORY_BESIDES as f64), "{words}");
    let [descriptors, before] = [later.descriptors, earlier.descriptors].map(|count| count as f64);
    assert!(within(descriptors, before, DESCRIPTORS, DESCRIPTORS_BESIDES as f64), "{words}");
    assert!(later.threads <= earlier.threads + THREADS_BESIDES, "{words}");
}

/// What is held once everybody has gone: connections to the app are kept for a second, and threads that nothing is asked
/// of for ten.
async fn left_over(binary: &Binary, quiet: Holding) -> Holding {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let left = Holding::of(binary);
        // Names, folders and logs may hold one more each.
        if left.descriptors <= quiet.descriptors + 8 && left.threads <= quiet.threads + THREADS_LEFT {
            return left;
        }
        assert!(Instant::now() < end, "{} instead of {}", in_words(Some(&left)), in_words(Some(&quiet)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn in_words(held: Option<&Holding>) -> String {
    let Some(Holding { memory, descriptors, threads }) = held else { return "nothing".to_owned() };
    format!("{:.1} MiB, {descriptors} descriptors, {threads} threads", *memory as f64 / 1024.0 / 1024.0)
}
