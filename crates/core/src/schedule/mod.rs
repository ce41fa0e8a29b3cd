//! Schedules: what is started when.
//!
//! * [`timetable`]: when a schedule is due.

pub mod timetable;
