//! Draws what `state` knows. Decides nothing.

use super::rows::{COLUMNS, WIDTHS, columns};
use super::state::{Screen, Top};
use crate::report::printable;
use crate::status::{bytes, duration, loop_lag, milliseconds, no_app, stands_still};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};
use uswgi_proto::scoreboard::{Outcome, WorkerState};
use uswgi_proto::show::lag::LoopLag;
use uswgi_proto::show::latency::quantile;
use uswgi_proto::show::names::{outcome_name, state_name};

/// Draw everything; `now` in seconds since the epoch, `colour` where the user wants it.
pub fn draw(frame: &mut Frame<'_>, top: &Top, now: u64, colour: bool) {
    let head = header(top, now);
    let height = head.len() as u16;
    let areas = Layout::vertical([Constraint::Length(height), Constraint::Min(1), Constraint::Length(1)]);
    let [above, middle, below] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(head), above);
    match &top.mode {
        Screen::Text { title, text, from } => {
            let block = Block::bordered().title(title.as_str());
            frame.render_widget(Paragraph::new(text.as_str()).block(block).scroll((*from, 0)), middle);
        }
        _ => table(frame, middle, top, now, colour),
    }
    let last = match &top.mode {
        Screen::Filter => format!("filter: {}_", printable(&top.filter)),
        Screen::Confirm(action) => action.question(),
        Screen::Text { .. } => "up, down, space: scroll; any other key: back".into(),
        _ if !top.message.is_empty() => printable(&top.message),
        _ => {
            let lanes = top.seen.lanes.plural();
            format!("q quit  s sort  / filter  t {lanes}  p stacks  x retire  R reload  ? help")
        }
    };
    frame.render_widget(Line::styled(last, Style::new().add_modifier(Modifier::DIM)), below);
}

fn header(top: &Top, now: u64) -> Vec<Line<'static>> {
    let s = &top.seen;
    let up = duration(now.saturating_sub(s.started_at));
    let ready = s.count(WorkerState::Ready);
    let reload = match s.outcome {
        Outcome::None => String::new(),
        outcome => format!(", last reload {}", outcome_name(outcome)),
    };
    let latency = [0.5, 0.95, 0.99].map(|q| quantile(&s.histogram(), q).map_or("-".into(), milliseconds));
    let t = &s.total;
    let memory: u64 = s.workers.iter().map(|w| w.rss).fold(0, u64::wrapping_add);
    let mut lines = vec![
        Line::from(format!(
            "uswgi {} pid {}: {}, up {up}, {ready} of {} workers ready, generation {}{reload}{}{}",
            printable(&s.version),
            s.pid,
            state_name(s.state),
            s.workers_target,
            s.generation,
            no_app(s),
            stands_still(s),
        )),
        Line::from(format!(
            "{} requests, {:.1}/s, {} under way{}; p50 {} p95 {} p99 {} ms",
            t.requests,
            top.rate,
            s.busy_threads(),
            s.waiting().map_or(String::new(), |n| format!(", {n} waiting")),
            latency[0],
            latency[1],
            latency[2],
        )),
        Line::from(format!(
            "{} exceptions, {} harakiri, {} answers 5xx, {} worker deaths; {} in workers",
            t.exceptions,
            t.harakiri,
            t.by_class[4],
            s.worker_deaths,
            bytes(memory),
        )),
    ];
    if let Some(lag) = LoopLag::of_all(&s.workers) {
        let (busy, all) = (s.busy_threads(), s.workers.iter().map(|w| w.threads.len()).sum::<usize>());
        let (lanes, sockets) = (s.lanes.plural(), s.websockets());
        lines.push(Line::from(format!(
            "{busy} of {all} {lanes} in use, {sockets} by WebSockets; loop lag {}",
            loop_lag(&lag)
        )));
    }
    if let Some(c) = s.canary.as_ref().filter(|c| c.state.under_way()) {
        lines.extend(c.lines().map(Line::from));
    }
    for x in s.sockets.iter().take(4) {
        let full = x.max_queue > 0 && u64::from(x.queue) * 5 >= u64::from(x.max_queue) * 4;
        let text = format!(
            "{} ({}): {} of {} wait, highest {}",
            printable(&x.name),
            x.protocol,
            x.queue,
            x.max_queue,
            x.highest
        );
        let style = if full { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        lines.push(Line::from(Span::styled(text, style)));
    }
    let order = if top.reverse { ", reversed" } else { "" };
    let filter = if top.filter.is_empty() { String::new() } else { format!(", filter {:?}", top.filter) };
    lines.push(Line::from(format!("sorted by {}{order}{}", top.sort.name(), printable(&filter))));
    lines
}

