//! What was seen of a suite.

use std::collections::BTreeMap;

use jiff::Timestamp;
use locust_api::v2::{ComparisonNote, SuiteStep, Verdict};

/// What was seen of a suite.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Now.
    pub now: Timestamp,
    /// The objects of this run of the suite, by name. They may be behind: a child that is missing here may exist. Only
    /// [`ChildState::Gone`] says that it does not. After a status that could not be written they must be no older than
    /// that, or more steps may run than `maxParallel` allows.
    pub children: &'a BTreeMap<String, Child>,
    /// What was found just now of the `waitFor` of steps, by name of the step.
    pub waits: &'a BTreeMap<String, WaitState>,
}

/// The object of an attempt of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// What it is.
    pub kind: ChildKind,
    /// Its UID; of one that is gone, the UID that was looked for.
    pub uid: String,
    /// How it is.
    pub state: ChildState,
}

/// What a step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    /// A `LocustTest`.
    Test,
    /// A Kubernetes Job.
    Job,
}

impl ChildKind {
    /// What this step makes.
    pub const fn of(step: &SuiteStep) -> Self {
        if step.job.is_some() {
            Self::Job
        } else {
            Self::Test
        }
    }

    /// The kind as Kubernetes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "LocustTest",
            Self::Job => "Job",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Self {
        if name == Self::Job.as_str() {
            Self::Job
        } else {
            Self::Test
        }
    }
}

/// How a child is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It has not ended.
    Active,
    /// It has ended.
    Ended(ChildEnd),
    /// The API server does not have it any more: it was asked, or said that it was deleted.
    Gone,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEnd {
    /// What it means.
    pub verdict: Verdict,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// The numbers that later steps may use.
    pub outputs: BTreeMap<String, String>,
    /// What its series says of it.
    pub comparison: Option<ComparisonNote>,
    /// When, if it is known: what ends after the step's timeout ended because of it.
    pub at: Option<Timestamp>,
}

/// How what a step waits for is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitState {
    /// It is so.
    Holds,
    /// It is not so yet; the words say how it is instead.
    NotYet(String),
    /// It will not be so, for the reason that the words give.
    Failed(String),
}
