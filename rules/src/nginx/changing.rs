//! Which variables have a value that is known when the file is read, and which get it from each request.

use super::steps::{ARGS, may_end};
use super::tree::Directive;
use super::variable::{Piece, pieces};
use std::collections::{HashMap, HashSet};

/// Variables that may mean another thing where they are used than where they are set.
const UNSTEADY: [&str; 6] = ["uri", "document_uri", "args", "query_string", "is_args", "request_filename"];
const UNSTEADY_FAMILIES: [&str; 3] = ["arg_", "upstream_", "sent_http_"];

/// What a server and its locations do with one variable.
#[derive(Debug, Default)]
struct Use<'d> {
    /// The blocks with a `set`, and whether each gives a value that is known.
    sets: Vec<(Block<'d>, bool)>,
    /// Variables that its values are made of.
    made_of: HashSet<&'d str>,
    /// The blocks around each place that asks for it.
    asked: Vec<Vec<Block<'d>>>,
}

/// A block, told from others by where it is.
type Block<'d> = *const Directive;

/// The variables of a server that a request gives their value: those that are set in an `if`, that are made of what
/// may change, or that are asked for where no `set` stands around.
pub(super) fn changing(server: &Directive, http: &[Directive], groups: &HashSet<String>) -> HashSet<String> {
    let mut uses: HashMap<&str, Use<'_>> = HashMap::new();
    gather(server.inside(), &mut vec![std::ptr::from_ref(server)], false, &mut uses);
    for outside in http.iter().filter(|directive| directive.name.value != "server") {
        gather(std::slice::from_ref(outside), &mut Vec::new(), false, &mut uses);
    }
    let is_changing = |name: &str, its: &Use<'_>| {
        !its.sets.is_empty() && (groups.contains(name) || its.is_changing(groups))
    };
    let mut changing: HashSet<String> = uses
        .iter()
        .filter(|(name, its)| is_changing(name, its))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    // What is made of one that changes changes too.
    loop {
        let more = uses.iter().filter(|(name, its)| {
            !its.sets.is_empty()
                && !changing.contains(**name)
                && its.made_of.iter().any(|part| changing.contains(*part))
        });
        let more: Vec<String> = more.map(|(name, _)| (*name).to_owned()).collect();
        if more.is_empty() {
            return changing;
        }
        changing.extend(more);
    }
}

/// The names of the groups of every regex in a server.
pub(super) fn named_groups(server: &Directive) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut waiting: Vec<&Directive> = vec![server];
    while let Some(directive) = waiting.pop() {
        waiting.extend(directive.inside());
        if matches!(directive.name.value.as_str(), "location" | "if" | "rewrite" | "server_name") {
            directive.arguments.iter().for_each(|word| names.extend(groups_of(&word.value)));
        }
        for name in directive.inside().iter().filter(|directive| directive.name.value == "server_name") {
            name.arguments.iter().for_each(|word| names.extend(groups_of(&word.value)));
        }
    }
    names
}

/// `(?<name>`, `(?P<name>` and `(?'name'`.
pub(super) fn groups_of(regex: &str) -> impl Iterator<Item = String> {
    let starts = regex.split("(?").skip(1);
    starts.filter_map(|group| {
        let group = group.strip_prefix('P').unwrap_or(group);
        let (end, name) = match (group.strip_prefix('<'), group.strip_prefix('\'')) {
            (Some(name), _) => ('>', name),
            (_, Some(name)) => ('\'', name),
            _ => return None,
        };
        let (name, _) = name.split_once(end)?;
        let fine = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        fine.then(|| name.to_owned())
    })
}

fn gather<'d>(
    block: &'d [Directive],
    around: &mut Vec<Block<'d>>,
    in_if: bool,
    uses: &mut HashMap<&'d str, Use<'d>>,
) {
    let mut seen = HashSet::new();
    for (number, directive) in block.iter().enumerate() {
        let is_set = directive.name.value == "set";
        let name = directive.first().strip_prefix('$').filter(|name| *name != ARGS);
        if let (true, Some(name), Some(inner)) = (is_set, name, around.last()) {
            let value = directive.argument(1);
            let its = uses.entry(name).or_default();
            // One that is set again, or that the steps may end before, is not known either.
            let is_sure = seen.insert(name) && !may_end(block.get(..number).unwrap_or_default());
            its.sets.push((*inner, !in_if && is_sure && is_steady(value)));
            its.made_of.extend(variables(value));
        }
        for word in directive.arguments.iter().skip(usize::from(is_set)) {
            for name in variables(&word.value) {
                uses.entry(name).or_default().asked.push(around.clone());
            }
        }
        around.push(std::ptr::from_ref(directive));
        gather(directive.inside(), around, in_if || directive.name.value == "if", uses);
        around.pop();
    }
}

impl Use<'_> {
    fn is_changing(&self, groups: &HashSet<String>) -> bool {
        let is_around = |around: &Vec<Block<'_>>| self.sets.iter().any(|(block, _)| around.contains(block));
        self.sets.iter().any(|(_, is_known)| !is_known)
            || self.made_of.iter().any(|part| groups.contains(*part))
            || !self.asked.iter().all(is_around)
    }
}

/// Whether a value is made of text, of what is the same for all of a request, and of other variables that are `set`.
fn is_steady(value: &str) -> bool {
    variables(value).all(|name| {
        let is_capture = name.bytes().all(|byte| byte.is_ascii_digit());
        let is_of_family = UNSTEADY_FAMILIES.iter().any(|family| name.starts_with(family));
        !is_capture && !is_of_family && !UNSTEADY.contains(&name)
    })
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name),
        _ => None,
    })
}
