//! What asking the world came to, said once for each permission and address.

use std::collections::BTreeMap;

use super::{Check, State};
use crate::app::Ctx;
use crate::aws::{Identity, Trouble};
use crate::record::observation::Observation;
use crate::record::time::human_span;
use crate::record::verdict::Outcome;
use crate::runbook::model::Runbook;

/// Times in the record are still true enough.
const SKEW_FINE_MS: i64 = 2_000;
/// AWS refuses signatures that are five minutes off.
const SKEW_MAX_MS: i64 = 240_000;

/// This machine's clock against those of the servers that answered.
pub(super) fn clock(mut skews: Vec<i64>) -> Check {
    skews.sort_unstable();
    let Some(skew) = skews.get(skews.len() / 2).copied() else {
        return Check::new("clock", "clock", State::Skipped, "no server said what time it is");
    };
    let n = skews.len();
    let says = if n == 1 { "1 server says".to_owned() } else { format!("{n} answers say") };
    match skew.abs() {
        s if s <= SKEW_FINE_MS => Check::new("clock", "clock", State::Ok, format!("{says} the same")),
        s => {
            let (way, state) = (if skew > 0 { "behind" } else { "ahead" }, if s > SKEW_MAX_MS { State::Fail } else { State::Warn });
            Check::new("clock", "clock", state, format!("{} {way}, {says}", human_span(s)))
                .advise("Set it by NTP: every time in the record comes from it, and AWS refuses a clock that is 5 minutes off.")
        }
    }
}

/// The region in which to ask who we are; `None` when no probe or action asks AWS.
pub(super) fn region(ctx: &Ctx, runbooks: &[Runbook]) -> Option<String> {
    let asks = |r: &&Runbook| r.probes.iter().any(|p| p.kind().starts_with("aws.")) || r.actions.iter().any(|a| a.kind.starts_with("aws."));
    let mut asking = runbooks.iter().filter(asks).peekable();
    asking.peek()?;
    ctx.config.aws.region.clone().or_else(|| asking.find_map(|r| r.region.clone()))
}

/// Who AWS says we are.
pub(super) fn identity(ctx: &Ctx, region: &str, who: Result<Identity, Trouble>) -> Check {
    match who {
        Ok(who) => match ctx.config.aws.account.as_ref().filter(|a| **a != who.account) {
            Some(wanted) => {
                Check::new("aws", "identity", State::Fail, format!("account {} as {}; the settings want {wanted}", who.account, who.arn))
                    .advise("Choose another profile: `--profile`, BLOTTER_PROFILE, or `[aws] profile` in blotter.toml.")
            }
            None => Check::new("aws", "identity", State::Ok, format!("account {} as {}", who.account, who.arn)),
        },
        Err(t) => {
            let state = if matches!(t.outcome, Outcome::NoCredentials | Outcome::Denied) { State::Fail } else { State::Unknown };
            Check::new("aws", "identity", state, t.reason).advise(match t.outcome {
                Outcome::NoCredentials => {
                    "Name a profile (`--profile`, `[aws] profile`), or renew the session: `aws sso login`.".to_owned()
                }
                Outcome::Denied => "Renew the session, or ask for `sts:GetCallerIdentity`.".to_owned(),
                _ => format!("Look whether sts.{region}.amazonaws.com can be reached from here."),
            })
        }
    }
}

/// What one probe saw.
pub(super) struct Seen<'a> {
    pub(super) runbook: &'a str,
    pub(super) observation: &'a Observation,
    /// HTTP status, where there is one.
    pub(super) status: Option<u64>,
}

