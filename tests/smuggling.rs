//! No request is read in two ways: whatever reaches an upstream has one reading, and it is the client's, or nothing does.
//! The same holds for answers, the other way round.
//!
//! docs/decisions/0006-one-reading-of-a-request.md has the rule for each kind.

mod cases;
mod elsewhere;
mod exchange;
mod recorder;
mod relay;
mod streams;
mod strict;
mod upstream_answers;
mod verdict;

use crate::harness::Vordr;
use cases::Rule;
use elsewhere::{Kind, Other};
use recorder::Recorder;
use std::time::Duration;
use verdict::{Outcome, Passed, Verdict};

/// How long nothing must come from vordr for a case to be left unanswered.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for the others, which do not always answer.
const SHORT_PATIENCE: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn a_request_reaches_the_upstream_in_one_reading_or_not_at_all() {
    let (mut tally, mut recorder) = (Tally::default(), Recorder::start().await);
    let mut vordr = in_front_of(&recorder).await;
    for case in cases::all() {
        let outcome = exchange::request(vordr.address(), &case, &mut recorder, PATIENCE).await;
        let verdict = outcome.of_request(case.method());
        let fault = check(case.rule, &outcome, &verdict).err();
        tally.add(&format!("{}, {}", case.kind, case.name), &verdict, fault);
        if case.rule == Rule::Cut {
            // Something of it may still be on its way to the recorder.
            recorder = Recorder::start().await;
            vordr = in_front_of(&recorder).await;
        }
    }
    tally.conclude("vordr, HTTP/1");
}

#[tokio::test]
async fn a_stream_reaches_the_upstream_in_one_reading_or_not_at_all() {
    let (mut tally, mut recorder) = (Tally::default(), Recorder::start().await);
    let mut vordr = in_front_of(&recorder).await;
    for case in streams::all() {
        let outcome = exchange::stream(vordr.address(), &case, &mut recorder, PATIENCE).await;
        let verdict = outcome.of_stream();
        let fault = match (case.rule, &verdict) {
            (Rule::Refused, Verdict::Refused) | (Rule::Cut, Verdict::Refused | Verdict::Cut) => None,
            (rule, verdict) => check(rule, &outcome, verdict).err(),
        };
        tally.add(&format!("{}, {}", case.kind, case.name), &verdict, fault);
        if case.rule == Rule::Cut {
            recorder = Recorder::start().await;
            vordr = in_front_of(&recorder).await;
        }
    }
    tally.conclude("vordr, HTTP/2");
}

#[tokio::test]
async fn an_answer_reaches_the_client_in_one_reading_or_not_at_all() {
    let (mut tally, mut recorder) = (Tally::default(), Recorder::start().await);
    let vordr = in_front_of(&recorder).await;
    for case in upstream_answers::all() {
        recorder.answer(&case.answer);
        let outcome = exchange::answer(vordr.address(), &case, &mut recorder, PATIENCE).await;
        let verdict = outcome.of_answer(case.method);
        let fault = match (case.rule, &verdict) {
            (_, Verdict::TwoWays(why)) => Some(why.clone()),
            (upstream_answers::Rule::Refused, Verdict::Refused | Verdict::Cut) => None,
            (upstream_answers::Rule::Passed(status, body), Verdict::Reframed(Some(passed)))
                if passed.line == status.to_string() && passed.body == body =>
            {
                None
            }
            (rule, verdict) => Some(format!("{verdict:?} instead of {rule:?}")),
        };
        tally.add(&format!("{}, {}", case.kind, case.name), &verdict, fault);
    }
    tally.conclude("vordr, answers");
}

/// The judge itself is judged: behind somebody who hands on every byte, hardly a case has one reading.
#[tokio::test]
async fn a_relay_that_reads_nothing_is_found_out() {
    let mut tally = Tally::default();
    let kinds = ["CL.TE", "TE.CL", "0.CL", "bare CR", "chunk extension", "Upgrade"];
    for case in cases::all().into_iter().filter(|case| kinds.contains(&case.kind)) {
        let mut recorder = Recorder::start().await;
        let relay = relay::to(recorder.address()).await;
        let outcome = exchange::request(relay, &case, &mut recorder, Duration::from_millis(200)).await;
        let verdict = outcome.of_request(case.method());
        let is_read_in_one_way = case.rule == Rule::Refused && !matches!(verdict, Verdict::TwoWays(_));
        let fault = is_read_in_one_way.then(|| format!("{verdict:?}"));
        tally.add(&format!("{}, {}", case.kind, case.name), &verdict, fault);
    }
    assert!(tally.faults.is_empty(), "{}", tally.faults.join("\n"));
}

