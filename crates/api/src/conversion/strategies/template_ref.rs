//! Arbitrary references to templates.

use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::{Value, json};

use super::word;
use crate::{Scalar, v2};

fn value() -> impl Strategy<Value = Scalar> {
    let values: Vec<Value> = vec![
        json!("500"),
        json!(500),
        json!(0.5),
        json!(true),
        json!(""),
        json!("{{run.name}}"),
    ];
    select(values).prop_map(Scalar::from)
}

pub(super) fn template_ref() -> impl Strategy<Value = v2::TemplateRef> {
    let parameter = (word(), value()).prop_map(|(name, value)| v2::ParameterValue { name, value });
    (word(), of(word()), vec(parameter, 0..3)).prop_map(|(name, namespace, parameters)| {
        v2::TemplateRef {
            name,
            namespace,
            parameters,
        }
    })
}
