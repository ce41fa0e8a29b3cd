//! The controller of schedules: observe, decide, make runs, write status, tell how they went, delete runs.

mod act;
mod outbox;
mod post;
mod runs;
mod suspended;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use kube::{Client, Resource, runtime::reflector::ObjectRef};
use locust_api::{
    conditions, reasons,
    v2::{LocustSchedule, LocustScheduleStatus},
};
use locust_core::{
    schedule::{
        self, Decision, News, Seen, Start, check,
        notices::{self, Next, Told},
        timetable::Timetable,
    },
    settings::RunSettings,
    template,
};

use outbox::Outbox;

use crate::{
    control::{
        self, Action, Asker, Backoff, Common, Events, OwnWrites, ReconcileError, Reconciler,
        Requests, Tone,
    },
    hub::{CachedSchedule, Hub, schedule_of},
    metrics::Metrics,
};

/// What every reconcile may use.
struct Context {
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    events: Events,
    backoff: Backoff<CachedSchedule>,
    own_writes: OwnWrites,
    /// What is to be told, on its way.
    outbox: Outbox,
    /// The clock, so that decisions get the time passed in.
    now: fn() -> Timestamp,
}

/// Runs the controller until `stop`, then lets reconciles under way finish.
pub(crate) async fn run(common: Common) {
    let Common {
        client,
        hub,
        settings,
        metrics,
        now,
        stop,
    } = common;
    // A run that is missing from an incomplete cache would be asked for one by one.
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    let Requests { asker, stream } = Requests::default();
    watch(&hub, &asker);
    suspended::count(&hub.schedules, &metrics);
    let ca_bundle = settings.notifications.clone();
    let ca_bundle = ca_bundle.and_then(|notifications| notifications.ca_bundle);
    let outbox = Outbox::new(client.clone(), ca_bundle, asker, stop.clone());
    let (events, published) = Events::start(client.clone());
    let context = Arc::new(Context {
        client,
        hub: hub.clone(),
        settings,
        metrics,
        events,
        backoff: Backoff::default(),
        own_writes: OwnWrites::default(),
        outbox,
        now,
    });
    let requests = stream.take_until(stop.cancelled_owned());
    control::run(context, hub.schedules.store().clone(), requests).await;
    if published.await.is_err() {
        tracing::warn!("events were not published");
    }
}

/// Asks for each schedule that changed, or one of whose runs did.
fn watch(hub: &Hub, schedules: &Asker<CachedSchedule>) {
    let asker = schedules.clone();
    hub.schedules
        .subscribe(move |schedule| asker.ask([ObjectRef::from_obj(schedule)]));
    let asker = schedules.clone();
    hub.tests
        .subscribe(move |test| asker.ask(schedule_of(test)));
    let asker = schedules.clone();
    hub.suites
        .subscribe(move |suite| asker.ask(schedule_of(suite)));
}

fn namespace(schedule: &LocustSchedule) -> &str {
    schedule.metadata.namespace.as_deref().unwrap_or_default()
}

fn name(schedule: &LocustSchedule) -> &str {
    schedule.metadata.name.as_deref().unwrap_or_default()
}

/// Whether the schedule owns this object.
fn is_of<K: Resource>(schedule: &LocustSchedule, object: &K) -> bool {
    let mut owners = object.meta().owner_references.iter().flatten();
    owners.any(|owner| {
        owner.controller == Some(true) && Some(&owner.uid) == schedule.metadata.uid.as_ref()
    })
}

