//! The node's links, kernel settings and packet filter rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::ADDRESS;
use super::config::POD_BRIDGE;
use crate::control_plane::SERVICE_CIDR;
use crate::{exec, prepare};

/// The bridge that carries the node's address. A bridge and not a dummy link:
/// every kernel that runs containers has bridges.
const NODE_BRIDGE: &str = "kube0";
/// Settings that the node or its parts change.
const SETTINGS: [&str; 12] = [
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
];

/// Makes the bridge and lets packets pass between pods, Services and host.
pub fn set_up(owner: &Path) -> Result<()> {
    for module in ["overlay", "br_netfilter", "nf_conntrack"] {
        // Kernels with the feature built in have no module to load.
        let _ = tool("modprobe", &[module]);
    }
    tool("ip", &["link", "add", NODE_BRIDGE, "type", "bridge"])?;
    // Tells the nodes of two checkouts apart.
    let owner = owner.to_string_lossy();
    tool("ip", &["link", "set", NODE_BRIDGE, "alias", &owner])?;
    tool(
        "ip",
        &[
            "address",
            "add",
            &format!("{ADDRESS}/24"),
            "dev",
            NODE_BRIDGE,
        ],
    )?;
    tool("ip", &["link", "set", NODE_BRIDGE, "up"])?;
    // A Service that kube-proxy does not know yet must not be looked for beyond this machine.
    tool("ip", &["route", "add", SERVICE_CIDR, "dev", NODE_BRIDGE])?;
    write_setting("net/ipv4/ip_forward", "1").context("cannot let packets pass between pods")?;
    for optional in [
        "net/bridge/bridge-nf-call-iptables",
        "net/bridge/bridge-nf-call-ip6tables",
    ] {
        // Some kernels treat bridged packets like others anyway.
        let _ = write_setting(optional, "1");
    }
    Ok(())
}

/// Keeps the kernel settings as they were before the node.
pub fn save_settings(file: &Path) -> Result<()> {
    let settings: BTreeMap<_, _> = SETTINGS
        .iter()
        .filter_map(|name| {
            Some((
                *name,
                fs::read_to_string(setting(name)).ok()?.trim().to_owned(),
            ))
        })
        .collect();
    Ok(fs::write(file, serde_json::to_string_pretty(&settings)?)?)
}

/// Puts kernel settings back.
pub fn restore_settings(file: &Path) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let settings: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
    for (name, value) in settings {
        // What cannot be set back could not have been changed either.
        let _ = write_setting(&name, &value);
    }
}

fn setting(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}

fn write_setting(name: &str, value: &str) -> Result<()> {
    fs::write(setting(name), value).with_context(|| format!("cannot set {name} to {value}"))
}

/// Whether the bridge of the node with this state is there.
pub fn link_exists(owner: &Path) -> bool {
    bridge_owner().is_some_and(|found| Path::new(&found) == owner)
}

/// The state of another checkout's node, when the bridge is that node's.
pub fn other_owner(owner: &Path) -> Option<PathBuf> {
    let found = bridge_owner().filter(|found| !found.is_empty())?;
    Some(PathBuf::from(found)).filter(|found| found != owner)
}

fn bridge_owner() -> Option<String> {
    let alias = fs::read_to_string(sysfs(NODE_BRIDGE).join("ifalias")).ok()?;
    Some(alias.trim().to_owned())
}

/// Deletes the node's bridges and all that is attached to them.
pub fn delete_links() -> Result<()> {
    for bridge in [NODE_BRIDGE, POD_BRIDGE] {
        let attached = fs::read_dir(sysfs(bridge).join("brif"))
            .into_iter()
            .flatten()
            .flatten();
        let attached = attached.map(|entry| entry.file_name().to_string_lossy().into_owned());
        for link in attached.chain([bridge.to_owned()]) {
            let deleted = tool("ip", &["link", "delete", &link]);
            // A pod's link goes by itself with the pod's namespace.
            if sysfs(&link).exists() {
                deleted?;
            }
        }
    }
    Ok(())
}

fn sysfs(link: &str) -> PathBuf {
    Path::new("/sys/class/net").join(link)
}

/// Deletes the chains of kube-proxy, kube-router, kubelet and CNI, and the jumps to them.
pub fn delete_rules() -> Result<()> {
    delete_chains(is_of_node)
}

/// Deletes the chains of what enforces network policies, and the jumps to them.
pub fn delete_policy_rules() -> Result<()> {
    delete_chains(is_of_policies)
}

fn is_of_node(chain: &str) -> bool {
    chain.starts_with("KUBE-") || chain.starts_with("CNI-")
}

fn is_of_policies(chain: &str) -> bool {
    ["KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"]
        .iter()
        .any(|prefix| chain.starts_with(prefix))
}

fn delete_chains(ours: fn(&str) -> bool) -> Result<()> {
    for family in ["iptables", "ip6tables"] {
        for table in ["filter", "nat", "mangle", "raw"] {
            // A family or table that the kernel does not have holds no rules.
            let Ok(rules) = tool(family, &["-w", "-t", table, "-S"]) else {
                continue;
            };
            let Some(script) = deletion(table, &rules, ours) else {
                continue;
            };
            let mut restore = Command::new(prepare::find_program(&format!("{family}-restore"))?);
            exec::feed(restore.args(["-w", "--noflush"]), &script).with_context(|| {
                format!("cannot delete the node's chains from {family} {table}")
            })?;
        }
    }
    Ok(())
}

