//! What a judge finds, and how it looks at objects.

use std::fmt;

use serde_json::Value;

/// All that is wrong with a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Notes something unless it is as it should be.
    pub fn unless(&mut self, right: bool, words: impl FnOnce() -> String) {
        if !right {
            self.0.push(words());
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

/// The items of a list; none when it is missing.
pub(crate) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    items(list).iter().filter_map(Value::as_str).collect()
}

/// The condition of this type; null when there is none.
pub(crate) fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    items(&status["conditions"])
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

/// Whether a phase is one that nothing follows.
pub(crate) fn is_over(phase: &Value) -> bool {
    phase == "Succeeded" || phase == "Failed"
}

/// Notes phases that go back, and a list of none.
pub(crate) fn check_forward(phases: &Value, faults: &mut Faults) {
    const ORDER: [&[&str]; 3] = [&["Pending"], &["Running"], &["Succeeded", "Failed"]];
    let phases = texts(phases);
    let steps: Vec<Option<usize>> = phases
        .iter()
        .map(|phase| ORDER.iter().position(|step| step.contains(phase)))
        .collect();
    let known = !steps.is_empty() && steps.iter().all(Option::is_some);
    faults.unless(known, || format!("phases are not known: {phases:?}"));
    faults.unless(steps.is_sorted(), || {
        format!("phases go back: {}", phases.join(", "))
    });
}
