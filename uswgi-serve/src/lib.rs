//! The serving half of a worker, without any language: it owns the sockets, reads requests, sends answers, watches
//! deadlines and passes connections on. It must never link an interpreter, so its tests run in milliseconds.
//!
//! A *lane* is the place in which a request runs (today a thread of Python). Two seams lead to what runs there:
//! [`gateway`] (start a lane, run one exchange, a signal came) and [`interpreter`] (interrupt a lane, stacks, drop what is
//! held as output).
//! Rooms, in the order of a request's way:
//!
//! * [`contract`]: the contract with the master; [`control`]: its socket.
//! * [`engine`]: what the lanes of one worker share; [`lane`]: what is known of each; [`notes`]: what its request says of itself.
//! * [`event_loop`]: whether the loop turns in which all lanes run, where they share a thread.
//! * [`gateway`]: the loop of a lane; [`dispatcher`]: which connection is next, and what becomes of it; [`warmup`]: what a worker asks itself before it accepts.
//! * [`connection`]: bytes in; [`request`]: a whole request out; [`exchange`]: both as one; `parking`: idle ones;
//!   `spool`: large bodies on disk ([`tmpfile`] files); `routing`: rules of the site; [`static_files`]: files without an application, `asker`: what they ask of a request.
//! * [`response`]: an answer; `shape`: what rules make of its body; [`send_queue`]: what waits for its socket; [`outbox`]: what the native thread sends, with
//!   [`background`] while an application goes on; [`answer`]: answers of our own, [`refusal`]: when they are given; [`close`], [`rate`]: until when to wait.
//! * [`native`]: the thread for slow peers, timers, the control socket, leaving; [`stall`]: which lanes get on;
//!   `backlog`: queues of listeners; `harakiri`: deadlines; `loop_lag`: who keeps a loop from turning, `loop_pace`: how often that is looked at; `stack_requests`: who asks where the lanes stand.
//! * `profiler`: how often they stood where; `kernel_word`: what the kernel says of a thread; `slow`: where the time of slow requests went.
//! * [`aide`]: what a spooler or mule has beside its work; [`spooler`]: which task is next; [`messages`]: for mules.
//! * `greeting`: who a load balancer says is at the other end. [`handover`]: connections to other workers.
//! * `split_paths`: whether a server in front is configured wrongly.
//! * [`log`], [`access_log`], [`dates`]: lines. [`title`]: the name in ps. [`affinity`]: CPUs. [`mounts`]: which
//!   application a request is for. [`sources`]: which source files have changed.
//! * [`websocket`]: the conversation on one, for whichever gateway runs it.
//! * `token`: what an event of the ready epoll is about; [`sync`]: locking; [`sys`]: system calls, with the unsafe code.

mod access_log;
pub mod affinity;
pub mod aide;
pub mod answer;
mod asker;
mod background;
mod backlog;
mod client_certificate;
mod close;
pub mod connection;
pub mod contract;
pub mod control;
pub mod dates;
mod dispatcher;
pub mod engine;
pub mod event_loop;
pub mod exchange;
pub mod gateway;
mod greeting;
mod handover;
mod harakiri;
pub mod interpreter;
mod kernel_word;
pub mod lane;
mod lane_times;
pub mod log;
mod loop_lag;
mod loop_pace;
pub mod messages;
pub mod mounts;
pub mod native;
pub mod notes;
pub mod outbox;
mod parking;
mod profiler;
pub mod rate;
mod refusal;
pub mod request;
pub mod response;
mod routing;
pub mod rpc;
pub mod send_queue;
mod shape;
mod slow;
pub mod sources;
mod split_paths;
mod spool;
mod spool_door;
pub mod spooler;
mod stack_requests;
mod stall;
mod static_files;
pub mod sync;
pub mod sys;
#[cfg(test)]
mod testing;
pub mod title;
mod tmpfile;
mod token;
pub mod warmup;
pub mod websocket;
