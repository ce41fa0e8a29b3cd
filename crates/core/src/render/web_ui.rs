//! The Service that leads to the master's web UI.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use locust_api::{
    names::{self, LABEL_POD_NAME},
    v2::WebUiService,
};

use super::Run;
use crate::{argv, claim};

/// Its port is always the same, wherever in the pod the web UI listens.
pub(super) fn service(run: &Run<'_>, wanted: &WebUiService) -> Service {
    let WebUiService {
        type_: _,
        labels,
        annotations,
    } = wanted;
    let mut metadata = run.metadata(&claim::web_ui_name(run.claim));
    let ours = metadata.labels.take().unwrap_or_default();
    let all: BTreeMap<_, _> = labels.clone().into_iter().chain(ours).collect();
    metadata.labels = Some(all);
    metadata.annotations = (!annotations.is_empty()).then(|| annotations.clone());
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(wanted.effective_type().as_str().to_owned()),
            selector: Some([(LABEL_POD_NAME.to_owned(), run.claim.master_name.clone())].into()),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: names::PORT_WEB,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::Int(argv::web_port(run.spec))),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
