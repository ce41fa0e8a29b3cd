//! How fast a template becomes the spec of a test.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use handlebars::Handlebars;
use locust_api::v2::{LocustTemplateSpec, LocustTestSpec};
use locust_core::template::{Origin, expand};
use serde_json::{Value, json};

/// How long each side works.
const WINDOW: Duration = Duration::from_secs(3);

/// Expansions per second, on one core.
#[derive(Clone, Copy, Debug)]
pub struct Expansions {
    /// Handlebars alone, on the text of the template.
    pub bare: f64,
    /// With all checks, to a spec that can be run.
    pub ours: f64,
}

/// Expands the template with all its parameters.
pub fn measure(template: &Value) -> Result<Expansions> {
    let spec: LocustTemplateSpec = serde_json::from_value(template["spec"].clone())?;
    let values = json!({"host": "http://demo-target", "users": 8, "limit": "2s", "atRestMs": 43});
    let parameters: Vec<Value> = values
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let instance: LocustTestSpec = serde_json::from_value(json!({
        "templateRef": {"name": template["metadata"]["name"], "parameters": parameters},
        "worker": {"replicas": 1},
    }))?;
    let origin = Origin {
        run_name: "suite-1-s7",
        schedule_time: None,
    };
    let engine = Handlebars::new();
    let written = spec.test.to_string();
    let context = json!({"params": values});
    Ok(Expansions {
        ours: per_second(|| {
            let spec = expand(&spec, &instance, &origin).map_err(|problems| anyhow!("{problems}"));
            spec.map(|spec| spec.worker.replicas > 0)
        })?,
        bare: per_second(|| Ok(!engine.render_template(&written, &context)?.is_empty()))?,
    })
}

/// How often it can be done; what comes out must be something, or it is none.
fn per_second(mut work: impl FnMut() -> Result<bool>) -> Result<f64> {
    let begin = Instant::now();
    let mut times = 0_u32;
    while begin.elapsed() < WINDOW {
        times += u32::from(std::hint::black_box(work()?));
    }
    Ok(f64::from(times) / begin.elapsed().as_secs_f64())
}
