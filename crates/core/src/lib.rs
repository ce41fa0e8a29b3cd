//! Every decision of the Locust operator, as pure functions of what was observed and the time passed in.
//!
//! * [`claim`]: the names and the identity of a run, fixed before anything is created;
//! * [`argv`] and [`render`]: from a spec to Jobs, Service and ConfigMap;
//! * [`report`]: what the plugin in the Locust master says;
//! * [`pods`]: what keeps pods from running;
//! * [`lifecycle`]: from all that is observed to status, actions and verdict;
//! * [`patch`]: the smallest status write, or none.

pub mod argv;
pub mod claim;
pub mod lifecycle;
pub mod patch;
pub mod pods;
pub mod render;
pub mod report;
pub mod settings;

pub mod time;
pub mod view;
