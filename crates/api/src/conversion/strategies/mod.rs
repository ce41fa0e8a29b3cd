//! Arbitrary specs of both versions. Structs are written out in full, so that a new field does not compile until it
//! is here.

mod limits;
mod template_ref;
mod v1;
mod v2;
mod web_ui;

use std::collections::BTreeMap;

use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::Value;

use crate::{Duration, v2::ImagePullPolicy};

pub use v1::v1_spec;
pub use v2::v2_spec;

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,3}"
}

fn flag() -> impl Strategy<Value = Option<bool>> {
    of(any::<bool>())
}

fn words() -> impl Strategy<Value = Vec<String>> {
    vec(word(), 0..3)
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map(word(), word(), 0..3)
}

fn duration() -> impl Strategy<Value = Option<Duration>> {
    of((1u64..10_000).prop_map(Duration::from_secs))
}

fn pull_policy() -> impl Strategy<Value = Option<ImagePullPolicy>> {
    use ImagePullPolicy::{Always, IfNotPresent, Never};
    of(select(vec![Always, IfNotPresent, Never]))
}

/// Anything at all, with names that mean something here and there.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    let names = select(vec![
        "spec",
        "metadata",
        "annotations",
        super::KEPT_SPEC,
        "master",
        "worker",
        "command",
        "args",
        "replicas",
        "image",
        "imagePullSecrets",
        "name",
        "testFiles",
        "scheduling",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
        "matchExpressions",
        "tolerations",
        "key",
        "operator",
        "values",
        "effect",
        "labels",
        "masterCommandSeed",
        "workerReplicas",
        "configMap",
        "other",
    ]);
    leaf.prop_recursive(7, 60, 5, move |inner| {
        let names = names.clone().prop_map(str::to_owned);
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => proptest::collection::btree_map(names, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
