//! Suites of every kind, by a number.

use super::*;

/// A small generator of numbers: the same seed gives the same story.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    pub fn seconds(&mut self, most: u64) -> i64 {
        i64::try_from(self.below(most)).unwrap()
    }
}

fn any_step(dice: &mut Dice, name: &str, earlier: &[String]) -> Value {
    let mut more = json!({
        "when": dice.of(&["OnPassed", "OnPassed", "OnFailed", "Always"]),
        "onFailure": dice.of(&["Stop", "Continue", "Continue", "Abort"]),
        "optional": dice.one_in(4),
        "dependsOn": earlier.iter().filter(|_| dice.one_in(2)).collect::<Vec<_>>(),
    });
    if dice.one_in(3) {
        more["retries"] = json!({"limit": dice.below(4), "after": dice.of(&[
            json!([]), json!(["Error"]), json!(["Inconclusive"]),
        ])});
    }
    if dice.one_in(3) {
        more["delay"] = json!(format!("{}s", dice.below(60)));
    }
    if dice.one_in(2) {
        more["timeout"] = json!(format!("{}s", dice.below(120)));
    }
    if dice.one_in(4) {
        more["waitFor"] = json!({"condition": {"deployment": "shop"}, "timeout": "90s"});
    }
    step(name, more)
}

pub fn any_suite(dice: &mut Dice) -> Value {
    let execution = *dice.of(&["Sequential", "Parallel", "Graph"]);
    let mut earlier: Vec<String> = Vec::new();
    let mut steps = Vec::new();
    for index in 0..=dice.below(6) {
        let name = format!("s{index}");
        let known: &[String] = if execution == "Graph" { &earlier } else { &[] };
        steps.push(any_step(dice, &name, known));
        earlier.push(name);
    }
    if dice.one_in(2) {
        steps.reverse();
    }
    let finally: Vec<Value> = (0..dice.below(3))
        .map(|index| any_step(dice, &format!("f{index}"), &[]))
        .collect();
    let mut spec = json!({"execution": execution, "steps": steps, "finally": finally});
    if dice.one_in(2) && execution != "Sequential" {
        spec["maxParallel"] = json!(1 + dice.below(3));
    }
    spec
}
