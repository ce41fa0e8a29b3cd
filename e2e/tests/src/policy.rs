//! Changes that a cluster makes to pods behind everybody's back, as a service mesh does.

use anyhow::{Result, ensure};

use crate::{Kubectl, node::SOON, wait_until};

/// A MutatingAdmissionPolicy over the pods of a namespace; removed when dropped.
pub struct Injection {
    kubectl: Kubectl,
    name: String,
}

impl Injection {
    /// Adds to every new pod of kubectl's namespace what the JSON patches say: a CEL list of `JSONPatch`.
    pub fn begin(kubectl: &Kubectl, patches: &str) -> Result<Self> {
        let name = format!("inject-{}", kubectl.namespace());
        let injection = Self {
            kubectl: kubectl.clone(),
            name,
        };
        injection.apply(patches)?;
        injection.wait_until_it_works()?;
        Ok(injection)
    }

    fn apply(&self, patches: &str) -> Result<()> {
        let (name, namespace) = (&self.name, self.kubectl.namespace());
        let patches = patches.replace('\n', "\n        ");
        self.kubectl.apply(&format!(
            "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{{op: 'add', path: '/metadata/labels/injected', value: 'true'}}] +
        {patches}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec: {{policyName: {name}}}
"
        ))?;
        Ok(())
    }

    fn wait_until_it_works(&self) -> Result<()> {
        wait_until("the API server injects", SOON, || {
            let probe = self.kubectl.run(&[
                "run",
                "probe",
                "--image=none",
                "--dry-run=server",
                "--output=jsonpath={.metadata.labels.injected}",
            ])?;
            ensure!(probe == "true", "not injected: {probe:?}");
            Ok(())
        })
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
            if let Err(error) = self.kubectl.delete(kind, &self.name) {
                eprintln!("cannot remove the {kind} {}: {error:#}", self.name);
            }
        }
    }
}
