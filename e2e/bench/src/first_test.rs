//! The README's first test, and other examples.

use anyhow::Result;
use e2e_node::Layout;
use e2e_tests::Kubectl;
use serde_json::{Deserializer, Value};

/// The test as JSON.
pub fn json(kubectl: &Kubectl) -> Result<Value> {
    kubectl.json(&[
        "create",
        "--dry-run=client",
        "-f",
        &file("first-test.yaml")?,
    ])
}

/// The objects of an example.
pub fn example(kubectl: &Kubectl, name: &str) -> Result<Vec<Value>> {
    let create = [
        "create",
        "--dry-run=client",
        "-o",
        "json",
        "-f",
        &file(name)?,
    ];
    // Of several objects kubectl prints one after the other, or a list.
    let printed = kubectl.run(&create)?;
    let mut objects = Vec::new();
    for object in Deserializer::from_str(&printed).into_iter::<Value>() {
        let mut object = object?;
        // Not `object["items"]`, which would make the field.
        match object.get_mut("items").and_then(Value::as_array_mut) {
            Some(items) => objects.append(items),
            None => objects.push(object),
        }
    }
    Ok(objects)
}

fn file(name: &str) -> Result<String> {
    let file = Layout::discover()?.repo.join("examples").join(name);
    Ok(file.to_string_lossy().into_owned())
}
