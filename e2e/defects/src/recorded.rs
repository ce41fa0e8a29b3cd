//! The recorded wrong states.

use serde::Deserialize;
use serde_json::Value;

use crate::{Unproven, defect};

/// A wrong state of the published operator, as it was recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Words that a judge must say of it, one for each thing that is wrong.
    pub symptoms: Vec<String>,
    /// What was seen, in the form that the judge of the defect takes.
    pub state: Value,
}

/// The recorded wrong state of a defect.
///
/// # Errors
/// When there is none that can be read.
pub fn recorded(number: u8) -> Result<Recorded, Unproven> {
    serde_saphyr::from_str(defect(number)?.fixture)
        .map_err(|error| Unproven::Unreadable(number, error.to_string()))
}
