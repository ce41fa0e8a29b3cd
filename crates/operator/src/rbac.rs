//! What the operator may do: the only lists of its rights, from which the chart's are generated.

use locust_api::names::LEADER_LEASE;

/// One RBAC rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resources and subresources.
    pub resources: &'static [&'static str],
    /// The objects it is for.
    pub names: Names,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
    /// What for.
    pub why: &'static str,
}

/// Which objects a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All of the resource.
    Any,
    /// The one of this name.
    One(&'static str),
    /// The Secret of `--webhook-secret`.
    WebhookSecret,
    /// The Secrets that the administrator lets `spec.notify` of schedules name.
    NotificationSecrets,
    /// The ValidatingWebhookConfiguration of `--webhook-configuration`.
    WebhookConfiguration,
}

/// Every right the operator has in the namespaces it watches.
pub const RULES: &[Rule] = &[
    Rule {
        group: "locust.io",
        resources: &["locusttests"],
        names: Names::Any,
        verbs: &["create", "delete", "get", "list", "patch", "watch"],
        why: "the tests to run; create is for the steps of suites and the runs of schedules, delete for spec.retention and the history of schedules, patch stops those of suites and removes the finalizers of the published operator",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttests/status"],
        names: Names::Any,
        verbs: &["patch"],
        why: "claims, progress and verdicts",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttests/finalizers"],
        names: Names::Any,
        verbs: &["update"],
        why: "owner references that block deletion, where the cluster checks who may set them",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttestsuites"],
        names: Names::Any,
        verbs: &["create", "delete", "get", "list", "watch"],
        why: "the suites to run; create and get are for the runs of schedules, delete for spec.retention and the history of schedules",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttestsuites/status"],
        names: Names::Any,
        verbs: &["patch"],
        why: "claims and what became of the steps",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttestsuites/finalizers"],
        names: Names::Any,
        verbs: &["update"],
        why: "owner references that block deletion, where the cluster checks who may set them",
    },
    Rule {
        group: "locust.io",
        resources: &["locustschedules"],
        names: Names::Any,
        verbs: &["list", "watch"],
        why: "what is to run when",
    },
    Rule {
        group: "locust.io",
        resources: &["locustschedules/status"],
        names: Names::Any,
        verbs: &["patch"],
        why: "which runs there are, how they went, and which time is next",
    },
    Rule {
        group: "locust.io",
        resources: &["locustschedules/finalizers"],
        names: Names::Any,
        verbs: &["update"],
        why: "owner references that block deletion, where the cluster checks who may set them",
    },
    Rule {
        group: "apps",
        resources: &["deployments"],
        names: Names::Any,
        verbs: &["get"],
        why: "the condition that a step of a suite waits for",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttemplates"],
        names: Names::Any,
        verbs: &["get", "list", "watch"],
        why: "what tests are made from; get warns who writes a test that it will not fit",
    },
    Rule {
        group: "locust.io",
        resources: &["locusttemplates/status"],
        names: Names::Any,
        verbs: &["patch"],
        why: "whether tests can be made from a template",
    },
    Rule {
        group: "apps",
        resources: &["controllerrevisions"],
        names: Names::Any,
        verbs: &["create", "get"],
        why: "what a template gave when a run started, which no later edit changes",
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        names: Names::Any,
        verbs: &["create", "get", "list", "patch", "watch"],
        why: "Locust masters and workers, and stopping them",
    },
    Rule {
        group: "",
        resources: &["configmaps", "services"],
        names: Names::Any,
        verbs: &["create", "get"],
        why: "the plugin and how workers find the master; get tells a missing ConfigMap and whose a taken name is",
    },
    Rule {
        group: "",
        resources: &["configmaps"],
        names: Names::Any,
        verbs: &["patch"],
        why: "the series that finished runs are compared with",
    },
    Rule {
        group: "",
        resources: &["services"],
        names: Names::Any,
        verbs: &["patch"],
        why: "owners for Services that version 1 of the published operator left without one",
    },
    Rule {
        group: "",
        resources: &["pods"],
        names: Names::Any,
        verbs: &["list", "patch", "watch"],
        why: "results and problems of pods; patch ends the master of a stopped test that cannot be asked",
    },
    Rule {
        group: "events.k8s.io",
        resources: &["events"],
        names: Names::Any,
        verbs: &["create", "list", "patch"],
        why: "what happened to a test; list tells why a Job cannot create its pods, or a pod not mount its volumes",
    },
];

