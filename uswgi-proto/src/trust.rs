//! Whose `X-Forwarded-*` is believed (`forwarded-allow-ips`). Pure.
//!
//! What counts is the peer of the connection: a server in front decides what it passes on, a client from anywhere
//! must not. The default believes peers on unix sockets, loopback and private addresses: that is where proxies stand
//! (the same machine, the same container network), and no client of the internet has such an address.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The list when none is given.
pub const DEFAULT: &str = "unix,loopback,private";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Peers {
    All,
    Unix,
    Net(IpAddr, u8),
}

/// A list of peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust(Vec<Peers>);

const LOOPBACK: &[(IpAddr, u8)] =
    &[(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];

/// RFC 1918, RFC 6598 (shared address space), RFC 4193, and both link-local ranges.
const PRIVATE: &[(IpAddr, u8)] = &[
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

impl Default for Trust {
    fn default() -> Trust {
        Trust::parse(DEFAULT).unwrap_or(Trust(Vec::new()))
    }
}

impl Trust {
    /// Read a list: addresses, networks as `10.0.0.0/8`, `unix`, `loopback`, `private`, `*` for everybody, `none`;
    /// separated by commas or spaces. The error names the item.
    pub fn parse(text: &str) -> Result<Trust, String> {
        let mut list = Vec::new();
        let nets = |nets: &[(IpAddr, u8)]| nets.iter().map(|&(a, n)| Peers::Net(a, n)).collect::<Vec<_>>();
        for item in text.split([',', ' ', '\t']).filter(|i| !i.is_empty()) {
            match item {
                "*" => list.push(Peers::All),
                "none" => {}
                "unix" => list.push(Peers::Unix),
                "loopback" | "localhost" => list.extend(nets(LOOPBACK)),
                "private" => list.extend(nets(PRIVATE)),
                _ => list.push(network(item).ok_or_else(|| format!("{item:?} is no address or network"))?),
            }
        }
        Ok(Trust(list))
    }

    /// Whether a peer is believed. None: it came through a unix socket.
    pub fn allows(&self, peer: Option<IpAddr>) -> bool {
        let peer = peer.map(|p| p.to_canonical());
        self.0.iter().any(|p| match (p, peer) {
            (Peers::All, _) => true,
            (Peers::Unix, peer) => peer.is_none(),
            (Peers::Net(net, length), Some(peer)) => holds(*net, *length, peer),
            (Peers::Net(..), None) => false,
        })
    }
}

fn network(item: &str) -> Option<Peers> {
    let (address, length) = match item.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (item, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
        Some(_) => return None,
        None => most,
    };
    (length <= most).then_some(Peers::Net(address, length))
}

fn holds(net: IpAddr, length: u8, peer: IpAddr) -> bool {
    let length = u32::from(length);
    match (net, peer) {
        (IpAddr::V4(net), IpAddr::V4(peer)) => {
            (net.to_bits() ^ peer.to_bits()).checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(net), IpAddr::V6(peer)) => {
            (net.to_bits() ^ peer.to_bits()).checked_shr(128 - length).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(list: &str, peer: &str) -> bool {
        Trust::parse(list).unwrap().allows((!peer.is_empty()).then(|| peer.parse().unwrap()))
    }

    #[test]
    fn the_default_believes_proxies_and_no_stranger() {
        for peer in ["", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "172.31.255.255"] {
            assert!(who(DEFAULT, peer), "{peer}");
        }
        for peer in ["192.168.1.1", "fd00::1", "fe80::1", "169.254.1.1", "100.127.0.1"] {
            assert!(who(DEFAULT, peer), "{peer}");
        }
        for peer in
            ["8.8.8.8", "172.32.0.1", "172.15.255.255", "192.169.0.1", "100.128.0.1", "2001:db8::1", "::2"]
        {
            assert!(!who(DEFAULT, peer), "{peer}");
        }
        assert!(!who(DEFAULT, "::ffff:8.8.8.8"));
    }

    #[test]
    fn lists_of_ones_own() {
        assert!(who("192.0.2.7", "192.0.2.7") && !who("192.0.2.7", "192.0.2.8") && !who("192.0.2.7", ""));
        assert!(who("192.0.2.0/24, 198.51.100.0/25", "198.51.100.127"));
        assert!(!who("192.0.2.0/24, 198.51.100.0/25", "198.51.100.128"));
        assert!(who("2001:db8::/32", "2001:db8:ffff::1") && !who("2001:db8::/32", "2001:db9::1"));
        assert!(who("[::1]", "::1") && who("0.0.0.0/0", "8.8.8.8") && !who("0.0.0.0/0", "::1"));
        assert!(who("*", "8.8.8.8") && who("*", "") && who("::/0", "2001:db8::1"));
        assert!(!who("none", "127.0.0.1") && !who("none", "") && !who("", ""));
        for bad in [
            "example.org",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0",
            "300.0.0.1",
        ] {
            assert!(Trust::parse(bad).unwrap_err().contains("no address"), "{bad}");
        }
    }
}
