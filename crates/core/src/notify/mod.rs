//! Telling somebody how the runs of a schedule went: where to, in which words, and what an answer means.
//!
//! What is to be told when is decided by [`schedule::notices`](crate::schedule::notices). A request is made of it in two
//! steps: [`message`] writes the body, which holds no secret, and [`target`] says where it goes, which may be one.

mod message;
mod target;

pub use message::{Message, id, message};
pub use target::{Target, Unready, problems, target, unreadable};

/// What came of a try to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The receiver took it, with this status code.
    Accepted(u16),
    /// The receiver answered with this status code, and did not take it.
    Refused(u16),
    /// There was no answer: why.
    Unanswered(String),
    /// The Secret cannot be used: why, and what to do.
    NoSecret(String),
    /// The spec cannot be used: why.
    Impossible(String),
}

impl Sent {
    /// What a status code means.
    pub const fn answered(code: u16) -> Self {
        if code >= 200 && code < 300 {
            Self::Accepted(code)
        } else {
            Self::Refused(code)
        }
    }

    /// Whether the same again may have another result without a change of the spec.
    pub const fn may_pass(&self) -> bool {
        match self {
            // Redirects are not followed, and what a client did wrong stays wrong.
            Self::Accepted(_) | Self::Impossible(_) => false,
            Self::Refused(code) => matches!(*code, 408 | 429 | 500..),
            Self::Unanswered(_) | Self::NoSecret(_) => true,
        }
    }

    /// The same in a sentence without an end, which holds no secret.
    pub fn words(&self) -> String {
        match self {
            Self::Accepted(code) => format!("the receiver took it with status {code}"),
            Self::Refused(code @ 300..400) => format!(
                "the receiver answered with status {code}, and redirects are not followed; write the address that it leads to"
            ),
            Self::Refused(code) => format!("the receiver answered with status {code}"),
            Self::Unanswered(words) | Self::NoSecret(words) | Self::Impossible(words) => {
                words.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_means() {
        for (code, is_accepted, may_pass) in [
            (100, false, false),
            (200, true, false),
            (202, true, false),
            (204, true, false),
            (301, false, false),
            (307, false, false),
            (400, false, false),
            (403, false, false),
            (404, false, false),
            (408, false, true),
            (410, false, false),
            (429, false, true),
            (500, false, true),
            (503, false, true),
        ] {
            let sent = Sent::answered(code);
            assert_eq!(matches!(sent, Sent::Accepted(_)), is_accepted, "{code}");
            assert_eq!(sent.may_pass(), may_pass, "{code}");
            assert!(sent.words().contains(&code.to_string()), "{code}");
        }
        assert!(Sent::Unanswered(String::new()).may_pass());
        assert!(Sent::NoSecret(String::new()).may_pass());
        assert!(!Sent::Impossible(String::new()).may_pass());
    }
}
