use std::{fs, path::Path};

use super::*;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn all_twenty_five_are_here_in_order() {
    let numbers: Vec<u8> = DEFECTS.iter().map(|defect| defect.number).collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<u8>>());
}

#[test]
fn every_judge_rejects_what_was_recorded() {
    for defect in DEFECTS {
        defect.check_recorded().unwrap();
    }
}

/// A judge that takes nothing for right would let a test pass that looks at nothing.
#[test]
fn no_judge_accepts_what_is_missing() {
    for defect in DEFECTS {
        for nothing in [serde_json::json!(null), serde_json::json!({})] {
            let said = defect.faults(&nothing);
            assert!(!said.is_empty(), "A10-{} accepts {nothing}", defect.number);
        }
    }
}

#[test]
fn every_fixture_says_where_it_is_from() {
    for defect in DEFECTS {
        let number = defect.number;
        assert!(
            defect.fixture.starts_with(&format!("# A10-{number}, ")),
            "the head of the fixture of A10-{number}"
        );
    }
}

#[test]
fn the_named_tests_exist() {
    let lists = ["main.rs", "a10/mod.rs"].map(|file| read(&format!("e2e/tests/tests/api/{file}")));
    for defect in DEFECTS {
        let Test { file, name } = defect.test;
        assert!(
            name.starts_with(&format!("a10_{:02}_", defect.number)),
            "{name} is no test of A10-{}",
            defect.number
        );
        assert!(
            read(file).contains(&format!("fn {name}(")),
            "no test {name} in {file}"
        );
        // These have a harness of their own, which runs what is listed.
        if file.starts_with("e2e/tests/tests/api/") {
            let listed = format!("\"{name}\",");
            assert!(
                lists.iter().any(|list| list.contains(&listed)),
                "{name} is not in the list of cases"
            );
        }
    }
}

#[test]
fn a_wrong_state_is_told_with_its_number() {
    let recorded = recorded(5).unwrap();
    let error = check(5, &recorded.state).unwrap_err();
    assert!(error.to_string().starts_with("A10-5: phases go back"));
    let right = serde_json::json!({"phases": ["Pending", "Running", "Succeeded"]});
    assert_eq!(check(5, &right), Ok(()));
    assert_eq!(check(26, &right), Err(Unproven::Unknown(26)));
    assert!(check_missing(5, &recorded.state).is_ok());
    assert_eq!(check_missing(5, &right), Err(Unproven::Mended(5)));
}
