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

/// Give each reference its address, and each mapped socket its workers.
pub(super) fn finish(d: &mut Draft) {
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
