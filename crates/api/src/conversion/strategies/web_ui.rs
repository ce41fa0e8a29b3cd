//! Arbitrary web UIs.

use proptest::{option::of, prelude::*, sample::select};

use super::{flag, map};
use crate::v2;

pub(super) fn web_ui() -> impl Strategy<Value = v2::WebUi> {
    use v2::ServiceType::{ClusterIP, LoadBalancer, NodePort};
    let kind = of(select(vec![ClusterIP, NodePort, LoadBalancer]));
    let service = (kind, map(), map()).prop_map(|(type_, labels, annotations)| v2::WebUiService {
        type_,
        labels,
        annotations,
    });
    (flag(), of(service)).prop_map(|(enabled, service)| v2::WebUi { enabled, service })
}