/// The same cases through nginx and haproxy, for comparison; `make smuggling-elsewhere` shows the counts.
#[tokio::test]
#[ignore = "it says nothing about vordr, and takes minutes"]
async fn smuggling_elsewhere() {
    for kind in [Kind::Nginx, Kind::Haproxy] {
        let mut tally = Tally::default();
        for case in cases::all() {
            let mut recorder = Recorder::start().await;
            let other = Other::start(kind, recorder.address());
            let outcome = exchange::request(other.http1, &case, &mut recorder, SHORT_PATIENCE).await;
            tally.add(&format!("{}, {}", case.kind, case.name), &outcome.of_request(case.method()), None);
        }
        tally.print(&format!("{kind:?}, HTTP/1"));
        let mut tally = Tally::default();
        for case in streams::all() {
            let mut recorder = Recorder::start().await;
            let other = Other::start(kind, recorder.address());
            let outcome = exchange::stream(other.http2, &case, &mut recorder, SHORT_PATIENCE).await;
            tally.add(&format!("{}, {}", case.kind, case.name), &outcome.of_stream(), None);
        }
        tally.print(&format!("{kind:?}, HTTP/2"));
        let mut tally = Tally::default();
        for case in upstream_answers::all() {
            let mut recorder = Recorder::start().await;
            recorder.answer(&case.answer);
            let other = Other::start(kind, recorder.address());
            let outcome = exchange::answer(other.http1, &case, &mut recorder, SHORT_PATIENCE).await;
            tally.add(&format!("{}, {}", case.kind, case.name), &outcome.of_answer(case.method), None);
        }
        tally.print(&format!("{kind:?}, answers"));
    }
}

async fn in_front_of(recorder: &Recorder) -> Vordr {
    let address = recorder.address();
    let rules = format!(
        r#"server a.test {{ listen 0; location "/own" {{ respond 200 "own"; }}; location "/" {{ timeouts read="500ms"; proxy "http://{address}"; }} }}"#
    );
    Vordr::running_with("drain \"1ms\"", &rules).await
}

/// Holds what became of a request against what is to become of it.
fn check(rule: Rule, outcome: &Outcome, verdict: &Verdict) -> Result<(), String> {
    let status = String::from_utf8_lossy(outcome.answered.get(..12).unwrap_or_default()).into_owned();
    match (rule, verdict) {
        (_, Verdict::TwoWays(why)) => Err(why.clone()),
        (Rule::Refused, Verdict::Refused) | (Rule::Cut, Verdict::Refused | Verdict::Cut) => {
            let over = outcome.ended || outcome.answered.ends_with(verdict::OWN.as_bytes());
            // A transfer coding or a version that is not known has a status of its own (RFC 9112, section 6.1).
            let is_refusal = ["HTTP/1.1 4", "HTTP/1.1 501", "HTTP/1.1 505"];
            match is_refusal.iter().any(|refusal| status.starts_with(refusal)) && over {
                true => Ok(()),
                false => Err(format!("refused by {status:?}, and ended: {}", outcome.ended)),
            }
        }
        (Rule::Passed(line, body), Verdict::Reframed(Some(passed))) => {
            let meant = Passed { line: line.to_owned(), body: body.to_owned() };
            if *passed == meant { Ok(()) } else { Err(format!("{passed:?} instead of {meant:?}")) }
        }
        (Rule::Answered, Verdict::Reframed(None)) => Ok(()),
        (rule, verdict) => Err(format!("{verdict:?} ({status:?}) instead of {rule:?}")),
    }
}

/// What became of many cases.
#[derive(Default)]
struct Tally {
    cases: usize,
    refused: usize,
    cut: usize,
    reframed: usize,
    two_ways: Vec<String>,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, name: &str, verdict: &Verdict, fault: Option<String>) {
        self.cases += 1;
        match verdict {
            Verdict::Refused => self.refused += 1,
            Verdict::Cut => self.cut += 1,
            Verdict::Reframed(_) => self.reframed += 1,
            Verdict::TwoWays(why) => self.two_ways.push(format!("{name}: {why}")),
        }
        self.faults.extend(fault.map(|fault| format!("{name}: {fault}")));
    }

    fn print(&self, name: &str) {
        let Self { cases, refused, cut, reframed, two_ways, .. } = self;
        for fault in two_ways {
            println!("{name}: {fault}");
        }
        println!(
            "{name}: {cases} cases, {refused} refused, {cut} refused halfway, {reframed} re-framed, {} read in two ways",
            two_ways.len()
        );
    }

    fn conclude(&self, name: &str) {
        self.print(name);
        assert!(
            self.faults.is_empty(),
            "{} of {}:\n{}",
            self.faults.len(),
            self.cases,
            self.faults.join("\n")
        );
    }
}