fn table(frame: &mut Frame<'_>, area: Rect, top: &Top, now: u64, colour: bool) {
    let rows = top.rows(now);
    let chosen = top.chosen(&rows);
    let at = rows.iter().position(|r| r.is_process && Some(r.process) == chosen);
    let style = |busy: bool| match (colour, busy) {
        (true, true) => Style::new().fg(Color::Green),
        _ => Style::new(),
    };
    let columns = columns(area.width);
    let shown = rows
        .iter()
        .map(|r| Row::new(columns.iter().map(|&c| Cell::from(r.cells[c].clone()))).style(style(r.busy)));
    let widths = columns.iter().map(|&c| match c + 1 == COLUMNS.len() {
        true => Constraint::Min(WIDTHS[c]),
        false => Constraint::Length(WIDTHS[c]),
    });
    let table = Table::new(shown, widths)
        .header(
            Row::new(columns.iter().map(|&c| COLUMNS[c]))
                .style(Style::new().add_modifier(Modifier::REVERSED)),
        )
        .row_highlight_style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(at));
}

#[cfg(test)]
mod tests {
    use super::super::state::Sort;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use uswgi_proto::scoreboard::{InstanceState, WorkerState};
    use uswgi_proto::show::Snapshot;
    use uswgi_proto::show::snapshot::SocketSnapshot;

    fn screen(top: &Top, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, top, 4700, false)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line =
            |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string();
        (0..height).map(line).collect()
    }

    fn top() -> Top {
        let mut s = Snapshot::sample();
        (s.state, s.generation, s.workers_target, s.started_at) = (InstanceState::Running, 3, 2, 1000);
        s.sockets = vec![SocketSnapshot {
            name: "/run/a.sock".into(),
            protocol: "uwsgi",
            queue: 90,
            max_queue: 100,
            highest: 95,
            missing: false,
            full: 0,
            inode: 0,
        }];
        let mut w = Snapshot::sample_worker(WorkerState::Ready, 3);
        (w.id, w.pid, w.last_spawn) = (2, 4242, 4640);
        s.workers = vec![Snapshot::sample_worker(WorkerState::Starting, 3), w];
        Top::new(s, Sort::Id, String::new())
    }

    #[test]
    fn the_screen_says_what_is() {
        let lines = screen(&top(), 140, 12);
        assert!(lines[0].contains("running, up 1h01m, 1 of 2 workers ready, generation 3"), "{lines:#?}");
        assert!(lines[3].starts_with("/run/a.sock (uwsgi): 90 of 100 wait, highest 95"), "{lines:#?}");
        assert!(lines[5].starts_with("WORKER PID"), "{lines:#?}");
        assert!(lines[6].contains("starting") && lines[7].contains("4242"), "{lines:#?}");
        assert!(lines[7].contains("1m00s"), "{lines:#?}");
        assert!(lines[11].starts_with("q quit"), "{lines:#?}");
    }

    #[test]
    fn at_80_columns_nothing_is_cut() {
        let mut top = top();
        (top.seen.workers[1].pid, top.seen.workers[1].rss) = (1_234_567, 1_023 << 20);
        let lines = screen(&top, 80, 24);
        assert!(lines[7].contains(" 1234567 ") && lines[7].contains(" ready "), "{lines:#?}");
        assert!(lines[7].contains(" 1023.0 MiB"), "{lines:#?}");
        assert!(lines[1].ends_with(" ms") && lines[2].ends_with(" in workers"), "{lines:#?}");
    }

    #[test]
    fn a_canary_stands_beside_the_old_generation_while_it_is_under_way() {
        use uswgi_proto::scoreboard::canary::CanaryState;
        let mut top = top();
        for (state, shown) in [(CanaryState::Comparing, true), (CanaryState::Promoted, false)] {
            let s = Snapshot::of_sample(|board| {
                let canary = &board.header().canary;
                canary.state.store(state as u32, std::sync::atomic::Ordering::Relaxed);
                canary.arms[1].generation.store(7, std::sync::atomic::Ordering::Relaxed);
            });
            top.seen.canary = s.canary;
            let lines = screen(&top, 140, 16);
            assert_eq!(lines.iter().any(|l| l.contains("generation 7: 0 workers")), shown, "{lines:#?}");
        }
    }

    #[test]
    fn a_text_is_shown_from_its_line_on() {
        let mut top = top();
        top.show("stacks of worker 1".into(), "one\ntwo\nthree");
        let lines = screen(&top, 60, 12);
        assert!(
            lines.iter().any(|l| l.contains("stacks of worker 1")) && lines.iter().any(|l| l.contains("one"))
        );
        if let Screen::Text { from, .. } = &mut top.mode {
            *from = 1;
        }
        let lines = screen(&top, 60, 12);
        assert!(!lines.iter().any(|l| l.contains("one")) && lines.iter().any(|l| l.contains("three")));
    }

    #[test]
    fn no_size_of_the_screen_breaks_it() {
        for (width, height) in [(1, 1), (3, 2), (20, 5), (300, 2)] {
            screen(&top(), width, height);
        }
    }
}
