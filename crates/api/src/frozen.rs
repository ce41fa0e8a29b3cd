//! What of a test or a suite cannot change once its run is claimed.
//!
//! One list for both guards: the rules of the definitions ([`crate::crd`]), which see a test in the version that somebody
//! writes, and [`changes`] and [`suite_changes`], which see what a write as v1 makes of the fields that v1 does not have,
//! and the order of steps.

use serde_json::Value;

/// Fields of one object of the schema.
pub(crate) struct Fields {
    /// Where the fields are.
    pub parent: &'static str,
    /// Their names.
    pub names: &'static [&'static str],
}

/// The frozen fields of a version.
pub(crate) struct Frozen {
    /// What the object is to those who write it.
    pub what: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// All of them.
    pub fields: &'static [Fields],
    /// Those that are not, below `spec`.
    pub mutable: &'static str,
}

/// v2: everything but `spec.worker.replicas`, `spec.retention` and `spec.stop`.
pub(crate) const V2: Frozen = Frozen {
    what: "test",
    kind: "LocustTest",
    fields: &[
        Fields {
            parent: "spec",
            names: &[
                "templateRef",
                "image",
                "imagePullPolicy",
                "imagePullSecrets",
                "testFiles",
                "run",
                "thresholds",
                "validity",
                "baseline",
                "master",
                "startDeadline",
                "timeout",
                "concurrencyGroup",
                "suspend",
                "scheduling",
                "pod",
                "env",
                "volumes",
                "volumeMounts",
                "security",
                "observability",
                "webUI",
            ],
        },
        Fields {
            parent: "spec.worker",
            names: &[
                "command",
                "args",
                "resources",
                "labels",
                "annotations",
                "nodeSelector",
                "tolerations",
                "topologySpreadConstraints",
                "extraArgs",
            ],
        },
    ],
    mutable: "worker.replicas, retention and stop",
};

/// v1: everything but `spec.workerReplicas`.
pub(crate) const V1: Frozen = Frozen {
    what: "test",
    kind: "LocustTest",
    fields: &[Fields {
        parent: "spec",
        names: &[
            "masterCommandSeed",
            "workerCommandSeed",
            "image",
            "imagePullPolicy",
            "imagePullSecrets",
            "configMap",
            "libConfigMap",
            "labels",
            "annotations",
            "affinity",
            "tolerations",
        ],
    }],
    mutable: "workerReplicas",
};

/// Suites: everything but `spec.suspend`, `spec.stop` and `spec.retention`.
pub(crate) const SUITE: Frozen = Frozen {
    what: "suite",
    kind: "LocustTestSuite",
    fields: &[Fields {
        parent: "spec",
        names: &[
            "execution",
            "maxParallel",
            "parameters",
            "steps",
            "finally",
            "concurrencyGroup",
            "baseline",
        ],
    }],
    mutable: "suspend, stop and retention",
};

impl Frozen {
    /// Parent and name of each field.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let each = |Fields { parent, names }: &'static Fields| {
            names.iter().map(move |name| (*parent, *name))
        };
        self.fields.iter().flat_map(each)
    }

    /// What is said of a change.
    pub fn words(&self) -> String {
        let Self {
            what,
            kind,
            fields: _,
            mutable,
        } = self;
        format!(
            "the {what} has started; only {mutable} can change. Create a new {kind} to run something else"
        )
    }

    /// The fields in which two objects differ.
    fn changes(&'static self, old: &Value, new: &Value) -> Vec<Change> {
        self.each()
            .filter(|(parent, name)| value(old, parent, name) != value(new, parent, name))
            .map(|(parent, name)| Change {
                field: format!("{parent}.{name}"),
                words: self.words(),
            })
            .collect()
    }
}

/// A frozen field that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path, such as `spec.run`.
    pub field: String,
    /// What is said of it.
    pub words: String,
}

/// The frozen fields in which two tests of v2, as JSON, differ; their status is not looked at.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    V2.changes(old, new)
}

/// The frozen fields in which two suites, as JSON, differ; their status is not looked at.
pub fn suite_changes(old: &Value, new: &Value) -> Vec<Change> {
    SUITE.changes(old, new)
}

/// A field of an object; null is the same as absent.
fn value<'a>(test: &'a Value, parent: &str, name: &str) -> Option<&'a Value> {
    let parent = parent.split('.').fold(test, |value, step| &value[step]);
    parent.get(name).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_suite_may_be_held_stopped_and_kept_for_another_time() {
        let old = json!({"spec": {"steps": [{"name": "a"}, {"name": "b"}], "suspend": true}});
        let fields = |new: Value| -> Vec<String> {
            let changes = suite_changes(&old, &json!({ "spec": new }));
            changes.into_iter().map(|change| change.field).collect()
        };
        for (new, changed) in [
            (
                json!({"steps": [{"name": "a"}, {"name": "b"}], "stop": true, "retention": {}, "finally": null}),
                vec![],
            ),
            (
                json!({"steps": [{"name": "b"}, {"name": "a"}]}),
                vec!["spec.steps"],
            ),
            (
                json!({"steps": [{"name": "a"}, {"name": "b"}], "execution": "Graph"}),
                vec!["spec.execution"],
            ),
        ] {
            assert_eq!(fields(new.clone()), changed, "{new}");
        }
        assert_eq!(
            SUITE.words(),
            "the suite has started; only suspend, stop and retention can change. Create a new LocustTestSuite to run something else"
        );
    }

    #[test]
    fn only_frozen_fields_that_differ_are_changes() {
        let old = json!({"spec": {"image": "a", "run": {"users": 1}, "worker": {"replicas": 1, "args": ["-f", "a.py"]}}});
        let fields = |new: Value| -> Vec<String> {
            let changes = changes(&old, &json!({ "spec": new }));
            changes.into_iter().map(|change| change.field).collect()
        };
        for (new, changed) in [
            (old["spec"].clone(), vec![]),
            (
                json!({"image": "a", "run": {"users": 1}, "worker": {"replicas": 9, "args": ["-f", "a.py"]}, "master": null}),
                vec![],
            ),
            (
                json!({"image": "b", "run": {"users": 2}, "worker": {"replicas": 1, "args": ["-f", "a.py"]}}),
                vec!["spec.image", "spec.run"],
            ),
            (
                json!({"image": "a", "run": {"users": 1}, "pod": {}, "worker": {"replicas": 1}}),
                vec!["spec.pod", "spec.worker.args"],
            ),
            (
                json!({"image": "a", "run": {"users": 1}}),
                vec!["spec.worker.args"],
            ),
            (json!(7), vec!["spec.image", "spec.run", "spec.worker.args"]),
        ] {
            assert_eq!(fields(new.clone()), changed, "{new}");
        }
    }
}
