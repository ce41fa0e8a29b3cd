//! The table: what was measured beside its baseline, in one run.

use std::fmt::Write;

use anyhow::{Result, bail};

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured, with its unit.
    pub what: String,
    /// What it is compared with.
    pub beside: &'static str,
    /// The baseline's figure.
    pub baseline: f64,
    /// The operator's.
    pub ours: f64,
    /// What the operator should keep to; empty when there is no aim.
    pub aim: &'static str,
}

/// What one part of the benchmark found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Lines of the table.
    pub rows: Vec<Row>,
    /// Sentences below it.
    pub notes: Vec<String>,
}

/// The findings of all parts that ran.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
    missing: Vec<String>,
}

impl Table {
    /// Adds what a part found, or why it found nothing.
    pub fn add(&mut self, part: &str, found: Result<Findings>) {
        match found {
            Ok(Findings { rows, notes }) => {
                let incomplete = rows.iter().filter(|row| row.is_incomplete());
                self.missing
                    .extend(incomplete.map(|row| format!("{part}: no figure for {:?}", row.what)));
                self.rows.extend(rows);
                self.notes.extend(notes);
            }
            Err(error) => self.missing.push(format!("{part}: {error:#}")),
        }
    }

    /// The table.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| what | baseline is | baseline | operator | ratio | aim |\n|---|---|---:|---:|---:|---|\n",
        );
        for row in &self.rows {
            let Row {
                what,
                beside,
                baseline,
                ours,
                aim,
            } = row;
            let (baseline_text, ours_text) = (figure(*baseline), figure(*ours));
            let ratio = ratio(*baseline, *ours);
            // Writing into a String does not fail.
            let _ = writeln!(
                text,
                "| {what} | {beside} | {baseline_text} | {ours_text} | {ratio} | {aim} |"
            );
        }
        text
    }

    /// The notes, as a list.
    pub fn notes(&self) -> String {
        self.notes
            .iter()
            .map(|note| format!("* {note}\n"))
            .collect()
    }

    /// An error that names every figure that is missing. A slow one is none.
    pub fn check(&self) -> Result<()> {
        if !self.missing.is_empty() {
            bail!("figures are missing:\n{}", self.missing.join("\n"));
        }
        Ok(())
    }
}

impl Row {
    fn is_incomplete(&self) -> bool {
        !(self.baseline.is_finite() && self.ours.is_finite())
    }
}

fn ratio(baseline: f64, ours: f64) -> String {
    if baseline == 0.0 && ours == 0.0 {
        "equal".to_owned()
    } else if baseline == 0.0 {
        "–".to_owned()
    } else {
        figure(ours / baseline)
    }
}

/// Three digits that matter.
fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "missing".to_owned();
    }
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    // 2 writes are 2, not 2.00.
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn row(baseline: f64, ours: f64) -> Findings {
        let row = Row {
            what: "starts, ms".to_owned(),
            beside: "bare client",
            baseline,
            ours,
            aim: "≤ 30",
        };
        Findings {
            rows: vec![row],
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_line_has_both_figures_and_their_ratio() {
        let mut table = Table::default();
        table.add("idle", Ok(row(8.0, 20.0)));
        assert!(
            table
                .markdown()
                .ends_with("\n| starts, ms | bare client | 8 | 20 | 2.50 | ≤ 30 |\n"),
            "{}",
            table.markdown()
        );
        assert!(table.check().is_ok());
    }

    #[test]
    fn a_slow_figure_is_no_error() {
        let mut table = Table::default();
        table.add("idle", Ok(row(8.0, 20_000.0)));
        assert!(table.check().is_ok());
    }

    #[test]
    fn a_missing_figure_is_an_error_on_either_side() {
        for (baseline, ours) in [(f64::NAN, 1.0), (1.0, f64::NAN), (1.0, f64::INFINITY)] {
            let mut table = Table::default();
            table.add("idle", Ok(row(baseline, ours)));
            let error = table.check().unwrap_err().to_string();
            assert!(
                error.contains("idle: no figure for \"starts, ms\""),
                "{error}"
            );
            assert!(table.markdown().contains("missing"));
        }
    }

    #[test]
    fn a_part_that_failed_is_an_error_and_the_others_are_shown() {
        let mut table = Table::default();
        table.add("burst", Err(anyhow!("no API server")));
        table.add("idle", Ok(row(1.0, 1.0)));
        let error = table.check().unwrap_err().to_string();
        assert!(error.contains("burst: no API server"), "{error}");
        assert!(table.markdown().contains("starts, ms"));
    }

    #[test]
    fn nothing_beside_nothing_is_equal() {
        assert_eq!(ratio(0.0, 0.0), "equal");
        assert_eq!(ratio(0.0, 1.0), "–");
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 0.125, 2.0, 9.46, 12.34, 123.4, 4711.0].map(figure);
        assert_eq!(shown, ["0", "0.12", "2", "9.46", "12.3", "123", "4711"]);
    }
}
