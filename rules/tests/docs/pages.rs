//! Each word of the language has a page that tells all of it, and each page is that of a word.

use crate::text::{blocks_of, files_below, root};
use std::collections::BTreeSet;
use std::path::PathBuf;
use vordr_rules::{Word, pages, schema};

fn folder() -> PathBuf {
    root().join("docs/rules")
}

/// The names of the pages that are files, the index left out.
fn written() -> BTreeSet<String> {
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files_below(&folder(), "md").into_iter().map(name).filter(|name| name != "README").collect()
}

/// Each word with the one in whose block it stands; a word that stands at several places comes several times.
fn words_and_parents() -> Vec<(&'static Word, Option<&'static Word>)> {
    let words = schema::words();
    let parent = |way: &str| {
        let above = way.rsplit_once('.')?.0;
        words.iter().find(|(other, _)| other == above).map(|(_, word)| *word)
    };
    words.iter().map(|(way, word)| (*word, parent(way))).collect()
}

/// What the page of each word lacks, as far as `lacks` tells.
fn lacking(lacks: impl Fn(&Word, Option<&Word>, &str) -> Vec<String>) -> String {
    let faults: BTreeSet<String> = words_and_parents()
        .into_iter()
        .filter_map(|(word, parent)| Some((word, parent, pages::page(word.name)?)))
        .flat_map(|(word, parent, page)| {
            let lacks = lacks(word, parent, page);
            lacks.into_iter().map(|what| format!("docs/rules/{}.md lacks {what}", word.name))
        })
        .collect();
    faults.into_iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn every_word_has_a_page_and_every_page_is_a_words() {
    let words: BTreeSet<String> = schema::words().into_iter().map(|(_, word)| word.name.to_owned()).collect();
    assert_eq!(written(), words, "the pages of docs/rules, and the words of the language");
}

#[test]
fn the_index_leads_to_every_page() {
    let index = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let is_missing = |name: &&str| !index.contains(&format!("[{name}]({name}.md)"));
    assert_eq!(
        pages::words().filter(is_missing).collect::<Vec<_>>(),
        [""; 0],
        "missing in docs/rules/README.md"
    );
}

#[test]
fn every_page_is_built_into_the_program() {
    let built_in: Vec<String> = pages::words().map(str::to_owned).collect();
    assert_eq!(built_in, written().into_iter().collect::<Vec<_>>(), "the table of rules/src/pages.rs");
}

#[test]
fn a_page_begins_with_its_word_and_shows_each_form_of_it() {
    let lacks = lacking(|word, _, page| {
        let heading = format!("# {}\n", word.name);
        let form =
            page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        let has_form = form.lines().any(|line| line.starts_with(word.name));
        let mut lacks = Vec::new();
        lacks.extend((!page.starts_with(&heading)).then(|| format!("its heading `{}`", heading.trim())));
        lacks.extend((!has_form).then(|| "its form in a block of text".to_owned()));
        lacks
    });
    assert!(lacks.is_empty(), "{lacks}");
}

#[test]
fn a_page_tells_of_every_property() {
    let lacks = lacking(|word, _, page| {
        let is_told = |name: &str| page.contains(&format!("`{name}`"));
        let untold = word.properties.iter().filter(|name| !is_told(name));
        untold.map(|name| format!("the property `{name}`")).collect()
    });
    assert!(lacks.is_empty(), "{lacks}");
}

#[test]
fn a_page_leads_to_the_words_of_its_block_and_to_where_it_stands() {
    let lacks = lacking(|word, parent, page| {
        let links_to = |name: &str| name == word.name || page.contains(&format!("]({name}.md)"));
        let around = word.words().map(|inner| inner.name).chain(parent.map(|parent| parent.name));
        around.filter(|name| !links_to(name)).map(|name| format!("a link to {name}.md")).collect()
    });
    assert!(lacks.is_empty(), "{lacks}");
}

#[test]
fn every_page_has_an_example() {
    for word in pages::words() {
        let blocks = blocks_of(&folder().join(format!("{word}.md")));
        assert!(!blocks.is_empty(), "docs/rules/{word}.md has no example");
    }
}

#[test]
fn a_misspelt_word_leads_to_the_nearest_one() {
    let meant = |written| pages::meant(written).unwrap_or_default();
    assert_eq!(meant("timeout"), "timeouts");
    assert_eq!(meant("body_limit"), "body-limit");
    assert_eq!(meant("proxy_pass"), "proxy");
    assert_eq!(meant("zebra"), "");
}
