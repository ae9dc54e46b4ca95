//! Exit codes: one documented type.

/// How the process ends. Scripts may rely on these numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// It worked.
    Ok = 0,
    /// The operation failed; `runbook check` found faults.
    Failed = 1,
    /// The command line is wrong, or names no or more than one incident.
    Usage = 2,
    /// An expectation is unmet; `triage` matched; executed but not verified.
    Unmet = 10,
    /// Could not look; the outcome of an action is unknown.
    Unknown = 11,
    /// Refused: an approval is missing, or the transition is not allowed.
    Refused = 12,
    /// Verification failed, or documents are stale.
    Unverified = 13,
    /// Interrupted with Ctrl-C.
    Interrupted = 130,
    /// A bug in blotter.
    Bug = 255,
}

impl Exit {
    /// Every code with what it means, as the documentation prints it.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Ok, "it worked"),
        (Self::Failed, "the operation failed; `runbook check` found faults"),
        (Self::Usage, "wrong usage; unknown or ambiguous incident"),
        (Self::Unmet, "an expectation is unmet; `triage` matched; executed but not verified"),
        (Self::Unknown, "could not look; the outcome of an action is unknown"),
        (Self::Refused, "refused: an approval is missing, or the transition is not allowed"),
        (Self::Unverified, "verification failed; documents are stale"),
        (Self::Interrupted, "interrupted"),
        (Self::Bug, "a bug in blotter"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(e: Exit) -> Self {
        Self::from(e as u8)
    }
}
