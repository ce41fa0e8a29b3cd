//! What must end neither the process nor its patience.

use proptest::prelude::*;

use super::*;

/// Threads that handle requests have no more than this.
const STACK: usize = 2 * 1024 * 1024;

pub fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    thread.unwrap().join().unwrap()
}

/// Texts that are refused: some of them would end the process, or keep it busy for ever.
pub fn seeds() -> Vec<String> {
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!(
            "{{{{{}{middle}{}}}}}",
            open.repeat(times),
            close.repeat(times)
        )
    };
    vec![
        nested("(len ", "x", ")", 2000),
        nested("(len ", "x", ")", 300),
        nested("(not ", "params.x", ")", 9),
        format!("{{{{eq 1 {}1{}}}}}", "[".repeat(500), "]".repeat(500)),
        format!("{{{{eq 1 {}1{}}}}}", "{\"a\":".repeat(300), "}".repeat(300)),
        format!(
            "{}x{}",
            "{{#if params.x}}".repeat(10_000),
            "{{/if}}".repeat(10_000)
        ),
        format!("{}x{}", "{{#if params.x}}".repeat(32), "{{/if}}".repeat(32)),
        format!(
            "{}x{}",
            "{{#if params.x}}".repeat(100),
            "{{/if}}".repeat(100)
        ),
        format!("{}x{}", "{{#if params.x}}".repeat(10), "{{/if}}".repeat(10)),
        format!(
            "{{{{#if params.x}}}}{}{{{{/if}}}}",
            "{{else if params.x}}".repeat(9)
        ),
        format!(
            "{{{{#if params.x}}}}{}{{{{/if}}}}",
            "{{else if params.x}}".repeat(100)
        ),
        "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}".to_owned(),
        "{{> a}}".to_owned(),
        "{{#> a}}{{/a}}".to_owned(),
        "{{*a}}".to_owned(),
        "{{{params.x}}}".to_owned(),
        "{{&params.x}}".to_owned(),
        "{{{{raw}}}}x{{{{/raw}}}}".to_owned(),
        "{{~{params.x}~}}".to_owned(),
        "{{log \"x\"}}".to_owned(),
        "{{lookup params \"x\"}}".to_owned(),
        "{{#each params}}{{/each}}".to_owned(),
        "{{#with params}}{{/with}}".to_owned(),
        "{{#eq 1 1}}{{/eq}}".to_owned(),
        "{{#if params.x includeZero=true}}{{/if}}".to_owned(),
        "{{#if params.x as |y|}}{{/if}}".to_owned(),
        "{{@root.params.x}}".to_owned(),
        "{{params.[x]}}".to_owned(),
        "{{^}}".to_owned(),
        "{{else}}".to_owned(),
        "{{/if}}".to_owned(),
        "{{#if params.x}}".to_owned(),
        "{{#if params.x}}{{/unless}}".to_owned(),
        "{{".to_owned(),
        "{{}}".to_owned(),
        "{{!".to_owned(),
        "{{!--}} {{x --}}".to_owned(),
        r"\\{{params.x}}".to_owned(),
        r#"{{eq "\"" 1}}"#.to_owned(),
        format!("{{{{eq \"{}\" 1}}}}", "}}".repeat(5000)),
        format!("{}{{{{params.x}}}}", " ".repeat(5000)),
        "{{params.x}}".repeat(200),
        "{{len params.x}}".to_owned(),
        "{{(eq 1 1)}}".to_owned(),
        "{{eq 1 (params.x)}}".to_owned(),
        "{{\"x\"}}".to_owned(),
        "{{if params.x}}".to_owned(),
        "x {{~! c }}".to_owned(),
        format!("{}{}", "{{#each params}}".repeat(3), "{{/each}}".repeat(3)),
    ]
}

#[test]
fn texts_that_would_end_the_process_are_refused() {
    on_a_small_stack(move || {
        for case in seeds() {
            let error = text(&case, &json!({"params": {"x": "y"}}));
            let error = error.expect_err(&case[..case.len().min(80)]);
            assert!(
                !error.contains('\n') && error.len() < 400,
                "{case}: {error}"
            );
        }
    });
}

