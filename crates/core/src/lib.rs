//! Every decision of the Locust operator, as pure functions of what was observed and the time passed in.
//!
//! * [`claim`]: the names and the identity of a run, fixed before anything is created;
//! * [`argv`] and [`render`]: from a spec to Jobs, Service and ConfigMap, or to its [`problems`];
//! * [`admission`]: what is said of a test when it is written;
//! * [`report`]: what the plugin in the Locust master says;
//! * [`pods`], [`refusals`] and [`mounting`]: what keeps pods from running;
//! * [`queue`]: which tests wait for others;
//! * [`lease`]: which of several processes acts;
//! * [`others`]: whether another operator works on the same tests;
//! * [`definition`]: whether the cluster serves the kind this operator needs;
//! * [`threshold`] and [`validity`]: what a run must hold to pass, and to count at all;
//! * [`live_metrics`]: the numbers of a running test for Prometheus;
//! * [`lifecycle`]: from all that is observed to status, actions and verdict;
//! * [`certificates`]: when the webhook server's certificate is made anew;
//! * [`managed_fields`]: who owns what of the definition;
//! * [`slim`]: what caches leave out;
//! * [`suite`]: what a suite does next;
//! * [`patch`]: the smallest status write, or none.

pub mod admission;
pub mod argv;
pub mod certificates;
pub mod claim;
pub mod definition;
mod figures;
pub mod lease;
pub mod lifecycle;
pub mod live_metrics;
pub mod managed_fields;
pub mod mounting;
pub mod others;
pub mod patch;
pub mod pods;
pub mod problems;
pub mod queue;
pub mod references;
pub mod refusals;
pub mod render;
pub mod report;
pub mod settings;
pub mod slim;
pub mod suite;
pub mod threshold;
pub mod time;
pub mod validity;
pub mod view;
