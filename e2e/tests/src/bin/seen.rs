//! What a whole run of the tests saw: `seen check` compares it with the documents, `seen write` writes docs/cases.md.
//!
//! Both need that every test ran since the directory of what was seen was removed, as `make test` does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use e2e_node::Layout;
use e2e_tests::seen;
use serde_json::Value;

const CASES: &str = "docs/cases.md";
const TROUBLESHOOTING: &str = "docs/troubleshooting.md";
/// From good to bad, as in the table.
const VERDICTS: [&str; 5] = ["Passed", "Failed", "Inconclusive", "Error", "Aborted"];

const HEAD: &str = "# Cases

<!-- Generated from the tests on the real node, by `make cases`; do not edit. -->

What becomes of a run when something happens. Each row was seen on a real node with real Locust: a test makes it happen and checks what
`kubectl` shows. The reason leads to what to do.

| when | phase | verdict | reason |
|---|---|---|---|
";

fn main() -> Result<ExitCode> {
    let repo = Layout::discover()?.repo;
    match std::env::args().nth(1).as_deref() {
        Some("write") => fs::write(repo.join(CASES), page(&rows()?)?)?,
        Some("check") => return check(&repo),
        _ => bail!("usage: seen check|write"),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(repo: &Path) -> Result<ExitCode> {
    let checks = [
        ("every reason was produced", every_reason(repo)),
        ("docs/cases.md is what was seen", cases(repo)),
    ];
    let mut failed = 0;
    for (name, result) in checks {
        match result {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                println!("FAILED  {name}: {error:#}");
                failed += 1;
            }
        }
    }
    println!("{} passed, {failed} failed", 2 - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every reason that the troubleshooting page explains was in the status of some test, and no other.
fn every_reason(repo: &Path) -> Result<()> {
    let page = fs::read_to_string(repo.join(TROUBLESHOOTING))?;
    let explained = explained(&page);
    let produced: BTreeSet<String> = fs::read_dir(seen::directory()?.join("reasons"))
        .context("no test has seen anything")?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    let never: Vec<_> = explained.difference(&produced).collect();
    ensure!(never.is_empty(), "no test produces {never:?}");
    let unknown: Vec<_> = produced.difference(&explained).collect();
    ensure!(
        unknown.is_empty(),
        "{TROUBLESHOOTING} does not explain {unknown:?}"
    );
    Ok(())
}

/// The reasons of the page: its third-level headings, and the first column of its table.
fn explained(page: &str) -> BTreeSet<String> {
    let heading = |line: &str| line.strip_prefix("### ").map(str::to_owned);
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    page.lines()
        .filter_map(|line| heading(line).or_else(|| cell(line)))
        .collect()
}

fn cases(repo: &Path) -> Result<()> {
    let wanted = page(&rows()?)?;
    let found = fs::read_to_string(repo.join(CASES)).unwrap_or_default();
    let missing: Vec<&str> = wanted
        .lines()
        .filter(|line| !found.contains(line))
        .collect();
    let stale: Vec<&str> = found
        .lines()
        .filter(|line| !wanted.contains(line))
        .collect();
    ensure!(
        wanted == found,
        "run `make cases` after `make test`, look at the difference and commit it; new: {missing:#?}, gone: {stale:#?}"
    );
    Ok(())
}

fn rows() -> Result<Vec<Value>> {
    let directory = seen::directory()?.join("cases");
    fs::read_dir(&directory)
        .with_context(|| format!("no case was seen: {} is missing", directory.display()))?
        .map(|entry| Ok(serde_json::from_str(&fs::read_to_string(entry?.path())?)?))
        .collect()
}

fn page(rows: &[Value]) -> Result<String> {
    let mut lines = rows
        .iter()
        .map(|row| {
            let text = |field: &str| {
                row[field]
                    .as_str()
                    .with_context(|| format!("a case without {field}: {row}"))
            };
            let (verdict, reason) = (text("verdict")?, text("reason")?);
            let rank = VERDICTS.iter().position(|known| *known == verdict);
            let rank = rank.with_context(|| format!("the verdict {verdict} has no place"))?;
            let line = format!(
                "| {} | {} | `{verdict}` | [`{reason}`](troubleshooting.md#{}) |\n",
                text("situation")?,
                text("phase")?,
                reason.to_lowercase()
            );
            Ok((rank, reason.to_owned(), line))
        })
        .collect::<Result<Vec<_>>>()?;
    lines.sort();
    let lines: String = lines.into_iter().map(|(_, _, line)| line).collect();
    Ok(format!("{HEAD}{lines}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_page_goes_from_good_to_bad() {
        let row = |situation, verdict, reason| json!({"situation": situation, "phase": "Failed", "verdict": verdict, "reason": reason});
        let rows = [
            row("a", "Error", "NeverStarted"),
            row("b", "Inconclusive", "Timeout"),
        ];
        let page = page(&rows).unwrap();
        let (b, a) = (page.find("| b |").unwrap(), page.find("| a |").unwrap());
        assert!(b < a, "{page}");
        assert!(page.contains("[`Timeout`](troubleshooting.md#timeout)"));
    }

    #[test]
    fn a_case_without_a_verdict_is_refused() {
        let row = json!({"situation": "a", "phase": "Pending", "verdict": null, "reason": null});
        assert!(page(&[row]).is_err());
    }

    #[test]
    fn reasons_are_headings_and_first_cells() {
        let page = "# T\n### Timeout\ntext\n| reason | meaning |\n| `PodsHealthy` | `x` |\n";
        let wanted = ["PodsHealthy", "Timeout"].map(str::to_owned);
        assert_eq!(explained(page), BTreeSet::from(wanted));
    }
}
