//! docs/published-settings.md has every setting of the published operator, and says the truth about what is the same.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory;
use locust_operator::settings::Args;

/// Name, what it is called here, difference.
fn rows() -> Vec<[String; 3]> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/published-settings.md");
    let text = fs::read_to_string(page).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
        .map(|line| {
            let (name, rest) = line.split_once("` | ").unwrap();
            let (here, difference) = rest.split_once(" | ").unwrap();
            [name, here, difference].map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_published_setting_has_its_row_and_no_other() {
    let published: Vec<&str> = include_str!("published-settings.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let rows = rows();
    let mut listed: Vec<&str> = rows.iter().map(|[name, ..]| name.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(listed, published);
}

#[test]
fn variables_exist_under_the_names_that_the_page_gives() {
    let command = Args::command();
    let known: BTreeSet<&str> = command
        .get_arguments()
        .filter_map(|arg| arg.get_env()?.to_str())
        .collect();
    let mut seen = 0;
    for [name, here, _] in rows() {
        let is_variable = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if !is_variable {
            continue;
        }
        let here = if here == "the same" {
            name.as_str()
        } else {
            here.trim_matches('`')
        };
        assert!(known.contains(here), "{name}: there is no {here}");
        seen += 1;
    }
    assert!(seen > 30, "{seen} variables");
}

#[test]
fn values_that_are_the_same_are_in_values_yaml() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/locust-operator/values.yaml");
    let values: serde_json::Value =
        serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for [name, here, _] in rows() {
        let is_value = name.starts_with(|first: char| first.is_ascii_lowercase());
        if is_value && here == "the same" {
            let pointer = format!("/{}", name.replace('.', "/"));
            assert!(values.pointer(&pointer).is_some(), "no value {name}");
        }
    }
}
