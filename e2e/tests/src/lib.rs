//! What tests of the operator from the outside share: kubectl, the operator as
//! a process, the API server's audit log, and waiting.

pub mod audit;
pub mod cluster;
pub mod harness;
pub mod helm;
pub mod history;
pub mod http;
pub mod kills;
pub mod kubectl;
pub mod load;
pub mod manifest;
pub mod node;
pub mod once;
pub mod operator;
pub mod percentiles;
pub mod policy;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod published;
pub mod reach;
mod reader;
pub mod remains;
pub mod runs;
pub mod seen;
pub mod stand_in;
pub mod telemetry;
mod upstream;
pub mod user;
pub mod wait;
pub mod web_ui;
pub mod webhook;

pub use audit::AuditLog;
pub use kubectl::Kubectl;
pub use operator::Operator;
pub use wait::wait_until;
