//! The judges: what is wrong with a state. Each names the parts of the state that it looks at; one that is missing is wrong.

pub(crate) mod chart;
pub(crate) mod definition;
pub(crate) mod pods;
pub(crate) mod runs;
pub(crate) mod status;
