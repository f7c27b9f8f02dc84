//! Steps with their names resolved.

use super::action;
use super::names::Names;
use super::upstreams::Pools;
use crate::diagnostic::Diagnostic;
use crate::language::steps::{Step as Written, When as WrittenWhen};
use crate::node::Reading;
use crate::source::Span;
use crate::table::{Step, When};

/// Makes the steps of a server or a location; `in_location` tells which.
pub(super) fn compile(
    written: &[Written],
    in_location: bool,
    (names, pools): (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Vec<Step> {
    warn_of_dead(written, reading);
    let mut steps = Vec::with_capacity(written.len());
    for step in written {
        steps.extend(compile_one(step, in_location, (names, &mut *pools), reading));
    }
    steps
}

fn compile_one(
    written: &Written,
    in_location: bool,
    (names, pools): (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Option<Step> {
    Some(match written {
        Written::Set(name, value) => Step::Set(name.value.clone(), value.clone()),
        Written::Query(text) => Step::Query(text.clone()),
        Written::When(when) => {
            let WrittenWhen { subject, test, steps } = &**when;
            let steps = compile(steps, in_location, (names, pools), reading);
            Step::When(Box::new(When { subject: subject.clone(), test: test.clone(), steps }))
        }
        Written::Rewrite(rewrite) => Step::Rewrite(rewrite.clone()),
        Written::ActAs(name) if !in_location => {
            let message = "there is no location yet whose place another could take";
            let error = Diagnostic::error("misplaced-step", name.span, message);
            reading.report(error.label(format!("write `enter {}`", name.value)));
            return None;
        }
        Written::ActAs(name) => Step::ActAs(names.find(name, reading)?),
        Written::Break(_) => Step::Break,
        Written::Act(_, action) => Step::Act(action::compile(action, (names, pools), reading)?),
    })
}

/// Nothing is done behind a step that ends them all.
fn warn_of_dead(steps: &[Written], reading: &mut Reading<'_>) {
    let ends = |step: &Written| matches!(step, Written::Break(_) | Written::Act(..));
    let Some(end) = steps.iter().position(ends).filter(|end| end + 1 < steps.len()) else { return };
    let span: Option<Span> = steps.get(end).and_then(|step| match step {
        Written::Break(span) | Written::Act(span, _) => Some(*span),
        _ => None,
    });
    if let Some(span) = span {
        let message = "no step behind this one is ever taken";
        reading.report(Diagnostic::warning("dead-step", span, message).label("it ends them all"));
    }
}
