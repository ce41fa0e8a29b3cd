//! The smallest write that turns one status into another.

use serde_json::{Map, Value};

/// The JSON merge patch (RFC 7386) from `old` to `new`, or `None` when they are equal.
pub fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Some(new.clone());
    };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        let change = match old.get(key) {
            Some(before) => merge_diff(before, value),
            None => Some(value.clone()),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn apply(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let map = target.as_object_mut().unwrap();
        for (key, value) in patch {
            if value.is_null() {
                map.remove(key);
            } else {
                apply(map.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from)
        ];
        let tree = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::btree_map("[a-d]", inner.clone(), 0..4)
                    .prop_map(|map| json!(map)),
                prop::collection::vec(inner, 0..3).prop_map(Value::from),
            ]
        });
        prop::collection::btree_map("[a-d]", tree, 0..4).prop_map(|map| json!(map))
    }

    proptest! {
        #[test]
        fn a_patch_leads_from_old_to_new(old in object(), new in object()) {
            let mut result = old.clone();
            if let Some(patch) = merge_diff(&old, &new) {
                apply(&mut result, &patch);
            }
            prop_assert_eq!(result, new);
        }

        #[test]
        fn equal_values_need_no_patch(value in object()) {
            prop_assert_eq!(merge_diff(&value, &value), None);
        }
    }
}
