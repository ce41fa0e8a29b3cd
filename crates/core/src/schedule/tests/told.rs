//! Which ends of runs are noted as notices, by the write that notes the end.

use locust_api::v2::NotifyEvent;

use super::*;

fn noted(world: &World) -> Vec<(NotifyEvent, String)> {
    let notices = world.status().notices.iter();
    notices
        .map(|notice| (notice.event, notice.run.name.clone()))
        .collect()
}

fn with(mut spec: Value) -> World {
    spec["notify"] = json!({"url": "http://sink/"});
    World::new(spec)
}

#[test]
fn only_the_last_attempt_is_told_of() {
    let mut world = with(json!({"retries": {"limit": 1}}));
    world.settle();
    let first = world.at("01:00");
    world.end(Verdict::Error);
    let again = world.at("01:10");
    assert_eq!((again.len(), noted(&world)), (1, vec![]));
    assert_ne!(first, again);
    world.end(Verdict::Error);
    world.at("01:20");
    assert_eq!(noted(&world), [(NotifyEvent::Error, again[0].clone())]);
}

#[test]
fn an_attempt_that_does_not_come_is_told_of() {
    let mut world = with(json!({"retries": {"limit": 3}, "concurrencyPolicy": "Replace"}));
    world.settle();
    world.at("01:00");
    world.end(Verdict::Error);
    world.now = at("01:10");
    world.edit(|spec| spec.suspend = Some(true));
    world.settle();
    assert_eq!(noted(&world), [(NotifyEvent::Error, name("01:00"))]);
}

#[test]
fn a_run_that_could_not_be_made_is_told_of() {
    let mut world = with(json!({}));
    world.settle();
    world.now = at("01:00");
    let mut decision = world.decide();
    let start = decision.starts.remove(0);
    let status = &mut decision.status;
    let words = "its name is taken";
    let mut news = not_started(
        &world.schedule,
        status,
        &start,
        "NameConflict",
        words,
        world.now,
    );
    world.tell(status, &mut news);
    world.schedule.status = Some(decision.status);
    assert_eq!(noted(&world), [(NotifyEvent::Error, name("01:00"))]);
    assert_eq!(
        world.condition("NotificationsDelivered"),
        "Unknown/NoNoticeYet"
    );
    // A new spec forgets the row of failures, and not that all was not well.
    world.edit(|spec| spec.max_runs = Some(9));
    assert_eq!(world.at("02:00"), [name("02:00")]);
    world.end(Verdict::Passed);
    world.at("02:10");
    assert_eq!(noted(&world)[1], (NotifyEvent::Recovered, name("02:00")));
}

#[test]
fn nothing_is_noted_where_nobody_is_to_be_told() {
    let mut world = World::new(json!({}));
    world.at("01:00");
    world.end(Verdict::Failed);
    world.at("01:10");
    assert_eq!((noted(&world), world.status().failing), (vec![], true));
    let kinds: Vec<&str> = world
        .status()
        .conditions
        .iter()
        .map(|it| it.type_.as_str())
        .collect();
    assert!(!kinds.contains(&"NotificationsDelivered"), "{kinds:?}");
}