/// One line for each permission or address, however many probes need it.
pub(super) fn answers(seen: &[Seen<'_>], interrupted: bool) -> Vec<Check> {
    let mut by_what: BTreeMap<(bool, String), (Check, Vec<String>)> = BTreeMap::new();
    for s in seen {
        let o = s.observation;
        let is_aws = o.kind.starts_with("aws.");
        let name = if is_aws { permission(o) } else { address(o) };
        let check = judged(s, is_aws, &name, interrupted);
        let entry = by_what.entry((is_aws, name)).or_insert_with(|| (check.clone(), Vec::new()));
        // Two probes may need one permission on two things: the gravest counts.
        if check.state > entry.0.state {
            entry.0 = check;
        }
        entry.1.push(format!("{} {}", s.runbook, o.probe));
    }
    let named = by_what.into_values().map(|(mut check, probes)| {
        check.detail = format!("{} [{}]", check.detail, probes.join(", "));
        check
    });
    named.collect()
}

fn judged(seen: &Seen<'_>, is_aws: bool, name: &str, interrupted: bool) -> Check {
    let o = seen.observation;
    let area = if is_aws { "aws" } else { "http" };
    let reason = o.reason.clone().unwrap_or_default();
    let because = |fallback: &str| if reason.is_empty() { fallback.to_owned() } else { reason.clone() };
    match o.outcome {
        Outcome::Answered | Outcome::TooLarge => match (&o.doubt, seen.status) {
            (Some(doubt), _) => Check::new(area, name, State::Fail, doubt.clone())
                .advise("The call is allowed, and its answer is no good: mend the runbook's names, its account, or the profile."),
            (None, Some(s @ (401 | 403 | 407))) => Check::new(area, name, State::Warn, format!("answers {s}"))
                .advise("It can be reached, and refuses us: the probe may need a header."),
            (None, Some(s)) => Check::new(area, name, State::Ok, format!("answers {s} within {} ms", o.duration_ms)),
            (None, None) => Check::new(area, name, State::Ok, format!("answered within {} ms", o.duration_ms)),
        },
        Outcome::Denied => {
            let advice = if is_aws {
                format!("Allow `{name}` to the role that is asked as.")
            } else {
                "A proxy or the server refuses us.".to_owned()
            };
            Check::new(area, name, State::Fail, because("denied")).advise(advice)
        }
        // The identity's own line says what to do about it.
        Outcome::NoCredentials => Check::new(area, name, State::Skipped, "not asked: no AWS credentials"),
        Outcome::Skipped if reason.starts_with("no region") => {
            Check::new(area, name, State::Fail, reason).advise("Set `region` in the runbook's [aws] or in blotter.toml.")
        }
        Outcome::Skipped if interrupted => Check::new(area, name, State::Unknown, "no answer in the time there was"),
        Outcome::Skipped => Check::new(area, name, State::Skipped, because("not asked")),
        Outcome::Timeout | Outcome::Unreachable | Outcome::Throttled | Outcome::Malformed => {
            Check::new(area, name, State::Unknown, because(&o.outcome.to_string()))
                .advise("Look whether it is down, or out of reach from here: proxy, VPN, DNS.")
        }
    }
}

/// `logs:FilterLogEvents`: the IAM action that a probe needs.
fn permission(o: &Observation) -> String {
    let service = match o.kind.split('.').nth(1) {
        Some("sfn") => "states",
        Some(other) => other,
        None => "aws",
    };
    match o.request.get("operation").and_then(|v| v.as_str()) {
        Some(operation) => format!("{service}:{operation}"),
        None => o.kind.clone(),
    }
}

fn address(o: &Observation) -> String {
    let text = |key: &str| o.request.get(key).and_then(|v| v.as_str());
    match (text("method"), text("url")) {
        (method, Some(url)) => format!("{} {url}", method.unwrap_or("GET")),
        _ => format!("{} {}", o.kind, o.probe),
    }
}

/// What only doing it would show.
pub(super) fn untried(runbooks: &[Runbook]) -> Option<Check> {
    let actions: Vec<String> = runbooks
        .iter()
        .flat_map(|r| r.actions.iter().filter(|a| a.kind.starts_with("aws.")).map(move |a| format!("{} {} ({})", r.id, a.id, a.kind)))
        .collect();
    (!actions.is_empty())
        .then(|| Check::new("aws", "actions", State::Skipped, format!("not tried, since they change things: {}", actions.join(", "))))
}
