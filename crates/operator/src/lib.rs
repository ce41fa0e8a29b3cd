//! The Locust operator's process: it watches, reconciles, and serves health and metrics.
//!
//! Every rule about Locust is in `locust-core`; here is only what touches the network and the clock.

pub mod app;
mod controller;
mod hub;
mod listener;
pub mod metrics;
pub mod rbac;
mod server;
pub mod settings;
