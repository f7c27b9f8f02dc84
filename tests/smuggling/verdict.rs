//! What became of a case: refused, passed on in one reading, or read in two ways.

use super::recorder::echo;
use super::strict::{self, Message};

/// The target of the request that follows each case, and has nothing to do with it.
pub(super) const INNOCENT: &str = "/innocent";
/// The target of what an attack hides.
pub(super) const SMUGGLED: &str = "/smuggled";

/// What the client and the upstream saw of a case.
pub(super) struct Outcome {
    /// Every byte that the client was answered.
    pub(super) answered: Vec<u8>,
    /// Whether the proxy ended the client's connection.
    pub(super) ended: bool,
    /// Every byte that the upstream was sent, by connection.
    pub(super) seen: Vec<Vec<u8>>,
}

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing of it reached the other side.
    Refused,
    /// It was refused halfway: what reached the other side is the beginning of a message, and its connection ended there.
    Cut,
    /// One message that has one reading reached the other side, or the proxy answered by itself; what follows it was
    /// answered as its own, or not at all.
    Reframed(Option<Passed>),
    /// Somebody could see another message than somebody else, and why.
    TwoWays(String),
}

/// The one message that reached the other side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Method and target of a request, the status of an answer.
    pub(super) line: String,
    pub(super) body: String,
}

/// What the upstream was sent.
struct Upstream {
    innocent: usize,
    others: Vec<Message>,
    is_cut: bool,
}

impl Outcome {
    /// Judges a case of HTTP/1 whose request has this method.
    pub(super) fn of_request(&self, method: &str) -> Verdict {
        self.judge_request(method).unwrap_or_else(Verdict::TwoWays)
    }

    /// Judges a case of HTTP/2; what was answered are the frames of DATA.
    pub(super) fn of_stream(&self) -> Verdict {
        self.judge_stream().unwrap_or_else(Verdict::TwoWays)
    }

    /// Judges an answer of the upstream's to a request with this method.
    pub(super) fn of_answer(&self, method: &str) -> Verdict {
        self.judge_answer(method).unwrap_or_else(Verdict::TwoWays)
    }

    fn judge_request(&self, method: &str) -> Result<Verdict, String> {
        let upstream = self.upstream()?;
        let nothing = upstream.others.is_empty() && upstream.innocent == 0 && self.ended;
        let answers = match strict::answers(&self.answered, &[method, "GET"], self.ended) {
            Ok(answers) => answers,
            // However it was said, if at all.
            Err(_) if nothing => return Ok(upstream.refused()),
            Err(why) => return Err(format!("the client was sent {why}")),
        };
        let mut finals = answers.messages.iter().filter(|answer| answer.status() >= 200);
        let (first, second) = (finals.next(), finals.next());
        let own = second.is_some_and(|answer| answer.text() == OWN);
        if second.is_some_and(|answer| answer.status() < 400 && !own) {
            return Err(format!("what follows was answered {:?}", second.map(Message::text)));
        }
        match (upstream.others.first(), first) {
            (Some(_), _) if !own && !self.ended => Err(SWALLOWED.to_owned()),
            (Some(request), _) => Ok(Verdict::Reframed(Some(passed(request)))),
            (None, Some(answer)) if answer.status() < 400 => Ok(Verdict::Reframed(None)),
            (None, _) => Ok(upstream.refused()),
        }
    }

    fn judge_stream(&self) -> Result<Verdict, String> {
        let upstream = self.upstream()?;
        let own = String::from_utf8_lossy(&self.answered).contains(OWN);
        match upstream.others.first() {
            _ if !own && !self.ended => Err(SWALLOWED.to_owned()),
            Some(request) => Ok(Verdict::Reframed(Some(passed(request)))),
            None => Ok(upstream.refused()),
        }
    }

    fn judge_answer(&self, method: &str) -> Result<Verdict, String> {
        let answers = strict::answers(&self.answered, &[method, "GET"], self.ended)
            .map_err(|why| format!("the client was sent {why}"))?;
        let mut finals = answers.messages.iter().filter(|answer| answer.status() >= 200);
        let (first, second) = (finals.next(), finals.next());
        match (first, second) {
            (_, Some(second)) if second.status() < 400 && second.text() != OWN => {
                Err(format!("what follows was answered {:?}", second.text()))
            }
            (_, None) if !self.ended => Err("what follows was not answered".to_owned()),
            (Some(first), _) if (500..=599).contains(&first.status()) => Ok(Verdict::Refused),
            (Some(first), _) => {
                Ok(Verdict::Reframed(Some(Passed { line: first.status().to_string(), body: first.text() })))
            }
            (None, _) if answers.is_cut => Ok(Verdict::Cut),
            (None, _) => Ok(Verdict::Refused),
        }
    }

    /// Reads what the upstream was sent: at most one request beside the innocent one.
    fn upstream(&self) -> Result<Upstream, String> {
        let (mut requests, mut is_cut) = (Vec::new(), false);
        for connection in &self.seen {
            let reading =
                strict::requests(connection).map_err(|why| format!("the upstream was sent {why}"))?;
            requests.extend(reading.messages);
            is_cut |= reading.is_cut;
        }
        let (innocent, others): (Vec<Message>, Vec<Message>) =
            requests.into_iter().partition(|request| request.target() == INNOCENT);
        if others.len() > 1 || innocent.len() > 1 || others.iter().any(|request| request.target() == SMUGGLED)
        {
            let lines: Vec<String> = others.iter().chain(&innocent).map(echo).collect();
            return Err(format!("the upstream was sent {}", lines.join(", ")));
        }
        Ok(Upstream { innocent: innocent.len(), others, is_cut })
    }
}

impl Upstream {
    fn refused(&self) -> Verdict {
        if self.is_cut { Verdict::Cut } else { Verdict::Refused }
    }
}

/// What answers the innocent request.
pub(super) const OWN: &str = "GET /innocent 0";

const SWALLOWED: &str = "what follows is taken for a part of it, or lost";

fn passed(request: &Message) -> Passed {
    Passed {
        line: format!("{} {}", request.method(), request.target()),
        body: String::from_utf8_lossy(&request.body).into_owned(),
    }
}
