//! Minutes of templates that nobody would write: `make soak`. Each case has a number, and the number makes the case:
//! `FUZZ_CASE=4711 FUZZ_SECONDS=0 cargo test --profile soak -p locust-core fuzz -- --ignored --nocapture` is that one
//! alone. Without the profile a case may take ten times as long, and more than it may.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use locust_api::v2::{Parameter, ParameterValue};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rustix::time::{ClockId, clock_gettime};

use super::{
    hostile::{on_a_small_stack, parameters, pieces, scalars, seeds, sentences, trees},
    *,
};
use crate::template::{engine::OUTPUT, tree};

/// Processor time of one case: what takes longer holds up everybody who is behind it.
const WITHIN: Duration = Duration::from_secs(1);
/// Texts to change, besides those that ended a process once.
const KEPT: usize = 256;
/// What a text may grow to.
const LONGEST: usize = 64 * 1024;
/// Wrong cases that are told one by one.
const TOLD: usize = 20;

/// Everything that makes cases.
struct Fuzz {
    config: Config,
    pieces: BoxedStrategy<String>,
    sentences: BoxedStrategy<String>,
    trees: BoxedStrategy<Value>,
    parameters: BoxedStrategy<Vec<Parameter>>,
    values: BoxedStrategy<locust_api::Scalar>,
    seeds: Vec<String>,
}

/// What one number makes.
struct Case {
    runner: TestRunner,
    /// Of all that has been made with it.
    text: String,
    template: LocustTemplateSpec,
    instance: LocustTestSpec,
}

impl Fuzz {
    fn new() -> Self {
        Self {
            config: Config::default(),
            pieces: pieces().boxed(),
            sentences: sentences().boxed(),
            trees: trees().boxed(),
            parameters: parameters().boxed(),
            values: scalars().boxed(),
            seeds: seeds(),
        }
    }

    fn case(&self, number: u64) -> Case {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(self.config.clone(), rng);
        let text = self.text(&mut runner);
        let made = if below(&mut runner, 2) == 0 {
            let mut test = one(&self.trees, &mut runner);
            change_tree(&mut test, &mut runner, &text);
            LocustTemplateSpec {
                test,
                parameters: one(&self.parameters, &mut runner),
                ..template("test: {}")
            }
        } else {
            nearly_right(&text, &mut runner)
        };
        let mut instance = instance("templateRef: {name: a}\nworker: {replicas: 2}");
        let given = ["x", "n", "zz"].into_iter().filter_map(|name| {
            let value = match below(&mut runner, 4) {
                _ if name == "zz" && below(&mut runner, 8) > 0 => return None,
                0 => return None,
                1 => Value::from("$(A) {{params.x}} ".repeat(below(&mut runner, 80))).into(),
                _ => one(&self.values, &mut runner),
            };
            Some(ParameterValue {
                name: name.to_owned(),
                value,
            })
        });
        let given = given.collect();
        if let Some(reference) = &mut instance.template_ref {
            reference.parameters = given;
        }
        Case {
            text,
            template: made,
            instance,
            runner,
        }
    }

    /// A text, changed some times: what is nearly right gets further than what is not.
    fn text(&self, runner: &mut TestRunner) -> String {
        let mut text = self.any_text(runner);
        for _ in 0..below(runner, 6).saturating_sub(2) {
            let (from, to) = (place(runner, &text), place(runner, &text));
            let (from, to) = (from.min(to), from.max(to));
            let middle = text[from..to].to_owned();
            match below(runner, 7) {
                0 => text.replace_range(from..to, ""),
                1 => text.insert_str(to, &one(&self.pieces, runner)),
                2 => {
                    let times = 1_usize << below(runner, 12);
                    text.insert_str(to, &middle.repeat(times.min(LONGEST / (middle.len() + 1))));
                }
                3 => text.insert_str(from, &self.any_text(runner)),
                4 => {
                    let times = below(runner, 14);
                    let blocks = "{{#if params.x}}".repeat(times);
                    text = format!("{blocks}{text}{}", "{{/if}}".repeat(times));
                }
                5 => {
                    let times = below(runner, 14);
                    let inner = format!("{}params.x{}", "(not ".repeat(times), ")".repeat(times));
                    text.insert_str(to, &format!("{{{{and {inner} true}}}}"));
                }
                _ => text.insert_str(to, "{{params.x}}"),
            }
            if text.len() > LONGEST {
                text.truncate(text.floor_char_boundary(LONGEST));
            }
        }
        text
    }

    fn any_text(&self, runner: &mut TestRunner) -> String {
        match below(runner, 3) {
            0 => one(&self.pieces, runner),
            1 => one(&self.sentences, runner),
            _ => self.seeds[below(runner, self.seeds.len().min(KEPT))].clone(),
        }
    }
}

