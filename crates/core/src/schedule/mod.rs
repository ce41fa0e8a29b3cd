//! Schedules: what is started when.
//!
//! [`decide`] says what a schedule does next, from its object, its runs and the time. The names of runs follow from the
//! schedule and the time (or the token) alone, so whoever decides again after a crash decides the same, and what was made
//! but not noted is found by its name. Nothing is deleted that the stored status does not say is to go.
//!
//! What the words of the spec leave open is decided here:
//! * Everything up to `status.cursor` is settled. It begins at the creation, and moves to now when the timetable changes
//!   or comes into force again: an edit and the end of a suspension fire nothing of the past. It never moves before the
//!   last time that was fired, whatever the clock does.
//! * Of several times that have passed, the latest is run if it is not too late, and the others are missed.
//! * A further attempt belongs to its run: under `Forbid` the next time finds it in its way. Under `Replace` a time that
//!   is due ends the row.
//! * A run on demand takes place although the schedule is suspended or has ended. It respects `concurrencyPolicy`, and
//!   neither moves `lastScheduleTime` nor counts in `maxRuns`. Under `--suspend-new` it does not take place.
//! * A time at which nothing could be made (a name that is taken, an API server that refuses) is an Error of that run.
//! * A run that was deleted before it had ended was Aborted.
//!
//! * [`timetable`]: when a schedule is due;
//! * [`child`]: the objects of runs;
//! * [`check`]: what is wrong with a schedule;
//! * [`notices`]: whom to tell how runs went.

pub mod check;
pub mod child;
mod decide;
mod fire;
mod hear;
mod hold;
pub mod notices;
mod seen;
mod status;
mod tally;
pub mod timetable;

pub use decide::{Decision, Delete, News, Start, decide};
pub use hold::Held;
pub use seen::{Purpose, Run, RunEnd, RunKind, RunState, Seen};
pub use status::{has_noted, not_started, started};
pub use tally::{Tally, tally};

#[cfg(test)]
mod tests;