#[test]
fn what_is_just_within_the_limits_works() {
    on_a_small_stack(|| {
        let context = json!({"params": {"x": true}});
        let parentheses = format!("{{{{not {}params.x{}}}}}", "(not ".repeat(8), ")".repeat(8));
        assert_eq!(text(&parentheses, &context).as_deref(), Ok("false"));
        let blocks = format!("{}x{}", "{{#if params.x}}".repeat(8), "{{/if}}".repeat(8));
        assert_eq!(text(&blocks, &context).as_deref(), Ok("x"));
        let many = "{{params.x}}".repeat(128);
        assert_eq!(text(&many, &context).unwrap().len(), 4 * 128);
    });
}

#[test]
fn the_result_is_bounded() {
    let long = "x".repeat(4000);
    let context = json!({"params": {"x": long}});
    assert_eq!(
        text(&"{{params.x}}".repeat(64), &context).unwrap().len(),
        256_000
    );
    let error = text(&"{{params.x}}".repeat(100), &context).unwrap_err();
    assert!(error.contains("262144 bytes"), "{error}");

    let args = vec!["'{{params.x}}{{params.x}}'"; 40].join(", ");
    let template_yaml = format!(
        "parameters: [{{name: x, maxLength: 4096}}]\ntest: {{worker: {{replicas: 1, args: [{args}]}}}}"
    );
    let given = format!("templateRef: {{name: a, parameters: [{{name: x, value: {long}}}]}}");
    let error = problems(&template_yaml, &given);
    assert!(error.contains("262144 bytes"), "{error}");
}

#[test]
fn a_tree_is_bounded() {
    let many = json!(vec!["{{run.name}}"; 600]);
    let long = json!(vec![format!("{{{{run.name}}}}{}", "x".repeat(4000)); 33]);
    let deep = (0..100).fold(json!(1), |value, _| json!([value]));
    for (test, words) in [
        (
            json!({"worker": {"replicas": 1}, "imagePullSecrets": many}),
            "more than 512 texts have expressions",
        ),
        (
            json!({"worker": {"replicas": 1, "args": long}}),
            "more than 131072 bytes",
        ),
        (
            json!({"worker": {"replicas": 1}, "volumes": deep}),
            "more than 32 levels deep",
        ),
    ] {
        let template = LocustTemplateSpec {
            test,
            ..template("test: {}")
        };
        let error = expand(&template, &instance("templateRef: {name: a}"), &ORIGIN)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// Pieces that have a meaning, in any order.
pub fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "{{", "}}", "{{#if ", "{{/if}}", "{{else}}", "{{else if ", "{{#unless ", "{{/unless}}", "{{~", "~}}", "{{!", "--", "{{!--", "--}}",
            "{{>", "{{*", "{{#*inline ", "{{{", "}}}", "{{{{", "}}}}", "\\", "\\{{", "(", ")", "eq ", "not ", "and ", "or ", "gt ", "len ",
            "params.x", "params.n", "run.name", "schedule.time", "params", "this", "../", "@root", "@", "[", "]", "\"", "'", "=", "|", "as ", "^", "&",
            "1", "-2.5", "1E9", "true", "null", "else", "if", "/", ".", " ", "\n", "#", "é", "💥", "\u{0}", "{", "}",
        ]).prop_map(str::to_owned),
        1 => ".{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Texts that are mostly right.
pub fn sentences() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "params.x",
        "params.n",
        "1",
        "\"a\"",
        "true",
        "(eq params.x \"a\")",
        "(not params.n)",
        "(and params.x (gt params.n 2))",
    ]);
    let leaf = prop_oneof![
        value.clone().prop_map(|value| format!("{{{{{value}}}}}")),
        " [a-z]{0,3} \n?".prop_map(|text| text)
    ];
    leaf.prop_recursive(10, 24, 4, move |inner| {
        (
            value.clone(),
            prop::collection::vec(inner, 0..4),
            any::<bool>(),
        )
            .prop_map(|(value, inner, otherwise)| {
                let (all, middle) = (inner.concat(), if otherwise { "{{else}}" } else { "" });
                format!("{{{{#if {value}}}}}{all}{middle}{all}{{{{/if}}}}")
            })
    })
}

pub fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        pieces().prop_map(Value::from),
        sentences().prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "worker",
        "replicas",
        "run",
        "users",
        "host",
        "runTime",
        "env",
        "variables",
        "name",
        "value",
        "testFiles",
        "inline",
        "configMapRef",
        "thresholds",
        "master",
        "args",
        "command",
        "labels",
        "volumes",
        "emptyDir",
        "templateRef",
        "suspend",
        "{{run.name}}",
        "x",
    ]);
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

