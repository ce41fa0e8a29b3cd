//! Free ports for API servers, and who holds a port that is needed.

use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Mutex;

use anyhow::{Result, anyhow, bail};

use crate::process;

/// Below the range the kernel takes ports of outgoing connections from, so
/// that nothing slips in between choosing a port and listening on it.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

static HANDED_OUT: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// `count` free ports of the loopback address, never the same twice in this
/// process; other processes begin their search elsewhere.
pub fn free(count: usize) -> Result<Vec<u16>> {
    let mut taken = HANDED_OUT
        .lock()
        .map_err(|_| anyhow!("the list of ports is lost"))?;
    let width = u32::from(RANGE.end - RANGE.start);
    let offset = std::process::id().wrapping_mul(97) % width;
    let mut found = Vec::new();
    for step in 0..width {
        if found.len() == count {
            break;
        }
        let port = u16::try_from(u32::from(RANGE.start) + (offset + step) % width)?;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.push(port);
            found.push(port);
        }
    }
    if found.len() < count {
        bail!("no {count} free ports in {RANGE:?}");
    }
    Ok(found)
}

/// A port the node needs, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// Address it is bound to.
    pub address: Ipv4Addr,
    /// Port number.
    pub port: u16,
    /// Whether it is a UDP port.
    pub udp: bool,
    /// The part that listens there.
    pub part: &'static str,
}

/// An error that names who holds the first of these ports that is taken.
pub fn ensure_free(needed: &[Needed]) -> Result<()> {
    for Needed {
        address,
        port,
        udp,
        part,
    } in needed
    {
        let free = if *udp {
            UdpSocket::bind((*address, *port)).is_ok()
        } else {
            TcpListener::bind((*address, *port)).is_ok()
        };
        if !free {
            let holder = holder(*port, *udp)
                .unwrap_or_else(|| "a process that cannot be seen from here".into());
            bail!(
                "port {port} of {address}, needed by {part}, is taken by {holder}. Stop it, then try again"
            );
        }
    }
    Ok(())
}

fn holder(port: u16, udp: bool) -> Option<String> {
    let tables = if udp {
        ["udp", "udp6"]
    } else {
        ["tcp", "tcp6"]
    };
    let inodes: HashSet<_> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
        .flat_map(|table| socket_inodes(&table, port))
        .collect();
    let owner = process::all().into_iter().find(|found| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", found.pid))
            .into_iter()
            .flatten()
            .flatten();
        descriptors
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|target| inodes.contains(target.to_string_lossy().as_ref()))
    })?;
    Some(format!(
        "process {} ({})",
        owner.pid,
        owner
            .arguments
            .join(" ")
            .chars()
            .take(80)
            .collect::<String>()
    ))
}

/// `socket:[inode]` of the listening sockets of a port in a `/proc/net` table.
fn socket_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTENING_OR_UNCONNECTED: [&str; 2] = ["0A", "07"];
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let ours = fields.get(1)?.ends_with(&suffix)
                && LISTENING_OR_UNCONNECTED.contains(fields.get(3)?);
            ours.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_never_handed_out_twice() {
        let (one, other) = (free(3).unwrap(), free(3).unwrap());
        let all: HashSet<_> = one.iter().chain(&other).collect();
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|port| RANGE.contains(port)));
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let needed = Needed {
            address: Ipv4Addr::LOCALHOST,
            port,
            udp: false,
            part: "the API server",
        };
        let error = ensure_free(&[needed]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        assert!(error.contains("the API server"), "{error}");
    }

    #[test]
    fn only_the_listening_socket_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 x\n\
            1: 0100007F:192B 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1 x\n";
        assert_eq!(socket_inodes(table, 0x192B), ["socket:[111]"]);
    }
}
