//! A link from one page to another leads to a file that is there, and to a heading in it.

use crate::text::{documentation, root};
use std::path::Path;

/// The targets of a page's links, code left out, each with its line's number.
fn links_of(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        // Every other piece between backticks is code.
        let plain: String = line.split('`').step_by(2).collect();
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| (number, target.to_owned())));
    }
    links
}

/// The lines outside of fenced blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((number + 1, line))
    })
}

/// A heading's anchor, as GitHub makes it: small letters, digits, `-` and `_`, a `-` for each space.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn has_heading(path: &Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    prose(&text)
        .any(|(_, line)| line.starts_with('#') && anchor(line.trim_start_matches('#').trim()) == wanted)
}

/// Why a link leads nowhere.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://") {
        return None;
    }
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    if !path.exists() {
        return Some(format!("there is no {file}"));
    }
    let heading = heading.filter(|heading| !has_heading(&path, heading))?;
    Some(format!("{} has no heading `{heading}`", path.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for page in documentation() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (line, target) in links_of(&text) {
            seen += 1;
            let place = page.strip_prefix(root()).unwrap().display().to_string();
            faults.extend(fault(&page, &target).map(|fault| format!("{place}:{line}: {target}: {fault}")));
        }
    }
    assert!(seen > 100, "only {seen} links were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_heading_has_the_anchor_that_github_gives_it() {
    assert_eq!(anchor("`server`, `listen`, `tls`"), "server-listen-tls");
    assert_eq!(anchor("What you can leave out"), "what-you-can-leave-out");
}

#[test]
fn links_are_found_in_prose_and_not_in_code() {
    let text = "[a](b.md) and `[c](d.md)`\n```kdl\n[e](f.md)\n```\n[g](#h)";
    assert_eq!(links_of(text), [(1, "b.md".to_owned()), (5, "#h".to_owned())]);
}
