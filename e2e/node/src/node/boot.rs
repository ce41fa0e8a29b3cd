//! Booting the node from nothing to Ready.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};

use super::{ADDRESS, NAME, PROCESSES, config, dns, down, network, status, traces};
use crate::control_plane::{ControlPlane, Parts, kubectl};
use crate::pki::{Identity, write_private};
use crate::ports::{self, Needed};
use crate::process::Lifetime;
use crate::{Layout, exec, images, report};

const API_PORT: u16 = 6443;

struct Node<'a> {
    layout: &'a Layout,
    plane: ControlPlane,
    parts: Parts,
}

/// Boots the node after [`check`]. On an error the caller cleans up.
pub fn boot(layout: &Layout) -> Result<()> {
    let cluster = layout.cluster();
    fs::create_dir_all(&cluster).with_context(|| format!("cannot create {}", cluster.display()))?;
    network::save_settings(&cluster.join("settings.json"))?;
    network::set_up(&cluster)?;
    traces::create_cgroups(layout)?;
    ports::ensure_free(&needed_ports()?)?;
    let [etcd, peer] = ports::free(2)?[..] else {
        bail!("no free ports")
    };
    let plane = ControlPlane::create(&cluster, NAME, ADDRESS, API_PORT, [etcd, peer])?;
    let parts = Parts::new(
        layout,
        layout.logs(),
        cluster.join(PROCESSES),
        Lifetime::UntilEnded,
    );
    let mut node = Node {
        layout,
        plane,
        parts,
    };
    node.write_files()?;
    report::line("made certificates and network");
    node.start_runtime()?;
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| import_images(layout));
        if let Err(error) = node.start_cluster() {
            // The import cannot go on without containerd, so the scope ends at once.
            node.parts.kill()?;
            return Err(error);
        }
        importing
            .join()
            .unwrap_or_else(|_| bail!("the import of images broke off"))
    })?;
    report::line(&format!("the node is Ready at {}", node.plane.url()));
    Ok(())
}

/// An error with its remedy when there is no use in trying to boot.
pub fn check(layout: &Layout) -> Result<()> {
    let missing: Vec<_> = status::PARTS
        .iter()
        .filter(|part| !layout.program(part).exists())
        .copied()
        .collect();
    if !missing.is_empty() {
        bail!(
            "not built yet: {}. Run `e2e-node prepare` first",
            missing.join(", ")
        );
    }
    if images::archives(layout).is_empty() {
        bail!(
            "there are no images in {}. Run `e2e-node images` first",
            layout.images().display()
        );
    }
    check_alone(layout)
}

/// An error when another Kubernetes runs here. What only remains of another
/// checkout's node, all of whose processes have ended, is removed.
pub fn check_alone(layout: &Layout) -> Result<()> {
    if let Some(cluster) = network::other_owner(&layout.cluster()) {
        let state = cluster.parent().unwrap_or(&cluster).to_owned();
        let other = Layout {
            repo: layout.repo.clone(),
            state,
        };
        if !traces::processes(&other).is_empty() {
            bail!(
                "another node runs on this machine, with its state in {}. \
                 End it with its own `e2e-node down`",
                cluster.display()
            );
        }
        report::line(&format!(
            "removing what a node that has ended left in {}",
            cluster.display()
        ));
        down::clean(&other)?;
    }
    traces::check_alone()
}

fn needed_ports() -> Result<[Needed; 7]> {
    let node: Ipv4Addr = ADDRESS.parse()?;
    let tcp = |address, port, part| Needed {
        address,
        port,
        udp: false,
        part,
    };
    Ok([
        tcp(Ipv4Addr::UNSPECIFIED, API_PORT, "kube-apiserver"),
        tcp(node, 10250, "kubelet"),
        tcp(Ipv4Addr::LOCALHOST, 10248, "kubelet"),
        tcp(Ipv4Addr::LOCALHOST, 10249, "kube-proxy"),
        tcp(Ipv4Addr::LOCALHOST, 10256, "kube-proxy"),
        tcp(node, 53, "CoreDNS"),
        Needed {
            address: node,
            port: 53,
            udp: true,
            part: "CoreDNS",
        },
    ])
}

/// Imports all images; runs beside the boot of the cluster.
fn import_images(layout: &Layout) -> Result<()> {
    let archives = images::archives(layout);
    let count = archives.len();
    report::step(&format!("imported {count} images"), || {
        archives
            .iter()
            .try_for_each(|archive| images::load(layout, archive).map(drop))
    })
}