/// Does what is next, once.
async fn go_on(schedule: &LocustSchedule, context: &Context) -> Result<Action, ReconcileError> {
    let runs = runs::of(schedule, context).await?;
    let now = (context.now)();
    let (judged, timetable) = check::check(schedule, &context.settings, &template::paths, now);
    let Decision {
        mut status,
        starts,
        deletes,
        mut news,
        look_again,
    } = schedule::decide(
        schedule,
        timetable.as_ref().ok_or(&judged.problems),
        context.settings.suspend_new,
        &Seen { now, runs: &runs },
    );
    let made = make_all(schedule, &starts, timetable.as_ref(), &mut status, context).await;
    let (made_news, failed) = made;
    news.extend(made_news);
    let told = Told {
        now: (context.now)(),
        is_on: context.settings.notifications.is_some(),
        outcomes: &context.outbox.outcomes(schedule),
    };
    let Next {
        post,
        look_again: for_notices,
    } = notices::settle(schedule, &mut status, &told, &mut news);
    if write(schedule, &status, context).await? {
        tell_of_problems(schedule, &status, context);
    }
    let tally = schedule::tally(schedule.status.as_ref(), &status, &news);
    context.metrics.scheduled(&tally);
    if let Some(post) = post {
        context.outbox.send(schedule, post);
    }
    news.into_iter()
        .for_each(|item| act::tell(schedule, item, context));
    for delete in &deletes {
        act::delete(schedule, delete, context).await?;
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(Action::requeue(
            for_notices.map_or(look_again, |it| it.min(look_again)),
        )),
    }
}

/// Makes what starts and notes it. What was made so far is noted also where an error keeps the rest for later.
async fn make_all(
    schedule: &LocustSchedule,
    starts: &[Start],
    timetable: Option<&Timetable>,
    status: &mut LocustScheduleStatus,
    context: &Context,
) -> (Vec<News>, Option<ReconcileError>) {
    let mut news = Vec::new();
    // Nothing starts without a timetable.
    let Some(timetable) = timetable else {
        return (news, None);
    };
    for start in starts {
        let made = match act::make(schedule, start, timetable, context).await {
            Ok(made) => made,
            Err(error) => return (news, Some(error)),
        };
        let now = (context.now)();
        news.extend(match made {
            act::Made::Run(uid) => schedule::started(schedule, status, start, &uid, now),
            act::Made::Never(reason, words) => {
                schedule::not_started(schedule, status, start, reason, &words, now)
            }
        });
    }
    (news, None)
}

/// Writes `status` if it differs; says whether it did.
async fn write(
    schedule: &LocustSchedule,
    status: &LocustScheduleStatus,
    context: &Context,
) -> Result<bool, ReconcileError> {
    let written = control::write(schedule, status, &context.client).await?;
    if written.is_some() {
        context.own_writes.replaced(&schedule.metadata);
    }
    Ok(written.is_some())
}

/// An event, when a schedule cannot be followed any more, or for other reasons.
fn tell_of_problems(schedule: &LocustSchedule, status: &LocustScheduleStatus, context: &Context) {
    let before = schedule.status.as_ref().and_then(problem);
    let Some(words) = problem(status).filter(|words| before != Some(*words)) else {
        return;
    };
    let (reason, action) = (reasons::INVALID_SPEC, control::action(words));
    context
        .events
        .publish_action(schedule, Tone::Warning, reason, &action, words.to_owned());
}

/// Why a schedule cannot be followed.
fn problem(status: &LocustScheduleStatus) -> Option<&str> {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|condition| condition.type_ == conditions::READY)?;
    (ready.status == "False").then_some(ready.message.as_str())
}

impl Reconciler for Context {
    type Object = CachedSchedule;
    const KIND: &'static str = "schedule";

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn backoff(&self) -> &Backoff<CachedSchedule> {
        &self.backoff
    }

    async fn reconcile(&self, object: &CachedSchedule) -> Result<Action, ReconcileError> {
        let schedule = match &object.0 {
            Ok(schedule) => schedule,
            Err(unreadable) => {
                let (name, error) = (&unreadable.metadata.name, &unreadable.error);
                tracing::error!(
                    name,
                    error,
                    "cannot read a LocustSchedule; it is left alone"
                );
                self.metrics
                    .reconciled(Self::KIND, "unreadable", Duration::ZERO);
                return Ok(Action::await_change());
            }
        };
        // Owner references take everything with it.
        if schedule.metadata.deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        if self.own_writes.have_replaced(&schedule.metadata) {
            // The watch brings the version that replaced it. Should it not, this still goes on.
            return Ok(Action::requeue(AGAIN));
        }
        go_on(schedule, self).await
    }
}

/// When to look again at a schedule of which the cache has an old version.
const AGAIN: Duration = Duration::from_secs(30);
