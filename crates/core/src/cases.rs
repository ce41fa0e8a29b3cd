//! How many cases a property is tried with.

use proptest::prelude::ProptestConfig;

/// So many, unless `PROPTEST_CASES` says how many: `make soak` does.
pub fn cases(few: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default,
        None => ProptestConfig {
            cases: few,
            ..default
        },
    }
}
