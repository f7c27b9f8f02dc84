//! `balance`: which of several servers is asked.

use super::hash;
use super::member::Member;
use std::sync::Arc;

/// The most turns that a rotation has; weights beyond are rounded.
const MOST_TURNS: u64 = 4096;

/// How one is chosen, for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// One after the other, by weight.
    Turn,
    /// The one with the fewest requests for its weight.
    LeastBusy,
    /// The less busy of two at random.
    TwoChoices,
    /// The one that this key belongs to.
    Key(u64),
}

/// Servers that are equals but for their weight.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) members: Vec<Arc<Member>>,
    /// Once around, by index: smooth, so that a heavy server's turns do not come in a row.
    turns: Vec<u16>,
}

impl Tier {
    pub(super) fn new(members: Vec<Arc<Member>>) -> Self {
        let weights: Vec<u32> = members.iter().map(|member| member.weight).collect();
        Self { turns: smooth(&weights), members }
    }

    /// Chooses among those that are usable; `turn` counts the requests of the pool.
    pub(super) fn choose(
        &self,
        by: By,
        turn: usize,
        usable: impl Fn(&Member) -> bool,
    ) -> Option<&Arc<Member>> {
        match by {
            By::Turn => self.nth_turn(turn, &usable),
            By::LeastBusy => self.least_busy(turn, &usable),
            By::TwoChoices => {
                let one = self.nth_turn(fastrand::usize(..), &usable)?;
                let other = self.nth_turn(fastrand::usize(..), &usable).unwrap_or(one);
                Some(if is_busier(one, other) { other } else { one })
            }
            By::Key(key) => self.owner(key, &usable),
        }
    }

    /// Where a server cannot be used its turns fall to nobody in particular: those that are left go around evenly.
    fn nth_turn(&self, turn: usize, usable: &impl Fn(&Member) -> bool) -> Option<&Arc<Member>> {
        let at = |index: &u16| self.members.get(usize::from(*index));
        if self.members.iter().all(|member| usable(member)) {
            return self.turns.get(turn.checked_rem(self.turns.len())?).and_then(at);
        }
        // Asked once: what is counted must be there when it is chosen, however busy it is by then.
        let usable: Vec<bool> = self.members.iter().map(|member| usable(member)).collect();
        let left = || self.turns.iter().filter(|index| usable.get(usize::from(**index)) == Some(&true));
        left().nth(turn.checked_rem(left().count())?).and_then(at)
    }

    /// Those that are equally busy are asked in turn, by weight: else an idle pool's first server would do all the work.
    fn least_busy(&self, turn: usize, usable: &impl Fn(&Member) -> bool) -> Option<&Arc<Member>> {
        let all = self.members.iter().filter(|member| usable(member));
        let best = all.reduce(|best, next| if is_busier(best, next) { next } else { best })?;
        // By then all may be busier than the best of them was.
        self.nth_turn(turn, &|member| usable(member) && !is_busier(member, best)).or(Some(best))
    }

    /// Rendezvous hashing by weight: a server that comes takes its share of the keys from all others alike, and
    /// one that goes leaves its own to all others alike; no other key moves.
    fn owner(&self, key: u64, usable: &impl Fn(&Member) -> bool) -> Option<&Arc<Member>> {
        let scored =
            self.members.iter().filter(|member| usable(member)).map(|member| (score(key, member), member));
        scored.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, member)| member)
    }
}

fn is_busier(one: &Member, other: &Member) -> bool {
    let load = |member: &Member| member.standing.in_flight() as u64;
    load(one) * u64::from(other.weight) > load(other) * u64::from(one.weight)
}

/// Exponentially distributed by weight, so that the highest score falls to each server as often as it weighs.
fn score(key: u64, member: &Member) -> f64 {
    let share = (hash::both(member.seed, key) as f64 + 1.0) / (u64::MAX as f64 + 2.0);
    -f64::from(member.weight) / share.ln()
}

/// nginx's smooth weighted round-robin, once around.
fn smooth(weights: &[u32]) -> Vec<u16> {
    let weights = reduced(weights);
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; weights.len()];
    let mut turns = Vec::new();
    for _ in 0..total {
        current.iter_mut().zip(&weights).for_each(|(current, weight)| *current += weight);
        let best = (0..current.len()).rev().max_by_key(|index| current.get(*index));
        let Some((best, current)) = best.and_then(|best| Some((best, current.get_mut(best)?))) else { break };
        *current -= total;
        turns.push(u16::try_from(best).unwrap_or(u16::MAX));
    }
    turns
}

/// Weights in their lowest terms, and rounded where there would be too many turns.
fn reduced(weights: &[u32]) -> Vec<i64> {
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let total: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
    let most = MOST_TURNS.max(weights.len() as u64);
    let round = |weight: &u32| {
        let weight = u64::from(weight / divisor);
        let weight = if total > most { (weight * most / total).max(1) } else { weight };
        i64::try_from(weight).unwrap_or(1)
    };
    weights.iter().map(round).collect()
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests;
