//! Why a reconcile did not get through.

/// Why a reconcile did not get through. All are tried again, with growing pauses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// The API server refused or did not answer.
    #[error("cannot {action}: {source}")]
    Api {
        /// What was tried.
        action: &'static str,
        /// What came back.
        source: kube::Error,
    },
    /// It did not end.
    #[error("it took too long")]
    TooLong,
    /// A defect.
    #[error("it panicked; this is a defect of the operator")]
    Panicked,
    /// The test lost its claim in the middle, which only somebody else's write can do.
    #[error("the claim is gone from the status")]
    ClaimGone,
    /// What a template gave is needed, and cannot be read any more: somebody deleted or changed it.
    #[error("what the template gave cannot be read: {0}")]
    PinnedSpecGone(String),
}

impl ReconcileError {
    /// One word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::TooLong => "timeout",
            Self::Panicked => "panic",
            Self::ClaimGone => "claim_gone",
            Self::PinnedSpecGone(_) => "pinned_spec_gone",
        }
    }

    /// Whether a newer version of the object exists.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source: kube::Error::Api(status), .. } if status.is_conflict() || status.is_not_found())
    }
}

/// Adds what was tried to an error of the API.
pub(crate) trait Trying<T> {
    /// `action` completes "cannot …".
    fn trying(self, action: &'static str) -> Result<T, ReconcileError>;
}

impl<T> Trying<T> for Result<T, kube::Error> {
    fn trying(self, action: &'static str) -> Result<T, ReconcileError> {
        self.map_err(|source| ReconcileError::Api { action, source })
    }
}