impl Node<'_> {
    fn write_files(&self) -> Result<()> {
        let cluster = &self.plane.directory;
        for directory in [
            "containerd",
            "cni",
            "cni-leases",
            "kubelet",
            "pod-logs",
            "volume-plugins",
        ] {
            fs::create_dir_all(cluster.join(directory))?;
        }
        let write = |name: &str, content: &str| write_private(&cluster.join(name), content);
        write(
            "containerd.toml",
            &config::containerd(&cluster.join("containerd"), &cluster.join("cni")),
        )?;
        write(
            "cni/10-pods.conflist",
            &config::pod_network(&cluster.join("cni-leases")).to_string(),
        )?;
        write(
            "kubelet.json",
            &config::kubelet(cluster, &self.layout.control_group()).to_string(),
        )?;
        write("Corefile", &config::corefile(cluster))?;
        write("dns.json", &config::dns_objects().to_string())?;
        write(
            "kube-router.json",
            &config::kube_router_objects().to_string(),
        )?;
        self.write_identities()
    }

    fn write_identities(&self) -> Result<()> {
        let user = format!("system:node:{NAME}");
        let node = Identity::client(&user, Some("system:nodes"));
        let serves = [NAME.to_owned(), ADDRESS.to_owned()];
        self.plane.authority.issue_files(
            "node",
            &Identity {
                serves: &serves,
                ..node
            },
        )?;
        let api_server = Identity::client("kube-apiserver-kubelet-client", Some("system:masters"));
        self.plane
            .authority
            .issue_files("kubelet-client", &api_server)?;
        for (part, identity) in [
            ("kubelet", Identity::client(&user, Some("system:nodes"))),
            (
                "kube-scheduler",
                Identity::client("system:kube-scheduler", None),
            ),
            ("kube-proxy", Identity::client("system:kube-proxy", None)),
            ("coredns", Identity::client("coredns", None)),
            ("kube-router", Identity::client("kube-router", None)),
        ] {
            self.plane
                .write_kubeconfig(&format!("{part}.kubeconfig"), &identity)?;
        }
        Ok(())
    }

    fn start_runtime(&mut self) -> Result<()> {
        self.parts.start("etcd", &self.plane.etcd())?;
        self.parts.start(
            "containerd",
            &[format!("--config={}", self.path("containerd.toml"))],
        )?;
        let socket = self.path("containerd/containerd.sock");
        let ctr = self.layout.program("ctr");
        self.parts.wait_for("containerd", "containerd", || {
            exec::output(std::process::Command::new(&ctr).args(["--address", &socket, "version"]))
                .is_ok()
        })?;
        report::line("containerd is up");
        Ok(())
    }

    fn start_cluster(&mut self) -> Result<()> {
        let pki = |name: &str| self.plane.authority.file(name).display().to_string();
        let mut api_server = self.plane.api_server();
        api_server.extend([
            "--bind-address=0.0.0.0".into(),
            format!("--kubelet-certificate-authority={}", pki("ca.crt")),
            format!("--kubelet-client-certificate={}", pki("kubelet-client.crt")),
            format!("--kubelet-client-key={}", pki("kubelet-client.key")),
            "--kubelet-preferred-address-types=InternalIP".into(),
        ]);
        self.parts.start("kube-apiserver", &api_server)?;
        let (plane, layout) = (&self.plane, self.layout);
        self.parts
            .wait_for("kube-apiserver", "kube-apiserver", || plane.ready(layout))?;
        report::line("the API server is ready");
        self.start_agents()?;
        for objects in ["dns.json", "kube-router.json"] {
            let apply = ["apply", "--filename", &self.path(objects)];
            exec::output(&mut kubectl(self.layout, &self.layout.kubeconfig(), &apply))
                .with_context(|| format!("cannot create what {objects} holds"))?;
        }
        self.parts
            .start("coredns", &[format!("-conf={}", self.path("Corefile"))])?;
        self.parts.wait_for("the node", "kubelet", || {
            status::ready_node(layout).is_some()
        })?;
        report::line("the kubelet is Ready");
        self.parts
            .wait_for("the cluster's DNS", "coredns", dns::answers)?;
        report::line("the cluster's DNS answers");
        self.parts.wait_for(
            "the default service account",
            "kube-controller-manager",
            || {
                let arguments = ["get", "serviceaccount", "default", "-o", "name"];
                exec::output(&mut kubectl(layout, &layout.kubeconfig(), &arguments)).is_ok()
            },
        )
    }

    /// Starts what needs the API server.
    fn start_agents(&mut self) -> Result<()> {
        self.parts
            .start("kube-controller-manager", &self.plane.controller_manager())?;
        let kubeconfig = self.path("kube-scheduler.kubeconfig");
        self.parts.start(
            "kube-scheduler",
            &[
                format!("--kubeconfig={kubeconfig}"),
                format!("--authentication-kubeconfig={kubeconfig}"),
                format!("--authorization-kubeconfig={kubeconfig}"),
                "--leader-elect=false".into(),
                "--secure-port=0".into(),
            ],
        )?;
        self.parts.start(
            "kubelet",
            &[
                format!("--config={}", self.path("kubelet.json")),
                format!("--kubeconfig={}", self.path("kubelet.kubeconfig")),
                format!("--root-dir={}", self.path("kubelet")),
                format!("--cert-dir={}", self.path("pki")),
                format!("--hostname-override={NAME}"),
                format!("--node-ip={ADDRESS}"),
                // Nobody looks at what containers use, and with many of them measuring is what the kubelet mostly does.
                "--housekeeping-interval=60s".into(),
            ],
        )?;
        self.parts.start(
            "kube-proxy",
            &[
                format!("--kubeconfig={}", self.path("kube-proxy.kubeconfig")),
                format!("--hostname-override={NAME}"),
                "--proxy-mode=iptables".into(),
                format!("--cluster-cidr={}", config::POD_CIDR),
                // The limit of connections is the machine's own business.
                "--conntrack-max-per-core=0".into(),
                "--healthz-bind-address=127.0.0.1:10256".into(),
            ],
        )
    }

    fn path(&self, name: &str) -> String {
        self.plane.file(name).display().to_string()
    }
}
