//! The Service by which workers find the master.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use locust_api::names::{self, LABEL_POD_NAME};

use super::{Run, pod};

pub(super) fn build(run: &Run<'_>) -> Service {
    let ports = vec![
        port(format!("port{}", names::PORT_MASTER), names::PORT_MASTER),
        port(
            format!("port{}", names::PORT_MASTER_LEGACY),
            names::PORT_MASTER_LEGACY,
        ),
        port("prometheus-metrics".to_owned(), pod::scraped_port(run)),
    ];
    Service {
        metadata: run.metadata(&run.claim.service_name),
        spec: Some(ServiceSpec {
            selector: Some([(LABEL_POD_NAME.to_owned(), run.claim.master_name.clone())].into()),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(name: String, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name),
        port: number,
        protocol: Some("TCP".to_owned()),
        // Both ends of Locust's protocol speak first, which makes a mesh that guesses protocols wait.
        app_protocol: (number == names::PORT_MASTER).then(|| "tcp".to_owned()),
        target_port: Some(IntOrString::Int(number)),
        ..ServicePort::default()
    }
}
