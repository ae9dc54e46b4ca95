//! Why a command is refused, and what to type instead.

use crate::record::action::ActionStatus;
use crate::record::id::Hash;
use crate::record::incident::Status;
use crate::record::time::Timestamp;

/// Why a command may not be carried out. Ends the process with exit code 12.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The same runbook has an incident that is not over.
    #[error("incident {number} of `{runbook}` is {status} already")]
    AlreadyOpen {
        /// That incident.
        number: u64,
        /// Its runbook.
        runbook: String,
        /// Where it stands.
        status: Status,
    },
    /// The incident is over.
    #[error("incident {number} is {status}")]
    NotActive {
        /// The incident.
        number: u64,
        /// Where it stands.
        status: Status,
    },
    /// Only what is over can be reopened.
    #[error("incident {number} is {status}, so there is nothing to reopen")]
    NotOver {
        /// The incident.
        number: u64,
        /// Where it stands.
        status: Status,
    },
    /// Somebody was first.
    #[error("incident {number} was acknowledged at {at} by `{by}`")]
    AlreadyAcknowledged {
        /// The incident.
        number: u64,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The harm has stopped already.
    #[error("incident {number} was mitigated at {at}")]
    AlreadyMitigated {
        /// The incident.
        number: u64,
        /// When.
        at: Timestamp,
    },
    /// A text that says nothing.
    #[error("the {what} is empty")]
    Empty {
        /// E.g. `reason`.
        what: &'static str,
    },
    /// A word that is none of those that mean something here.
    #[error("`{value}` is not a {what}")]
    BadValue {
        /// E.g. `severity`.
        what: &'static str,
        /// What was given.
        value: String,
        /// What may be given, for the hint.
        allowed: &'static str,
    },
    /// Nothing would change.
    #[error("the {what} is `{value}` already")]
    Unchanged {
        /// E.g. `severity`.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// A rule may raise the severity, and only a person may lower it.
    #[error("rule `{rule}` may not lower the severity from {from} to {to}")]
    OnlyRaises {
        /// The rule.
        rule: String,
        /// Severity now.
        from: String,
        /// What it asked for.
        to: String,
    },
    /// A time that has not come.
    #[error("{at} is in the future")]
    InFuture {
        /// What was given.
        at: Timestamp,
        /// The time now.
        now: Timestamp,
    },
    /// What the runbook insists on is not in the record.
    #[error("incident {number} still lacks {}", quoted(.missing))]
    Missing {
        /// The incident.
        number: u64,
        /// E.g. `ask:user-impact`.
        missing: Vec<String>,
    },
    /// A waiver for something that is there, or that nobody asked for.
    #[error("`{what}` is not missing")]
    NotMissing {
        /// What was to be left out.
        what: String,
    },
    /// An action that may or may not have happened.
    #[error("action {number}.a{n} is {status}")]
    Undecided {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// `started` or `unknown`.
        status: ActionStatus,
    },
    /// A name that is not in this incident.
    #[error("incident {number} has no {what}")]
    NoSuch {
        /// The incident.
        number: u64,
        /// E.g. `action a3`.
        what: String,
    },
    /// A rule that fires once per incident has fired.
    #[error("escalation `{rule}` was raised already, as {number}.{seq}")]
    AlreadyRaised {
        /// The incident.
        number: u64,
        /// The rule.
        rule: String,
        /// The event.
        seq: u64,
    },
    /// A follow-up that is done.
    #[error("follow-up {number}.f{n} was done at {at}")]
    AlreadyDone {
        /// The incident.
        number: u64,
        /// The follow-up.
        n: u64,
        /// When.
        at: Timestamp,
    },
    /// An event that has no text of a person to put right.
    #[error("event {number}.{seq} is `{kind}`, which has no text to correct")]
    NotCorrectable {
        /// The incident.
        number: u64,
        /// The event.
        seq: u64,
        /// Its type.
        kind: String,
    },
    /// Who acts is nobody that the config knows.
    #[error("`{name}` is not a person of the config, and only a known person may {verb}")]
    NotAPerson {
        /// The name acted under.
        name: String,
        /// E.g. `approve`.
        verb: &'static str,
    },
    /// The same change waits already, or nobody knows how it ended.
    #[error("action {number}.a{n} (`{block}`) is {status}")]
    Live {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Its block.
        block: String,
        /// Where it stands.
        status: ActionStatus,
    },
    /// A rule that nobody can ever satisfy, or that the kind may not have.
    #[error("the approval rule of `{block}` cannot be satisfied: {why}")]
    BadRule {
        /// The action's block.
        block: String,
        /// Why.
        why: &'static str,
    },
    /// The action stands elsewhere.
    #[error("action {number}.a{n} is {status}, so it cannot be {verb}")]
    WrongStatus {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Where it stands.
        status: ActionStatus,
        /// E.g. `approved`.
        verb: &'static str,
    },
    /// The runbook asks for no approval.
    #[error("action {number}.a{n} needs no approval")]
    NoneNeeded {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
    },
    /// Not one of those who may approve.
    #[error("`{approver}` may not approve {number}.a{n}")]
    NotAnApprover {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who tried.
        approver: String,
        /// Who may.
        from: Vec<String>,
    },
    /// One text is one approval.
    #[error("this text was entered already, as {number}.{seq}; an approval is good once")]
    Replayed {
        /// The incident.
        number: u64,
        /// The event.
        seq: u64,
    },
    /// What was signed cannot be kept.
    #[error("the signed approval of {number}.a{n} cannot be written down: {why}")]
    BadSignature {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Why.
        why: String,
    },
    /// Nobody approves what they proposed.
    #[error("`{who}` proposed {number}.a{n} and may not approve it")]
    OwnProposal {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        who: String,
        /// Who else may.
        others: Vec<String>,
    },
    /// Nobody executes on the strength of their own approval.
    #[error("`{who}` approved {number}.a{n} and may not execute it")]
    OwnApproval {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        who: String,
    },
    /// Once is enough.
    #[error("`{who}` has approved {number}.a{n} already, until {until}")]
    AlreadyApproved {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        who: String,
        /// When that lapses.
        until: Timestamp,
    },
    /// There is no standing approval of that person to take back.
    #[error("`{who}` has no standing approval of {number}.a{n}")]
    NothingToRevoke {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        who: String,
    },
    /// What was approved is not what is stored.
    #[error("the hash does not match action {number}.a{n}: {given}, stored {stored}")]
    OtherHash {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// The hash named.
        given: Hash,
        /// The hash of what is stored.
        stored: Hash,
    },
    /// The head that an approver says to have seen is not in this stream.
    #[error("the record of incident {number} has no head {seq} with hash {hash}")]
    UnknownHead {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Sequence number named.
        seq: u64,
        /// Hash named.
        hash: Hash,
    },
    /// An approval that lapsed before it was entered, or that would outlive what the runbook allows.
    #[error("the approval's end {at} is not within {limit_s} seconds from now")]
    BadExpiry {
        /// What was named.
        at: Timestamp,
        /// The runbook's limit.
        limit_s: u64,
    },
    /// Something happened since that the approver did not see.
    #[error("action {number}.a{n} is stale: `{kind}` happened since it was approved, as {number}.{seq}")]
    Stale {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// The event that came in between.
        seq: u64,
        /// Its type.
        kind: String,
    },
    /// Going without approval is not for this.
    #[error("{number}.a{n} cannot go without approval: {why}")]
    Glass {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Why.
        why: String,
    },
    /// Something was done without approval, and nobody else has looked at it.
    #[error("`{by}` executed {number}.a{n} without approval, and nobody else has reviewed that")]
    ReviewOpen {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        by: String,
    },
    /// Nothing was done without approval, or it was reviewed.
    #[error("action {number}.a{n} has nothing to review")]
    NothingToReview {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
    },
    /// Nobody reviews what they did themselves.
    #[error("`{who}` proposed or executed {number}.a{n} and may not review it")]
    OwnReview {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Who.
        who: String,
    },
    /// Too few approvals stand.
    #[error("action {number}.a{n} is {status}: {have} of {need} approvals stand")]
    NotAllowed {
        /// The incident.
        number: u64,
        /// The action.
        n: u64,
        /// Where it stands.
        status: ActionStatus,
        /// Approvals that stand.
        have: u64,
        /// Approvals needed.
        need: u64,
        /// Who may approve.
        from: Vec<String>,
    },
}

impl Refusal {
    /// A whole sentence that says what to type.
    pub fn hint(&self) -> String {
        match self {
            Self::AlreadyOpen { number, runbook, .. } => {
                format!("Look again with `blotter collect -i {number}`, or open a second one with `blotter open {runbook} --another`.")
            }
            Self::NotActive { number, .. } => format!("Open it again with `blotter reopen -i {number} --reason \"…\"` if it is not over."),
            Self::NotOver { number, .. } => format!("See where it stands with `blotter show -i {number}`."),
            Self::AlreadyAcknowledged { number, .. } => {
                format!("To take it over, type `blotter handoff -i {number} --to ID`.")
            }
            Self::AlreadyMitigated { number, .. } => {
                format!("When the work is done, type `blotter resolve -i {number} --summary \"…\" --impact \"…\"`.")
            }
            Self::Empty { what } => format!("Say the {what} in a few words, in quotes."),
            Self::BadValue { allowed, .. } => format!("It is one of {allowed}."),
            Self::Unchanged { .. } => "Nothing needs to be recorded.".to_owned(),
            Self::OnlyRaises { to, .. } => format!("A person may lower it with `blotter severity {to} --reason \"…\"`."),
            Self::InFuture { now, .. } => {
                format!("It is {now} now; say `--at \"10 minutes ago\"`, `--at 02:13` (UTC) or an RFC 3339 time.")
            }
            Self::Missing { number, missing } => missing_hint(*number, missing),
            Self::NotMissing { what } => format!("Leave out `--without {what}`."),
            Self::Undecided { number, n, .. } => format!("Find out how it ended with `blotter execute {number}.a{n}`, which looks first."),
            Self::NoSuch { number, .. } => format!("See what there is with `blotter show -i {number}`."),
            Self::AlreadyRaised { .. } => "A rule is raised once, and again only after a `blotter reopen`.".to_owned(),
            Self::AlreadyDone { number, .. } => format!("See the rest with `blotter followup list -i {number}`."),
            Self::NotCorrectable { number, seq, .. } => {
                format!("Write down what is wrong with it: `blotter note -i {number} \"{number}.{seq}: …\"`.")
            }
            Self::NotAPerson { name, .. } => {
                format!("Say who you are with `--as ID`, or add `{name}` to a `[people.ID]` entry of `blotter.toml`.")
            }
            Self::Live { number, n, status, .. } => live_hint(*number, *n, *status),
            Self::BadRule { .. } => {
                "Mend the `approve` key in the runbook and open the incident again, or act by hand and note it.".to_owned()
            }
            Self::WrongStatus { number, n, status, .. } => wrong_status_hint(*number, *n, *status),
            Self::NoneNeeded { number, n } => format!("Go on with `blotter execute {number}.a{n}`."),
            Self::NotAnApprover { number, n, from, .. } => ask(from, *number, *n),
            Self::Replayed { .. } | Self::BadSignature { .. } => "Let the approver make and sign a new text.".to_owned(),
            Self::OwnProposal { number, n, others, .. } if others.is_empty() => {
                format!("Nobody else may: let another person propose it, after `blotter deny {number}.a{n} --reason \"…\"`.")
            }
            Self::OwnProposal { number, n, others, .. } => ask(others, *number, *n),
            Self::OwnApproval { number, n, .. } => format!("Let another person type `blotter execute {number}.a{n}`."),
            Self::AlreadyApproved { number, n, .. } => format!("Go on with `blotter execute {number}.a{n}`."),
            Self::NothingToRevoke { number, n, .. } => format!("See who approved with `blotter show {number}.a{n}`."),
            Self::OtherHash { number, n, .. } | Self::UnknownHead { number, n, .. } | Self::Stale { number, n, .. } => {
                format!("Look again with `blotter show -i {number}`, then approve it anew with `blotter approve {number}.a{n}`.")
            }
            Self::BadExpiry { .. } => {
                "Let the approver make and sign a new text. If the record holds events from the future, look at this machine's clock first."
                    .to_owned()
            }
            Self::Glass { number, n, .. } => format!("Have it approved: `blotter approve {number}.a{n}`."),
            Self::ReviewOpen { number, n, .. } => {
                format!(
                    "Somebody else types `blotter review {number}.a{n} --comment \"…\"`. Until then: `blotter mitigate -i {number} --reason \"…\"`."
                )
            }
            Self::NothingToReview { number, n } => format!("See what was done with `blotter show {number}.a{n}`."),
            Self::OwnReview { number, n, .. } => format!("Let another person type `blotter review {number}.a{n} --comment \"…\"`."),
            Self::NotAllowed { number, n, from, .. } => ask(from, *number, *n),
        }
    }
}

fn ask(whom: &[String], number: u64, n: u64) -> String {
    let who = whom.join(" or ");
    format!("Ask {who}; they type `blotter approve {number}.a{n}`, or sign elsewhere what `blotter approve {number}.a{n} --print` writes.")
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

fn missing_hint(number: u64, missing: &[String]) -> String {
    let first = missing.first().map_or("", String::as_str);
    match first.split_once(':') {
        Some(("ask", id)) => {
            format!("Answer with `blotter collect -i {number} --probe {id} --answer …`, or add `--without {first} --because \"…\"`.")
        }
        _ => format!("Look with `blotter collect -i {number}`, or add `--without {first} --because \"…\"`."),
    }
}

fn live_hint(number: u64, n: u64, status: ActionStatus) -> String {
    match status {
        ActionStatus::Started | ActionStatus::Unknown => {
            format!("Find out how it ended with `blotter execute {number}.a{n}`, which looks first.")
        }
        ActionStatus::Approved => {
            format!("Go on with `blotter execute {number}.a{n}`, or give it up with `blotter deny {number}.a{n} --reason \"…\"`.")
        }
        _ => format!("Approve it with `blotter approve {number}.a{n}`, or give it up with `blotter deny {number}.a{n} --reason \"…\"`."),
    }
}

fn wrong_status_hint(number: u64, n: u64, status: ActionStatus) -> String {
    match status {
        ActionStatus::Started | ActionStatus::Unknown => {
            format!("Find out how it ended with `blotter execute {number}.a{n}`, which looks first.")
        }
        ActionStatus::Proposed | ActionStatus::Approved | ActionStatus::Expired => {
            format!("See where it stands with `blotter show {number}.a{n}`.")
        }
        ActionStatus::Denied | ActionStatus::Stale | ActionStatus::Succeeded | ActionStatus::Failed => {
            format!("If it is still wanted, propose it again with `blotter propose -i {number} …`.")
        }
    }
}
