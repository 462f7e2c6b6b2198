//! `if-*` and `for*` blocks. A block stays open until any end option, across files; it is asked again
//! for every entry inside. There is no nesting and no else, as in uWSGI.

use super::{Engine, Halt};
use crate::diag::{Diagnostic, shown};
use crate::place::Place;
use crate::read::source;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

/// An open block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Name of the option that opened it.
    name: &'static str,
    /// Its argument, as written.
    argument: Rc<[u8]>,
    place: Place,
}

impl Block {
    /// What was opened, and where.
    pub(super) fn opened(&self) -> (&'static str, Place) {
        (self.name, self.place.clone())
    }
}

/// Most rounds of a loop.
const MAX_ROUNDS: i64 = 100_000;

/// Plugins inside the usual build of uWSGI, for `if-plugin`.
const BUILT_IN: &str = " python gevent asyncio ping cache nagios rrdtool carbon rpc corerouter fastrouter http ugreen signal syslog rsyslog logsocket router_uwsgi router_redirect router_basicauth zergpool redislog mongodblog router_rewrite router_http logfile router_cache rawrouter router_static sslrouter spooler cheaper_busyness symcall transformation_tofile transformation_gzip transformation_chunked transformation_offload router_memcached router_redis router_hash router_expires router_metrics transformation_template stats_pusher_socket router_fcgi transformation_toupper ";

fn path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Every `%(_)` of a value.
fn filled(value: Option<&[u8]>, item: Option<&[u8]>) -> Option<Vec<u8>> {
    let (Some(mut rest), Some(item)) = (value, item) else {
        return value.map(<[u8]>::to_vec);
    };
    let mut out = Vec::with_capacity(rest.len());
    while let Some(n) = rest.windows(4).position(|w| w == b"%(_)") {
        out.extend_from_slice(&rest[..n]);
        out.extend_from_slice(item);
        rest = &rest[n + 4..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

impl Engine {
    /// Open a block.
    pub(super) fn open_block(
        &mut self,
        name: &'static str,
        argument: &[u8],
        place: &Place,
    ) -> Result<(), Halt> {
        if self.logic.is_some() {
            let message = format!("{name} inside another block: blocks cannot be nested");
            return Err(Diagnostic::error("nested-block", message)
                .at(place)
                .help("close the outer block first, with endif or endfor")
                .into());
        }
        self.logic = Some(Block { name, argument: argument.into(), place: place.clone() });
        Ok(())
    }

    /// Take an entry through the open block: once, several times, or not at all.
    pub(super) fn through(
        &mut self,
        block: &Block,
        key: &[u8],
        value: Option<&[u8]>,
        place: &Place,
    ) -> Result<(), Halt> {
        if block.name.starts_with("for") {
            for item in self.items(block, place)? {
                self.add(key.to_vec(), filled(value, Some(&item)), place, false)?;
            }
            return Ok(());
        }
        match self.holds(block) {
            Some(item) => self.add(key.to_vec(), filled(value, item.as_deref()), place, false),
            None => Ok(()),
        }
    }

    fn items(&self, block: &Block, place: &Place) -> Result<Vec<Vec<u8>>, Halt> {
        let argument = &block.argument;
        Ok(match block.name {
            "for" => argument.split(|&b| b == b' ').filter(|t| !t.is_empty()).map(<[u8]>::to_vec).collect(),
            "for-times" => {
                let times = super::placeholder::number(argument);
                if times > MAX_ROUNDS {
                    let message = format!("{times} rounds are too many");
                    return Err(Diagnostic::error("too-large", message).at(place).into());
                }
                (1..=times).map(|n| n.to_string().into_bytes()).collect()
            }
            "for-glob" => crate::glob::glob(argument).unwrap_or_else(|| vec![argument.to_vec()]),
            _ => {
                // A list that cannot be read has no items.
                let text = source::read(argument, Default::default()).unwrap_or_default();
                let mut lines: Vec<Vec<u8>> = text.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
                if lines.last().is_some_and(Vec::is_empty) {
                    lines.pop();
                }
                lines
            }
        })
    }

    /// Whether an `if` holds, and what `%(_)` is then (None: it stays).
    fn holds(&mut self, block: &Block) -> Option<Option<Vec<u8>>> {
        let argument: &[u8] = &block.argument;
        let (name, wanted) = match argument.iter().position(|&b| b == b'=') {
            Some(n) => (&argument[..n], Some(&argument[n + 1..])),
            None => (argument, None),
        };
        let (base, negated) = match block.name.strip_prefix("if-not-") {
            Some(base) => (base, true),
            None => (
                block.name.strip_prefix("if-").or(block.name.strip_prefix("if")).unwrap_or(block.name),
                false,
            ),
        };
        let test = |holds: bool| (holds != negated).then(|| Some(argument.to_vec()));
        match base {
            "env" | "opt" => {
                let have = if base == "env" {
                    self.env.get(name).cloned()
                } else {
                    if let Some(&i) = self.first.get(name) {
                        self.out.entries[i].used = true;
                    }
                    self.value_of(name)
                };
                let holds = match (&have, wanted) {
                    (Some(have), Some(wanted)) => have == wanted,
                    (have, _) => have.is_some(),
                };
                (holds != negated).then_some(have)
            }
            "reload" => (self.env.contains_key(&b"UWSGI_RELOADS"[..]) != negated).then_some(None),
            "hostname" => test(crate::system::hostname() == argument),
            // In the builds with PCRE2 the pattern never matches: kept, and lint says so.
            "hostname-match" => test(false),
            "exists" => test(path(argument).exists()),
            "file" => test(path(argument).is_file()),
            "dir" | "directory" => test(path(argument).is_dir()),
            "plugin" => {
                let wanted = format!(" {} ", shown(argument));
                test(BUILT_IN.contains(&wanted))
            }
            _ => None,
        }
    }
}