fn one<T: std::fmt::Debug>(strategy: &BoxedStrategy<T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn below(runner: &mut TestRunner, end: usize) -> usize {
    usize::try_from(runner.rng().next_u64() % end.max(1) as u64).unwrap()
}

/// Somewhere in a text, between two characters.
fn place(runner: &mut TestRunner, text: &str) -> usize {
    text.floor_char_boundary(below(runner, text.len() + 1))
}

/// A template whose only flaw may be the text, which it has in some places.
fn nearly_right(text: &str, runner: &mut TestRunner) -> LocustTemplateSpec {
    let mut made = template(
        "parameters: [{name: x, maxLength: 4096, default: a}, {name: n, type: number, default: 1}]\n\
         test: {worker: {replicas: 1}, run: {users: 2}, env: {variables: [{name: A, value: '{{params.x}}'}]}}",
    );
    let texts = vec![text; 1 + below(runner, 4)];
    for field in ["args", "command"].into_iter().take(below(runner, 3)) {
        made.test["worker"][field] = json!(texts);
    }
    made.test["env"]["variables"][0]["value"] = json!(text);
    made
}

/// Puts the text into the tree, deep down or many times.
fn change_tree(tree: &mut Value, runner: &mut TestRunner, text: &str) {
    if !tree.is_object() {
        *tree = json!({"worker": {"replicas": 1}});
    }
    let value = match below(runner, 5) {
        0 => (0..below(runner, 80)).fold(json!(text), |value, _| json!([value])),
        1 => (0..below(runner, 80)).fold(json!(text), |value, _| json!({"x": value})),
        2 => json!(vec![
            text;
            below(runner, 700).min(1024 * 1024 / (text.len() + 1))
        ]),
        _ => json!(text),
    };
    let fields = ["image", "labels", "volumes", "run", "env", "thresholds"];
    tree[fields[below(runner, fields.len())]] = value;
}

/// Everything that is made of a case, and what holds of it whatever it is.
fn check(case: &mut Case) -> Result<bool, TestCaseError> {
    let Case {
        runner,
        text: written,
        template,
        instance,
    } = case;
    let long = "y".repeat(below(runner, 4096));
    let context =
        json!({"params": {"x": long, "n": 0.5}, "run": {"name": "r"}, "schedule": {"time": null}});
    match text(written, &context) {
        // A text without expressions stays as long as it is.
        Ok(rendered) => {
            prop_assert!(rendered.len() <= OUTPUT.max(written.len()));
            prop_assert!(paths(written).is_ok());
        }
        Err(words) => prop_assert!(!words.contains('\n') && !words.is_empty(), "{words}"),
    }
    let judged = judge(template, &for_tests());
    if let Err(problems) = judged {
        prop_assert!(!problems.is_empty());
    }
    match expand(template, instance, &ORIGIN) {
        Ok(spec) => {
            prop_assert!(spec.template_ref.is_none());
            let spec = serde_json::to_value(spec).unwrap();
            let given = serde_json::to_value(&*instance).unwrap();
            let written = serde_json::to_value(&*template).unwrap();
            // A value is an environment variable as well, with every `$` twice.
            let most = OUTPUT + bytes(&written) + 2 * (bytes(&given) + bytes(&written)) + 1024;
            prop_assert!(bytes(&spec) <= most, "{} bytes", bytes(&spec));
            prop_assert!(depth(&spec) <= tree::DEPTH + 2, "{} deep", depth(&spec));
            Ok(true)
        }
        Err(problems) => {
            let words = problems.to_string();
            prop_assert!(!words.is_empty() && !words.contains('\n'), "{words}");
            Ok(false)
        }
    }
}

/// All texts of a tree together.
fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(map) => map.iter().map(|(name, it)| name.len() + bytes(it)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

/// Other processes do not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
#[ignore = "takes FUZZ_SECONDS; `make soak` runs it"]
fn no_template_gets_out_of_hand() {
    let length = Duration::from_secs(setting("FUZZ_SECONDS", 600));
    let first = setting("FUZZ_CASE", 0);
    // What ends the whole process has its number there.
    let note = std::env::var("FUZZ_NOTE").map(|path| File::create(path).unwrap());
    on_a_small_stack(move || {
        let fuzz = Fuzz::new();
        let begin = Instant::now();
        let (mut wrong, mut expanded, mut slowest) = (Vec::new(), 0_u64, (Duration::ZERO, 0));
        let mut number = first;
        loop {
            if let Ok(note) = &note {
                note.write_all_at(format!("{number:>20}\n").as_bytes(), 0)
                    .unwrap();
            }
            let mut case = fuzz.case(number);
            let before = processor_time();
            let result = catch_unwind(AssertUnwindSafe(|| check(&mut case)));
            let took = processor_time() - before;
            slowest = slowest.max((took, number));
            match result {
                Ok(Ok(made)) if took <= WITHIN => expanded += u64::from(made),
                Ok(Ok(_)) => wrong.push(format!("case {number} took {took:?}")),
                Ok(Err(error)) => wrong.push(format!("case {number}: {error}")),
                Err(_) => wrong.push(format!("case {number} panicked")),
            }
            if length.is_zero() {
                println!("{:#?}", case.template);
            }
            number += 1;
            if begin.elapsed() >= length {
                break;
            }
        }
        let (cases, (worst, which)) = (number - first, slowest);
        println!(
            "fuzz: {cases} cases, {expanded} of them a spec, {:.0} per second, the slowest {} ms (case {which}), {} failed",
            (cases as f64) / begin.elapsed().as_secs_f64(),
            worst.as_millis(),
            wrong.len()
        );
        let told: Vec<String> = wrong.iter().take(TOLD).cloned().collect();
        assert!(wrong.is_empty(), "{}", told.join("\n"));
    });
}
