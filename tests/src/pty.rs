//! A program in a terminal: what it draws, what is typed.

use crate::wait::until;
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

const LINES: usize = 40;
const COLUMNS: usize = 160;

/// A program that thinks somebody watches it. Killed when dropped.
pub struct Terminal {
    child: Child,
    master: File,
    drawn: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Start it in a terminal of 40 lines and 160 columns.
    pub fn start(mut command: Command) -> Terminal {
        let size = Winsize { ws_row: LINES as u16, ws_col: COLUMNS as u16, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).expect("a terminal");
        let slave = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
        command.env("TERM", "xterm-256color").stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().expect("a program in a terminal");
        drop(command);
        drop(pair.slave);
        let master = File::from(pair.master);
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (master.try_clone().expect("a descriptor"), drawn.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the program has ended and nobody else has the terminal open.
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                to.lock().unwrap_or_else(|e| e.into_inner()).extend_from_slice(&buffer[..n]);
            }
        });
        Terminal { child, master, drawn }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Whether keys come one by one and unseen, as programs that fill the screen want them.
    pub fn is_raw(&self) -> bool {
        use nix::sys::termios::{LocalFlags, tcgetattr};
        let flags = tcgetattr(&self.master).expect("the terminal's attributes").local_flags;
        !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    /// Whether these bytes were sent to the terminal.
    pub fn was_sent(&self, bytes: &[u8]) -> bool {
        self.drawn.lock().unwrap_or_else(|e| e.into_inner()).windows(bytes.len()).any(|w| w == bytes)
    }

    /// Everything drawn so far, without escape sequences. A moved cursor reads as a line break.
    pub fn text(&self) -> String {
        let bytes = self.drawn.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut out = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\u{1b}' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('[') => {
                    let end = chars.by_ref().find(|c| ('@'..='~').contains(c));
                    if matches!(end, Some('H' | 'f' | 'd' | 'G')) {
                        out.push('\n');
                    }
                }
                Some('(' | ')') => drop(chars.next()),
                _ => {}
            }
        }
        out
    }

    /// The screen as it stands, line by line: for programs that draw only what changes.
    pub fn screen(&self) -> String {
        let bytes = self.drawn.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let mut cells = vec![vec![' '; COLUMNS]; LINES];
        let (mut y, mut x) = (0usize, 0usize);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\u{1b}' => {
                    if chars.next() != Some('[') {
                        continue;
                    }
                    let mut words = String::new();
                    let end = loop {
                        match chars.next() {
                            Some(c @ ('@'..='~')) => break c,
                            Some(c) => words.push(c),
                            None => break ' ',
                        }
                    };
                    let numbers: Vec<usize> = words.split(';').map(|n| n.parse().unwrap_or(0)).collect();
                    match end {
                        'H' | 'f' => {
                            y = numbers[0].max(1) - 1;
                            x = numbers.get(1).map_or(0, |n| n.max(&1) - 1);
                        }
                        'J' => cells = vec![vec![' '; COLUMNS]; LINES],
                        _ => {}
                    }
                }
                '\r' => x = 0,
                '\n' => y += 1,
                c => {
                    if let Some(cell) = cells.get_mut(y).and_then(|line| line.get_mut(x)) {
                        *cell = c;
                    }
                    x += 1;
                }
            }
        }
        cells.iter().map(|line| line.iter().collect::<String>().trim_end().to_string() + "\n").collect()
    }

    /// Wait until the screen shows this; all of it.
    pub fn wait_screen(&self, part: &str) -> String {
        until(&format!("{part:?} on the screen"), || Some(self.screen()).filter(|s| s.contains(part)))
    }

    /// Wait until it has drawn this; everything drawn so far.
    pub fn wait_for(&self, part: &str) -> String {
        let mut last = String::new();
        until(&format!("{part:?} on the screen"), || {
            last = self.text();
            last.contains(part).then(|| last.clone())
        })
    }

    /// Type this.
    pub fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("keys");
    }

    /// Wait for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the end of the program in the terminal", || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
