//! `top`: the instance on a screen that follows it. Keys sort, filter, and steer.
//!
//! * [`state`]: what is known; [`rows`]: the table of it; [`keys`]: what keys do; [`action`]: what they may do to the
//!   instance. All pure.  * [`view`]: the picture.
//! * `vassals`: the same of an Emperor, with a line for each vassal.
//! * [`leave`]: what an end from outside leaves behind.
//! * here: the terminal, the clock, and the actions, which run beside so that the picture never stands still.
//!
//! Everything shown is read from shared memory and the kernel; the master is not asked. Where the output is no
//! terminal, the same is printed as plain text.

pub mod action;
pub mod keys;
mod leave;
pub mod rows;
pub mod state;
mod vassals;
pub mod view;

use crate::error::CtlError;
use crate::report::{VerbResult, stdout};
use crate::target::Target;
use crate::{stacks, status, steer};
use action::Action;
use clap::ArgMatches;
use keys::Wish;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use state::{Sort, Top};
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use uswgi_proto::command::Command;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::epoch_seconds;
use uswgi_proto::show::Snapshot;
use uswgi_proto::show::json::json;

/// What an action came to: a title and a text for the screen, or a line.
enum Came {
    Text(String, String),
    Line(String),
}

/// Follow the instance.
pub fn run(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let interval = Duration::from_secs_f64(options.get_one("interval").copied().unwrap_or(1.0f64).max(0.1));
    let sort = options.get_one::<String>("sort").and_then(|name| Sort::from_name(name)).unwrap_or(Sort::Id);
    let filter = options.get_one::<String>("filter").cloned().unwrap_or_default();
    let count = options.get_one::<u64>("count").copied();
    let as_text = options.get_flag("json") || options.get_flag("quiet") || count.is_some();
    let terminal = !as_text && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let instance = match target.open() {
        Ok(instance) => instance,
        Err(e) => match vassals::emperor_of(target) {
            Some(pid) => return vassals::run(pid, options, interval, sort, filter, terminal),
            None => return Err(e),
        },
    };
    if !terminal {
        return plain(&instance, options, interval, count.unwrap_or(1), sort, filter);
    }
    let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    leave::restore_at_signals()
        .map_err(|e| CtlError::Io { what: "the signals of this process", source: e.into() })?;
    let mut terminal = ratatui::try_init().map_err(|source| CtlError::Io { what: "the terminal", source })?;
    let top = Top::new(Snapshot::measured(&instance), sort, filter);
    let result = follow(&mut terminal, instance, target, interval, top, colour);
    ratatui::restore();
    result.map_err(|source| CtlError::Io { what: "the terminal", source })?;
    Ok(VerbResult { text: String::new(), json: serde_json::Value::Null, exit: Exit::Ok })
}

/// Without a terminal: so many pictures as text.
fn plain(
    instance: &RunningInstance,
    options: &ArgMatches,
    interval: Duration,
    count: u64,
    sort: Sort,
    filter: String,
) -> Result<VerbResult, CtlError> {
    let mut top = Top::new(Snapshot::measured(instance), sort, filter);
    let mut seen_at = Instant::now();
    // Rates need two looks.
    let mut text = String::new();
    for i in 0..count.max(1) {
        if crate::wait::ended_within(instance, interval) {
            return Err(CtlError::Ended { pid: instance.pid, what: "it was seen often enough" });
        }
        let now = Instant::now();
        top.see(Snapshot::measured(instance), now.duration_since(seen_at).as_secs_f64());
        seen_at = now;
        text = picture(&top);
        if i + 1 < count && !options.get_flag("json") && !options.get_flag("quiet") {
            stdout(&text).map_err(|source| CtlError::Io { what: "cannot print", source })?;
        }
    }
    let json = if options.get_flag("json") { json(&top.seen) } else { serde_json::Value::Null };
    Ok(VerbResult { text, json, exit: Exit::Ok })
}

fn picture(top: &Top) -> String {
    use std::fmt::Write;
    let now = epoch_seconds();
    let mut out = format!("{}, {:.1} requests/s\n", status::line(&top.seen), top.rate);
    let rows = top.rows(now);
    let mut line = |cells: &[String]| {
        for (cell, width) in cells.iter().zip(&rows::WIDTHS[..rows::WIDTHS.len() - 1]) {
            let _ = write!(out, "{cell:<0$} ", usize::from(*width));
        }
        let _ = writeln!(out, "{}", cells.last().map_or("", String::as_str).trim_end());
    };
    line(&rows::COLUMNS.map(String::from));
    rows.iter().for_each(|r| line(&r.cells));
    out
}

fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    first: RunningInstance,
    target: &Target,
    interval: Duration,
    mut top: Top,
    colour: bool,
) -> std::io::Result<()> {
    let mut instance = first;
    let mut seen_at = Instant::now();
    let mut pending: Vec<Receiver<Came>> = Vec::new();
    loop {
        let screen = leave::screen();
        terminal.draw(|frame| view::draw(frame, &top, epoch_seconds(), colour))?;
        drop(screen);
        let wait = interval.saturating_sub(seen_at.elapsed());
        // An action that is under way is looked after more often.
        let wait = if pending.is_empty() { wait } else { wait.min(Duration::from_millis(50)) };
        let asked = match event::poll(wait)? {
            true => match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => top.key(key),
                _ => Wish::Nothing,
            },
            false => Wish::Nothing,
        };
        match asked {
            Wish::Quit => return Ok(()),
            Wish::Do(action) => pending.push(carry_out(instance.pid, action)),
            Wish::Nothing | Wish::Look => {}
        }
        pending.retain(|receiver| match receiver.try_recv() {
            Ok(Came::Text(title, text)) => {
                top.message.clear();
                top.show(title, &text);
                false
            }
            Ok(Came::Line(line)) => {
                top.message = line;
                false
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => true,
            Err(std::sync::mpsc::TryRecvError::Disconnected) => false,
        });
        if asked == Wish::Look || seen_at.elapsed() >= interval {
            if instance.ended() {
                top.message = format!("pid {} has ended; waiting for the next one", instance.pid);
                if let Ok(next) = target.open() {
                    instance = next;
                    top.message.clear();
                }
            }
            let now = Instant::now();
            top.see(Snapshot::measured(&instance), now.duration_since(seen_at).as_secs_f64());
            seen_at = now;
        }
    }
}

/// Beside the picture: an action may take its time.
fn carry_out(pid: i32, action: Action) -> Receiver<Came> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let result =
            RunningInstance::from_pid(pid).map_err(CtlError::from).and_then(|instance| match action {
                Action::Stacks(process) => {
                    stacks::text(&instance, process).map(|text| Came::Text(process.to_string(), text))
                }
                Action::Retire(id) => steer::retire(&instance, id).map(Came::Line),
                Action::Reload => steer::say(&instance, Command::Reload, steer::PATIENCE)
                    .map(|_| Came::Line("reload asked".into())),
            });
        // Nobody listens any more when top was left.
        let _ = send.send(result.unwrap_or_else(|error| Came::Line(error.to_string())));
    });
    receive
}
