//! One look at what runs: the newest event, laid out.

use super::tables;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, Widget, Wrap};
use serde_json::Value;
use std::collections::VecDeque;

/// How many seconds the graph shows at most.
const KEPT: usize = 300;

/// What is drawn.
#[derive(Debug, Default)]
pub(super) struct Look {
    now: Value,
    /// Requests a second, in hundredths, the newest first.
    rates: VecDeque<u64>,
    /// How many routes have gone out of sight above.
    scrolled: usize,
}

impl Look {
    /// A newer event.
    pub(super) fn take(&mut self, event: Value) {
        if let Some(rate) = event["rates"]["requests"].as_f64() {
            self.rates.push_front((rate * 100.0) as u64);
            self.rates.truncate(KEPT);
        }
        self.now = event;
    }

    /// Moves through the routes.
    pub(super) fn scroll(&mut self, key: KeyCode) {
        let last = self.now["routes"].as_array().map_or(0, |routes| routes.len().saturating_sub(1));
        self.scrolled = match key {
            KeyCode::Down | KeyCode::Char('j') => self.scrolled + 1,
            KeyCode::Up | KeyCode::Char('k') => self.scrolled.saturating_sub(1),
            KeyCode::PageDown => self.scrolled + 10,
            KeyCode::PageUp => self.scrolled.saturating_sub(10),
            KeyCode::Home => 0,
            _ => self.scrolled,
        }
        .min(last);
    }

    fn head(&self) -> Vec<Line<'static>> {
        let now = &self.now;
        let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
        let healthy = now["status"] == "healthy";
        let state = Style::new().fg(if healthy { Color::Green } else { Color::Red }).bold();
        let errors = now["rates"]["errors"].as_f64().unwrap_or_default();
        let failing = if errors > 0.0 { Style::new().fg(Color::Red).bold() } else { Style::new() };
        let rate = |what: &str| tables::number(&now["rates"][what]);
        let bold = Style::new().add_modifier(Modifier::BOLD);
        vec![
            Line::from(vec![
                Span::styled(format!("vordr {}  ", text(&now["version"])), bold),
                Span::styled(text(&now["status"]), state),
                Span::raw(format!("  up {} s", tables::number(&now["uptime_seconds"]))),
                Span::raw(format!("  rules: generation {}", tables::number(&now["config"]["generation"]))),
            ]),
            Line::from(vec![
                Span::raw(format!("requests/s {}  ", rate("requests"))),
                Span::styled(format!("errors/s {}  ", rate("errors")), failing),
                Span::raw(format!(
                    "under way {}  connections {}  WebSockets {}  event streams {}",
                    tables::number(&now["requests"]["in_flight"]),
                    tables::number(&now["connections"]["active"]),
                    tables::number(&now["websockets"]["active"]),
                    tables::number(&now["event_streams"]["active"]),
                )),
            ]),
        ]
    }
}

