//! Finding an option in a command line the way argparse does.

/// An option's spellings.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlagName {
    /// `-f`.
    pub short: Option<char>,
    /// `--locustfile`, without the dashes.
    pub long: &'static str,
    /// The shortest abbreviation of `long` that is not ambiguous in Locust.
    pub shortest: &'static str,
}

enum Match<'a> {
    /// The value is the next argument.
    Separate,
    /// The value is part of this argument.
    Attached(&'a str),
}

impl FlagName {
    fn matches<'a>(&self, arg: &'a str) -> Option<Match<'a>> {
        if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let spelled = self.long.starts_with(name) && name.len() >= self.shortest.len();
            return spelled.then(|| value.map_or(Match::Separate, Match::Attached));
        }
        let rest = arg.strip_prefix('-')?.strip_prefix(self.short?)?;
        Some(match rest {
            "" => Match::Separate,
            value => Match::Attached(value.strip_prefix('=').unwrap_or(value)),
        })
    }

    /// Whether the option is given at all.
    pub fn is_given(&self, args: &[String]) -> bool {
        args.iter().any(|arg| self.matches(arg).is_some())
    }

    /// The value that argparse would take: the last one.
    pub fn last_value(&self, args: &[String]) -> Option<String> {
        let mut found = None;
        for (index, arg) in args.iter().enumerate() {
            match self.matches(arg) {
                Some(Match::Separate) => found = args.get(index + 1).cloned(),
                Some(Match::Attached(value)) => found = Some(value.to_owned()),
                None => {}
            }
        }
        found
    }

    /// Takes every occurrence out, with its value.
    pub fn remove(&self, args: &mut Vec<String>) {
        let mut kept = Vec::with_capacity(args.len());
        let mut skip = false;
        for arg in args.drain(..) {
            if std::mem::take(&mut skip) {
                continue;
            }
            match self.matches(&arg) {
                Some(Match::Separate) => skip = true,
                Some(Match::Attached(_)) => {}
                None => kept.push(arg),
            }
        }
        *args = kept;
    }
}
