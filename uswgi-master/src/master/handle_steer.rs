//! Carries out what somebody asks for through the steering socket or the FIFO: events for the supervisor,
//! or done here. It must never decide about processes: the supervisor does.
#![forbid(unsafe_code)]

use super::Master;
use crate::steer::understood;
use crate::supervisor::{Event, Goal, Phase, Stage};
use uswgi_keep::log;
use uswgi_keep::pidfile::{Pidfile, PidfileError};
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::steer::{Answer, Reload, SettingInForce, SteerRequest};

fn done(message: impl Into<String>) -> Answer {
    Answer::Done { message: message.into() }
}

fn refused(message: impl Into<String>) -> Answer {
    Answer::Refused { message: message.into() }
}

fn either<E: std::fmt::Display>(result: Result<String, E>) -> Answer {
    match result {
        Ok(message) => done(message),
        Err(e) => refused(e.to_string()),
    }
}

/// Why the pidfiles were not written again.
#[derive(Debug, thiserror::Error)]
enum PidfilesError {
    #[error("there is no pidfile; set `pidfile`")]
    None,
    #[error(transparent)]
    Write(#[from] PidfileError),
}

impl Master<'_> {
    /// Something for the steering socket.
    pub(crate) fn serve_steer(&mut self, number: u64) {
        let Some(question) = self.steer.hear(number, &self.events) else { return };
        let answer = match understood(&question.said) {
            Ok(envelope) => self.order(envelope.request),
            Err(e) => refused(e.to_string()),
        };
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        self.steer.answer(question.client, text, &self.events);
    }

    /// Carry it out.
    pub(crate) fn order(&mut self, request: SteerRequest) -> Answer {
        let stopping = matches!(self.supervisor.phase(), Phase::Stopping { .. } | Phase::Over);
        let reads = matches!(
            request,
            SteerRequest::Ping | SteerRequest::Config | SteerRequest::Stop { .. } | SteerRequest::Report
        );
        if stopping && !reads {
            return refused("the instance is stopping");
        }
        if self.supervisor.is_leaving() && matches!(request, SteerRequest::Reload { .. }) {
            return refused("no reload begins: the instance stops in a moment");
        }
        match request {
            SteerRequest::Ping => Answer::Pong {
                pid: std::process::id() as i32,
                version: env!("CARGO_PKG_VERSION").into(),
                generation: self.supervisor.serving_generation(),
            },
            SteerRequest::Config => self.config_in_force(),
            SteerRequest::Reload { what, at_once } => self.order_reload(what, at_once),
            SteerRequest::Canary { terms } => match self.supervisor.no_canary() {
                None => {
                    self.queue.push_back(Event::Canary(terms));
                    done("the reload begins, with a canary")
                }
                Some(why) => refused(format!("no canary: {why}")),
            },
            SteerRequest::EndCanary { .. } if !self.supervisor.has_canary() => {
                refused("no canary is under way")
            }
            SteerRequest::EndCanary { promote } => {
                self.queue.push_back(Event::EndCanary { promote });
                done(if promote { "the canary goes on to all workers" } else { "the canary is taken back" })
            }
            SteerRequest::Scale { .. } if self.supervisor.has_canary() => refused(
                "a canary is under way, and the number of workers stays until it is over (`uswgi-ctl canary promote` or `abort`)",
            ),
            SteerRequest::Rollback => match self.supervisor.kept() {
                Ok(kept) => {
                    self.queue.push_back(Event::Rollback);
                    done(format!("the rollback to generation {} begins", kept.generation))
                }
                Err(why) => refused(format!("no rollback: {why}")),
            },
            SteerRequest::Stop { at_once } => {
                self.queue.push_back(if at_once { Event::StopAtOnce } else { Event::Stop });
                done(if at_once { "stopping at once" } else { "stopping: workers finish what they have" })
            }
            SteerRequest::Pause { .. } if self.supervisor.phase() == Phase::Starting => {
                refused("the instance is still starting")
            }
            SteerRequest::Pause { on } => {
                let paused = self.supervisor.paused();
                let on = on.unwrap_or(!paused);
                // The event toggles.
                if on != paused {
                    self.queue.push_back(Event::Pause);
                }
                done(if on { "workers do not accept" } else { "accepting again" })
            }
            SteerRequest::Report => {
                self.report();
                done("written to the log")
            }
            SteerRequest::Pidfiles => either(self.write_pidfiles()),
            SteerRequest::ReopenLogs => either(self.reopen_logs()),
            SteerRequest::RotateLogs => either(self.rotate_logs()),
            SteerRequest::Scale { to } => {
                let Goal { before, asked, least, most, automatic } = self.supervisor.goal(to);
                if !(least..=most).contains(&asked) {
                    return refused(format!("{asked} workers are not possible here, {least} to {most} are"));
                }
                self.operate(Event::Scale(to));
                let mut message = format!("{asked} workers are wanted, {before} before");
                if automatic {
                    message += &format!(
                        "; cheaper goes on from there, between {least} and {most} (cheaper-algo = manual leaves the number to you)"
                    );
                }
                done(message)
            }
            SteerRequest::Retire { worker } if !self.has(worker, |s| s == Stage::Ready) => {
                refused(format!("there is no worker {worker} that serves"))
            }
            SteerRequest::Retire { worker } => {
                self.operate(Event::Retire { worker_id: worker });
                done(format!("worker {worker} is replaced"))
            }
            SteerRequest::Kill { worker } if !self.has(worker, |s| s != Stage::Killed) => {
                refused(format!("there is no worker {worker}"))
            }
            SteerRequest::Kill { worker } => {
                self.operate(Event::Kill { worker_id: worker });
                done(format!("worker {worker} is killed"))
            }
        }
    }

