//! The passes over all values after everything was read: `$()`, then `@()`, then `%()`.

use super::placeholder::{Endless, evaluate, replace};
use super::{Engine, Halt};
use crate::diag::{Diagnostic, shown};

impl Engine {
    /// One of the three, over all values that are not configured yet.
    pub(super) fn pass(&mut self, symbol: u8) -> Result<(), Halt> {
        for i in 0..self.out.entries.len() {
            let entry = &self.out.entries[i];
            if !entry.recognised && entry.value.as_ref().is_some_and(|v| v.contains(&symbol)) {
                let done = self.pass_over(i, symbol);
                self.forgive(done.map(|()| None))?;
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, i: usize, symbol: u8) -> Result<(), Halt> {
        let entry = &self.out.entries[i];
        let Some(value) = entry.value.clone() else { return Ok(()) };
        let place = entry.place.value();
        let key = entry.key.clone();
        let mut used = Vec::new();
        let new = replace::<Halt>(&value, symbol, |name, now| match symbol {
            b'$' => Ok(self.env.get(name).cloned()),
            b'@' => self.content(name, &place),
            _ => Ok(evaluate(name, |n| {
                let at = *self.first.get(n)?;
                used.push(at);
                if at == i { Some(now.to_vec()) } else { self.out.entries[at].value.clone() }
            })),
        })?;
        for at in used {
            self.out.entries[at].used = true;
        }
        match new {
            Err(Endless::Itself) => {
                let message = format!("the value of {:?} never ends: it refers to itself", shown(&key));
                return Err(Diagnostic::error("endless-value", message).at(&place).into());
            }
            Ok(new) if new != value => {
                let entry = &mut self.out.entries[i];
                entry.written.get_or_insert(value);
                entry.value = Some(new);
            }
            Ok(_) => {}
        }
        Ok(())
    }
}
