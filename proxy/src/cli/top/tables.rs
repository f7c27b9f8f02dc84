//! The tables of a look: routes, who was turned away, upstreams, certificates.

use ratatui::layout::Constraint;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table};
use serde_json::Value;

const BAD: Style = Style::new().fg(Color::Red);
const WELL: Style = Style::new().fg(Color::Green);

/// Each route with its rate, latency and last error, after so many that are out of sight.
pub(super) fn routes(now: &Value, scrolled: usize) -> Table<'static> {
    let rows = list(&now["routes"]).iter().skip(scrolled).map(|route| {
        let live = &route["live"];
        let failing = live["errors"].as_f64().is_some_and(|rate| rate > 0.0);
        let error = match &route["last_error"] {
            Value::Null => String::new(),
            error => format!("{} {}", error["status"], text(&error["detail"])),
        };
        Row::new([
            Cell::from(format!("{} {}", text(&route["server"]), text(&route["route"]))),
            right(number(&live["requests"])),
            right(number(&live["errors"])).style(if failing { BAD } else { Style::new() }),
            right(duration(&live["mean"])),
            right(duration(&live["p95"])),
            right(open(route)),
            Cell::from(error).style(BAD),
        ])
    });
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Fill(3),
    ];
    table(rows.collect(), widths, ["ROUTE", "REQ/S", "ERR/S", "MEAN", "95 %", "OPEN", "LAST ERROR"])
}

/// Each server of each pool, and why it is out.
pub(super) fn upstreams(now: &Value) -> Table<'static> {
    let peers = list(&now["upstreams"])
        .iter()
        .flat_map(|pool| list(&pool["peers"]).iter().map(move |peer| (text(&pool["name"]), peer)));
    let rows = peers.map(|(pool, peer)| {
        let (state, style) = match (peer["up"] == true, text(&peer["problem"])) {
            (true, _) => ("up".to_owned(), WELL),
            (false, problem) if problem.is_empty() => ("down".to_owned(), BAD),
            (false, problem) => (format!("down: {problem}"), BAD),
        };
        let address = Cell::from(text(&peer["address"]));
        Row::new([
            Cell::from(pool),
            address,
            right(number(&peer["in_flight"])),
            Cell::from(state).style(style),
        ])
    });
    let widths = [Constraint::Fill(1), Constraint::Fill(2), Constraint::Length(9), Constraint::Fill(3)];
    table(rows.collect(), widths, ["UPSTREAM", "SERVER", "UNDER WAY", "STATE"])
}

/// Each certificate, and how long it still holds.
pub(super) fn certificates(now: &Value) -> Table<'static> {
    let rows = list(&now["certificates"]).iter().map(|certificate| {
        let days = certificate["days_left"].as_i64();
        let left = days.map_or("none yet".to_owned(), |days| format!("{days} days"));
        let style = if days.is_some_and(|days| days >= 21) { WELL } else { BAD };
        let until: String = text(&certificate["not_after"]).chars().take(10).collect();
        Row::new([Cell::from(text(&certificate["server"])), Cell::from(left).style(style), Cell::from(until)])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(12), Constraint::Fill(1)];
    table(rows.collect(), widths, ["CERTIFICATE", "LEFT", "UNTIL"])
}

/// Why clients were turned away before they reached a route, how often, and whom it befell last.
pub(super) fn refusals(now: &Value) -> Table<'static> {
    let rows = list(&now["refusals"]).iter().map(|refusal| {
        let last = &refusal["last"];
        Row::new([
            Cell::from(format!("{} {}", text(&refusal["what"]), text(&refusal["reason"]))),
            right(number(&refusal["count"])),
            Cell::from(text(&refusal["client_ip"])),
            Cell::from(text(&last["detail"])),
        ])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(8), Constraint::Length(15), Constraint::Fill(3)];
    table(rows.collect(), widths, ["TURNED AWAY", "TIMES", "LAST CLIENT", "WHY"])
}

/// How many servers the pools have together.
pub(super) fn server_count(now: &Value) -> usize {
    list(&now["upstreams"]).iter().map(|pool| list(&pool["peers"]).len()).sum()
}

/// A count or a rate; `–` where it is not known yet.
pub(super) fn number(value: &Value) -> String {
    match value.as_f64() {
        None => "–".to_owned(),
        Some(number) if number.fract() == 0.0 || number >= 100.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.1}"),
    }
}

fn duration(seconds: &Value) -> String {
    match seconds.as_f64() {
        None => "–".to_owned(),
        Some(seconds) if seconds < 0.0095 => format!("{:.1} ms", seconds * 1000.0),
        Some(seconds) if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

/// Requests under way, WebSockets among them, and event streams.
fn open(route: &Value) -> String {
    let open = ["in_flight", "event_streams"].map(|what| route[what].as_u64().unwrap_or_default());
    // An event stream is under way as any other request.
    open[0].max(open[1]).to_string()
}

fn table<const COLUMNS: usize>(
    rows: Vec<Row<'static>>,
    widths: [Constraint; COLUMNS],
    heads: [&'static str; COLUMNS],
) -> Table<'static> {
    let head = Row::new(heads).style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    Table::new(rows, widths).header(head).column_spacing(2)
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).right_aligned())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
