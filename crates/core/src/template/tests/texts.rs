//! Single texts.

use super::*;

fn steps() -> Value {
    json!({"steps": {"smoke-1": {"p95Ms": 320, "rps": 12.5, "verdict": "Passed", "none": null}}})
}

#[test]
fn expressions_become_values() {
    for (written, expected) in [
        ("plain { text }", "plain { text }"),
        ("{{steps.smoke-1.p95Ms}}", "320"),
        ("a{{ steps.smoke-1.rps }}b", "a12.5b"),
        (
            "{{#if (gt steps.smoke-1.p95Ms 300)}}slow{{else}}fast{{/if}}",
            "slow",
        ),
        (
            "{{#if (and (eq steps.smoke-1.verdict \"Passed\") (not false))}}ok{{/if}}",
            "ok",
        ),
        (
            "{{#if (lt steps.smoke-1.p95Ms 100)}}a{{else if (lt steps.smoke-1.p95Ms 400)}}b{{else}}c{{/if}}",
            "b",
        ),
        ("{{#unless false}}x{{/unless}}", "x"),
        ("{{eq steps.smoke-1.p95Ms 320}}", "true"),
        ("{{!-- a {{ b --}}x{{! c }}", "x"),
        (r"\{{steps}} <&>", "{{steps}} <&>"),
        ("{\"a\":{{steps.smoke-1.p95Ms}}}", "{\"a\":320}"),
        ("a {{~steps.smoke-1.p95Ms~}} b", "a320b"),
    ] {
        assert_eq!(
            text(written, &steps()).as_deref(),
            Ok(expected),
            "{written}"
        );
    }
}

#[test]
fn what_is_not_there_is_an_error_everywhere() {
    for (written, words) in [
        (
            "{{steps.load.p95Ms}}",
            "steps.load.p95Ms is not a variable: steps has smoke-1",
        ),
        ("{{#if steps.load}}x{{/if}}", "steps.load is not a variable"),
        (
            "{{#unless (eq 1 stepz.a)}}x{{/unless}}",
            "stepz.a is not a variable: there is steps",
        ),
        (
            "{{steps.smoke-1}}",
            "steps.smoke-1 is no value but a group of them; write steps.smoke-1.NAME",
        ),
        (
            "{{steps.smoke-1.none}}",
            "no value for steps.smoke-1.none; give one",
        ),
        (
            "{{eq steps.smoke-1.none 1}}",
            "no value for steps.smoke-1.none; give one",
        ),
        (
            "{{steps.smoke-1.p95Ms.x}}",
            "steps.smoke-1.p95Ms.x is not a variable: steps.smoke-1.p95Ms has nothing",
        ),
        ("{{this}}", "not a variable"),
        ("{{../x}}", "'/' has no meaning in an expression"),
        ("{{.}}", "cannot be read"),
        ("{{#if}}x{{/if}}", "each with one condition"),
        ("{{eq 1}}", "eq has 1 values"),
    ] {
        let error = text(written, &steps()).unwrap_err();
        assert!(error.contains(words), "{written}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn names_are_found() {
    assert_eq!(paths("x"), Ok(vec![]));
    assert_eq!(
        paths(
            "{{#if (gt steps.a.rps 5)}}{{steps.b-c.p95Ms}}{{else}}{{params.x}}{{/if}}{{params.x}}"
        ),
        Ok(vec![
            vec!["steps".to_owned(), "a".to_owned(), "rps".to_owned()],
            vec!["steps".to_owned(), "b-c".to_owned(), "p95Ms".to_owned()],
            vec!["params".to_owned(), "x".to_owned()],
        ])
    );
    assert!(paths("{{").is_err());
}
