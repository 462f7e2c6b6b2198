//! The vassals on a screen: drawn, and steered by keys.

use super::super::leave;
use super::{COLUMNS, Vassals, WIDTHS, ask, numbers};
use crate::error::CtlError;
use crate::report::{VerbResult, printable};
use crate::top::state::Sort;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use serde_json::Value;
use std::time::{Duration, Instant};
use uswgi_proto::exit::Exit;

impl Vassals {
    fn draw(&self, frame: &mut Frame<'_>, colour: bool) {
        let [above, middle, below] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
                .areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), above);
        let rows = self.shown().into_iter().skip(self.from).map(|(l, cells)| {
            let style = match (colour, l.row.problem.is_empty(), l.numbers.is_some_and(|n| n.busy > 0)) {
                (true, false, _) => Style::new().fg(Color::Red),
                (true, true, true) => Style::new().fg(Color::Green),
                _ => Style::new(),
            };
            Row::new(cells.map(Cell::from)).style(style)
        });
        let widths = WIDTHS.map(Constraint::Length).into_iter().chain([Constraint::Min(10)]);
        let head = Row::new(COLUMNS).style(Style::new().add_modifier(Modifier::REVERSED));
        frame.render_widget(Table::new(rows, widths).header(head), middle);
        let order = if self.reverse { ", reversed" } else { "" };
        let last = match self.message.is_empty() {
            true => format!("q quit  s sort ({}{order})  r reverse  up, down: scroll", self.sort.name()),
            false => printable(&self.message),
        };
        frame.render_widget(Line::styled(last, Style::new().add_modifier(Modifier::DIM)), below);
    }

    /// False: enough.
    fn key(&mut self, key: KeyCode, control: bool) -> bool {
        let last = self.lines.len().saturating_sub(1);
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if control => return false,
            KeyCode::Char('s') => {
                let at = Sort::ALL.iter().position(|s| *s == self.sort).unwrap_or(0);
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
            }
            KeyCode::Char('r') => self.reverse = !self.reverse,
            KeyCode::Up => self.from = self.from.saturating_sub(1),
            KeyCode::Down => self.from = (self.from + 1).min(last),
            KeyCode::PageUp => self.from = self.from.saturating_sub(20),
            KeyCode::PageDown => self.from = (self.from + 20).min(last),
            KeyCode::Home => self.from = 0,
            _ => {}
        }
        true
    }
}

pub(super) fn on_screen(mut all: Vassals, interval: Duration) -> Result<VerbResult, CtlError> {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    leave::restore_at_signals()
        .map_err(|e| CtlError::Io { what: "the signals of this process", source: e.into() })?;
    let failed = |source| CtlError::Io { what: "the terminal", source };
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = follow(&mut terminal, &mut all, interval, colour);
    ratatui::restore();
    result.map_err(failed)?;
    Ok(VerbResult { text: String::new(), json: Value::Null, exit: Exit::Ok })
}

fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    all: &mut Vassals,
    interval: Duration,
    colour: bool,
) -> std::io::Result<()> {
    let mut seen_at = Instant::now();
    loop {
        let screen = leave::screen();
        terminal.draw(|frame| all.draw(frame, colour))?;
        drop(screen);
        if event::poll(interval.saturating_sub(seen_at.elapsed()))?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && !all.key(key.code, key.modifiers.contains(KeyModifiers::CONTROL))
        {
            return Ok(());
        }
        if seen_at.elapsed() >= interval {
            let seconds = seen_at.elapsed().as_secs_f64();
            match ask(all.pid) {
                Ok(rows) => {
                    all.message.clear();
                    all.see(rows, numbers, seconds);
                }
                // What was seen last stays.
                Err(e) => all.message = e.to_string(),
            }
            seen_at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    #[test]
    fn keys_sort_scroll_and_leave() {
        let mut all = seen();
        assert!(all.key(KeyCode::Char('s'), false) && all.sort == Sort::Cpu);
        assert!(all.key(KeyCode::PageDown, false) && all.from == 2);
        assert!(all.key(KeyCode::Home, false) && all.from == 0);
        assert!(!all.key(KeyCode::Char('q'), false) && !all.key(KeyCode::Char('c'), true));
    }
}
