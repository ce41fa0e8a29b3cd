//! The node runs a distributed Locust test, and `down` leaves nothing of it
//! behind, whatever was killed before. Ends the machine's node and leaves none;
//! needs root and what `e2e-node prepare` and `e2e-node images` build.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn cluster() -> PathBuf {
    std::env::var_os("LOCUST_NODE_DIR")
        .map_or_else(|| repo().join(".node"), PathBuf::from)
        .join("cluster")
}

fn node(action: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_e2e-node"));
    command.arg(action);
    command
}

fn succeed(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

fn kubectl(arguments: &[&str]) -> String {
    let program = cluster().with_file_name("bin").join("kubectl");
    succeed(
        Command::new(program)
            .arg("--kubeconfig")
            .arg(cluster().join("kubeconfig"))
            .args(arguments),
    )
}

fn run_target() {
    kubectl(&[
        "apply",
        "-f",
        repo().join("e2e/target/manifest.yaml").to_str().unwrap(),
    ]);
    kubectl(&[
        "rollout",
        "status",
        "deployment/demo-target",
        "--timeout=60s",
    ]);
}

/// Kills the parts of these names, as recorded at the boot.
fn kill_parts(names: &[&str]) {
    let records = fs::read_to_string(cluster().join("processes.jsonl")).unwrap();
    for record in records
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
    {
        if names.contains(&record["name"].as_str().unwrap()) {
            let pid = record["pid"].to_string();
            succeed(Command::new("kill").args(["-9", &pid]));
            // A process that does much takes a moment to go.
            let begin = Instant::now();
            while runs(&pid) {
                assert!(begin.elapsed() < Duration::from_secs(10), "{record}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Waits until a boot has started this part.
fn wait_for_part(name: &str) {
    let begin = Instant::now();
    let wanted = format!("\"name\":\"{name}\"");
    while !fs::read_to_string(cluster().join("processes.jsonl"))
        .is_ok_and(|records| records.contains(&wanted))
    {
        assert!(begin.elapsed() < Duration::from_secs(60), "no {name}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process runs: one that only waits to be reaped does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !['Z', 'X'].contains(&state))
}

fn lines_with(text: &str, parts: &[&str]) -> Vec<String> {
    text.lines()
        .filter(|line| parts.iter().any(|part| line.contains(part)))
        .map(str::to_owned)
        .collect()
}

/// All traces of the node that this machine still shows.
fn traces() -> Vec<String> {
    let cluster = cluster().display().to_string();
    let mut found = Vec::new();
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let arguments = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if name != own && name.parse::<u32>().is_ok() && arguments.contains(&format!("{cluster}/"))
        {
            found.push(format!("process {name}: {}", arguments.replace('\0', " ")));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    // Of the node, and of the images that were built for it.
    let state = cluster.trim_end_matches("/cluster");
    found.extend(lines_with(&mounts, &[&format!("{state}/")]));
    let links = succeed(Command::new("ip").args(["-oneline", "link"]));
    found.extend(lines_with(&links, &["kube0", "cni0", "veth"]));
    for program in ["iptables-save", "ip6tables-save"] {
        found.extend(lines_with(
            &succeed(&mut Command::new(program)),
            &["KUBE-", "CNI-"],
        ));
    }
    let sets = succeed(Command::new("ipset").args(["list", "-name"]));
    found.extend(lines_with(&sets, &["KUBE-", "TMP-"]));
    let remains = [
        "/var/lib/cni",
        "/var/lib/kubelet",
        "/run/containerd",
        "/run/netns",
        &cluster,
    ];
    let not_empty =
        |path: &&&str| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    found.extend(
        remains
            .iter()
            .filter(not_empty)
            .map(|path| format!("files in {path}")),
    );
    let groups = succeed(Command::new("find").args([
        "/sys/fs/cgroup",
        "-type",
        "d",
        "-name",
        "locust-node-*",
    ]));
    found.extend(groups.lines().map(str::to_owned));
    found
}

fn assert_nothing_is_left(after: &str) {
    // A kubectl that asked the API server a moment ago ends by itself, at the latest by its own limit.
    let begin = Instant::now();
    let mut traces = traces();
    while !traces.is_empty() && begin.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(100));
        traces = self::traces();
    }
    assert!(
        traces.is_empty(),
        "after {after}, these are left:\n{}",
        traces.join("\n")
    );
}

/// A node of another checkout holds the machine as long as one of its
/// processes runs; after that nothing is in the way.
fn anothers_node_is_respected_and_its_remains_are_removed() {
    let other = std::env::temp_dir().join(format!("another-node-{}", std::process::id()));
    fs::create_dir_all(other.join("cluster")).unwrap();
    let bridge = |arguments: &[&str]| succeed(Command::new("ip").arg("link").args(arguments));
    bridge(&["add", "kube0", "type", "bridge"]);
    let alias = other.join("cluster").display().to_string();
    bridge(&["set", "kube0", "alias", &alias]);
    let mut part = Command::new("sleep").arg("600").spawn().unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", part.id())).unwrap();
    let start = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(19)
        .unwrap();
    let record = format!(
        "{{\"name\":\"kubelet\",\"pid\":{},\"start\":{start}}}\n",
        part.id()
    );
    fs::write(other.join("cluster/processes.jsonl"), record).unwrap();

    let refused = node("check").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains(&alias), "{said}");

    part.kill().unwrap();
    part.wait().unwrap();
    succeed(&mut node("check"));
    assert_nothing_is_left("another node ended by itself");
    fs::remove_dir_all(&other).unwrap();
}

#[test]
fn runs_locust_and_leaves_nothing() {
    succeed(&mut node("down"));
    assert_nothing_is_left("the first down");
    anothers_node_is_respected_and_its_remains_are_removed();

    succeed(&mut node("up"));
    run_target();
    kubectl(&[
        "apply",
        "-f",
        repo().join("e2e/node/tests/locust.yaml").to_str().unwrap(),
    ]);
    kubectl(&[
        "wait",
        "--for=condition=Complete",
        "job",
        "--all",
        "--timeout=120s",
    ]);
    let stats = kubectl(&[
        "get",
        "--raw",
        "/api/v1/namespaces/default/services/demo-target:http/proxy/-/stats",
    ]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert!(
        stats["runs"]["raw"]["requests"].as_u64().unwrap() > 100,
        "{stats}"
    );

    let before = fs::read_to_string(cluster().join("processes.jsonl")).unwrap();
    succeed(&mut node("up"));
    assert_eq!(
        before,
        fs::read_to_string(cluster().join("processes.jsonl")).unwrap(),
        "a healthy node is left alone"
    );
    kill_parts(&["kubelet"]);
    assert!(
        !node("status")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    succeed(&mut node("up"));
    assert!(
        node("status")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success(),
        "a half dead node is repaired"
    );

    // What runs containers, and most at once.
    let victims: [&[&str]; 2] = [
        &["containerd"],
        &["etcd", "kube-apiserver", "containerd", "kubelet", "coredns"],
    ];
    for killed in victims {
        succeed(&mut node("up"));
        run_target();
        kill_parts(killed);
        succeed(&mut node("down"));
        assert_nothing_is_left(&format!("kill -9 of {killed:?} and down"));
    }

    for (signal, part) in [
        ("INT", "etcd"),
        ("TERM", "kube-apiserver"),
        ("INT", "kube-proxy"),
        ("KILL", "kubelet"),
    ] {
        let mut booting = node("up").stdout(Stdio::null()).spawn().unwrap();
        wait_for_part(part);
        succeed(Command::new("kill").args([&format!("-{signal}"), &booting.id().to_string()]));
        assert!(
            !booting.wait().unwrap().success(),
            "SIG{signal} after the start of {part} did not interrupt the boot"
        );
        if signal == "KILL" {
            succeed(&mut node("down"));
        }
        assert_nothing_is_left(&format!("SIG{signal} after the start of {part}"));
    }
}
