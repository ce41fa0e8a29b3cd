//! Making runs, once: their names are the lock. Deleting them, and telling people.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::{DeleteParams, PostParams, Preconditions},
};
use locust_api::{
    reasons,
    v2::{LocustSchedule, LocustTest, LocustTestSuite, Verdict},
};
use locust_core::schedule::{
    Delete, News, RunKind, Start,
    child::{Object, object},
    timetable::Timetable,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Context, is_of, name, namespace};
use crate::control::{self, ReconcileError, Tone, Trying};

/// What became of a run.
pub(super) enum Made {
    /// It exists, with this UID.
    Run(String),
    /// It will never exist: why, in a word and in a sentence.
    Never(&'static str, String),
}

/// Makes the run of `start`.
pub(super) async fn make(
    schedule: &LocustSchedule,
    start: &Start,
    timetable: &Timetable,
    context: &Context,
) -> Result<Made, ReconcileError> {
    match object(schedule, start, timetable) {
        Object::Test(test) => create(schedule, &*test, context).await,
        Object::Suite(suite) => create(schedule, &*suite, context).await,
    }
}

/// Creates an object; one of this name that the schedule owns already is the one.
async fn create<K>(
    schedule: &LocustSchedule,
    object: &K,
    context: &Context,
) -> Result<Made, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(schedule));
    let wanted = object.meta().name.as_deref().unwrap_or_default();
    let what = format!("{} {wanted:?}", K::kind(&()));
    let made = |uid: Option<String>| Ok(Made::Run(uid.unwrap_or_default()));
    match api.create(&PostParams::default(), object).await {
        Ok(created) => made(created.meta().uid.clone()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api.get_metadata_opt(wanted).await;
            let found = found.trying("read an object that exists")?;
            match found {
                Some(found) if is_of(schedule, &found) => made(found.metadata.uid),
                Some(_) => Ok(Made::Never(
                    reasons::NAME_CONFLICT,
                    format!(
                        "{what} exists and belongs to something else; delete it, or give the schedule {:?} another name",
                        name(schedule)
                    ),
                )),
                // Deleted in between; the next try makes it.
                None => Err(kube::Error::Api(status)).trying("create the run of a schedule"),
            }
        }
        // The request is at fault, not the way to the server.
        Err(kube::Error::Api(status))
            if (400..500).contains(&status.code) && status.code != 429 =>
        {
            let words = format!("the API server refuses the {what}: {}", status.message);
            Ok(Made::Never(reasons::CREATE_FAILED, words))
        }
        Err(source) => Err(source).trying("create the run of a schedule"),
    }
}

/// Deletes a run, and with it all that it owns.
pub(super) async fn delete(
    schedule: &LocustSchedule,
    delete: &Delete,
    context: &Context,
) -> Result<(), ReconcileError> {
    match delete.kind {
        RunKind::Test => delete_one::<LocustTest>(schedule, delete, context).await,
        RunKind::Suite => delete_one::<LocustTestSuite>(schedule, delete, context).await,
    }
}

async fn delete_one<K>(
    schedule: &LocustSchedule,
    delete: &Delete,
    context: &Context,
) -> Result<(), ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let Delete {
        kind,
        name,
        uid,
        replaced,
    } = delete;
    // In the foreground the object stays until its pods are gone, so that two masters are never there at once.
    let how = if *replaced {
        DeleteParams::foreground()
    } else {
        DeleteParams::background()
    };
    let how = how.preconditions(Preconditions {
        uid: Some(uid.clone()),
        resource_version: None,
    });
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(schedule));
    let deleted = api.delete(name, &how).await;
    match deleted.trying("delete a run of a schedule") {
        // It is gone, or another one.
        Err(error) if error.is_conflict() => return Ok(()),
        other => drop(other?),
    }
    tracing::info!(
        kind = kind.as_str(),
        run = name,
        replaced,
        "deleted a run of a schedule"
    );
    Ok(())
}

/// Publishes what people should hear of.
pub(super) fn tell(schedule: &LocustSchedule, news: News, context: &Context) {
    let (tone, reason, note) = match news {
        News::RunStarted(note) => (Tone::Normal, "RunStarted", note),
        News::RunFinished(Verdict::Passed, note) => (Tone::Normal, "RunFinished", note),
        News::RunFinished(
            Verdict::Failed | Verdict::Inconclusive | Verdict::Error | Verdict::Aborted,
            note,
        ) => (Tone::Warning, "RunFinished", note),
        News::RunNotStarted(note) => (Tone::Warning, "RunNotStarted", note),
        News::RunsMissed(note) => (Tone::Warning, "RunsMissed", note),
        News::RunSkipped(note) => (Tone::Warning, "RunSkipped", note),
        News::RunReplaced(note) => (Tone::Normal, "RunReplaced", note),
        News::Regression(note) => (Tone::Warning, "Regression", note),
        News::RegressionOver(note) => (Tone::Normal, "RegressionOver", note),
        News::Suspended(note) => (Tone::Warning, "Suspended", note),
        News::NoticeGivenUp(note) => (Tone::Warning, "NoticeGivenUp", note),
    };
    // Runs of one schedule are no repetitions of each other.
    let action = control::action(&note);
    context
        .events
        .publish_action(schedule, tone, reason, &action, note);
}
