//! The webhook server's certificate: shared by replicas, and renewed while calls go on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use e2e_tests::audit::Filter;
use e2e_tests::{wait_until, webhook::SECRET};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::converter::Converter;
use crate::world::{SOON, World};

const WRONG: &str = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: wrong}, spec: {worker: {replicas: 1, command: a, args: [b]}}}";
const DAY: Duration = Duration::from_secs(86_400);

pub fn certificates_are_shared_and_renewed(_: &World) -> Result<()> {
    let converter = Converter::boot("certificates")?;
    converter.let_run()?;
    let place = converter.cluster.place("certificates")?;
    let (first, second) = (converter.operator(0)?, converter.operator(1)?);
    one_authority(&converter)?;
    drop(second);

    place.kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}}}")?;
    let path = "/apis/locust.io/v1/namespaces/certificates/locusttests/demo";
    let get = || place.kubectl.run(&["get", "--raw", path]).map(drop);
    wait_until("v1 is served", SOON, get)?;

    // In the place of what it has, an authority that is soon over.
    let aged = aged()?;
    let kubectl = converter.cluster.kubectl.in_namespace("operator");
    kubectl.patch("secret", SECRET, &json!({"stringData": aged}))?;
    let old = kubectl.get("secret", SECRET)?["data"]["ca.crt"].take();
    wait_until("both trust it", SOON, || {
        ensure!(starts_with(&converter.trusted()?, &old)?, "another CA");
        Ok(())
    })?;
    wait_until("v1 is served again", SOON, get)?;

    // Without an answer it would be accepted.
    let refused = || place.kubectl.refused(WRONG).map(drop);
    wait_until("tests are checked", SOON, refused)?;
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = |call: &dyn Fn() -> Result<()>| {
        while !stop.load(Ordering::Relaxed) {
            call().with_context(|| format!("call {}", calls.fetch_add(1, Ordering::Relaxed)))?;
            calls.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    std::thread::scope(|scope| {
        let callers = [scope.spawn(|| load(&get)), scope.spawn(|| load(&refused))];
        let renewed = renewed(&converter, &old);
        // Calls with what the API server knows now.
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller
                .join()
                .map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        renewed
    })?;
    let calls = calls.into_inner();
    ensure!(calls > 20, "only {calls} calls were made");
    println!("{calls} calls while the certificate was renewed");
    drop(first);
    Ok(())
}

/// Two that start at once make one Secret, and definition and configuration trust its CA.
fn one_authority(converter: &Converter) -> Result<()> {
    let user = &converter.cluster.user.name;
    wait_until("definition and configuration trust the CA", SOON, || {
        let secret = converter.secret()?;
        let authority = &secret["data"]["ca.crt"];
        ensure!(
            authority.is_string() && converter.trusted()? == *authority,
            "another CA"
        );
        Ok(())
    })?;
    let created = converter.cluster.audit.requests(&Filter {
        user,
        verb: "create",
        resource: "secrets",
        ..Filter::default()
    })?;
    assert_eq!(
        created.iter().filter(|request| request.succeeded()).count(),
        1
    );
    let updated = converter.cluster.audit.requests(&Filter {
        user,
        verb: "update",
        resource: "secrets",
        ..Filter::default()
    })?;
    assert_eq!(updated.len(), 0, "nobody replaced it");
    Ok(())
}

/// Waits until another authority signs; both are trusted then.
fn renewed(converter: &Converter, old: &Value) -> Result<()> {
    wait_until("another authority signs", Duration::from_secs(90), || {
        let data = converter.secret()?["data"].take();
        ensure!(data["ca.crt"] != *old, "still the old one");
        assert_eq!(data["previous-ca.crt"], *old);
        let trusted = converter.trusted()?;
        ensure!(starts_with(&trusted, &data["ca.crt"])?, "the new one first");
        Ok(())
    })
}

/// Whether the PEM of one base64 text begins with that of the other.
fn starts_with(bundle: &Value, first: &Value) -> Result<bool> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = |value: &Value| -> Result<Vec<u8>> {
        Ok(STANDARD.decode(value.as_str().context("no certificate")?)?)
    };
    Ok(text(bundle)?.starts_with(&text(first)?))
}

/// A Secret whose authority has used up most of its life.
fn aged() -> Result<Value> {
    let now = SystemTime::now();
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "aged");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    (params.not_before, params.not_after) = ((now - DAY * 300).into(), (now + DAY * 65).into());
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(params, &ca_key);
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    (params.not_before, params.not_after) = ((now - DAY).into(), (now + DAY * 60).into());
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?.pem();
    Ok(json!({
        "ca.crt": ca, "ca.key": ca_key.serialize_pem(), "tls.crt": leaf, "tls.key": key.serialize_pem()
    }))
}
