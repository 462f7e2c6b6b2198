//! Questions of `uswgi-ctl` (`uswgi_proto::emperor`), answered.
#![forbid(unsafe_code)]

use super::Emperor;
use crate::court::Event;
use crate::name::shown;
use std::ffi::OsString;
use uswgi_proto::emperor::{EMPEROR_VERSION, EmperorAnswer, EmperorEnvelope, EmperorQuestion, VassalRow};

/// Most bytes of a question.
pub(crate) const LONGEST: usize = 64 * 1024;

fn understood(said: &[u8]) -> Result<EmperorQuestion, String> {
    if said.len() > LONGEST {
        return Err(format!("the question is longer than {LONGEST} bytes"));
    }
    match serde_json::from_slice::<EmperorEnvelope>(said) {
        Ok(envelope) if envelope.version == EMPEROR_VERSION => Ok(envelope.question),
        Ok(_) => Err(format!(
            "this emperor speaks version {EMPEROR_VERSION} of questions; use the uswgi-ctl of the running version"
        )),
        Err(e) => Err(format!("this question is not understood: {e}")),
    }
}

impl Emperor<'_> {
    /// The socket for questions has news.
    pub(super) fn asked(&mut self, number: u64) {
        let Some(question) = self.started.door.hear(number, &self.started.events) else { return };
        let answer = match understood(&question.said) {
            Ok(asked) => self.answer(asked),
            Err(message) => EmperorAnswer::Refused { message },
        };
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        self.started.door.answer(question.client, text, &self.started.events);
    }

    fn answer(&mut self, question: EmperorQuestion) -> EmperorAnswer {
        match question {
            EmperorQuestion::List => EmperorAnswer::Vassals { vassals: self.listed() },
            EmperorQuestion::Reload { vassal } => self.order(&vassal, Event::Reload, "is told to reload"),
            EmperorQuestion::Stop { vassal } => {
                self.order(&vassal, Event::Hold, "is told to stop, until its file is touched")
            }
        }
    }

    /// Something for one vassal, by its name as it is shown.
    fn order(&mut self, name: &str, event: impl FnOnce(OsString) -> Event, what: &str) -> EmperorAnswer {
        let found = self.court.vassals().keys().find(|id| shown(id) == name).cloned();
        match found {
            Some(id) if !self.court.is_stopping() => {
                self.on(event(id));
                EmperorAnswer::Done { message: format!("vassal {name} {what}") }
            }
            Some(_) => EmperorAnswer::Refused { message: "the emperor is stopping".into() },
            None => EmperorAnswer::Refused {
                message: format!("there is no vassal {name}; `uswgi-ctl emperor list` shows all"),
            },
        }
    }

    fn listed(&self) -> Vec<VassalRow> {
        let one = |(id, v): (&OsString, &crate::court::Vassal)| VassalRow {
            id: shown(id),
            path: shown(v.file.path.as_os_str()),
            pid: v.pid.unwrap_or(0),
            stage: v.stage_name().into(),
            respawns: v.respawns,
            problem: v.problem.clone(),
        };
        self.court.vassals().iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_is_more_than_refused() {
        let list =
            |version: u32| format!(r#"{{"version":{version},"question":{{"verb":"list"}}}}"#).into_bytes();
        assert_eq!(understood(&list(EMPEROR_VERSION)), Ok(EmperorQuestion::List));
        assert!(understood(&list(EMPEROR_VERSION + 1)).unwrap_err().contains("version"));
        for bad in [&b""[..], b"{", b"null", b"\xff", &vec![b' '; LONGEST + 1]] {
            assert!(understood(bad).is_err());
        }
    }
}
