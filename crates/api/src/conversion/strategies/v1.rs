//! Arbitrary v1 specs.

use proptest::{collection::vec, option::of, prelude::*, sample::select};

use super::{map, pull_policy, word, words};
use crate::v1;

/// Any v1 spec; the number of workers is always there.
pub fn v1_spec() -> impl Strategy<Value = v1::LocustTestSpec> {
    let per_role = || (map(), map()).prop_map(|(master, worker)| v1::PerRole { master, worker });
    let node = map().prop_map(|labels| v1::NodeAffinity {
        required_during_scheduling_ignored_during_execution: labels,
    });
    let affinity = of(node).prop_map(|node_affinity| v1::Affinity { node_affinity });
    let operator = select(vec![
        v1::TolerationOperator::Exists,
        v1::TolerationOperator::Equal,
    ]);
    let effect = select(vec![
        v1::TaintEffect::NoSchedule,
        v1::TaintEffect::PreferNoSchedule,
        v1::TaintEffect::NoExecute,
    ]);
    let toleration =
        (word(), operator, of(word()), effect).prop_map(|(key, operator, value, effect)| {
            v1::Toleration {
                key,
                operator,
                value,
                effect,
            }
        });
    let image = (of(word()), pull_policy(), words());
    let files = (of(word()), of(word()));
    let pods = (per_role(), per_role(), of(affinity), vec(toleration, 0..3));
    (of(word()), of(word()), 1..9, image, files, pods).prop_map(
        |(
            master_command_seed,
            worker_command_seed,
            replicas,
            (image, image_pull_policy, image_pull_secrets),
            (config_map, lib_config_map),
            (labels, annotations, affinity, tolerations),
        )| v1::LocustTestSpec {
            master_command_seed,
            worker_command_seed,
            worker_replicas: Some(replicas),
            image,
            image_pull_policy,
            image_pull_secrets,
            config_map,
            lib_config_map,
            labels,
            annotations,
            affinity,
            tolerations,
        },
    )
}
