//! How requests are spread.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::upstream::member::tests::member;
use std::cell::Cell;
use std::collections::HashMap;

fn tier(weights: &[u32]) -> Tier {
    let named = |(number, weight): (usize, &u32)| member(&format!("10.0.0.{number}:80"), *weight);
    Tier::new(weights.iter().enumerate().map(named).collect())
}

fn in_turn(tier: &Tier, count: usize, usable: impl Fn(&Member) -> bool) -> Vec<String> {
    (0..count).map(|turn| tier.choose(By::Turn, turn, &usable).unwrap().name.clone()).collect()
}

fn last_digits(names: &[String]) -> String {
    names.iter().map(|name| name.trim_end_matches(":80").chars().last().unwrap()).collect()
}

#[test]
fn round_robin_is_smooth_by_weight() {
    assert_eq!(last_digits(&in_turn(&tier(&[1, 1, 1]), 6, |_| true)), "012012");
    assert_eq!(last_digits(&in_turn(&tier(&[5, 1, 1]), 7, |_| true)), "0010200");
    assert_eq!(last_digits(&in_turn(&tier(&[500, 100, 100]), 7, |_| true)), "0010200");
}

#[test]
fn those_that_are_left_share_the_turns_of_one_that_is_out() {
    let without_first = in_turn(&tier(&[1, 1, 1]), 6, |member| !member.name.starts_with("10.0.0.0"));
    assert_eq!(last_digits(&without_first), "121212");
    assert!(tier(&[1, 1]).choose(By::Turn, 0, |_| false).is_none());
    assert!(tier(&[]).choose(By::Turn, 0, |_| true).is_none());
}

#[test]
fn servers_that_come_and_go_while_one_is_chosen_leave_a_choice() {
    let asked = Cell::new(0);
    let every_other = |_: &Member| {
        asked.set(asked.get() + 1);
        asked.get() % 2 == 0
    };
    assert!(tier(&[1, 1, 1]).choose(By::Turn, 1, every_other).is_some());
}

#[test]
fn weights_of_any_size_make_a_rotation_of_bounded_length() {
    let turns = smooth(&[1000, 999, 1]);
    assert_eq!(turns.len(), 2000);
    let many = smooth(&vec![997; 300]);
    assert_eq!(many.len(), 300);
    let uneven: Vec<u32> = (1..=200).collect();
    assert!(smooth(&uneven).len() <= 4096 + 200);
}

#[test]
fn the_least_busy_is_asked_and_its_weight_counts() {
    let tier = tier(&[1, 1, 2]);
    let slots: Vec<_> = (0..3).map(|_| tier.members[0].standing.take(None).unwrap()).collect();
    let _one = tier.members[1].standing.take(None).unwrap();
    let _two = tier.members[2].standing.take(None).unwrap();
    assert_eq!(tier.choose(By::LeastBusy, 0, |_| true).unwrap().name, "10.0.0.2:80");
    drop(slots);
    assert_eq!(tier.choose(By::LeastBusy, 0, |member| member.weight == 1).unwrap().name, "10.0.0.0:80");
}

#[test]
fn idle_servers_are_asked_in_turn_by_least_conn_too() {
    let tier = tier(&[1, 1, 1]);
    let names: Vec<String> =
        (0..3).map(|turn| tier.choose(By::LeastBusy, turn, |_| true).unwrap().name.clone()).collect();
    assert_eq!(last_digits(&names), "012");
}

#[test]
fn the_weight_of_idle_servers_counts_in_least_conn_too() {
    let tier = tier(&[2, 1]);
    let names: Vec<String> =
        (0..6).map(|turn| tier.choose(By::LeastBusy, turn, |_| true).unwrap().name.clone()).collect();
    assert_eq!(last_digits(&names), "010010");
}

#[test]
fn the_better_of_two_is_never_the_busiest_of_all() {
    let tier = tier(&[1, 1, 1]);
    let _busy: Vec<_> = (0..9).map(|_| tier.members[0].standing.take(None).unwrap()).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for _ in 0..3000 {
        *seen.entry(tier.choose(By::TwoChoices, 0, |_| true).unwrap().name.clone()).or_default() += 1;
    }
    // Only where both choices fall on it: one time in nine.
    assert!(seen["10.0.0.0:80"] < 500, "{seen:?}");
    assert!(seen["10.0.0.1:80"] > 1000 && seen["10.0.0.2:80"] > 1000, "{seen:?}");
}

fn owners(tier: &Tier, keys: u64) -> Vec<String> {
    let owner = |key| tier.choose(By::Key(hash::of(format!("user-{key}").as_bytes())), 0, |_| true);
    (0..keys).map(|key| owner(key).unwrap().name.clone()).collect()
}

#[test]
fn a_pool_that_grows_by_one_moves_about_one_key_in_so_many() {
    for servers in [2_usize, 3, 10] {
        let (before, after) =
            (owners(&tier(&vec![1; servers]), 20_000), owners(&tier(&vec![1; servers + 1]), 20_000));
        let newcomer = format!("10.0.0.{servers}:80");
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        let expected = 20_000 / (servers + 1);
        let count = moved.len();
        assert!(count.abs_diff(expected) < expected / 10, "{servers}: {count}, expected about {expected}");
        assert!(
            moved.iter().all(|(_, after)| **after == newcomer),
            "a key moves to the newcomer or not at all"
        );
    }
}

#[test]
fn keys_are_spread_by_weight() {
    let owners = owners(&tier(&[1, 3]), 20_000);
    let heavy = owners.iter().filter(|name| name.starts_with("10.0.0.1")).count();
    assert!((14_500..15_500).contains(&heavy), "{heavy}");
}

#[test]
fn the_keys_of_one_that_is_out_come_back_to_it_and_no_other_moves() {
    let tier = tier(&[1, 1, 1]);
    let key = |number: u64| By::Key(hash::of(&number.to_be_bytes()));
    for number in 0..1000 {
        let owner = tier.choose(key(number), 0, |_| true).unwrap();
        let meanwhile = tier.choose(key(number), 0, |member| !member.name.starts_with("10.0.0.0")).unwrap();
        assert!(owner.name == meanwhile.name || owner.name == "10.0.0.0:80");
    }
}
