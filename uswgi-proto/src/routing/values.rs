//! Functions of a text: `${cookie[name]}` and its like. Values as observed on uWSGI 2.0.31.

use super::{RouteError, RouteWorld};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::{Duration, UNIX_EPOCH};

/// What stands before the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Cookie,
    Query,
    Mime,
    Time,
    HttpTime,
    Base64,
    Hex,
    Server,
    Metric,
}

impl Function {
    /// None: nobody knows it, and its value is empty.
    pub(super) fn of(name: &[u8]) -> Result<Option<Function>, RouteError> {
        Ok(Some(match name {
            b"cookie" => Function::Cookie,
            b"qs" => Function::Query,
            b"mime" => Function::Mime,
            b"time" => Function::Time,
            b"httptime" => Function::HttpTime,
            b"base64" => Function::Base64,
            b"hex" => Function::Hex,
            b"uwsgi" => Function::Server,
            b"metric" => Function::Metric,
            b"cache" => {
                let why =
                    "it is empty on uWSGI 2.0.31: write cachevar:key=KEY,var=VARIABLE and then ${VARIABLE}";
                return Err(RouteError::Function("cache".into(), why));
            }
            b"rpc" => {
                let why = "write rpcvar:VARIABLE FUNCTION and then ${VARIABLE}";
                return Err(RouteError::Function("rpc".into(), why));
            }
            b"redis" | b"memcached" => {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(RouteError::Function(name, "set a header or a variable in the app"));
            }
            _ => return Ok(None),
        }))
    }
}

/// Append the value of a function.
pub(super) fn value<W: RouteWorld + ?Sized>(function: Function, key: &[u8], world: &W, out: &mut Vec<u8>) {
    let variable = |name: &[u8]| world.variable(name).unwrap_or_default();
    match function {
        Function::Cookie => out.extend_from_slice(cookie(variable(b"HTTP_COOKIE"), key)),
        Function::Query => out.extend_from_slice(query(variable(b"QUERY_STRING"), key)),
        Function::Mime => out.extend_from_slice(&world.mime(variable(key))),
        Function::Time => match key {
            b"unix" => out.extend_from_slice((world.micros() / 1_000_000).to_string().as_bytes()),
            b"micros" => out.extend_from_slice(world.micros().to_string().as_bytes()),
            _ => {}
        },
        Function::HttpTime => {
            let seconds = ((world.micros() / 1_000_000) as i64).saturating_add(places(key));
            out.extend_from_slice(http_date(seconds).as_bytes());
        }
        Function::Base64 => out.extend_from_slice(STANDARD.encode(variable(key)).as_bytes()),
        Function::Hex => {
            variable(key).iter().for_each(|b| out.extend_from_slice(format!("{b:02X}").as_bytes()))
        }
        Function::Metric => {
            // As there: what nobody counts is 0.
            out.extend_from_slice(world.metric(key).unwrap_or(0).to_string().as_bytes());
        }
        Function::Server => match key {
            b"status" => out.extend_from_slice(world.status().to_string().as_bytes()),
            _ => out.extend_from_slice(&world.fact(key)),
        },
    }
}

/// As uWSGI reads a number: each byte minus `0` at its decimal place, whatever it is.
pub(super) fn places(text: &[u8]) -> i64 {
    text.iter()
        .try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(*b) - 48))
        .unwrap_or(i64::from(i32::MAX))
}

/// A date as HTTP has it (RFC 9110 section 5.6.7).
pub(super) fn http_date(seconds: i64) -> String {
    // The last second that httpdate can say: 9999-12-31.
    let at = UNIX_EPOCH + Duration::from_secs(seconds.clamp(0, 253_402_300_799) as u64);
    httpdate::fmt_http_date(at)
}

fn cookie<'a>(cookies: &'a [u8], key: &[u8]) -> &'a [u8] {
    cookies
        .split(|b| *b == b';')
        .find_map(|pair| pair.trim_ascii_start().strip_prefix(key)?.strip_prefix(b"="))
        .unwrap_or_default()
}

fn query<'a>(query: &'a [u8], key: &[u8]) -> &'a [u8] {
    query
        .split(|b| *b == b'&')
        .find_map(|pair| pair.strip_prefix(key)?.strip_prefix(b"="))
        .unwrap_or_default()
}