fn deletion(table: &str, rules: &str, ours: fn(&str) -> bool) -> Option<String> {
    let chains: Vec<_> = rules
        .lines()
        .filter_map(|rule| rule.strip_prefix("-N "))
        .filter(|chain| ours(chain))
        .collect();
    let jumps = rules
        .lines()
        .filter_map(|rule| rule.strip_prefix("-A "))
        .filter(|rule| {
            let words: Vec<_> = rule.split_whitespace().collect();
            let from_theirs = words.first().is_some_and(|chain| !ours(chain));
            from_theirs
                && words
                    .windows(2)
                    .any(|pair| matches!(pair[0], "-j" | "-g") && ours(pair[1]))
        });
    let mut lines: Vec<_> = jumps.map(|rule| format!("-D {rule}")).collect();
    lines.extend(chains.iter().map(|chain| format!("-F {chain}")));
    lines.extend(chains.iter().map(|chain| format!("-X {chain}")));
    (!lines.is_empty()).then(|| format!("*{table}\n{}\nCOMMIT\n", lines.join("\n")))
}

/// Whether what enforces network policies has written its rules.
pub fn policies_are_enforced() -> bool {
    tool("iptables", &["-w", "-S", "KUBE-ROUTER-FORWARD"]).is_ok_and(|rules| enforced(&rules))
}

/// The chain is there before its rules; this one is the last of them.
fn enforced(rules: &str) -> bool {
    rules.lines().any(|rule| rule.ends_with(" -j ACCEPT"))
}

/// Destroys the sets of addresses that rules of network policies name, once the rules are gone.
pub fn delete_sets() -> Result<()> {
    // A kernel without sets holds none.
    let names = tool("ipset", &["list", "-name"]).unwrap_or_default();
    own_sets(&names).into_iter().try_for_each(destroy_set)
}

fn destroy_set(set: &str) -> Result<()> {
    let begin = Instant::now();
    loop {
        let destroyed = tool("ipset", &["destroy", set]);
        // The kernel lets go of a set a moment after the last rule with it is gone.
        if destroyed.is_ok() || begin.elapsed() > Duration::from_secs(5) {
            return destroyed.map(drop);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Those of the names that kube-router gives: a prefix and a digest.
fn own_sets(names: &str) -> Vec<&str> {
    let digest = |rest: &str| {
        let letter = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
        rest.len() == 16 && rest.bytes().all(letter)
    };
    // Sets are filled under a temporary name.
    let prefixes = ["KUBE-SRC-", "KUBE-DST-", "TMP-"];
    names
        .lines()
        .filter(|name| {
            prefixes
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(digest))
        })
        .collect()
}

fn tool(name: &str, arguments: &[&str]) -> Result<String> {
    exec::output(Command::new(prepare::find_program(name)?).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nodes_rules_are_deleted() {
        let rules = "-P INPUT ACCEPT\n-N KUBE-SERVICES\n-N DOCKER\n-N CNI-abc\n\
            -A INPUT -j DOCKER\n\
            -A INPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
            -A POSTROUTING -s 10.244.0.2/32 -j CNI-abc\n\
            -A KUBE-SERVICES -j CNI-abc\n";
        let script = deletion("nat", rules, is_of_node).unwrap();
        assert_eq!(
            script,
            "*nat\n\
             -D INPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
             -D POSTROUTING -s 10.244.0.2/32 -j CNI-abc\n\
             -F KUBE-SERVICES\n-F CNI-abc\n-X KUBE-SERVICES\n-X CNI-abc\nCOMMIT\n"
        );
    }

    #[test]
    fn policies_go_without_the_rest() {
        let rules = "-N KUBE-FORWARD\n-N KUBE-ROUTER-FORWARD\n-N KUBE-POD-FW-AB\n-N KUBE-NWPLCY-CD\n\
            -A FORWARD -j KUBE-ROUTER-FORWARD\n-A FORWARD -j KUBE-FORWARD\n\
            -A KUBE-ROUTER-FORWARD -d 10.244.0.2/32 -j KUBE-POD-FW-AB\n";
        assert_eq!(
            deletion("filter", rules, is_of_policies).unwrap(),
            "*filter\n-D FORWARD -j KUBE-ROUTER-FORWARD\n\
             -F KUBE-ROUTER-FORWARD\n-F KUBE-POD-FW-AB\n-F KUBE-NWPLCY-CD\n\
             -X KUBE-ROUTER-FORWARD\n-X KUBE-POD-FW-AB\n-X KUBE-NWPLCY-CD\nCOMMIT\n"
        );
    }

    #[test]
    fn only_the_nodes_sets_are_destroyed() {
        let names = "KUBE-SRC-3YNVZWWGX3UQQ4VQ\nKUBE-DST-AAAABBBBCCCCDDDD\nTMP-ABCDEFGHIJKLM234\n\
            TMP-mine\nTMP-abcdefghijklm234\nKUBE-CLUSTER-IP\nf2b-sshd\n";
        assert_eq!(
            own_sets(names),
            [
                "KUBE-SRC-3YNVZWWGX3UQQ4VQ",
                "KUBE-DST-AAAABBBBCCCCDDDD",
                "TMP-ABCDEFGHIJKLM234"
            ]
        );
        assert_eq!(own_sets(""), Vec::<&str>::new());
    }

    #[test]
    fn an_empty_chain_enforces_nothing() {
        let chain = "-N KUBE-ROUTER-FORWARD\n";
        assert!(!enforced(chain));
        let rule = "-A KUBE-ROUTER-FORWARD -m mark --mark 0x20000/0x20000 -j ACCEPT\n";
        assert!(enforced(&format!("{chain}{rule}")));
    }

    #[test]
    fn others_rules_alone_need_no_deletion() {
        assert_eq!(
            deletion(
                "filter",
                "-P INPUT ACCEPT\n-N DOCKER\n-A INPUT -j DOCKER\n",
                is_of_node
            ),
            None
        );
    }
}
