//! Names of steps, and fields that do not belong where they are.

use std::collections::BTreeMap;

use locust_api::v2::{LocustTestSpec, LocustTestSuiteSpec, SuiteStep};

use super::{List, Place};
use crate::problems::Problem;

/// More attempts than this the definition does not allow.
const MAX_RETRIES: i32 = 5;

/// Names that two steps share, or that one takes for an attempt or a wait of its own.
pub(super) fn names(places: &[Place<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: BTreeMap<&str, Place<'_>> = BTreeMap::new();
    for place in places {
        let name = place.step.name.as_str();
        if let Some(first) = known.get(name) {
            let first = first.field("");
            problems.push(place.problem(
                "name",
                format!("{name:?} is the name of {first} too; give each step its own"),
            ));
        } else {
            known.insert(name, *place);
        }
    }
    for place in places {
        for taken in taken_beside(place.step) {
            if let Some(other) = known.get(taken.as_str()) {
                let name = &place.step.name;
                problems.push(other.problem(
                    "name",
                    format!("{taken:?} is what step {name:?} calls an object of its own; choose another name"),
                ));
            }
        }
    }
    problems
}

/// Names of steps whose objects would be called as those of this one.
fn taken_beside(step: &SuiteStep) -> Vec<String> {
    let retries = step.retries.as_ref().map_or(0, |retries| retries.limit);
    let attempts = 1..=retries.clamp(0, MAX_RETRIES) + 1;
    let waits = step
        .wait_for
        .as_ref()
        .is_some_and(|wait| wait.http.is_some());
    let mut taken = Vec::new();
    for attempt in attempts {
        let suffix = if attempt > 1 {
            format!("-a{attempt}")
        } else {
            String::new()
        };
        let own = format!("{}{suffix}", step.name);
        if waits {
            taken.push(format!("{own}-wait"));
        }
        if attempt > 1 {
            taken.push(own);
        }
    }
    taken
}

/// Fields that do not belong to a step of this list, or to the test of a step.
pub(super) fn fields(suite: &LocustTestSuiteSpec, places: &[Place<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for place in places {
        let SuiteStep {
            name: _,
            test,
            template_ref: _,
            job: _,
            depends_on,
            when,
            on_failure,
            optional: _,
            retries: _,
            delay: _,
            timeout: _,
            wait_for: _,
        } = place.step;
        if place.list == List::Finally {
            let given = [
                ("dependsOn", !depends_on.is_empty()),
                ("when", when.is_some()),
                ("onFailure", on_failure.is_some()),
            ];
            for (field, _) in given.into_iter().filter(|(_, given)| *given) {
                problems.push(place.problem(
                    field,
                    "is not for steps of finally, which run one after the other in any case; leave it out",
                ));
            }
        }
        if let Some(test) = test {
            problems.extend(of_test(suite, place, test));
        }
    }
    problems
}

fn of_test(suite: &LocustTestSuiteSpec, place: &Place<'_>, test: &LocustTestSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let of_suite = [
        ("suspend", test.suspend.is_some()),
        ("stop", test.stop.is_some()),
    ];
    for (field, _) in of_suite.into_iter().filter(|(_, given)| *given) {
        problems.push(place.problem(
            &format!("test.{field}"),
            format!("a step is held and ended with its suite; leave it out, and use spec.{field} of the suite"),
        ));
    }
    // Two suites that each hold a group and wait for the other's would wait for ever.
    if let (Some(own), Some(group)) = (&test.concurrency_group, &suite.concurrency_group)
        && own != group
    {
        problems.push(place.problem(
            "test.concurrencyGroup",
            format!("is {own:?}, and the suite has the group {group:?}, which its steps are part of; leave one of the two out"),
        ));
    }
    problems
}

/// Whether a step makes a test, which leaves numbers.
pub(super) fn makes_a_test(step: &SuiteStep) -> bool {
    step.job.is_none()
}
