//! A folder as a page, or as a list for programs, in the forms that nginx gives it.

use crate::files::Entry;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::fmt::Write;
use vordr_rules::table::Listing;

/// How much of a name is shown.
const NAME: usize = 50;
/// What need not be escaped in one segment of a path (RFC 3986, section 2.3).
const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNITS: [(u64, char); 3] = [(1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];

/// The list of the folder at `path`, and its media type; JSON for the function `callback` where there is one.
pub(super) fn page(
    path: &[u8],
    entries: &[Entry],
    listing: Listing,
    callback: Option<&str>,
) -> (String, &'static str) {
    match (listing, callback) {
        (Listing::Exact | Listing::Rounded, _) => (html(path, entries, listing), "text/html"),
        (Listing::Xml, _) => (xml(entries), "text/xml; charset=utf-8"),
        (Listing::Jsonp, Some(callback)) => {
            (format!("/* callback */\r\n{callback}({});", json(entries)), "application/javascript")
        }
        (Listing::Json | Listing::Jsonp, _) => (json(entries), "application/json"),
    }
}

/// Whether a text may be called as a function.
pub(super) fn is_callback(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$.[]".contains(&byte))
}

fn json(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let changed = changed(entry).strftime("%a, %d %b %Y %H:%M:%S GMT");
        let kind = if entry.is_folder { "directory" } else { "file" };
        let size = if entry.is_folder { String::new() } else { format!(", \"size\":{}", entry.size) };
        let name = serde_json::Value::from(String::from_utf8_lossy(&entry.name));
        format!("{{ \"name\":{name}, \"type\":\"{kind}\", \"mtime\":\"{changed}\"{size} }}")
    };
    let lines: Vec<String> = entries.iter().map(line).collect();
    format!("[\r\n{}\r\n]", lines.join(",\r\n"))
}

fn xml(entries: &[Entry]) -> String {
    let mut page = "<?xml version=\"1.0\"?>\r\n<list>\r\n".to_owned();
    for entry in entries {
        let kind = if entry.is_folder { "directory" } else { "file" };
        let size = if entry.is_folder { String::new() } else { format!(" size=\"{}\"", entry.size) };
        let name = escaped(&String::from_utf8_lossy(&entry.name));
        let changed = changed(entry).strftime("%Y-%m-%dT%H:%M:%SZ");
        // Writing to a string does not fail.
        let _ = write!(page, "<{kind} mtime=\"{changed}\"{size}>{name}</{kind}>\r\n");
    }
    page + "</list>\r\n"
}

fn changed(entry: &Entry) -> Zoned {
    Timestamp::try_from(entry.modified).unwrap_or_default().to_zoned(TimeZone::UTC)
}

fn html(path: &[u8], entries: &[Entry], listing: Listing) -> String {
    let title = escaped(&String::from_utf8_lossy(path));
    let mut page = format!(
        "<html>\r\n<head><title>Index of {title}</title></head>\r\n<body>\r\n<h1>Index of {title}</h1><hr>\
         <pre><a href=\"../\">../</a>\r\n"
    );
    for entry in entries {
        line(entry, listing, &mut page);
    }
    page.push_str("</pre><hr></body>\r\n</html>\r\n");
    page
}

/// A name with its link, when it was changed, and how large it is.
fn line(entry: &Entry, listing: Listing, page: &mut String) {
    let slash = if entry.is_folder { "/" } else { "" };
    let name = String::from_utf8_lossy(&entry.name);
    let length = name.chars().count();
    let (shown, taken) = match length > NAME {
        true => (format!("{}..&gt;", escaped(&name.chars().take(NAME - 3).collect::<String>())), NAME),
        false => {
            let slash = if length < NAME { slash } else { "" };
            (escaped(&name) + slash, length + slash.len())
        }
    };
    let changed = changed(entry);
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<a href=\"{}{slash}\">{shown}</a>{:room$} {} {}\r\n",
        percent_encode(&entry.name, IN_SEGMENT),
        "",
        changed.strftime("%d-%b-%Y %H:%M"),
        size(entry, listing),
        room = NAME - taken,
    );
}

