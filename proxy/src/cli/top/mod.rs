//! `vordr top`: what runs, live in a terminal.

mod look;
mod tables;

use super::admin::Admin;
use super::rules;
use super::say::complain;
use look::Look;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::Value;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

/// An event comes every second; without one for so long, vordr has gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a key may wait to be heard.
const KEYS: Duration = Duration::from_millis(100);

/// Watches the vordr that these rules belong to, until `q`.
pub(super) fn run(path: &str) -> ExitCode {
    let Some(loaded) = rules::load_file(path) else { return ExitCode::FAILURE };
    let Some(admin) = Admin::of(&loaded.table.process) else {
        complain("vordr: the rules name no `admin` address to watch: `vordr { admin \"127.0.0.1:9180\"; }`");
        return ExitCode::FAILURE;
    };
    if !std::io::stdout().is_terminal() {
        complain("vordr: `top` draws on a terminal; for programs there is /status and /events");
        return ExitCode::FAILURE;
    }
    let shown = watch(&admin).map_err(|error| error.to_string()).and_then(show);
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(&format!("vordr: {admin}: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// What the admin address says, read by a thread of its own; the last word is why it says no more.
fn watch(admin: &Admin) -> std::io::Result<Receiver<Result<Value, String>>> {
    let (events, heard) = channel();
    let mut lines = admin.watch("GET /events", PATIENCE)?;
    std::thread::Builder::new().name("vordr-top".to_owned()).spawn(move || {
        let mut line = String::new();
        loop {
            line.clear();
            let word = match lines.read_line(&mut line) {
                Ok(0) => Err("vordr has ended".to_owned()),
                Ok(_) => match line.strip_prefix("data: ") {
                    Some(data) => serde_json::from_str(data).map_err(|error| error.to_string()),
                    None => continue,
                },
                Err(error) => Err(format!("no word within {PATIENCE:?}: {error}")),
            };
            let over = word.is_err();
            if events.send(word).is_err() || over {
                return;
            }
        }
    })?;
    Ok(heard)
}

/// Draws what comes until somebody has seen enough.
fn show(events: Receiver<Result<Value, String>>) -> Result<(), String> {
    let mut terminal = ratatui::try_init().map_err(|error| error.to_string())?;
    let mut look = Look::default();
    let ended = loop {
        match events.try_recv() {
            Ok(Ok(event)) => look.take(event),
            Ok(Err(problem)) => break Err(problem),
            Err(TryRecvError::Disconnected) => break Err("vordr has ended".to_owned()),
            Err(TryRecvError::Empty) => {}
        }
        let drawn = terminal.draw(|frame| frame.render_widget(&look, frame.area())).map(drop);
        match drawn.and_then(|()| key()) {
            Ok(Some(key)) if ends(key) => break Ok(()),
            Ok(Some(key)) => look.scroll(key.code),
            Ok(None) => {}
            Err(error) => break Err(error.to_string()),
        }
    };
    ratatui::restore();
    ended
}

/// A key, if one is pressed soon.
fn key() -> std::io::Result<Option<KeyEvent>> {
    if !event::poll(KEYS)? {
        return Ok(None);
    }
    match event::read()? {
        Event::Key(key) if key.kind == KeyEventKind::Press => Ok(Some(key)),
        _ => Ok(None),
    }
}

fn ends(key: KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}
