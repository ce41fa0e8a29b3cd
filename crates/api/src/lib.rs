//! The custom resources of the Locust operator: types, defaults and static rules.
//!
//! Nothing here does I/O or reads a clock. What the API server can check by itself is in the
//! schema ([`crd`]); what the operator assumes when a field is absent is in [`defaults`].

pub mod conditions;
pub mod conversion;
pub mod crd;
pub mod defaults;
mod duration;
pub mod frozen;
mod k8s;
pub mod names;
pub mod reasons;
mod scalar;
pub mod v1;
pub mod v2;

pub use duration::{Duration, ParseDurationError};
pub use k8s::{DecodeError, K8s};
pub use scalar::Scalar;
