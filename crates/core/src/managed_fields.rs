//! Who owns the fields of the definition that this operator writes, as the API server keeps it in `managedFields`.
//!
//! Helm applies its manifests server-side: it takes away what it applied before and does not apply any more, and nothing
//! else. So what this operator wrote into the definition stays when Helm puts another definition in its place (a
//! roll-back to the published chart, say), and then that one is not valid. What the operator has written is therefore
//! handed over to the Helm release, or given up.

use serde_json::{Map, Value, json};

/// The manager under which this operator writes: the first part of its `User-Agent`.
pub const OPERATOR: &str = "locust-operator";
const HELM: &str = "helm";
const CLIENT_CONFIG: [&str; 4] = ["f:spec", "f:conversion", "f:webhook", "f:clientConfig"];
const CA_BUNDLE: &str = "f:caBundle";
const SERVICE: &str = "f:service";

/// The owners after the CA bundle of the conversion webhook went from the operator to the Helm release that applied the
/// rest of it; `None` when there is nothing to hand over, or nobody to hand it to.
pub fn ca_bundle_to_helm(owners: &[Value]) -> Option<Vec<Value>> {
    let applied = |owner: &&Value| {
        owner["manager"] == HELM
            && owner["operation"] == "Apply"
            && client_config(owner).is_some_and(|config| config.contains_key(SERVICE))
    };
    owners.iter().find(applied)?;
    let mut after = owners.to_vec();
    let mut is_handed_over = false;
    for owner in &mut after {
        if !is_ours(owner) {
            continue;
        }
        let fields = &mut owner["fieldsV1"];
        is_handed_over |= remove(fields, &[&CLIENT_CONFIG[..], &[CA_BUNDLE]].concat());
    }
    if !is_handed_over {
        return None;
    }
    after.retain(|owner| owner["fieldsV1"] != json!({}));
    let heir = after.iter_mut().find(|owner| applied(&&**owner))?;
    let config = CLIENT_CONFIG
        .iter()
        .try_fold(&mut heir["fieldsV1"], |fields, step| fields.get_mut(*step))?;
    config[CA_BUNDLE] = json!({});
    Some(after)
}

/// The owners without this operator, as far as it wrote the definition itself and not its status; `None` when it owns
/// nothing of it.
pub fn without_operator(owners: &[Value]) -> Option<Vec<Value>> {
    let after: Vec<Value> = owners
        .iter()
        .filter(|owner| !is_ours(owner))
        .cloned()
        .collect();
    (after.len() < owners.len()).then_some(after)
}

fn is_ours(owner: &Value) -> bool {
    owner["manager"] == OPERATOR && owner["operation"] == "Update" && owner["subresource"].is_null()
}

fn client_config(owner: &Value) -> Option<&Map<String, Value>> {
    CLIENT_CONFIG
        .iter()
        .try_fold(&owner["fieldsV1"], |fields, step| fields.get(*step))?
        .as_object()
}

/// Removes a field, and what holds nothing else.
fn remove(fields: &mut Value, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let Some(map) = fields.as_object_mut() else {
        return false;
    };
    if rest.is_empty() {
        return map.remove(*first).is_some();
    }
    let Some(inner) = map.get_mut(*first) else {
        return false;
    };
    let is_removed = remove(inner, rest);
    if is_removed && *inner == json!({}) {
        map.remove(*first);
    }
    is_removed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(manager: &str, operation: &str, client_config: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": client_config}}}}})
    }

    fn helm() -> Value {
        let mut helm = owner(
            "helm",
            "Apply",
            json!({"f:service": {"f:name": {}, "f:namespace": {}}}),
        );
        helm["fieldsV1"]["f:spec"]["f:versions"] = json!({});
        helm
    }

    fn helm_with_bundle() -> Value {
        let mut helm = helm();
        helm["fieldsV1"]["f:spec"]["f:conversion"]["f:webhook"]["f:clientConfig"]["f:caBundle"] =
            json!({});
        helm
    }

    fn ours() -> Value {
        owner(OPERATOR, "Update", json!({"f:caBundle": {}}))
    }

    fn status_of_ours() -> Value {
        json!({"manager": OPERATOR, "operation": "Update", "subresource": "status",
            "fieldsV1": {"f:status": {"f:storedVersions": {}}}})
    }

    #[test]
    fn the_bundle_goes_to_helm() {
        let mut more = ours();
        more["fieldsV1"]["f:spec"]["f:versions"] = json!({});
        let mut left = more.clone();
        left["fieldsV1"]["f:spec"]
            .as_object_mut()
            .unwrap()
            .remove("f:conversion");
        for (what, before, after) in [
            (
                "the operator's alone",
                vec![helm(), ours(), status_of_ours()],
                vec![helm_with_bundle(), status_of_ours()],
            ),
            (
                "of both",
                vec![ours(), helm_with_bundle()],
                vec![helm_with_bundle()],
            ),
            (
                "beside another field",
                vec![more, helm()],
                vec![left, helm_with_bundle()],
            ),
        ] {
            assert_eq!(ca_bundle_to_helm(&before), Some(after), "{what}");
        }
    }

    #[test]
    fn it_stays_where_nobody_can_take_it() {
        let by_client = owner("helm", "Update", json!({"f:service": {}}));
        let by_url = owner("helm", "Apply", json!({"f:url": {}}));
        let other = owner("argocd-controller", "Apply", json!({"f:service": {}}));
        let injected = owner(
            "cert-manager-cainjector",
            "Update",
            json!({"f:caBundle": {}}),
        );
        for (what, owners) in [
            ("nobody", vec![]),
            ("no Helm", vec![ours()]),
            ("a Helm that patches", vec![by_client, ours()]),
            ("a Helm that names no Service", vec![by_url, ours()]),
            ("another tool", vec![other, ours()]),
            ("another's bundle", vec![helm(), injected]),
            (
                "handed over before",
                vec![helm_with_bundle(), status_of_ours()],
            ),
            (
                "no fields",
                vec![json!({"manager": OPERATOR, "operation": "Update"}), helm()],
            ),
        ] {
            assert_eq!(ca_bundle_to_helm(&owners), None, "{what}");
        }
    }

    #[test]
    fn only_the_operator_goes() {
        let all = [helm(), ours(), status_of_ours()];
        assert_eq!(without_operator(&all), Some(vec![helm(), status_of_ours()]));
        assert_eq!(without_operator(&[helm(), status_of_ours()]), None);
    }
}
