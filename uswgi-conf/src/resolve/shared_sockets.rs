//! Sockets that others refer to by number (`shared-socket`, `socket = =N`), and sockets that some workers alone accept on
//! (`map-socket = N:WORKER,...`). Both count from 0, in the order of the configuration.

use super::address;
use super::draft::Draft;
use super::forms::bad_address;
use super::value::written;
use crate::expand::Applied;
use crate::instance::Address;

/// `=N` in the place of an address.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// Which of the instance's sockets it is.
    pub(super) socket: usize,
    /// Which shared socket is meant.
    pub(super) number: usize,
}

/// `=N`; None: it is an address.
pub(super) fn reference(name: &str) -> Option<Option<usize>> {
    name.strip_prefix('=').map(|n| n.trim().parse().ok())
}

/// A socket for others.
pub(super) fn shared(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.text(a) else { return };
    match address::parse(&name) {
        Ok((address, warning)) => {
            if let Some(warning) = warning {
                d.said.warning(a, "socket-name", format!("{}: {warning}", a.fact.name));
            }
            d.shared_sockets.push((address, a.clone()));
        }
        Err(e) => bad_address(d, a, e),
    }
}

/// Where a router would pass requests on.
pub(super) fn passed_to(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.text(a) else { return };
    match address::parse(&name) {
        Ok((address, _)) => d.passed_to.push((address, a.clone())),
        Err(e) => bad_address(d, a, e),
    }
}

/// Whether who connects to `to` comes to a socket at `at`.
fn reaches(to: &Address, at: &Address) -> bool {
    let host = |host: &str| if host == "localhost" { "127.0.0.1".into() } else { host.to_string() };
    let any = |host: &str| matches!(host, "" | "0.0.0.0" | "::");
    match (to, at) {
        (Address::Tcp { host: to, port }, Address::Tcp { host: at, port: of }) => {
            port == of && (any(at) || any(to) || host(to) == host(at))
        }
        _ => to == at,
    }
}

/// A router that passes requests on to the instance itself is not missed; elsewhere nobody passes anything.
fn routed(d: &mut Draft) {
    for (to, a) in std::mem::take(&mut d.passed_to) {
        if d.instance.sockets.iter().any(|socket| reaches(&to, &socket.address)) {
            continue;
        }
        let message = format!("{}: requests are passed on to no other server", written(&a));
        let help = "listen with http-socket in the instance that has the app, or let nginx proxy";
        d.said.error(&a, "unsupported", message).help = Some(help.into());
    }
}

/// `N:WORKER[,WORKER...]`.
pub(super) fn map(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let number = |t: &str| t.trim().parse::<u32>().ok();
    let read = text.split_once(':').and_then(|(socket, workers)| {
        let workers = workers.split(',').map(number).collect::<Option<Vec<_>>>()?;
        Some((number(socket)? as usize, workers))
    });
    match read.filter(|(_, workers)| !workers.contains(&0)) {
        Some((socket, workers)) => d.mapped.push((socket, workers, a.clone())),
        None => {
            let message = format!("{} maps no socket", written(a));
            d.said.error(a, "bad-value", message).help =
                Some("write N:WORKER[,WORKER...]: sockets count from 0, workers from 1".into());
        }
    }
}

/// What needs to know every socket.
pub(super) fn finish(d: &mut Draft) {
    give(d);
    routed(d);
}

/// Give each reference its address, and each mapped socket its workers.
fn give(d: &mut Draft) {
    let mut used = vec![false; d.shared_sockets.len()];
    for Reference { socket, number } in &d.references {
        if let (Some((address, _)), Some(socket)) =
            (d.shared_sockets.get(*number), d.instance.sockets.get_mut(*socket))
        {
            socket.address = address.clone();
            // As uWSGI binds it: with the rights of the start.
            socket.early = matches!(address, Address::Unix(_));
            used[*number] = true;
        }
    }
    for ((_, a), _) in d.shared_sockets.iter().zip(&used).filter(|(_, used)| !**used) {
        let message = format!("{}: no socket refers to it, so nobody listens there", written(a));
        d.said.warning(a, "no-effect", message).help =
            Some("write socket = =N or http-socket = =N; N counts from 0".into());
    }
    let workers = d.instance.workers;
    for (n, mapped, a) in std::mem::take(&mut d.mapped) {
        match d.instance.sockets.get_mut(n) {
            Some(socket) => {
                socket.workers.extend(&mapped);
                if !socket.workers.iter().any(|w| *w <= workers) {
                    let message =
                        format!("{}: there is no such worker, so nobody accepts there", written(&a));
                    d.said.warning(&a, "no-worker", message).help =
                        Some(format!("workers count from 1 to {workers}"));
                }
            }
            None => {
                let message = format!("{}: there is no socket {n}", written(&a));
                d.said.warning(&a, "no-effect", message).help = Some("sockets count from 0".into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::expand::{Mode, expand};
    use crate::resolve::resolve;

    #[test]
    fn a_router_passes_on_to_this_instance_or_to_nobody() {
        let codes = |socket: &str, to: &str| {
            let args = ["--http-to", to, "--socket", socket, "--wsgi-file", "a.py"];
            let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
            let resolved = resolve(&expand(&args, &[], Mode::default()).0);
            resolved.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>()
        };
        for (socket, to) in [
            (":31", "127.0.0.1:31"),
            ("127.0.0.1:31", "localhost:31"),
            ("127.0.0.1:31", ":31"),
            ("/run/a.sock", "/run/a.sock"),
        ] {
            assert!(codes(socket, to).is_empty(), "{socket} {to}");
        }
        for (socket, to) in
            [("127.0.0.1:31", "127.0.0.1:32"), ("10.0.0.1:31", "10.0.0.2:31"), ("/run/a.sock", "/run/b.sock")]
        {
            assert_eq!(codes(socket, to), ["unsupported"], "{socket} {to}");
        }
    }
}