    fn has(&self, worker: u32, stage: impl Fn(Stage) -> bool) -> bool {
        self.supervisor.children().values().any(|c| c.worker_id() == Some(worker) && stage(c.stage))
    }

    fn order_reload(&mut self, what: Reload, at_once: bool) -> Answer {
        if self.supervisor.phase() == Phase::Starting && what == Reload::Workers {
            return refused("the instance is still starting");
        }
        if at_once {
            self.queue.push_back(Event::Hurry);
        }
        self.queue.push_back(match what {
            Reload::All => Event::Reload,
            Reload::Workers => Event::Renew(Restart::Operator),
        });
        let under_way = self.supervisor.coming_generation().is_some();
        done(match what {
            Reload::All if under_way => "one more reload follows the one under way",
            Reload::All => "the reload begins",
            Reload::Workers => "the workers are replaced",
        })
    }

    fn config_in_force(&self) -> Answer {
        let Some(setup) = self.setup() else { return refused("there are no settings yet") };
        let all = uswgi_conf::show::effective(&setup.instance);
        let settings =
            all.into_iter().map(|(name, value)| SettingInForce { name: name.into(), value }).collect();
        let warnings = setup.warnings.clone();
        Answer::Config { generation: self.supervisor.current_generation(), settings, warnings }
    }

    fn write_pidfiles(&mut self) -> Result<String, PidfilesError> {
        self.pidfiles.iter_mut().try_for_each(Pidfile::rewrite)?;
        match self.pidfiles.len() {
            0 => Err(PidfilesError::None),
            n => Ok(format!("pidfiles written: {n}")),
        }
    }

    /// Carry out what somebody without an ear for the answer asked for; the log has it.
    pub(crate) fn order_unheard(&mut self, from: &str, request: SteerRequest) {
        match self.order(request) {
            Answer::Done { message } => log::line(format_args!("{from}: {message}")),
            Answer::Refused { message } => log::line(format_args!("{from} refused: {message}")),
            _ => {}
        }
    }
}
