//! Steps, written out.

use super::action;
use super::text::{Page, quoted, template};
use crate::table::{Server, Step, Table, Test, When};

/// Writes a block of steps, where there are any.
pub(super) fn write(steps: &[Step], scope: (&Table, &Server), page: &mut Page) {
    if steps.is_empty() {
        return;
    }
    page.open("steps", None);
    steps.iter().for_each(|step| write_one(step, scope, page));
    page.close();
}

/// Steps as lines, the way they are written in the rules.
pub fn lines(steps: &[Step], scope: (&Table, &Server)) -> Vec<String> {
    let mut page = Page::default();
    steps.iter().for_each(|step| write_one(step, scope, &mut page));
    page.masked(&[]).lines().map(str::to_owned).collect()
}

fn write_one(step: &Step, scope: (&Table, &Server), page: &mut Page) {
    match step {
        Step::Set(name, value) => page.line(&format!("set {} {}", quoted(name), template(value)), None),
        Step::Query(text) => page.line(&format!("query {}", template(text)), None),
        Step::When(when) => {
            page.open(&head(when), None);
            when.steps.iter().for_each(|step| write_one(step, scope, page));
            page.close();
        }
        Step::Rewrite(rewrite) => {
            let (regex, written) = (quoted(rewrite.regex.as_str()), template(&rewrite.written));
            page.line(&format!("rewrite {regex} {written} then={}", rewrite.then.name()), None);
        }
        Step::ActAs(id) => {
            let called = scope.1.locations.get(id.0).and_then(|location| location.called.as_deref());
            page.line(&format!("act-as {}", quoted(called.unwrap_or_default())), None);
        }
        Step::Break => page.line("break", None),
        Step::Act(act) => action::write(act, scope, page),
    }
}

fn head(when: &When) -> String {
    let test = match &when.test {
        Test::Filled => String::new(),
        Test::Is(value) => format!(" is={}", template(value)),
        Test::IsNot(value) => format!(" is-not={}", template(value)),
        Test::Matches(regex) => format!(" matches={}", quoted(regex.as_str())),
        Test::MatchesNot(regex) => format!(" not-matches={}", quoted(regex.as_str())),
        Test::Exists(kind) => format!(" exists={}", kind.name()),
        Test::ExistsNot(kind) => format!(" not-exists={}", kind.name()),
    };
    format!("when {}{test}", template(&when.subject))
}
