//! When the webhook server's certificate and the authority that signs it are made anew.
//!
//! No call may fail meanwhile: API servers trust a new authority before anything it signed is used, and the old one
//! for as long as some replica may still use what that signed.

use jiff::{SignedDuration, Timestamp};

use crate::time;

/// How long an authority is valid.
pub const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// How long a server certificate is valid, at most.
pub const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// How much before its making a certificate begins to be valid: clocks differ.
pub const BACKDATE: SignedDuration = SignedDuration::from_mins(10);
/// How long it may take until every API server knows what is in the definition.
pub const SPREAD: SignedDuration = SignedDuration::from_secs(30);
/// How long a replica may go on with the certificate it has after another one was stored.
pub const LINGER: SignedDuration = SignedDuration::from_hours(1);

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub begin: Timestamp,
    /// Until when.
    pub end: Timestamp,
}

impl Validity {
    /// Of an authority made now.
    pub fn of_authority(now: Timestamp) -> Self {
        Self::from(now, AUTHORITY_LIFE)
    }

    /// Of a server certificate made now: it does not outlive its authority.
    pub fn of_leaf(now: Timestamp, authority: Self) -> Self {
        let own = Self::from(now, LEAF_LIFE);
        Self {
            end: own.end.min(authority.end),
            ..own
        }
    }

    fn from(now: Timestamp, life: SignedDuration) -> Self {
        Self {
            begin: plus(now, -BACKDATE),
            end: plus(now, life),
        }
    }

    fn holds(self, now: Timestamp) -> bool {
        self.begin <= now && now < self.end
    }

    /// A third of the life is left to try again when the new one cannot be stored.
    fn due(self) -> Timestamp {
        plus(self.begin, self.end.duration_since(self.begin) * 2 / 3)
    }
}

/// What is stored, where each part can be read and fits the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The authority that signs.
    pub authority: Validity,
    /// The one that is to follow it.
    pub next: Option<Validity>,
    /// Since when the definition is known to trust `next`.
    pub next_trusted_since: Option<Timestamp>,
    /// An authority that signs no more is still trusted.
    pub previous: bool,
    /// The server certificate; `None` when it is not for the names asked for, or not from `authority`.
    pub leaf: Option<Validity>,
}

/// What to do about certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before this time.
    Keep(Timestamp),
    /// Make everything: there is nothing that could be used.
    NewAuthority,
    /// Make a server certificate, signed by the authority there is.
    IssueLeaf,
    /// Make the authority that is to follow; only trust it for now.
    AddNextAuthority,
    /// Let it follow: it signs a new server certificate, and the old authority stays trusted.
    UseNextAuthority,
    /// Trust the authority that was followed no longer.
    ForgetPrevious,
}

/// What to do now; `None` stands for a Secret that is missing or holds nothing that could be used.
pub fn decide(now: Timestamp, observed: Option<&Observed>) -> Action {
    let Some(observed) = observed.filter(|observed| observed.authority.holds(now)) else {
        return Action::NewAuthority;
    };
    let Observed {
        authority,
        next,
        next_trusted_since,
        previous,
        leaf,
    } = *observed;
    let Some(leaf) = leaf.filter(|leaf| leaf.holds(now) && now < leaf.due()) else {
        return Action::IssueLeaf;
    };
    let mut wake = leaf.due();
    match (next, next_trusted_since) {
        (Some(next), Some(since)) if next.holds(now) => {
            let known = plus(since, SPREAD);
            if now >= known {
                return Action::UseNextAuthority;
            }
            wake = wake.min(known);
        }
        // Whoever sees the definition trust it says since when.
        (Some(next), None) if next.holds(now) => {}
        _ if now >= authority.due() => return Action::AddNextAuthority,
        _ => wake = wake.min(authority.due()),
    }
    if previous {
        // The leaf is what replaced the previous authority's, or a later one.
        let unused = plus(leaf.begin, BACKDATE + LINGER);
        if now >= unused {
            return Action::ForgetPrevious;
        }
        wake = wake.min(unused);
    }
    Action::Keep(wake)
}

