//! Where users name their locustfile when not on the command line: the operator cannot see it, and the plugin must
//! be loaded beside it all the same.

use anyhow::{Result, ensure};
use e2e_tests::{node::Node, runs::Runs, seen};

/// The users of every test here, on one worker.
const USERS: u64 = 5;

pub fn named_elsewhere(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "loading")?;
    runs.kubectl.apply(FILES)?;
    runs.kubectl
        .apply(&[FROM_A_SECRET, FROM_A_MOUNTED_FILE, FROM_THE_IMAGE].join("---"))?;
    for (name, endpoint, situation) in [
        (
            "from-a-secret",
            "/basket",
            "the locustfile is named by `LOCUST_LOCUSTFILE` in a Secret",
        ),
        (
            "from-a-mounted-file",
            "/basket",
            "the locustfile is named in a mounted `--config` file",
        ),
        (
            "from-the-image",
            "/shelf",
            "the locustfile is named in a `--config` file of the image",
        ),
    ] {
        let test = runs.expect_pass(name, USERS, 1)?;
        let endpoints = &test["status"]["summary"]["endpoints"];
        ensure!(
            endpoints.as_array().map(Vec::len) == Some(1) && endpoints[0]["name"] == endpoint,
            "{name} did not run the file that was meant: {endpoints}"
        );
        let files = &test["status"]["pin"]["files"];
        ensure!(files["shop.py"].is_string(), "{name}: {files}");
        seen::case(situation, &test)?;
    }
    Ok(())
}

/// A directory with two locustfiles: only one is meant.
const FILES: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data:
  shop.py: |
    import os
    from locust import HttpUser, constant, task

    class Buyer(HttpUser):
        wait_time = constant(0.2)

        @task
        def basket(self):
            self.client.get("/basket", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})
  locustfile.py: |
    raise SystemExit("this file is not meant")
  load.conf: |
    locustfile = /lotest/src/shop.py
    host = http://demo-target
    users = 5
    spawn-rate = 5
    run-time = 7s
    stop-timeout = 5
---
apiVersion: v1
kind: Secret
metadata: {name: shop}
stringData:
  LOCUST_LOCUSTFILE: /lotest/src/shop.py
  LOCUST_HOST: http://demo-target
"#;

const FROM_A_SECRET: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: from-a-secret}
spec:
  testFiles: {configMapRef: shop}
  env: {secretRefs: [{name: shop}]}
  master: {command: --users 5 --spawn-rate 5 --run-time 10s --stop-timeout 5}
  worker: {replicas: 1, command: --loglevel INFO}
"#;

const FROM_A_MOUNTED_FILE: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: from-a-mounted-file}
spec:
  testFiles: {configMapRef: shop}
  # The operator has a variable of this name too.
  env: {variables: [{name: TEST_ROLE, value: buyer}]}
  master: {args: [--config, /lotest/src/load.conf]}
  worker: {replicas: 1, args: [--config=/lotest/src/load.conf]}
"#;

const FROM_THE_IMAGE: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: from-the-image}
spec:
  image: locust-operator/shop-test:dev
  master: {command: --config /opt/shop/load.conf}
  worker: {replicas: 1, command: --config /opt/shop/load.conf}
"#;
