//! An API server whose operators convert and validate.

use anyhow::{Context, Result, ensure};
use e2e_tests::webhook::{self, CONFIGURATION, SECRET};
use e2e_tests::{Operator, ports, wait_until};
use serde_json::{Value, json};

use crate::world::{Cluster, SOON};

pub const CRD: &str = "locusttests.locust.io";

/// A cluster, and the ports its webhook servers are to listen on; the API server calls the first.
pub struct Converter {
    pub cluster: Cluster,
    pub ports: [u16; 2],
}

impl Converter {
    /// Boots one that serves v1 and asks about tests. Its operators' user may keep certificates, and nothing else yet.
    pub fn boot(name: &str) -> Result<Self> {
        let converter = Self {
            cluster: Cluster::boot(name)?,
            ports: [ports::free()?, ports::free()?],
        };
        let kubectl = &converter.cluster.kubectl;
        let url = format!("https://127.0.0.1:{}/convert", converter.ports[0]);
        let conversion = json!({"strategy": "Webhook", "webhook": {
            "clientConfig": {"url": url}, "conversionReviewVersions": ["v1"]
        }});
        let mut versions = kubectl.get("crd", CRD)?["spec"]["versions"].take();
        for version in versions.as_array_mut().context("versions")? {
            version["served"] = json!(true);
        }
        let spec = json!({"spec": {"versions": versions, "conversion": conversion}});
        kubectl.patch("crd", CRD, &spec)?;
        wait_until("v1 is served", SOON, || {
            kubectl.run(&["get", "--raw", "/apis/locust.io/v1"])
        })?;
        kubectl.forget_kinds();
        webhook::grant(kubectl, false)?;
        let configuration = webhook::configuration(kubectl, converter.ports[0])?;
        kubectl.feed(&["create", "-f", "-"], &configuration.to_string())?;
        Ok(converter)
    }

    /// Lets the operators run tests, too.
    pub fn let_run(&self) -> Result<()> {
        webhook::grant(&self.cluster.kubectl, true)
    }

    /// Starts the operator with this number, 0 or 1.
    pub fn operator(&self, number: usize) -> Result<Operator> {
        let flags = webhook::flags(self.ports[number]);
        Operator::start(
            &self.cluster.user.kubeconfig,
            &self.cluster.log(&format!("operator-{number}")),
            &flags.each_ref().map(String::as_str),
        )
    }

    /// The Secret with the certificates.
    pub fn secret(&self) -> Result<Value> {
        let kubectl = self.cluster.kubectl.in_namespace("operator");
        kubectl.get("secret", SECRET)
    }

    /// The CA in the definition, and in the configuration of validation, as base64; an error when they differ.
    pub fn trusted(&self) -> Result<Value> {
        let kubectl = &self.cluster.kubectl;
        let mut crd = kubectl.get("crd", CRD)?;
        let converting = crd["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"].take();
        let configuration = kubectl.get("validatingwebhookconfiguration", CONFIGURATION)?;
        let validating = &configuration["webhooks"][0]["clientConfig"]["caBundle"];
        ensure!(*validating == converting, "two CAs are trusted");
        Ok(converting)
    }
}