/// What it may do besides in the namespaces it watches where every test gets a NetworkPolicy.
pub const NETWORK_POLICY_RULES: &[Rule] = &[Rule {
    group: "networking.k8s.io",
    resources: &["networkpolicies"],
    names: Names::Any,
    verbs: &["create", "get"],
    why: "who may reach the pods of a test; get tells whose a taken name is",
}];

/// What it may do besides where it watches all namespaces.
pub const SHARING_RULES: &[Rule] = &[Rule {
    group: "",
    resources: &["namespaces"],
    names: Names::Any,
    verbs: &["get"],
    why: "the labels by which a template of another namespace says who may use it",
}];

/// What it may do besides in the namespaces it watches where the administrator names Secrets.
pub const NOTIFICATION_RULES: &[Rule] = &[Rule {
    group: "",
    resources: &["secrets"],
    names: Names::NotificationSecrets,
    verbs: &["get"],
    why: "address and token of those whom spec.notify of a schedule tells how runs went, each time they are told",
}];

/// What it may do besides in its own namespace where replicas elect the one that acts.
pub const LEASE_RULES: &[Rule] = &[
    Rule {
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: Names::Any,
        verbs: &["create"],
        why: "the Lease of the replica that acts, once; no rule can name what does not exist yet",
    },
    Rule {
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: Names::One(LEADER_LEASE),
        verbs: &["get", "update"],
        why: "to see who acts, to take over, to stay",
    },
];

const DEFINITION: Names = Names::One("locusttests.locust.io");

/// What it may do besides in the whole cluster where it converts versions.
pub const CONVERSION_RULES: &[Rule] = &[
    Rule {
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions"],
        names: DEFINITION,
        verbs: &["get"],
        why: "whether it asks a webhook to convert, whose CA it trusts, and which versions are stored",
    },
    Rule {
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions/status"],
        names: DEFINITION,
        verbs: &["patch"],
        why: "saying that no test is stored as an older version any more",
    },
];

/// What it may do besides in the whole cluster where it makes the webhook server's certificate itself.
pub const CA_RULES: &[Rule] = &[Rule {
    group: "apiextensions.k8s.io",
    resources: &["customresourcedefinitions"],
    names: DEFINITION,
    verbs: &["patch"],
    why: "the CA by which the API server knows the webhook server",
}];

/// The same, where the API server asks it about tests that somebody writes.
pub const VALIDATION_RULES: &[Rule] = &[Rule {
    group: "admissionregistration.k8s.io",
    resources: &["validatingwebhookconfigurations"],
    names: Names::WebhookConfiguration,
    verbs: &["get", "patch"],
    why: "the CA by which the API server knows the webhook server when it asks what is wrong with a test",
}];

/// The same, in the operator's own namespace.
pub const CERTIFICATE_RULES: &[Rule] = &[
    Rule {
        group: "",
        resources: &["secrets"],
        names: Names::WebhookSecret,
        verbs: &["get", "list", "update", "watch"],
        why: "the webhook server's certificate, which all replicas share",
    },
    Rule {
        group: "",
        resources: &["secrets"],
        names: Names::Any,
        verbs: &["create"],
        why: "making it; Kubernetes cannot limit create to a name",
    },
];

/// What `locust-operator release-definition` may do, which Helm runs before it uninstalls, with a service account of its
/// own.
pub const RELEASE_RULES: &[Rule] = &[Rule {
    group: "apiextensions.k8s.io",
    resources: &["customresourcedefinitions"],
    names: DEFINITION,
    verbs: &["get", "update"],
    why: "letting it ask nobody to convert when the operator goes",
}];
