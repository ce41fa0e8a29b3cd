//! The Locust operator's process: it watches, reconciles, converts versions, and serves health and metrics.
//!
//! Every rule about Locust is in `locust-core`; here is only what touches the network and the clock.

pub mod app;
mod control;
mod controller;
mod fitness;
mod gate;
mod http;
mod hub;
mod lease;
mod listener;
pub mod metrics;
mod obstacles;
mod pause;
mod pinned;
pub mod rbac;
mod release;
mod schedules;
mod server;
pub mod settings;
mod suites;
mod templates;
mod webhook;
