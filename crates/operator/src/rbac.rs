//! What the operator may do: the only list of its rights, from which the chart's are generated.

/// One RBAC rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resources and subresources.
    pub resources: &'static [&'static str],
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
    /// What for.
    pub why: &'static str,
}

/// Every right the operator has in the namespaces it watches.
pub const RULES: &[Rule] = &[
    Rule {
        group: "locust.io",
        resources: &["locusttests"],
        verbs: &["get", "list", "watch"],
        why: "the tests to run",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttests/status"],
        verbs: &["patch"],
        why: "claims, progress and verdicts",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttests/finalizers"],
        verbs: &["update"],
        why: "owner references that block deletion, where the cluster checks who may set them",
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["create", "get", "list", "patch", "watch"],
        why: "Locust masters and workers, and stopping them",
    },
    Rule {
        group: "",
        resources: &["configmaps", "services"],
        verbs: &["create", "get"],
        why: "the plugin and how workers find the master; get tells a missing ConfigMap and whose a taken name is",
    },
    Rule {
        group: "",
        resources: &["pods"],
        verbs: &["list", "watch"],
        why: "results and problems of pods",
    },
    Rule {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
        why: "what happened to a test",
    },
];
