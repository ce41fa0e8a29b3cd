//! Rewrites tests that are stored as an older version, once.
//!
//! As long as one is, every list of tests needs the webhook server.

use std::time::Duration;

use anyhow::Context as _;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use locust_api::v2::LocustTest;
use locust_core::definition::VERSION as STORED;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::definition::Definition;

/// Tests per list.
const PAGE: u32 = 100;
/// Pause after a failure: until conversion works, nothing can be listed.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// While this operator is not asked to convert.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Until all tests are stored as v2, or the process is told to stop. `hosts`: by which this operator is asked to
/// convert.
pub(super) async fn run(client: Client, hosts: Vec<String>, stop: CancellationToken) {
    let migrate = async {
        loop {
            let pause = match migrate(&client, &hosts).await {
                Ok(true) => return,
                Ok(false) => LOOK_AGAIN,
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "cannot rewrite tests that are stored as an older version yet; trying again"
                    );
                    TRY_AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    let _ = stop.run_until_cancelled(migrate).await;
}

/// Says whether all is done. What nobody converts is read without the fields that the versions do not share, and
/// rewriting it would make that so for good.
async fn migrate(client: &Client, hosts: &[String]) -> anyhow::Result<bool> {
    let Some(definition) = Definition::read(client).await? else {
        return Ok(false);
    };
    if !definition.stores_older_than(STORED) {
        return Ok(true);
    }
    if !definition.asks(hosts) {
        return Ok(false);
    }
    let count = rewrite_all(client).await?;
    definition.stores_only(client, STORED).await?;
    tracing::info!(count, "all tests are stored as locust.io/{STORED}");
    Ok(true)
}

/// An empty patch: the API server writes what it would store now, if that is not what is stored.
async fn rewrite_all(client: &Client) -> anyhow::Result<usize> {
    // Not typed: what is stored need not fit what was meant.
    let kind = ApiResource::erase::<LocustTest>(&());
    let all = Api::<DynamicObject>::all_with(client.clone(), &kind);
    let mut params = ListParams::default().limit(PAGE);
    let mut count = 0;
    loop {
        let page = all
            .list_metadata(&params)
            .await
            .context("cannot list tests")?;
        for test in page.items {
            let (Some(name), Some(namespace)) = (test.metadata.name, test.metadata.namespace)
            else {
                continue;
            };
            let tests = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace, &kind);
            let nothing = Patch::Merge(json!({}));
            let params = PatchParams::default();
            match tests.patch_status(&name, &params, &nothing).await {
                Ok(_) => count += 1,
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot rewrite {namespace}/{name}"));
                }
            }
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(count),
        }
    }
}
