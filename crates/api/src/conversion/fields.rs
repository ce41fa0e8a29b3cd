//! Which field of v1 is which field of v2.

use serde_json::{Map, Value};

use super::shapes::Shape;

/// A field that both versions have.
struct Field {
    v1: &'static [&'static str],
    v2: &'static [&'static str],
    shape: Shape,
    /// Another way to say the same in v2, which v1 does not have and v2 does not allow beside it.
    instead_of: Option<&'static [&'static str]>,
}

const fn same(v1: &'static [&'static str], v2: &'static [&'static str]) -> Field {
    Field {
        v1,
        v2,
        shape: Shape::Same,
        instead_of: None,
    }
}

const FIELDS: &[Field] = &[
    Field {
        instead_of: Some(&["master", "args"]),
        ..same(&["masterCommandSeed"], &["master", "command"])
    },
    Field {
        instead_of: Some(&["worker", "args"]),
        ..same(&["workerCommandSeed"], &["worker", "command"])
    },
    Field {
        shape: Shape::Replicas,
        ..same(&["workerReplicas"], &["worker", "replicas"])
    },
    same(&["image"], &["image"]),
    same(&["imagePullPolicy"], &["imagePullPolicy"]),
    Field {
        shape: Shape::PullSecrets,
        ..same(&["imagePullSecrets"], &["imagePullSecrets"])
    },
    Field {
        instead_of: Some(&["testFiles", "inline"]),
        ..same(&["configMap"], &["testFiles", "configMapRef"])
    },
    same(&["libConfigMap"], &["testFiles", "libConfigMapRef"]),
    same(&["labels", "master"], &["master", "labels"]),
    same(&["labels", "worker"], &["worker", "labels"]),
    same(&["annotations", "master"], &["master", "annotations"]),
    same(&["annotations", "worker"], &["worker", "annotations"]),
    Field {
        shape: Shape::Affinity,
        ..same(&["affinity"], &["scheduling", "affinity"])
    },
    Field {
        shape: Shape::Tolerations,
        ..same(&["tolerations"], &["scheduling", "tolerations"])
    },
];

/// What v1 shows of a v2 spec.
pub(super) fn to_v1(v2: &Value) -> Value {
    let mut v1 = Map::new().into();
    for field in FIELDS {
        if let Some(shown) = field.shown(v2) {
            set(&mut v1, field.v1, shown);
        }
    }
    v1
}

/// The v2 spec `base`, changed where `v1` differs from what v1 shows of it.
pub(super) fn to_v2(v1: &Value, base: Value) -> Value {
    let mut v2 = base;
    for field in FIELDS {
        let now = get(v1, field.v1);
        if now == field.shown(&v2).as_ref() {
            continue;
        }
        match field.shape.change(now, get(&v2, field.v2)) {
            Some(value) => set(&mut v2, field.v2, value),
            None => remove(&mut v2, field.v2),
        }
        if let (Some(other), true) = (field.instead_of, now.is_some()) {
            remove(&mut v2, other);
        }
    }
    v2
}

impl Field {
    fn shown(&self, v2: &Value) -> Option<Value> {
        self.shape.show(get(v2, self.v2)?)
    }
}

fn get<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// Sets the value; what is on the way and no object becomes one.
fn set(value: &mut Value, path: &[&str], new: Value) {
    let place = path.iter().fold(value, |value, name| {
        if !value.is_object() {
            *value = Map::new().into();
        }
        &mut value[*name]
    });
    *place = new;
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents
        .iter()
        .try_fold(value, |value, name| value.get_mut(*name));
    if let Some(parent) = parent.and_then(Value::as_object_mut) {
        parent.remove(*last);
    }
}
