#![allow(clippy::unwrap_used)]
use super::*;
use crate::exchange::scene::Scene;

fn scene(words: &str) -> Scene {
    let mut scene = Scene::of(&format!("{words}\n proxy \"http://app.example\""), "GET /");
    scene.admit();
    scene.reach();
    scene
}

#[test]
fn a_body_may_be_as_large_as_its_limit() {
    let mut exchange = scene("body-limit 10").exchange;
    assert_eq!(exchange.received(10), Ok(()));
    assert_eq!(exchange.received(1), Err(Failure::BodyLimit));
    let mut unlimited = scene("body-limit off").exchange;
    assert_eq!(unlimited.received(usize::MAX), Ok(()));
}

#[test]
fn a_stream_has_the_websockets_limit_on_silence_and_any_other_answer_read() {
    let mut exchange = scene(r#"timeouts read="7s"; websocket idle="9s""#).exchange;
    let seconds = |limit: Option<Duration>| limit.unwrap().as_secs();
    assert_eq!((seconds(exchange.silence_limit(false)), exchange.silence(false)), (7, Failure::ReadTimeout));
    assert_eq!((seconds(exchange.silence_limit(true)), exchange.silence(true)), (9, Failure::Idle));
    exchange.event_stream = true;
    assert_eq!((seconds(exchange.silence_limit(false)), exchange.silence(false)), (9, Failure::Idle));
}
