//! Environment of the Locust containers.

use k8s_openapi::api::core::v1::{
    ConfigMapEnvSource, EnvFromSource, EnvVar, EnvVarSource, SecretEnvSource, SecretKeySelector,
};
use locust_api::{names, v2::EnvSource};

use super::{Run, at_each, otel};
use crate::{
    argv::Role,
    problems::Problems,
    settings::{KafkaSecret, KafkaSecurity, KafkaSettings},
};

/// Ours first, then the user's. A variable that the user sets as well is left to the user.
pub(super) fn env(run: &Run<'_>, role: Role) -> Result<Vec<EnvVar>, Problems> {
    let users = run.spec.env.as_ref();
    let users = at_each("env.variables", users.map_or(&[][..], |env| &env.variables))?;
    let mut env = vec![
        variable(names::ENV_RUN_ID, &run.claim.id),
        variable(
            names::ENV_TEST_NAME,
            &format!("{}/{}", run.namespace, run.name),
        ),
        variable(names::ENV_ROLE, role.as_str()),
        // Mounted ConfigMaps are read-only, and so may be the image.
        variable("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    env.extend(run.settings.kafka.iter().flat_map(kafka));
    env.extend(otel::env(run, role));
    env.retain(|ours| users.iter().all(|users| users.name != ours.name));
    env.extend(users);
    Ok(env)
}

/// What the published operator set in every pod, without credentials in clear text.
fn kafka(settings: &KafkaSettings) -> Vec<EnvVar> {
    let KafkaSettings {
        bootstrap_servers,
        security,
    } = settings;
    let mut env = vec![
        variable("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers),
        variable(
            "KAFKA_SECURITY_ENABLED",
            if security.is_some() { "true" } else { "false" },
        ),
    ];
    let Some(KafkaSecurity {
        protocol,
        sasl_mechanism,
        secret,
    }) = security
    else {
        return env;
    };
    env.push(variable("KAFKA_SECURITY_PROTOCOL_CONFIG", protocol));
    env.push(variable("KAFKA_SASL_MECHANISM", sasl_mechanism));
    if let Some(KafkaSecret {
        name,
        username_key,
        password_key,
        jaas_key,
    }) = secret
    {
        env.push(secret_variable("KAFKA_USERNAME", name, username_key));
        env.push(secret_variable("KAFKA_PASSWORD", name, password_key));
        if let Some(key) = jaas_key {
            env.push(secret_variable("KAFKA_SASL_JAAS_CONFIG", name, key));
        }
    }
    env
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    }
}

/// A variable whose value only the kubelet reads. Without the Secret the container does not start, and says so.
pub(super) fn secret_variable(name: &str, secret: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// ConfigMaps and Secrets whose entries become variables.
pub(super) fn env_from(run: &Run<'_>) -> Vec<EnvFromSource> {
    let Some(env) = &run.spec.env else {
        return Vec::new();
    };
    let config_maps = env
        .config_map_refs
        .iter()
        .map(|EnvSource { name, prefix }| EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource {
                name: name.clone(),
                optional: None,
            }),
            prefix: prefix.clone(),
            secret_ref: None,
        });
    let secrets = env
        .secret_refs
        .iter()
        .map(|EnvSource { name, prefix }| EnvFromSource {
            secret_ref: Some(SecretEnvSource {
                name: name.clone(),
                optional: None,
            }),
            prefix: prefix.clone(),
            config_map_ref: None,
        });
    config_maps.chain(secrets).collect()
}
