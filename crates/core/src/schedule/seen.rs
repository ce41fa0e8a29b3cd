//! What was seen of a schedule.

use jiff::Timestamp;
use locust_api::v2::{ComparisonNote, Verdict};

/// What was seen of a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Now.
    pub now: Timestamp,
    /// The objects that the schedule owns, and those that its status names and that are gone. They may be behind: a run
    /// that is missing here may exist. Only [`RunState::Gone`] says that it does not.
    pub runs: &'a [Run],
}

impl Seen<'_> {
    /// The run with this UID.
    pub(super) fn run(&self, uid: Option<&str>) -> Option<&Run> {
        let uid = uid?;
        self.runs.iter().find(|run| run.uid == uid)
    }
}

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What it is.
    pub kind: RunKind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// What it is for.
    pub purpose: Purpose,
    /// When it was created, if that is known.
    pub created: Option<Timestamp>,
    /// How it is.
    pub state: RunState,
    /// Whether it is being deleted.
    pub is_leaving: bool,
}

/// What a run is for. Its name follows from that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purpose {
    /// The time of the timetable; `None` on demand.
    pub time: Option<Timestamp>,
    /// The token that asked for it.
    pub token: Option<String>,
    /// Which attempt; 1 is the first.
    pub attempt: i32,
}

impl Purpose {
    /// Whether the other is an attempt of the same run.
    pub(super) fn is_of_same_run(&self, other: &Self) -> bool {
        (self.time, &self.token) == (other.time, &other.token)
    }
}

/// What a schedule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// A `LocustTest`.
    Test,
    /// A `LocustTestSuite`.
    Suite,
}

impl RunKind {
    /// The kind as Kubernetes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "LocustTest",
            Self::Suite => "LocustTestSuite",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Self {
        if name == Self::Suite.as_str() {
            Self::Suite
        } else {
            Self::Test
        }
    }
}

/// How a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It has not ended.
    Active,
    /// It has ended.
    Ended(RunEnd),
    /// The API server does not have it any more: it was asked, or said that it was deleted.
    Gone,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// What it means.
    pub verdict: Verdict,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// What the series says of it.
    pub comparison: Option<ComparisonNote>,
    /// When, if it is known.
    pub at: Option<Timestamp>,
}
