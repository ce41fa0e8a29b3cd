//! The operator's defaults for the pods it makes.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity,
};
use locust_api::Duration;

/// The operator's defaults for runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// Image of tests that name none.
    pub default_image: String,
    /// `spec.startDeadline` of tests that give none.
    pub start_deadline: Duration,
    /// `spec.timeout` of tests that give none and have no run time.
    pub default_timeout: Option<Duration>,
    /// The least time between two writes of a run's live numbers.
    pub progress_interval: Duration,
    /// Security of the pods.
    pub security_profile: SecurityProfile,
    /// User id of the Locust containers; `None` leaves it to the image or the platform.
    pub run_as_user: Option<i64>,
    /// Resources of masters that give none.
    pub master_resources: ResourceRequirements,
    /// Resources of workers that give none.
    pub worker_resources: ResourceRequirements,
}

/// How locked down the pods are when the test does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProfile {
    /// What the `restricted` Pod Security level asks for, and no service account token.
    Restricted,
    /// What the published operator made: the runtime's seccomp profile and nothing else.
    Published,
}

/// Requests and limits from quantities by name (`cpu`, `memory`, `ephemeral-storage`).
pub fn resources(
    requests: impl IntoIterator<Item = (&'static str, String)>,
    limits: impl IntoIterator<Item = (&'static str, String)>,
) -> ResourceRequirements {
    fn collect(
        items: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Option<BTreeMap<String, Quantity>> {
        let map: BTreeMap<_, _> = items
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Quantity(value)))
            .collect();
        (!map.is_empty()).then_some(map)
    }
    ResourceRequirements {
        requests: collect(requests),
        limits: collect(limits),
        claims: None,
    }
}

#[cfg(test)]
pub(crate) fn for_tests() -> RunSettings {
    RunSettings {
        default_image: "locustio/locust:2.47.0".to_owned(),
        start_deadline: Duration::from_secs(300),
        default_timeout: None,
        progress_interval: Duration::from_secs(30),
        security_profile: SecurityProfile::Restricted,
        run_as_user: Some(1000),
        master_resources: resources([("cpu", "250m".to_owned())], []),
        worker_resources: resources(
            [("cpu", "250m".to_owned())],
            [("memory", "1024Mi".to_owned())],
        ),
    }
}
