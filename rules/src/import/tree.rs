//! Lines of KDL as a tree: what a block holds goes where the block goes.

use crate::show::Line;
use crate::table::Place;

/// A line, and what stands in its block.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    /// Without the brace that opens its block.
    pub text: String,
    /// Comments above it, without their marks.
    pub comments: Vec<String>,
    /// Where what it says was written, as far as that is known.
    pub place: Option<Place>,
    /// `None` where it has no block.
    pub block: Option<Vec<Item>>,
}

/// Two are the same where they say the same.
impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.block == other.block
    }
}

impl Item {
    /// Its word.
    pub(super) fn word(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// What stands in its block.
    pub(super) fn inside(&self) -> &[Item] {
        self.block.as_deref().unwrap_or_default()
    }

    /// It and all that it holds, as one text.
    pub(super) fn said(&self) -> String {
        drawn(std::slice::from_ref(self))
    }
}

/// The tree of these lines.
pub(super) fn grown(lines: Vec<Line>) -> Vec<Item> {
    let mut open: Vec<(Item, Vec<Item>)> = Vec::new();
    let mut here = Vec::new();
    for line in lines {
        let item = |text: &str| Item { text: text.to_owned(), place: line.place.clone(), ..Item::default() };
        match line.text.strip_suffix(" {") {
            Some(head) => open.push((item(head), std::mem::take(&mut here))),
            None if line.text == "}" => {
                let Some((mut block, before)) = open.pop() else { continue };
                block.block = Some(std::mem::replace(&mut here, before));
                here.push(block);
            }
            None => here.push(item(&line.text)),
        }
    }
    here
}

/// The text of this tree; a line is free between the blocks of a file.
pub(super) fn drawn(items: &[Item]) -> String {
    let mut text = String::new();
    for (number, item) in items.iter().enumerate() {
        if number > 0 && item.block.is_some() {
            text.push('\n');
        }
        draw(item, 0, &mut text);
    }
    text
}

fn draw(item: &Item, depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    for comment in &item.comments {
        let line = format!("{indent}// {comment}");
        text.extend([line.trim_end(), "\n"]);
    }
    match &item.block {
        None => text.extend([&indent, &item.text, "\n"]),
        Some(block) => {
            text.extend([&indent, &item.text, " {\n"]);
            block.iter().for_each(|item| draw(item, depth + 1, text));
            text.extend([&indent, "}\n"]);
        }
    }
}
