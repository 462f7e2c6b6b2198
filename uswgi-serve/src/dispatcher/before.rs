//! What is done with a request before the application is asked: the rules of the site, then static files. Whoever is answered here
//! costs no lock of an interpreter, and stands in the books as it was answered.

#![forbid(unsafe_code)]

use super::Dispatcher;
use super::books::{prepare, response_for, settle};
use crate::access_log::{self, Answered, LineFacts};
use crate::connection::Conn;
use crate::exchange::Exchange;
use crate::request::Body;
use crate::response::AppHead;
use crate::routing::ForRequest;
use crate::rpc;
use crate::send_queue::Held;
use crate::static_files::{self, FileAnswer};
use std::sync::Arc;
use uswgi_proto::routing::WholeAnswer;
use uswgi_proto::scoreboard::layout::{add, class_of};
use uswgi_proto::scoreboard::monotonic_us;

/// What has become of a request.
pub(super) enum Before {
    /// The application is asked.
    Run(Conn),
    /// It has its answer; its connection, where the next request is there.
    Answered(Option<Conn>),
}

/// An answer that needs no application.
enum Own {
    File(FileAnswer),
    Whole(WholeAnswer),
    /// None at all.
    Nothing,
}

impl<H: Held> Dispatcher<H> {
    /// Look whether a request needs the application.
    pub(super) fn without_app(&mut self, mut conn: Conn) -> Before {
        let engine = &self.engine;
        let mut exchange = Exchange { engine, lane: self.lane, conn: &mut conn, request: &mut self.request };
        // As on uWSGI 2.0.31: with manage-script-name rules and static files are written for paths below the mount point.
        if engine.mounts.is_by_path() {
            exchange.place(&engine.mounts);
        }
        if let Some(routing) = &engine.routing
            && exchange.request.modifier1 != rpc::MODIFIER1
        {
            let started = monotonic_us();
            let own = match routing.request(&mut exchange) {
                ForRequest::Serve => None,
                ForRequest::File(found) => Some(Own::File(found)),
                ForRequest::Whole(answer) => Some(Own::Whole(answer)),
                ForRequest::Close => Some(Own::Nothing),
                ForRequest::Refuse(step) => return Before::Answered(self.answer(conn, step)),
            };
            if let Some(own) = own {
                return Before::Answered(self.serve_own(conn, own, started));
            }
        }
        let Some(files) = &engine.files else { return Before::Run(conn) };
        match files.find(&exchange) {
            Ok(None) => Before::Run(conn),
            Ok(Some(found)) => Before::Answered(self.serve_own(conn, Own::File(found), monotonic_us())),
            Err(e) => Before::Answered(self.answer(conn, static_files::no_answer(&e))),
        }
    }

    fn serve_own(&mut self, mut conn: Conn, own: Own, started: u64) -> Option<Conn> {
        conn.name_peer();
        let mut response = self.response.take().unwrap_or_else(|| response_for(&self.outbox, self.lane));
        response.claims = false;
        let engine = &self.engine;
        let mut exchange = Exchange { engine, lane: self.lane, conn: &mut conn, request: &mut self.request };
        prepare(&mut response, &mut exchange);
        // Bytes of body behind the head in the buffer; None: it has not all come.
        let body = match exchange.request.body {
            Some(Body::Buffered(n)) => Some(n),
            Some(Body::Stream(_) | Body::StreamChunks) => None,
            Some(Body::None | Body::Spooled | Body::Decoded) | None => Some(0),
        };
        response.keep_alive &= body.is_some();
        let is_file = matches!(own, Own::File(_));
        match own {
            Own::File(found) => {
                response.head = Some(Arc::new(found.head));
                if let Some((fd, offset, length)) = found.file {
                    response.file(fd, offset, length);
                }
                response.end();
            }
            Own::Whole(WholeAnswer { status, status_text, lines, count, body }) => {
                let head = AppHead { status, status_text, lines, count, ..AppHead::default() };
                response.head = Some(Arc::new(head));
                response.body(&body, true, None);
                response.end();
            }
            Own::Nothing => response.leave_unanswered(),
        }
        let routing = engine.routing.as_ref();
        if let Some(routing) = routing.filter(|r| r.at_end) {
            routing.end(&mut exchange, response.status());
        }
        if let Some(slot) = engine.lane_slot(self.lane) {
            if is_file {
                add(&slot.static_requests, 1);
            }
            add(&slot.tx, response.head_bytes + response.body_bytes);
            if response.head_bytes > 0 {
                add(&slot.by_class[class_of(response.status())], 1);
            }
            if response.failed.is_some() {
                add(&slot.write_errors, 1);
            }
        }
        let micros = monotonic_us() - started;
        let notes = &engine.lanes[self.lane].notes;
        if access_log::wanted(engine, &response, micros) && !notes.wants_no_line() {
            let facts =
                LineFacts { micros, requests: 0, switches: 1, app: None, answer: Answered::of(&response) };
            access_log::request(&exchange, &facts);
        }
        if routing.is_some() {
            notes.end();
        }
        conn.consume(self.request.head_length + body.unwrap_or(0));
        conn.served += 1;
        let after = settle(&mut response, body.is_some());
        self.response = Some(response);
        self.settle(conn, after)
    }
}