fn size(entry: &Entry, listing: Listing) -> String {
    let size = entry.size;
    match (listing, entry.is_folder) {
        (Listing::Rounded, true) => format!("{:>7}", "-"),
        (Listing::Rounded, false) => {
            // What is below 10,000 bytes is told in bytes.
            let fits = |(unit, letter): &&(u64, char)| size > if *letter == 'K' { 9999 } else { unit - 1 };
            match UNITS.iter().find(fits) {
                Some((unit, letter)) => format!("{:>6}{letter}", (size + unit / 2) / unit),
                None => format!(" {size:>6}"),
            }
        }
        (_, true) => format!("{:>19}", "-"),
        (_, false) => format!("{size:>19}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn entry(name: &str, is_folder: bool, size: u64) -> Entry {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Entry { name: name.as_bytes().to_vec(), is_folder, size, modified }
    }

    #[test]
    fn a_folder_is_listed_as_nginx_lists_it() {
        let entries = [entry("docs", true, 4096), entry("a <b> & \"c\".txt", false, 7)];
        let expected = concat!(
            "<html>\r\n<head><title>Index of /x&lt;y/</title></head>\r\n<body>\r\n",
            "<h1>Index of /x&lt;y/</h1><hr><pre><a href=\"../\">../</a>\r\n",
            "<a href=\"docs/\">docs/</a>                                              14-Nov-2023 22:13                   -\r\n",
            "<a href=\"a%20%3Cb%3E%20%26%20%22c%22.txt\">a &lt;b&gt; &amp; &quot;c&quot;.txt</a>",
            "                                    14-Nov-2023 22:13                   7\r\n",
            "</pre><hr></body>\r\n</html>\r\n"
        );
        assert_eq!(page(b"/x<y/", &entries, Listing::Exact, None).0, expected);
    }

    #[test]
    fn programs_are_told_of_a_folder_in_json_and_xml() {
        let entries = [entry("docs", true, 4096), entry("a<\"c\"", false, 7)];
        let json = "[\r\n{ \"name\":\"docs\", \"type\":\"directory\", \"mtime\":\"Tue, 14 Nov 2023 22:13:20 GMT\" },\r\n\
                    { \"name\":\"a<\\\"c\\\"\", \"type\":\"file\", \"mtime\":\"Tue, 14 Nov 2023 22:13:20 GMT\", \"size\":7 }\r\n]";
        assert_eq!(page(b"/", &entries, Listing::Json, Some("f")).0, json);
        let called = format!("/* callback */\r\nf({json});");
        assert_eq!(page(b"/", &entries, Listing::Jsonp, Some("f")).0, called);
        assert_eq!(page(b"/", &entries, Listing::Jsonp, None).0, json);
        let xml = "<?xml version=\"1.0\"?>\r\n<list>\r\n<directory mtime=\"2023-11-14T22:13:20Z\">docs</directory>\r\n\
                   <file mtime=\"2023-11-14T22:13:20Z\" size=\"7\">a&lt;&quot;c&quot;</file>\r\n</list>\r\n";
        assert_eq!(page(b"/", &entries, Listing::Xml, None).0, xml);
        assert!(is_callback("a.b[0]_$") && !is_callback("f(x"));
    }

    #[test]
    fn a_long_name_is_cut_where_it_is_shown_and_whole_where_it_leads() {
        let name = "n".repeat(60);
        let page = html(b"/", &[entry(&name, false, 1)], Listing::Exact);
        let line = format!("<a href=\"{name}\">{}..&gt;</a> 14-Nov-2023", "n".repeat(47));
        assert!(page.contains(&line), "{page}");
    }

    #[test]
    fn sizes_are_rounded_where_that_is_asked_for() {
        let told = |bytes| size(&entry("a", false, bytes), Listing::Rounded);
        assert_eq!(told(9999), "   9999");
        assert_eq!(told(10_000), "    10K");
        assert_eq!(told(1536 * 1024), "     2M");
        assert_eq!(told(5 << 30), "     5G");
        assert_eq!(size(&entry("a", true, 0), Listing::Rounded), "      -");
    }
}
