//! A judgement for people.

use super::{Judgement, NotJudged, State};

impl Judgement {
    /// In one sentence, with the metric's name and how its values are shown: `p95 regressed by +20.3 % since run
    /// "nightly-7": 200ms before, 241ms now; confirmed by statistics`.
    pub fn words(&self, metric: &str, show: &dyn Fn(f64) -> String) -> String {
        let between = self.between(show);
        let by = self.by();
        let since = self.shift.as_ref();
        let since = since.map_or_else(String::new, |shift| format!(" since run {:?}", shift.run));
        let confirmed = "confirmed by statistics";
        let one = "one run against one other, not confirmed by statistics";
        match self.state {
            State::Collecting => format!(
                "{metric}: too few runs to confirm anything, {} more needed",
                self.missing
            ),
            State::Stable if self.other.is_some() => {
                format!(
                    "{metric} has not changed by what matters{between}{}; {one}",
                    self.aside()
                )
            }
            State::Stable => format!(
                "{metric} is stable{between}{}{}",
                self.aside(),
                self.limits()
            ),
            State::Suspected => format!(
                "{metric} looks worse in this run alone{by}{between}; not confirmed by statistics"
            ),
            State::Regressed => format!("{metric} regressed{by}{since}{between}; {confirmed}"),
            State::ImprovedButStillRegressed => {
                format!("{metric} improved, and is still regressed{by}{between}; {confirmed}")
            }
            State::Improved => format!("{metric} improved{by}{since}{between}; {confirmed}"),
            State::Recovered => format!("{metric} recovered{by}{since}{between}"),
            State::Drift => format!("{metric} drifts{by}{between}; {confirmed}"),
            State::Worse => format!("{metric} is worse{by}{between}; {one}"),
            State::Better => format!("{metric} is better{by}{between}; {one}"),
            State::NotJudged(NotJudged::NothingToCompare) => {
                format!("{metric}: nothing to compare with")
            }
            State::NotJudged(NotJudged::NotRolling) => format!(
                "{metric}: zero is a normal value of it, so it is not compared by statistics; use Previous, Pinned or a threshold"
            ),
        }
    }

    fn by(&self) -> String {
        let by = |change| format!(" by {change:+.1} %");
        self.change.map_or_else(String::new, by)
    }

    fn aside(&self) -> String {
        let aside = |change| format!(" ({change:+.1} %)");
        self.change.map_or_else(String::new, aside)
    }

    fn between(&self, show: &dyn Fn(f64) -> String) -> String {
        let Some((before, now)) = self.baseline.zip(self.newest) else {
            return String::new();
        };
        let of = self.other.as_ref();
        let of = of.map_or_else(String::new, |run| format!(" in run {run:?}"));
        format!(": {} before{of}, {} now", show(before), show(now))
    }

    /// What the series could have shown.
    fn limits(&self) -> String {
        let Some(sensitivity) = self.sensitivity else {
            return String::new();
        };
        let step = |step: Option<f64>| {
            step.map_or_else(|| "none of 70 %".to_owned(), |step| format!("{step:.0} %"))
        };
        format!(
            "; its runs differ by {:.1} %, so the smallest step it shows within 3 runs is {}, within 5 {}",
            sensitivity.noise,
            step(sensitivity.in_three),
            step(sensitivity.in_five)
        )
    }
}
