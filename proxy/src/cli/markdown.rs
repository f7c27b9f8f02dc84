//! Markdown laid out for a terminal: as much of it as the pages of `docs/rules/` use.

/// How wide a line may be; code keeps its own width.
const WIDTH: usize = 96;
/// Between two columns of a table.
const GAP: usize = 2;

/// The text without marks: code indented, tables in columns, paragraphs filled anew, links as their words.
pub(super) fn laid_out(markdown: &str) -> String {
    let mut page = String::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            page.extend(code.map(|line| format!("    {line}\n")));
            continue;
        }
        let is_row = line.starts_with('|');
        let mut group = vec![line];
        let goes_on = |next: &&str| {
            !line.is_empty()
                && !next.is_empty()
                && !next.starts_with("```")
                && next.starts_with('|') == is_row
        };
        while let Some(next) = lines.next_if(goes_on) {
            group.push(next);
        }
        match is_row {
            true => page += &table(&group),
            false => page.extend(paragraph(&group.join(" "))),
        }
    }
    page
}

fn paragraph(text: &str) -> impl Iterator<Item = String> {
    filled(&plain(text.trim_start_matches("# ")), WIDTH).into_iter().map(|line| line + "\n")
}

/// Columns as wide as they need to be, but for the widest, which takes what is left.
fn table(lines: &[&str]) -> String {
    let cells = |line: &&str| line.trim_matches('|').split('|').map(|cell| plain(cell.trim())).collect();
    let is_rule = |line: &&&str| line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let rows: Vec<Vec<String>> = lines.iter().filter(|line| !is_rule(line)).map(cells).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let mut widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
    let beyond = (widths.iter().sum::<usize>() + GAP * columns).saturating_sub(WIDTH);
    if let Some(most) = widths.iter_mut().max() {
        *most = most.saturating_sub(beyond).max(WIDTH / 4);
    }
    rows.iter().map(|row| row_in_columns(row, &widths)).collect()
}

fn row_in_columns(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| filled(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |number: usize| {
        let mut line = String::new();
        for (cell, column) in cells.iter().zip(widths) {
            let text = cell.get(number).map_or("", String::as_str);
            line += &" ".repeat(GAP);
            line += text;
            line += &" ".repeat(column.saturating_sub(width(text)));
        }
        line.trim_end().to_owned() + "\n"
    };
    (0..height).map(line).collect()
}

/// Lines of at most `limit` characters, unless a single word is longer.
fn filled(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= limit => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Text without `**`, a link as its words; a page that is no word's is named.
fn plain(text: &str) -> String {
    let mut pieces = text.split('[');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?))) {
            Some((label, (target, rest))) => {
                let file = target.split('#').next().unwrap_or_default();
                let named = file.strip_prefix("../").map(|file| format!(" (docs/{file})"));
                out.extend([label, named.as_deref().unwrap_or_default(), rest]);
            }
            None => out.extend(["[", piece]),
        }
    }
    out.replace("**", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_their_words_and_marks_are_gone() {
        assert_eq!(plain("**In** a [proxy](proxy.md), once."), "In a proxy, once.");
        assert_eq!(plain("See [CORS](../cors.md#x)."), "See CORS (docs/cors.md).");
        assert_eq!(plain("an array[1]"), "an array[1]");
    }

    #[test]
    fn code_keeps_its_lines_and_paragraphs_are_filled_anew() {
        let page = "# word\n\nOne\ntwo.\n\n```kdl in=vordr\nword 1   // as\n  it is\n```\n";
        assert_eq!(laid_out(page), "word\n\nOne two.\n\n    word 1   // as\n      it is\n");
    }

    #[test]
    fn a_table_stands_in_columns_and_its_widest_one_is_filled() {
        let page = format!("| a | b | c |\n|---|---|---|\n| `x` | {}| 1 s |\n", "long ".repeat(30));
        let laid_out = laid_out(&page);
        let lines: Vec<_> = laid_out.lines().collect();
        assert_eq!(lines.len(), 3, "{laid_out}");
        assert!(lines.iter().all(|line| width(line) <= WIDTH), "{laid_out}");
        assert!(lines[0].starts_with("  a    b") && lines[1].ends_with("1 s"), "{laid_out}");
    }
}