fn plus(instant: Timestamp, length: SignedDuration) -> Timestamp {
    instant
        .checked_add(length)
        .unwrap_or(if length.is_negative() {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
}

/// How long to wait until this is to be looked at again: at least a moment, so that a wrong clock is no busy loop.
pub fn pause(now: Timestamp, wake: Timestamp) -> std::time::Duration {
    time::until(now, wake).max(std::time::Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;
    const BEGAN: i64 = 1_700_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(BEGAN + seconds).unwrap()
    }

    fn fresh(seconds: i64) -> Observed {
        let authority = Validity::of_authority(at(seconds));
        Observed {
            authority,
            next: None,
            next_trusted_since: None,
            previous: false,
            leaf: Some(Validity::of_leaf(at(seconds), authority)),
        }
    }

    #[test]
    fn decision_table() {
        let now = 250 * DAY;
        let old = Observed {
            leaf: Some(Validity::of_leaf(at(now - 60), fresh(0).authority)),
            ..fresh(0)
        };
        let next = Some(Validity::of_authority(at(now - 60)));
        let cases: Vec<(&str, Option<Observed>, Action)> = vec![
            ("nothing is there", None, Action::NewAuthority),
            (
                "the authority is over",
                Some(fresh(-120 * DAY)),
                Action::NewAuthority,
            ),
            (
                "the authority is of the future",
                Some(fresh(251 * DAY)),
                Action::NewAuthority,
            ),
            (
                "the leaf is for other names",
                Some(Observed {
                    leaf: None,
                    ..fresh(now)
                }),
                Action::IssueLeaf,
            ),
            (
                "the leaf is due",
                Some(Observed {
                    leaf: fresh(now - 61 * DAY).leaf,
                    ..fresh(now - 61 * DAY)
                }),
                Action::IssueLeaf,
            ),
            ("the authority is due", Some(old), Action::AddNextAuthority),
            (
                "the next one is not trusted yet",
                Some(Observed { next, ..old }),
                Action::Keep(old.leaf.unwrap().due()),
            ),
            (
                "it is just trusted",
                Some(Observed {
                    next,
                    next_trusted_since: Some(at(now - 29)),
                    ..old
                }),
                Action::Keep(at(now + 1)),
            ),
            (
                "every API server trusts it",
                Some(Observed {
                    next,
                    next_trusted_since: Some(at(now - 30)),
                    ..old
                }),
                Action::UseNextAuthority,
            ),
            (
                "the next one has aged unused",
                Some(Observed {
                    next: Some(Validity::of_authority(at(now - 400 * DAY))),
                    ..old
                }),
                Action::AddNextAuthority,
            ),
            (
                "some replica may use the previous one",
                Some(Observed {
                    previous: true,
                    ..fresh(now - 3599)
                }),
                Action::Keep(at(now + 1)),
            ),
            (
                "none can",
                Some(Observed {
                    previous: true,
                    ..fresh(now - 3600)
                }),
                Action::ForgetPrevious,
            ),
        ];
        for (name, observed, action) in cases {
            assert_eq!(decide(at(now), observed.as_ref()), action, "{name}");
        }
    }

    /// What is stored and trusted, as the shell keeps it.
    #[derive(Debug)]
    struct World {
        observed: Option<Observed>,
        signed_by: Option<Validity>,
    }

    proptest! {
        /// From any wake to the next, with delays: the leaf is always valid, its authority too, and it was trusted
        /// long enough before.
        #[test]
        fn a_valid_certificate_at_all_times(delays in proptest::collection::vec(0i64..5 * DAY, 200)) {
            let mut now = at(0);
            let mut world = World { observed: None, signed_by: None };
            for delay in delays {
                let action = decide(now, world.observed.as_ref());
                match (action, world.observed) {
                    (Action::Keep(wake), Some(observed)) => {
                        let leaf = observed.leaf.unwrap();
                        prop_assert!(leaf.holds(now) && observed.authority.holds(now));
                        prop_assert!(leaf.end <= observed.authority.end);
                        prop_assert_eq!(world.signed_by, Some(observed.authority));
                        prop_assert!(wake > now);
                        let next_trusted_since = observed.next.map(|_| observed.next_trusted_since.unwrap_or(now));
                        let waits = observed.next_trusted_since.is_none() && observed.next.is_some();
                        world.observed = Some(Observed { next_trusted_since, ..observed });
                        now = if waits { now } else { wake + SignedDuration::from_secs(delay) };
                    }
                    (Action::NewAuthority, None) => {
                        let authority = Validity::of_authority(now);
                        world.signed_by = Some(authority);
                        world.observed = Some(Observed {
                            authority,
                            leaf: Some(Validity::of_leaf(now, authority)),
                            next: None,
                            next_trusted_since: None,
                            previous: false,
                        });
                    }
                    (Action::IssueLeaf, Some(observed)) => {
                        let leaf = Some(Validity::of_leaf(now, observed.authority));
                        world.observed = Some(Observed { leaf, ..observed });
                    }
                    (Action::AddNextAuthority, Some(observed)) => {
                        let next = Some(Validity::of_authority(now));
                        world.observed = Some(Observed { next, next_trusted_since: None, ..observed });
                    }
                    (Action::UseNextAuthority, Some(observed)) => {
                        let since = observed.next_trusted_since.unwrap();
                        prop_assert!(now.duration_since(since) >= SPREAD);
                        let authority = observed.next.unwrap();
                        world.signed_by = Some(authority);
                        let leaf = Some(Validity::of_leaf(now, authority));
                        world.observed = Some(Observed { authority, leaf, next: None, next_trusted_since: None, previous: true });
                    }
                    (Action::ForgetPrevious, Some(observed)) => {
                        world.observed = Some(Observed { previous: false, ..observed });
                    }
                    (action, observed) => prop_assert!(false, "{action:?} of {observed:?}"),
                }
            }
        }
    }
}
