//! A file's own entries, for conversion to forms without magic variables.

use super::{Engine, Halt, Mode};
use crate::diag::Diagnostic;
use crate::place::{Place, Source};
use crate::read::Pair;

/// The entries of one file with its magic variables replaced and nothing else: blocks, includes and
/// placeholders stay as they are. `args` is one option and the file.
pub fn own_entries(args: &[Vec<u8>]) -> Result<Vec<Pair>, Box<Diagnostic>> {
    let env = Vec::new();
    let mut engine = Engine::new(&env, Mode::default());
    engine.only_read = true;
    let place = Place::of(&Source::root("command line"));
    let [option, file] = args else { return Ok(Vec::new()) };
    let key = option.strip_prefix(b"--").unwrap_or(option).to_vec();
    match engine.add(key, Some(file.clone()), &place, false) {
        Err(Halt::Error(e)) => return Err(e),
        Err(Halt::Exit(..)) | Ok(()) => {}
    }
    let own = engine.out.entries.into_iter().skip(1);
    Ok(own
        .map(|e| Pair {
            key: e.key,
            value: e.value.unwrap_or_default(),
            line: e.place.line,
            column: e.place.column,
            value_column: e.place.value_column,
        })
        .collect())
}
