//! What API servers write to their audit log: who did what, and what was
//! written to the objects the tests judge.

/// The audit policy.
pub const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: ["/healthz*", "/readyz*", "/livez*", "/openapi/*"]
  # Renewed every few seconds by each part of the node itself.
  - level: None
    userGroups: ["system:nodes"]
    resources: [{group: coordination.k8s.io, resources: [leases]}]
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - {group: locust.io, resources: ["*/status"]}
      - {group: batch}
  - level: Metadata
"#;
