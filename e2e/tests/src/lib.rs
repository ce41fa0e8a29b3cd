//! What tests of the operator from the outside share: kubectl, the operator as
//! a process, the API server's audit log, and waiting.

pub mod audit;
pub mod harness;
pub mod kubectl;
pub mod manifest;
pub mod node;
pub mod operator;
pub mod ports;
pub mod process;
pub mod user;
pub mod wait;

pub use audit::AuditLog;
pub use kubectl::Kubectl;
pub use operator::Operator;
pub use wait::wait_until;
