//! Several tests in order.
//!
//! * [`check`](mod@check): what is wrong with a suite;
//! * [`children`]: the objects of its steps;
//! * [`outputs`]: the numbers of a step that later ones may use;
//! * [`retention`]: when a suite that is over goes.

pub mod check;
pub mod children;
pub mod outputs;
pub mod retention;
