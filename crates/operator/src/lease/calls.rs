//! Reading and writing the Lease.

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use locust_api::names::LEADER_LEASE;
use locust_core::lease::{Answer, Record, Stored};

/// The way to the Lease.
pub(super) struct Calls {
    api: Api<Lease>,
    /// What others wrote onto it, labels for instance, stays.
    metadata: ObjectMeta,
}

impl Calls {
    /// To the one in this namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            metadata: named(),
        }
    }

    /// Reads it.
    pub async fn read(&mut self) -> Result<Answer, kube::Error> {
        match self.api.get_opt(LEADER_LEASE).await? {
            Some(lease) => Ok(self.stored(lease)),
            None => {
                self.metadata = named();
                Ok(Answer::Missing)
            }
        }
    }

    /// Makes it, or replaces this version of it.
    pub async fn write(
        &mut self,
        record: &Record,
        over: Option<&str>,
    ) -> Result<Answer, kube::Error> {
        let mut lease = Lease {
            metadata: self.metadata.clone(),
            spec: Some(LeaseSpec::from(record)),
        };
        lease.metadata.resource_version = over.map(str::to_owned);
        let parameters = PostParams::default();
        let written = match over {
            Some(_) => self.api.replace(LEADER_LEASE, &parameters, &lease).await,
            None => self.api.create(&parameters, &lease).await,
        };
        match written {
            Ok(lease) => Ok(self.stored(lease)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Answer::Conflict),
            // Of one that is made, it is the namespace that is missing.
            Err(kube::Error::Api(status)) if status.code == 404 && over.is_some() => {
                Ok(Answer::Missing)
            }
            Err(error) => Err(error),
        }
    }

    fn stored(&mut self, lease: Lease) -> Answer {
        let Lease { metadata, spec } = lease;
        let version = metadata.resource_version.clone().unwrap_or_default();
        self.metadata = metadata;
        Answer::Stored(Stored {
            record: Record::from(&spec.unwrap_or_default()),
            version,
        })
    }
}

fn named() -> ObjectMeta {
    ObjectMeta {
        name: Some(LEADER_LEASE.to_owned()),
        ..ObjectMeta::default()
    }
}
