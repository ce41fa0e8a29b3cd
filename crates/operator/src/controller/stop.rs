//! Ending the load of a run that somebody stops.

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use locust_api::v2::LocustTest;
use locust_core::{lifecycle::StopLoad, view::PodView};
use serde_json::json;

use super::{
    Context,
    status::{name, namespace},
};
use crate::control::{ReconcileError, Trying};

/// Ends the load. Whether it worked shows at the next look.
pub(super) async fn load(
    test: &LocustTest,
    stop: StopLoad,
    context: &Context,
) -> Result<(), ReconcileError> {
    match stop {
        StopLoad::Ask { address } => {
            let run = test.status.as_ref().and_then(|status| status.run.as_ref());
            let id = run.map(|run| run.id.as_str()).unwrap_or_default();
            let heard = context.listener.stop(&address, id).await;
            tracing::info!(test = name(test), heard, "asked the master to end the load");
            Ok(())
        }
        StopLoad::EndPod { name, uid } => end_pod(test, &name, &uid, context).await,
    }
}

/// Gives the master's pod a deadline that has passed: the kubelet ends it and keeps it, with its last words.
async fn end_pod(
    test: &LocustTest,
    name: &str,
    uid: &str,
    context: &Context,
) -> Result<(), ReconcileError> {
    let api: Api<PodView> = Api::namespaced(context.client.clone(), namespace(test));
    let patch =
        Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"activeDeadlineSeconds": 1}}));
    let ended = api.patch(name, &PatchParams::default(), &patch).await;
    match ended.trying("end the master's pod") {
        // It is gone, or another one: the next look sees which.
        Err(error) if error.is_conflict() => return Ok(()),
        other => other?,
    };
    tracing::info!(pod = name, "ended the pod of a master that cannot be asked");
    Ok(())
}
