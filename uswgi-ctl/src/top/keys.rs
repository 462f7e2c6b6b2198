//! What the keys of `top` do. Pure: a key in, what is asked for out; carrying it out is for others.

use super::action::Action;
use super::rows::ScreenRow;
use super::state::{Screen, Sort, Top};
use crate::process::{Process, ProcessClass};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing but another picture.
    Nothing,
    /// The end.
    Quit,
    /// A look before its time.
    Look,
    /// To do something.
    Do(Action),
}

/// The key that is meant. Some terminals send Enter and Backspace as control characters, and Ctrl-U takes a
/// line away; any other letter together with Ctrl or Alt is not that letter: Ctrl-X must not retire a worker.
fn meant(key: KeyEvent) -> Option<KeyCode> {
    let held = key.modifiers.intersection(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Char('j' | 'm') if held == KeyModifiers::CONTROL => Some(KeyCode::Enter),
        KeyCode::Char('h') if held == KeyModifiers::CONTROL => Some(KeyCode::Backspace),
        KeyCode::Char('u') if held == KeyModifiers::CONTROL => Some(KeyCode::Delete),
        KeyCode::Char(_) if !held.is_empty() => None,
        code => Some(code),
    }
}

impl Top {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Wish::Quit;
        }
        let Some(code) = meant(key) else { return Wish::Nothing };
        match &mut self.mode {
            Screen::Filter => {
                match code {
                    KeyCode::Enter => self.mode = Screen::List,
                    KeyCode::Esc => {
                        self.filter.clear();
                        self.mode = Screen::List;
                    }
                    KeyCode::Backspace => drop(self.filter.pop()),
                    KeyCode::Delete => self.filter.clear(),
                    KeyCode::Char(c) => self.filter.push(c),
                    _ => {}
                }
                Wish::Nothing
            }
            Screen::Confirm(action) => {
                let action = *action;
                self.mode = Screen::List;
                self.message.clear();
                if matches!(code, KeyCode::Char('y' | 'Y')) { Wish::Do(action) } else { Wish::Nothing }
            }
            Screen::Text { text, from, .. } => {
                let last = text.lines().count().saturating_sub(1).min(u16::MAX.into()) as u16;
                match code {
                    KeyCode::Down | KeyCode::Char('j') => *from = from.saturating_add(1).min(last),
                    KeyCode::Up | KeyCode::Char('k') => *from = from.saturating_sub(1),
                    KeyCode::PageDown | KeyCode::Char(' ') => *from = from.saturating_add(20).min(last),
                    KeyCode::PageUp => *from = from.saturating_sub(20),
                    _ => self.mode = Screen::List,
                }
                Wish::Nothing
            }
            Screen::List => self.key_in_list(code),
        }
    }

    fn key_in_list(&mut self, code: KeyCode) -> Wish {
        let rows = self.rows(0);
        let chosen = self.chosen(&rows);
        self.message.clear();
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char(' ') => return Wish::Look,
            KeyCode::Down | KeyCode::Char('j') => self.choose(&rows, 1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(&rows, -1),
            KeyCode::Char('s') => {
                let at = Sort::ALL.iter().position(|s| *s == self.sort).unwrap_or(0);
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
            }
            KeyCode::Char('r') => self.reverse = !self.reverse,
            KeyCode::Char('t') => self.threads = !self.threads,
            KeyCode::Char('/') => self.mode = Screen::Filter,
            KeyCode::Char('R') => self.mode = Screen::Confirm(Action::Reload),
            KeyCode::Char('x') => match chosen {
                Some(Process { kind: ProcessClass::Worker, number }) => {
                    self.mode = Screen::Confirm(Action::Retire(number));
                }
                Some(other) => self.message = format!("{other} is no worker: a reload replaces it"),
                None => {}
            },
            KeyCode::Char('p') | KeyCode::Enter => {
                if let Some(process) = chosen {
                    self.message = format!("asking {process} for its stacks...");
                    return Wish::Do(Action::Stacks(process));
                }
            }
            KeyCode::Char('?' | 'h') => self.show("keys".into(), HELP),
            _ => {}
        }
        Wish::Nothing
    }

    fn choose(&mut self, rows: &[ScreenRow], by: isize) {
        let processes: Vec<Process> = rows.iter().filter(|r| r.is_process).map(|r| r.process).collect();
        let Some(now) = self.chosen(rows) else { return };
        let at = processes.iter().position(|p| *p == now).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(processes.len() - 1);
        self.chosen = Some(processes[next]);
    }
}

/// What the keys do.
const HELP: &str = "\
up, down   choose a process
p, Enter   its Python stacks
x          retire a worker: a successor first, its requests are finished
R          reload the instance
s          sort by: id, cpu, rate, memory, age, requests
r          the other way round
t          rows for threads (greenlets, tasks), or not
/          filter rows by a text; Esc takes the filter away
space      look now
q          quit";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::top::state::tests::three;

    pub(in crate::top) fn press(top: &mut Top, keys: &str) -> Wish {
        let mut asked = Wish::Nothing;
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            asked = top.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        asked
    }

    #[test]
    fn a_letter_with_ctrl_is_not_the_letter() {
        let mut top = three();
        let held = |top: &mut Top, c, modifier| top.key(KeyEvent::new(KeyCode::Char(c), modifier));
        for (c, modifier) in
            [('x', KeyModifiers::CONTROL), ('q', KeyModifiers::ALT), ('/', KeyModifiers::CONTROL)]
        {
            assert_eq!((held(&mut top, c, modifier), &top.mode), (Wish::Nothing, &Screen::List), "{c}");
        }
        press(&mut top, "/abc");
        held(&mut top, 'h', KeyModifiers::CONTROL);
        held(&mut top, 'w', KeyModifiers::CONTROL);
        assert_eq!(top.filter, "ab");
        held(&mut top, 'u', KeyModifiers::CONTROL);
        press(&mut top, "d");
        held(&mut top, 'j', KeyModifiers::CONTROL);
        assert_eq!((top.filter.as_str(), &top.mode), ("d", &Screen::List));
        assert_eq!(held(&mut top, 'c', KeyModifiers::CONTROL), Wish::Quit);
    }

    #[test]
    fn orders_are_for_the_chosen_worker_and_confirmed_where_they_change_something() {
        let mut top = three();
        assert_eq!(press(&mut top, "p"), Wish::Do(Action::Stacks(Process::worker(1))));
        press(&mut top, "jjjjk");
        assert_eq!(press(&mut top, "x"), Wish::Nothing);
        assert!(matches!(top.mode, Screen::Confirm(o) if o.question().starts_with("retire worker 2?")));
        assert_eq!(press(&mut top, "n"), Wish::Nothing);
        assert_eq!(press(&mut top, "xy"), Wish::Do(Action::Retire(2)));
        assert_eq!(press(&mut top, "Ry"), Wish::Do(Action::Reload));
        // The chosen one stays chosen when the order changes.
        press(&mut top, "r");
        assert_eq!(press(&mut top, "\n"), Wish::Do(Action::Stacks(Process::worker(2))));
        top.show("x".into(), "a\nb\u{1b}c");
        assert_eq!(press(&mut top, "j"), Wish::Nothing);
        assert!(matches!(&top.mode, Screen::Text { from: 1, text, .. } if text.contains("\\u{1b}")));
        press(&mut top, "q");
        assert_eq!((top.mode.clone(), press(&mut top, "q")), (Screen::List, Wish::Quit));
    }
}