impl Widget for &Look {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if self.now.is_null() {
            return Paragraph::new("waiting for the first word from vordr").render(area, buffer);
        }
        let problem = self.now["config"]["last_error"].as_str();
        let servers = tables::server_count(&self.now);
        let count = |what: &str| self.now[what].as_array().map_or(0, Vec::len);
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        // With its head and a line below it; nothing where there is nothing.
        let some = |count: usize| if count == 0 { 0 } else { rows(count + 2).min(5) };
        let [head, graph, trouble, routes, refusals, upstreams, certificates, keys] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(3),
            Constraint::Length(problem.map_or(0, |problem| rows(problem.lines().count() + 1).min(5))),
            Constraint::Min(4),
            Constraint::Length(some(count("refusals"))),
            Constraint::Length(rows(servers + 2).min(area.height / 3)),
            Constraint::Length(some(count("certificates"))),
            Constraint::Length(1),
        ])
        .areas(area);
        Paragraph::new(self.head()).render(head, buffer);
        let most = self.rates.iter().copied().max().unwrap_or(1).max(1);
        let rates: Vec<u64> = self.rates.iter().take(graph.width.into()).rev().copied().collect();
        Sparkline::default().data(&rates).max(most).style(Style::new().fg(Color::Cyan)).render(graph, buffer);
        if let Some(problem) = problem {
            let words = format!("the rules on disk were not taken in:\n{problem}");
            let red = Style::new().fg(Color::Red);
            Paragraph::new(words).style(red).wrap(Wrap { trim: false }).render(trouble, buffer);
        }
        Widget::render(tables::routes(&self.now, self.scrolled), routes, buffer);
        Widget::render(tables::refusals(&self.now), refusals, buffer);
        Widget::render(tables::upstreams(&self.now), upstreams, buffer);
        Widget::render(tables::certificates(&self.now), certificates, buffer);
        Paragraph::new("q ends, arrows move through the routes")
            .style(Style::new().fg(Color::DarkGray))
            .render(keys, buffer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    fn event() -> Value {
        let route = |name: &str, error: Value| {
            json!({
                "server": "a.test", "route": name, "websockets": 0, "event_streams": 0, "in_flight": 1,
                "live": { "requests": 12.5, "errors": 0.0, "mean": 0.0042, "p95": 0.25 }, "last_error": error,
            })
        };
        let error = json!({ "status": 502, "detail": "upstream app: connection refused" });
        json!({
            "status": "degraded", "version": "0.1.0", "uptime_seconds": 61,
            "config": { "generation": 3, "last_error": null },
            "connections": { "active": 4 }, "requests": { "in_flight": 2 }, "websockets": { "active": 5 },
            "event_streams": { "active": 1 }, "rates": { "requests": 120.0, "errors": 1.5 },
            "routes": [route("/", Value::Null), route("/api", error)],
            "upstreams": [{ "name": "app", "up": 0, "peers": [
                { "address": "127.0.0.1:8000", "up": false, "in_flight": 0, "problem": "connection refused" },
            ] }],
            "refusals": [{ "what": "handshake", "reason": "not_tls", "count": 7, "client_ip": "192.0.2.9",
                "last": { "status": null, "detail": "this is no TLS" } }],
            "certificates": [{ "server": "a.test", "days_left": 12, "not_after": "2026-12-03T00:00:00Z" }],
        })
    }

    fn drawn(look: &Look, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| frame.render_widget(look, frame.area())).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn one_look_tells_rates_routes_upstreams_and_certificates() {
        let mut look = Look::default();
        look.take(event());
        let text = drawn(&look, 110, 24);
        for part in [
            "vordr 0.1.0  degraded",
            "requests/s 120  errors/s 1.5",
            "WebSockets 5  event streams 1",
            "a.test /api",
            "4.2 ms",
            "250 ms",
            "502 upstream app: connection refused",
            "127.0.0.1:8000",
            "down: connection refused",
            "handshake not_tls",
            "192.0.2.9",
            "this is no TLS",
            "12 days",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn before_the_first_event_it_says_that_it_waits() {
        assert!(drawn(&Look::default(), 60, 5).contains("waiting for the first word"));
    }

    #[test]
    fn rules_that_were_not_taken_in_are_told() {
        let mut now = event();
        now["config"]["last_error"] = "vordr.kdl:3:5: error[unknown-node]: there is no `locaton`".into();
        let mut look = Look::default();
        look.take(now);
        assert!(drawn(&look, 100, 24).contains("there is no `locaton`"));
    }

    #[test]
    fn scrolling_leaves_the_last_route_in_sight() {
        let mut look = Look::default();
        look.take(event());
        (0..9).for_each(|_| look.scroll(KeyCode::Down));
        let text = drawn(&look, 110, 24);
        assert!(text.contains("a.test /api") && !text.contains("a.test / "), "{text}");
        look.scroll(KeyCode::Home);
        assert!(drawn(&look, 110, 24).contains("a.test / "));
    }

    #[test]
    fn a_terminal_of_any_size_is_drawn_on() {
        let mut look = Look::default();
        look.take(event());
        for (width, height) in [(1, 1), (20, 6), (300, 80)] {
            drawn(&look, width, height);
        }
    }
}
