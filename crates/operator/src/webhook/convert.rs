//! `POST /convert`: a `ConversionReview` in, a `ConversionReview` out.

use axum::{Router, body::Bytes, response::Response, routing::post};
use kube::core::{
    Status,
    conversion::{ConversionRequest, ConversionResponse, ConversionReview},
};
use locust_api::conversion::{self, ConversionError};
use serde_json::Value;

use super::respond;

pub(super) fn routes() -> Router {
    Router::new().route("/convert", post(convert))
}

async fn convert(body: Bytes) -> Response {
    respond(answer(&body))
}

/// The answer as JSON. What cannot be converted is a failure in the answer; an error is what is no request at all.
fn answer(body: &[u8]) -> Result<Vec<u8>, String> {
    let review: ConversionReview = serde_json::from_slice(body)
        .map_err(|error| format!("the body is no ConversionReview: {error}"))?;
    let mut request = ConversionRequest::from_review(review)
        .map_err(|_| "the ConversionReview has no request".to_owned())?;
    let objects = std::mem::take(&mut request.objects);
    let converted = convert_all(objects, &request.desired_api_version);
    let response = ConversionResponse::for_request(request);
    let response = match converted {
        Ok(objects) => response.success(objects),
        Err(error) => {
            tracing::warn!(%error, "cannot convert");
            response.failure(Status::failure(&error.to_string(), "Invalid"))
        }
    };
    serde_json::to_vec(&response.into_review()).map_err(|error| error.to_string())
}

fn convert_all(objects: Vec<Value>, to: &str) -> Result<Vec<Value>, ConversionError> {
    let to = to.parse()?;
    let converted = objects
        .into_iter()
        .map(|object| conversion::convert(object, to));
    converted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(to: &str, objects: Value) -> Value {
        let review = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "request": {"uid": "u-1", "desiredAPIVersion": to, "objects": objects}
        });
        serde_json::from_slice(&answer(review.to_string().as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn objects_come_back_in_order() {
        let v1 = |name: &str| json!({"apiVersion": "locust.io/v1", "kind": "LocustTest", "metadata": {"name": name}, "spec": {"image": name}});
        let said = ask("locust.io/v2", json!([v1("a"), v1("b")]));
        assert_eq!(said["apiVersion"], "apiextensions.k8s.io/v1");
        assert_eq!(said["kind"], "ConversionReview");
        let response = &said["response"];
        assert_eq!(response["uid"], "u-1");
        assert_eq!(response["result"]["status"], "Success");
        let objects = response["convertedObjects"].as_array().unwrap();
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[0]["apiVersion"], "locust.io/v2");
        assert_eq!(objects[0]["spec"]["image"], "a");
        assert_eq!(objects[1]["metadata"]["name"], "b");
    }

    #[test]
    fn what_cannot_be_converted_is_told() {
        for (to, objects, words) in [
            ("locust.io/v3", json!([]), "locust.io/v3"),
            (
                "locust.io/v2",
                json!([{"apiVersion": "locust.io/v1", "kind": "Pod"}]),
                "kind is \"Pod\"",
            ),
            ("locust.io/v2", json!([5]), "apiVersion is \"null\""),
        ] {
            let said = ask(to, objects);
            let result = &said["response"]["result"];
            assert_eq!(result["status"], "Failure");
            assert!(
                result["message"].as_str().unwrap().contains(words),
                "{result}"
            );
            assert_eq!(said["response"]["uid"], "u-1");
        }
    }

    #[test]
    fn no_request_is_an_error() {
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}"#,
        ] {
            assert!(answer(body.as_bytes()).is_err(), "{body}");
        }
    }
}
