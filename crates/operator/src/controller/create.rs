//! Creating the objects of a run, each exactly once.
//!
//! Objects are created with POST: the name is the lock. One that exists is ours only if the test owns it and it
//! carries this run's id; anything else is left alone.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, api::PostParams};
use locust_api::{
    names::LABEL_RUN_ID,
    v2::{LocustTest, RunClaim},
};
use locust_core::render::RunObjects;
use serde::{Serialize, de::DeserializeOwned};

use super::{Context, status::namespace};
use crate::control::{ReconcileError, Trying};

/// What became of the objects.
pub(super) enum Creation {
    /// All exist.
    Done {
        /// UID of the master's Job.
        master_job_uid: String,
        /// UID of the workers' Job.
        worker_job_uid: String,
    },
    /// The API server will not have one of them.
    Refused {
        /// Kind and name.
        what: String,
        /// The API server's words.
        words: String,
    },
    /// A name belongs to somebody else.
    Taken {
        /// Kind and name.
        what: String,
        /// Whether it belongs to this very test: another operator made it.
        for_this_test: bool,
    },
}

/// What became of one object.
enum Created<K> {
    Ours(K),
    Refused { what: String, words: String },
    Taken { what: String, for_this_test: bool },
}

/// Creates what does not exist yet, the master's Job last.
pub(super) async fn all(
    test: &LocustTest,
    run: &RunClaim,
    objects: &RunObjects,
    context: &Context,
) -> Result<Creation, ReconcileError> {
    let RunObjects {
        config_map,
        service,
        network_policy,
        web_ui,
        worker,
        master,
        warnings: _,
    } = objects;
    macro_rules! create {
        ($object:expr) => {
            match one(test, run, $object, context).await? {
                Created::Ours(object) => object,
                Created::Refused { what, words } => return Ok(Creation::Refused { what, words }),
                Created::Taken {
                    what,
                    for_this_test,
                } => {
                    return Ok(Creation::Taken {
                        what,
                        for_this_test,
                    });
                }
            }
        };
    }
    create!(config_map);
    create!(service);
    if let Some(network_policy) = network_policy {
        create!(network_policy);
    }
    if let Some(web_ui) = web_ui {
        create!(web_ui);
    }
    let worker = create!(worker);
    let master = create!(master);
    Ok(Creation::Done {
        master_job_uid: master.metadata.uid.unwrap_or_default(),
        worker_job_uid: worker.metadata.uid.unwrap_or_default(),
    })
}

async fn one<K>(
    test: &LocustTest,
    run: &RunClaim,
    object: &K,
    context: &Context,
) -> Result<Created<K>, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(test));
    let name = object.meta().name.clone().unwrap_or_default();
    let what = format!("{} {name:?}", K::kind(&()));
    match api.create(&PostParams::default(), object).await {
        Ok(created) => Ok(Created::Ours(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            match api
                .get_opt(&name)
                .await
                .trying("read an object that exists")?
            {
                Some(existing) if is_ours(&existing, test, run) => Ok(Created::Ours(existing)),
                Some(existing) => Ok(Created::Taken {
                    what,
                    for_this_test: is_owned(&existing, test),
                }),
                // Deleted in between; the next try creates it.
                None => Ok(Created::Refused {
                    what,
                    words: status.message.clone(),
                }),
            }
        }
        // The request is at fault, not the way to the server: say so in the status.
        Err(kube::Error::Api(status))
            if (400..500).contains(&status.code) && status.code != 429 =>
        {
            Ok(Created::Refused {
                what,
                words: status.message.clone(),
            })
        }
        Err(source) => Err(source).trying("create an object of the run"),
    }
}

fn is_ours<K: Resource>(object: &K, test: &LocustTest, run: &RunClaim) -> bool {
    let labels = object.meta().labels.as_ref();
    let of_run = labels.and_then(|labels| labels.get(LABEL_RUN_ID)) == Some(&run.id);
    is_owned(object, test) && of_run
}

fn is_owned<K: Resource>(object: &K, test: &LocustTest) -> bool {
    let mut owners = object.meta().owner_references.iter().flatten();
    owners.any(|owner| Some(&owner.uid) == test.metadata.uid.as_ref())
}
