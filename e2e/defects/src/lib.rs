//! What is broken in the published operator, and how a test proves that it is not broken here.
//!
//! Each defect has a recorded wrong state (`fixtures/`), a judge that tells a wrong state from a right one, and a test that
//! shows the judge what this operator does in the same situation. [`check`] runs the judge over both, so a judge that sees
//! nothing proves nothing.

mod faults;
mod judge;
mod page;
mod recorded;
mod registry;

pub use faults::Faults;
pub use judge::chart::OLD_VALUES;
pub use page::page;
pub use recorded::{Recorded, recorded};
pub use registry::DEFECTS;

use serde_json::Value;

/// Something that is broken in the published operator.
#[derive(Clone, Copy, Debug)]
pub struct Defect {
    /// Its number: 3 is A10-3.
    pub number: u8,
    /// What goes wrong with the published operator.
    pub published: &'static str,
    /// What this operator does instead.
    pub here: &'static str,
    /// The recorded wrong state, as YAML.
    pub fixture: &'static str,
    /// Finds what is wrong with a state.
    pub judge: fn(&Value, &mut Faults),
    /// What is not mended yet; empty when all is.
    pub missing: &'static str,
    /// The test that shows it.
    pub test: Test,
}

/// A test about a defect.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// The file that holds it, from the root of the repository.
    pub file: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// Why a defect is not shown to be mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// No such defect.
    #[error("there is no defect A10-{0}")]
    Unknown(u8),
    /// The recorded state cannot be read.
    #[error("the recorded state of A10-{0}: {1}")]
    Unreadable(u8, String),
    /// The judge takes the recorded wrong state for right, or misses a part of what is wrong.
    #[error("the judge of A10-{0} does not see {1:?} in the recorded wrong state; it says: {2}")]
    Blind(u8, String, String),
    /// The state is wrong.
    #[error("A10-{0}: {1}")]
    Wrong(u8, String),
    /// The registry says that it is not mended, and it is.
    #[error(
        "A10-{0} is mended: let its test call `check`, and say in the registry that nothing is missing"
    )]
    Mended(u8),
}

impl Defect {
    /// What the judge says of a state; empty when nothing is wrong with it.
    pub fn faults(&self, state: &Value) -> String {
        let mut faults = Faults::default();
        (self.judge)(state, &mut faults);
        faults.to_string()
    }

    /// Fails unless the judge sees all symptoms in the recorded wrong state.
    ///
    /// # Errors
    /// When it does not, or there are none.
    pub fn check_recorded(&self) -> Result<(), Unproven> {
        let recorded = recorded(self.number)?;
        let said = self.faults(&recorded.state);
        let unseen = recorded.symptoms.iter().find(|it| !said.contains(*it));
        match unseen {
            None if !recorded.symptoms.is_empty() && !said.is_empty() => Ok(()),
            unseen => Err(Unproven::Blind(
                self.number,
                unseen.cloned().unwrap_or_default(),
                said,
            )),
        }
    }
}

/// The defect of this number.
///
/// # Errors
/// When there is none.
pub fn defect(number: u8) -> Result<&'static Defect, Unproven> {
    DEFECTS
        .iter()
        .find(|defect| defect.number == number)
        .ok_or(Unproven::Unknown(number))
}

/// Fails unless the judge of a defect sees what is wrong in the recorded state, and nothing wrong in this one.
///
/// # Errors
/// When the judge is blind or the state is wrong.
pub fn check(number: u8, state: &Value) -> Result<(), Unproven> {
    let defect = defect(number)?;
    defect.check_recorded()?;
    match defect.faults(state) {
        said if said.is_empty() => Ok(()),
        said => Err(Unproven::Wrong(
            number,
            format!("{said}; the state is {state}"),
        )),
    }
}

/// Fails unless the judge of a defect that is not mended sees that in this state, so that nobody is told more or less than
/// what is true. Returns what it says.
///
/// # Errors
/// When the judge is blind or nothing is wrong any more.
pub fn check_missing(number: u8, state: &Value) -> Result<String, Unproven> {
    let defect = defect(number)?;
    defect.check_recorded()?;
    match defect.faults(state) {
        said if said.is_empty() => Err(Unproven::Mended(number)),
        said => Ok(said),
    }
}

#[cfg(test)]
mod tests;