pub fn scalars() -> impl Strategy<Value = locust_api::Scalar> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "1m",
            "5",
            "0.5",
            "1Gi",
            "1e400",
            "-1Ei",
            "true",
            "99999h",
            "{{run.name}}",
            "$(A)"
        ])
        .prop_map(Value::from),
        Just(Value::Null),
        Just(json!([1])),
    ]
    .prop_map(Into::into)
}

pub fn parameters() -> impl Strategy<Value = Vec<locust_api::v2::Parameter>> {
    use locust_api::v2::{
        Parameter,
        ParameterType::{Boolean, Duration, Integer, Number, Quantity, String},
    };
    use prop::option::of;
    let parameter = (
        prop::sample::select(vec!["x", "n", "X", "y", "bad name", ""]),
        of(prop::sample::select(vec![
            String, Integer, Number, Boolean, Duration, Quantity,
        ])),
        (
            of(scalars()),
            of(any::<bool>()),
            prop::collection::vec(scalars(), 0..3),
            of(scalars()),
            of(scalars()),
            of(scalars()),
        ),
        of(prop_oneof![
            ".{0,12}",
            Just("(a{1000}){1000}".to_owned()),
            Just("[a-z]+".to_owned()),
            Just("(?x)a # b".to_owned())
        ]),
        of(any::<i32>()),
    );
    let parameter = parameter.prop_map(
        |(
            name,
            type_,
            (default, required, enum_, minimum, maximum, example),
            pattern,
            max_length,
        )| Parameter {
            name: name.to_owned(),
            type_,
            default,
            required,
            enum_,
            minimum,
            maximum,
            pattern,
            max_length,
            description: None,
            example,
        },
    );
    prop::collection::vec(parameter, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_ends_the_process(written in prop_oneof![pieces(), sentences()], x in ".{0,16}", n in any::<f64>()) {
        let context = json!({"params": {"x": x, "n": n}, "run": {"name": "r"}, "schedule": {"time": null}});
        let first = text(&written, &context);
        prop_assert_eq!(&first, &text(&written, &context));
        if let Ok(rendered) = &first {
            prop_assert!(rendered.len() <= 256 * 1024);
            prop_assert!(paths(&written).is_ok());
        }
        if let Err(words) = &first {
            prop_assert!(!words.contains('\n') && !words.is_empty(), "{}", words);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_template_ends_the_process(test in trees(), parameters in parameters(), given in prop::collection::vec(scalars(), 0..3)) {
        let template = LocustTemplateSpec { test, parameters, ..template("test: {}") };
        let judged = judge(&template, &for_tests());
        prop_assert_eq!(&judged, &judge(&template, &for_tests()));
        let mut instance = instance("templateRef: {name: a}\nworker: {replicas: 2}");
        let given = ["x", "n", "zz"].into_iter().zip(given).map(|(name, value)| locust_api::v2::ParameterValue { name: name.to_owned(), value });
        instance.template_ref.as_mut().unwrap().parameters = given.collect();
        let expanded = expand(&template, &instance, &ORIGIN);
        prop_assert_eq!(&expanded, &expand(&template, &instance, &ORIGIN));
        match expanded {
            Ok(spec) => {
                prop_assert!(spec.template_ref.is_none());
                prop_assert!((1..=500).contains(&spec.worker.replicas));
            }
            Err(problems) => prop_assert!(!problems.is_empty() && !problems.to_string().contains('\n'), "{}", problems),
        }
    }

    /// What a parameter holds never becomes structure, an expression, or another variable.
    #[test]
    fn a_value_stays_a_value(value in "[ -~]{1,64}") {
        let template = template("parameters: [{name: x}]\ntest: {worker: {replicas: 1, args: ['a{{params.x}}b', '{{params.x}}']}}");
        let mut instance = instance("templateRef: {name: a, parameters: [{name: x, value: ''}]}");
        instance.template_ref.as_mut().unwrap().parameters[0].value = value.as_str().into();
        let spec = expand(&template, &instance, &ORIGIN).unwrap();
        prop_assert_eq!(&spec.worker.args, &vec![format!("a{value}b"), value.clone()]);
    }
}
