//! Which step needs which others.

use std::collections::{BTreeMap, BTreeSet};

use locust_api::v2::Execution;

use super::{List, Place, quoted};
use crate::problems::Problem;

/// What is wrong with `dependsOn`.
pub(super) fn check(execution: Execution, places: &[Place<'_>]) -> Vec<Problem> {
    let steps: Vec<Place<'_>> = of_steps(places);
    let mut problems = Vec::new();
    for place in &steps {
        let needed = &place.step.depends_on;
        if !needed.is_empty() && execution != Execution::Graph {
            problems.push(place.problem(
                "dependsOn",
                format!("is for execution Graph, and the suite's is {execution:?}; leave it out, or set execution to Graph"),
            ));
            continue;
        }
        let mut known = BTreeSet::new();
        for name in needed {
            let words = if *name == place.step.name {
                "a step cannot depend on itself; leave it out".to_owned()
            } else if !known.insert(name) {
                format!("{name:?} is there twice; keep one")
            } else if steps.iter().any(|other| other.step.name == *name) {
                continue;
            } else {
                let others = steps.iter().filter(|other| other.index != place.index);
                let others = quoted(others.map(|other| other.step.name.as_str()));
                format!("there is no step {name:?} in spec.steps; the others are {others}")
            };
            problems.push(place.problem("dependsOn", words));
        }
    }
    if execution == Execution::Graph {
        problems.extend(cycle(&steps));
    }
    problems
}

fn of_steps<'a>(places: &[Place<'a>]) -> Vec<Place<'a>> {
    let steps = places.iter().filter(|place| place.list == List::Steps);
    steps.copied().collect()
}

/// What each step needs, by name; itself and unknown ones left out.
fn needs<'a>(steps: &[Place<'a>]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let known: BTreeSet<&str> = steps.iter().map(|place| place.step.name.as_str()).collect();
    let mut needs = BTreeMap::new();
    for place in steps {
        let name = place.step.name.as_str();
        let needed = place.step.depends_on.iter().map(String::as_str);
        let needed = needed.filter(|other| *other != name && known.contains(other));
        needs.entry(name).or_insert_with(|| needed.collect());
    }
    needs
}

/// The first steps that wait for each other.
fn cycle(steps: &[Place<'_>]) -> Option<Problem> {
    let mut left = needs(steps);
    // Those that could run go; who is left then waits for ever.
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, needed)| !needed.iter().any(|name| left.contains_key(name)))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    let start = steps
        .iter()
        .find(|place| left.contains_key(place.step.name.as_str()))?;
    let mut way = vec![start.step.name.as_str()];
    let around = loop {
        let last = *way.last()?;
        let next = *left
            .get(last)?
            .iter()
            .find(|name| left.contains_key(*name))?;
        if let Some(begin) = way.iter().position(|name| *name == next) {
            way.push(next);
            break way.split_off(begin);
        }
        way.push(next);
    };
    let first = around.first()?;
    let place = steps.iter().find(|place| place.step.name == **first)?;
    let shown: Vec<String> = around.iter().map(|name| format!("{name:?}")).collect();
    Some(place.problem(
        "dependsOn",
        format!(
            "the steps wait for each other: {}; take one of these out",
            shown.join(" after ")
        ),
    ))
}

/// The steps that have finished for certain when this one starts: their numbers are there.
pub(super) fn before<'a>(
    execution: Execution,
    places: &[Place<'a>],
    place: &Place<'a>,
) -> BTreeSet<&'a str> {
    let is_earlier = |other: &Place<'a>| other.list == place.list && other.index < place.index;
    let names = |counts: &dyn Fn(&Place<'a>) -> bool| -> BTreeSet<&'a str> {
        let counted = places.iter().filter(|other| counts(other));
        counted.map(|other| other.step.name.as_str()).collect()
    };
    match (place.list, execution) {
        // Those of finally come one after the other when all others are over.
        (List::Finally, _) => names(&|other| other.list == List::Steps || is_earlier(other)),
        (List::Steps, Execution::Sequential) => names(&is_earlier),
        (List::Steps, Execution::Parallel) => BTreeSet::new(),
        (List::Steps, Execution::Graph) => {
            let needs = needs(&of_steps(places));
            let mut found = BTreeSet::new();
            let mut open = vec![place.step.name.as_str()];
            while let Some(name) = open.pop() {
                for needed in needs.get(name).into_iter().flatten() {
                    if found.insert(*needed) {
                        open.push(needed);
                    }
                }
            }
            found.remove(place.step.name.as_str());
            found
        }
    }
}
