//! What the definition of the kind does: A10-8, A10-25.

use serde_json::Value;

use crate::faults::{Faults, texts};

/// What v1 calls a field, and where v2 has it.
const FIELDS: [(&str, &str); 5] = [
    ("image", "/spec/image"),
    ("masterCommandSeed", "/spec/master/command"),
    ("workerCommandSeed", "/spec/worker/command"),
    ("workerReplicas", "/spec/worker/replicas"),
    ("configMap", "/spec/testFiles/configMapRef"),
];

/// A test of v1 that was `sent`, whether it was `accepted`, and the v2 that is `stored` of it.
pub(crate) fn pruned_v1(state: &Value, faults: &mut Faults) {
    let (sent, stored) = (&state["sent"]["spec"], &state["stored"]);
    faults.unless(sent.is_object(), || "nothing was sent".to_owned());
    if state["accepted"] == false {
        faults.unless(stored.is_null(), || "refused, and stored".to_owned());
        return;
    }
    for (name, path) in FIELDS {
        let found = stored.pointer(path).unwrap_or(&Value::Null);
        faults.unless(*found == sent[name], || {
            format!("{name} is {}, and {path} is {found}", sent[name])
        });
    }
    faults.unless(stored["status"]["phase"].is_string(), || {
        "accepted, and nothing says what becomes of it".to_owned()
    });
}

/// Lines of the published definition: one that is as long is no better to read, and to review.
const PUBLISHED_LINES: u64 = 4241;

/// `lines` of the definition as YAML, how many CEL `rules` it has, and `warnings` of a test that looks like a mistake.
pub(crate) fn bare_definition(state: &Value, faults: &mut Faults) {
    let lines = state["lines"].as_u64().unwrap_or(u64::MAX);
    faults.unless(lines < PUBLISHED_LINES, || format!("{lines} lines"));
    faults.unless(state["rules"].as_u64() > Some(0), || {
        "no rule across fields".to_owned()
    });
    faults.unless(!texts(&state["warnings"]).is_empty(), || {
        "no warning of a likely mistake".to_owned()
    });
}
