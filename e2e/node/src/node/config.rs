//! The configuration files of the node's parts.

use std::path::Path;

use serde_json::{Value, json};

use super::{ADDRESS, NAME};
use crate::images;

/// Addresses of pods.
pub const POD_CIDR: &str = "10.244.0.0/24";
/// The bridge that pods are attached to.
pub const POD_BRIDGE: &str = "cni0";
/// Address of the cluster's DNS service.
pub const DNS_SERVICE: &str = "10.96.0.10";

/// containerd's configuration, with all its state below `directory`.
pub fn containerd(directory: &Path, cni: &Path) -> String {
    let (state, cni) = (directory.display(), cni.display());
    let pause = images::PAUSE;
    format!(
        r#"version = 3
root = "{state}/root"
state = "{state}/state"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{state}/containerd.sock"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "docker.io/{pause}"

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE, runc cannot lower a score and no sandbox starts.
  restrict_oom_score_adj = true
  # By default each container is measured every second, which costs a quarter of the node's processor time.
  stats_collect_period = "1m"
  stats_retention_period = "5m"
  netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{cni}"
  use_internal_loopback = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "{state}/runc"
"#
    )
}

/// The pod network; `leases` is where addresses in use are kept.
pub fn pod_network(leases: &Path) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "locust-node-pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": POD_BRIDGE,
                "isGateway": true,
                "ipMasq": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_CIDR}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": leases,
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

/// The kubelet's configuration, with its files below `cluster` and its pods
/// below `control_group`.
pub fn kubelet(cluster: &Path, control_group: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": cluster.join("pki/ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": cluster.join("pki/node.crt"),
        "tlsPrivateKeyFile": cluster.join("pki/node.key"),
        "containerRuntimeEndpoint": format!("unix://{}", cluster.join("containerd/containerd.sock").display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{control_group}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        "localStorageCapacityIsolation": true,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_SERVICE],
        "podLogsDir": cluster.join("pod-logs"),
        "volumePluginDir": cluster.join("volume-plugins"),
        "maxPods": 250,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    })
}

/// CoreDNS for the cluster's names only: nothing asks beyond this machine.
pub fn corefile(cluster: &Path) -> String {
    let kubeconfig = cluster.join("coredns.kubeconfig");
    format!(
        "cluster.local in-addr.arpa ip6.arpa {{
    bind {ADDRESS}
    errors
    kubernetes {{
        kubeconfig {} {NAME}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }}
}}
. {{
    bind {ADDRESS}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
",
        kubeconfig.display()
    )
}

/// What the cluster needs for its DNS: the rights to read names, and the
/// Service with the address of the CoreDNS on the host.
pub fn dns_objects() -> Value {
    let metadata = |name: &str| json!({"name": name, "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}});
    let ports = |target: bool| {
        let port = |name: &str, protocol: &str| {
            let mut port = json!({"name": name, "protocol": protocol, "port": 53});
            if target {
                port["targetPort"] = 53.into();
            }
            port
        };
        json!([port("dns", "UDP"), port("dns-tcp", "TCP")])
    };
    let mut slice = metadata("kube-dns");
    slice["labels"] = json!({"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "e2e-node"});
    let [role, binding] = rights(
        "coredns",
        &[
            read("", &["services", "pods", "namespaces"]),
            read("discovery.k8s.io", &["endpointslices"]),
        ],
    );
    json!({"apiVersion": "v1", "kind": "List", "items": [
        role, binding,
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata("kube-dns"),
         "spec": {"clusterIP": DNS_SERVICE, "ports": ports(true)}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": slice, "addressType": "IPv4",
         "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}], "ports": ports(false)},
    ]})
}

/// The rights to read network policies and whom they are about.
pub fn kube_router_objects() -> Value {
    let own = json!({"apiGroups": [""], "resources": ["nodes"], "resourceNames": [NAME], "verbs": ["get"]});
    let rules = [
        read("", &["pods", "namespaces"]),
        read("networking.k8s.io", &["networkpolicies"]),
        own,
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": rights("kube-router", &rules)})
}

fn read(group: &str, resources: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]})
}

/// A role of these rules, and its binding to the user of the same name.
fn rights(user: &str, rules: &[Value]) -> [Value; 2] {
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    [
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": user}, "rules": rules}),
        json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_containerd_is_below_its_directory() {
        let text = containerd(Path::new("/x/containerd"), Path::new("/x/cni"));
        assert!(text.contains(r#"root = "/x/containerd/root""#));
        assert!(text.contains(r#"Root = "/x/containerd/runc""#));
        assert!(text.contains(r#"sandbox = "docker.io/locust-operator/pause:1""#));
    }

    #[test]
    fn the_dns_service_and_its_endpoints_agree_on_ports() {
        let objects = dns_objects();
        let names = |ports: &Value| {
            ports
                .as_array()
                .unwrap()
                .iter()
                .map(|port| port["name"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(&objects["items"][2]["spec"]["ports"]),
            names(&objects["items"][3]["ports"])
        );
    }
}
