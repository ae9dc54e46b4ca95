//! The blocks `signal`, `decide`, `verify` and `escalate`.

use std::ops::Range;

use super::conditions::{self, condition};
use super::header::SEVERITIES;
use super::outline::{BlockKind, is_runbook_id};
use super::table::{Cx, Item, Keys};
use crate::runbook::diagnostic::{did_you_mean, did_you_mean_or_list, nearest};
use crate::runbook::model::{Branch, Decide, Escalate, Signal, Then, Trigger, Verify};

/// Between two rounds of a verification unless it says otherwise.
const EVERY_MS: u64 = 5_000;

/// What may call an escalation off, besides a verification's id.
const CALLED_OFF_BY: [&str; 4] = ["acknowledged", "mitigated", "recovered", "resolved"];

/// Reads a `signal` block.
pub(super) fn signal(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>) -> Option<Signal> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let text = keys.need(cx, "text").and_then(|i| i.text(cx));
    let when = conditions::of_block(cx, &mut keys, true);
    let supports = keys.get("supports").and_then(|i| i.bool(cx)).unwrap_or(false);
    let explained_by = keys.get("explained-by").and_then(|i| other_runbook(cx, &i));
    keys.finish(cx, &[], &|_| None);
    Some(Signal { id: id?, text: text?, when: when?, supports, explained_by })
}

fn other_runbook(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    let id = item.text(cx)?;
    if !is_runbook_id(&id) {
        cx.error(&item.at, format!("`{id}` cannot be the id of a runbook"), None);
        return None;
    }
    if id == cx.names.runbook {
        cx.error(&item.at, format!("`{id}` is this runbook itself"), None);
        return None;
    }
    Some(id)
}

/// Reads a `decide` block.
pub(super) fn decide(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>, step: Option<u32>) -> Option<Decide> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let hint = "Add at least one `[[branch]]`.".to_owned();
    let list = keys.get("branch");
    let Some(list) = list else {
        keys.missing(cx, "branch", Some(hint));
        keys.finish(cx, &[], &|_| None);
        return None;
    };
    let mut branches: Vec<Branch> = Vec::new();
    for item in list.filled(cx) {
        let Some(branch_keys) = item.keys(cx, "a `[[branch]]`") else { continue };
        let at = branch_keys.peek("id").map(|i| i.at);
        let Some(branch) = branch(cx, branch_keys) else { continue };
        if branches.iter().any(|b| b.id == branch.id) {
            cx.error(&at.unwrap_or_default(), format!("second branch `{}`", branch.id), None);
        }
        branches.push(branch);
    }
    keys.finish(cx, &[], &|_| None);
    Some(Decide { id: id?, step, branches })
}

fn branch(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>) -> Option<Branch> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let when = keys.get("if").map(|i| condition(cx, &i));
    let then = keys.need(cx, "then").and_then(|i| then(cx, &i));
    let note = keys.get("note").and_then(|i| i.text(cx));
    if then == Some(Then::Dismiss) && note.is_none() {
        let hint = "A branch that dismisses says why: `note = \"…\"`.".to_owned();
        keys.missing(cx, "note", Some(hint));
    }
    keys.finish(cx, &["id"], &|key| matches!(key, "when" | "any" | "all").then(|| "A branch states its condition in `if`.".to_owned()));
    let when = match when {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Branch { id: id?, when, then: then?, note })
}

fn then(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Then> {
    let text = item.text(cx)?;
    if let Some(slug) = text.strip_prefix('#') {
        if cx.names.slugs.iter().any(|s| s == slug) {
            return Some(Then::Anchor(slug.to_owned()));
        }
        let hint = nearest(slug, cx.names.slugs.iter().map(String::as_str)).map(|s| format!("Did you mean `#{s}`?"));
        let hint = hint.or_else(|| Some("An anchor is the heading in lower case with `-` for spaces, as GitHub makes it.".to_owned()));
        cx.error(&item.at, format!("no heading has the anchor `#{slug}`"), hint);
        return None;
    }
    if text == "dismiss" {
        return Some(Then::Dismiss);
    }
    let (id, link) = text.strip_prefix("link:").map_or((text.as_str(), false), |id| (id, true));
    let hint = if cx.names.slugs.iter().any(|s| s == id) { Some(format!("Did you mean `#{id}`?")) } else { did_you_mean(id, ["dismiss"]) };
    if hint.is_some() || !is_runbook_id(id) {
        let ways = || Some("Write \"#anchor\", \"dismiss\", the id of a runbook, or \"link:\" and the id.".to_owned());
        cx.error(&item.at, format!("`{text}` leads nowhere"), hint.or_else(ways));
        return None;
    }
    if id == cx.names.runbook {
        cx.error(&item.at, format!("`{id}` is this runbook itself"), None);
        return None;
    }
    Some(if link { Then::Link(id.to_owned()) } else { Then::Open(id.to_owned()) })
}

/// Reads a `verify` block.
pub(super) fn verify(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>, step: Option<u32>) -> Option<Verify> {
    let id = keys.get("id").and_then(|i| i.text(cx));
    let after = keys.need(cx, "after").and_then(|i| action_id(cx, &i));
    let probes = keys.need(cx, "probes").map(|i| probes(cx, &i, false)).unwrap_or_default();
    let passes = keys.get("passes").and_then(|i| i.int(cx, 1, 1000)).unwrap_or(1);
    let every = keys.get("every");
    let every_at = every.as_ref().map(|i| i.at.clone());
    let every_ms = every.and_then(|i| i.duration(cx)).unwrap_or(EVERY_MS);
    let within = keys.need(cx, "within");
    let within_at = within.as_ref().map(|i| i.at.clone());
    let within_ms = within.and_then(|i| i.duration(cx));
    let confirm = keys.get("confirm").map(|i| self::probes(cx, &i, true)).unwrap_or_default();
    keys.finish(cx, &[], &|_| None);
    let shortest = every_ms.saturating_mul(u64::from(passes) - 1);
    if let Some(at) = within_at.filter(|_| within_ms.is_some_and(|w| w <= shortest)) {
        let hint = "Give it longer, or ask for fewer rounds.".to_owned();
        cx.error(&at, format!("{passes} rounds cannot pass within this time"), Some(hint));
    }
    if let Some(at) = every_at.filter(|_| passes == 1) {
        cx.sink.warning(at, "`every` has no meaning with one round", Some("Ask for `passes = 3`.".to_owned()));
    }
    let after = after?;
    let id = id.unwrap_or_else(|| format!("verify-{after}"));
    Some(Verify { id, step, after, probes, passes, every_ms, within_ms: within_ms?, confirm })
}

fn action_id(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    let id = item.text(cx)?;
    cx.resolve(BlockKind::Action, &id, &item.at).then_some(id)
}

/// Probes of a verification: `ask` ones to confirm, all others to ask again.
fn probes(cx: &mut Cx<'_>, item: &Item<'_, '_>, confirm: bool) -> Vec<String> {
    let mut out = Vec::new();
    for (id, at) in item.texts(cx) {
        if !cx.resolve(BlockKind::Probe, &id, &at) {
            continue;
        }
        if let Some(facts) = cx.names.probe(&id) {
            misplaced(cx, &id, &at, confirm, facts.is_ask, facts.expects);
        }
        out.push(id);
    }
    out
}

fn misplaced(cx: &mut Cx<'_>, id: &str, at: &Range<usize>, confirm: bool, is_ask: bool, expects: bool) {
    if confirm && !is_ask {
        let hint = "`confirm` names probes of kind `ask`; others stand in `probes`.".to_owned();
        cx.error(at, format!("`{id}` asks nobody"), Some(hint));
    } else if !confirm && is_ask {
        let hint = "Put it in `confirm`: a verification does not wait for a person.".to_owned();
        cx.error(at, format!("`{id}` asks a person"), Some(hint));
    } else if !confirm && !expects {
        let hint = format!("Give `{id}` an `expect` that says what is good.");
        cx.error(at, format!("`{id}` expects nothing, so it never comes to a verdict"), Some(hint));
    }
}

/// Reads an `escalate` block.
pub(super) fn escalate(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>, step: Option<u32>) -> Option<Escalate> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let trigger = trigger(cx, &mut keys);
    let to = keys.need(cx, "to").and_then(|i| i.text(cx));
    let purpose = keys.get("for").and_then(|i| i.text(cx));
    let severity = keys.get("severity").and_then(|i| i.choice(cx, "severity", &SEVERITIES));
    keys.finish(cx, &[], &|_| None);
    Some(Escalate { id: id?, step, trigger: trigger?, to: to?, purpose, severity })
}

fn trigger(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>) -> Option<Trigger> {
    let when = conditions::of_block(cx, keys, false);
    let has_when = ["when", "any", "all"].iter().any(|k| keys.peek(k).is_some());
    let (after, within, unless) = (keys.get("after"), keys.get("within"), keys.get("unless"));
    let Some(after) = after else {
        for item in [&within, &unless].into_iter().flatten() {
            let hint = "It counts from an action or from \"opened\": add `after`.".to_owned();
            cx.error(&item.key_at, format!("`{}` without `after`", item.key), Some(hint));
        }
        if !has_when && within.is_none() && unless.is_none() {
            let hint = "Say when: `when = \"…\"`, or `after = \"ACTION\"` with `within = \"5m\"`.".to_owned();
            keys.missing(cx, "when", Some(hint));
        }
        return when.map(Trigger::When);
    };
    if has_when {
        let hint = "Write two rules.".to_owned();
        cx.error(&after.key_at, "both a condition and `after`", Some(hint));
    }
    let subject = after_what(cx, &after);
    if within.is_none() {
        keys.missing(cx, "within", Some("Say how long after: `within = \"5m\"`.".to_owned()));
    }
    let within_ms = within.and_then(|i| i.duration(cx)).and_then(|ms| i64::try_from(ms).ok());
    let unless = match unless {
        Some(item) => Some(called_off_by(cx, &item, subject.as_deref())?),
        None => None,
    };
    Some(Trigger::After { after: subject?, within_ms: within_ms?, unless })
}

fn after_what(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    let text = item.text(cx)?;
    if text == "opened" || cx.names.of(BlockKind::Action).any(|a| a == text) {
        return Some(text);
    }
    let candidates: Vec<String> = cx.names.of(BlockKind::Action).chain(["opened"]).map(str::to_owned).collect();
    let hint = did_you_mean_or_list(&text, "What a clock can start at", candidates.iter().map(String::as_str));
    cx.error(&item.at, format!("unknown action `{text}`"), hint);
    None
}

fn called_off_by(cx: &mut Cx<'_>, item: &Item<'_, '_>, after: Option<&str>) -> Option<String> {
    let text = item.text(cx)?;
    let verifies: Vec<String> = cx.names.of(BlockKind::Verify).map(str::to_owned).collect();
    if !CALLED_OFF_BY.contains(&text.as_str()) && !verifies.contains(&text) {
        let all = CALLED_OFF_BY.into_iter().chain(verifies.iter().map(String::as_str));
        let hint = did_you_mean_or_list(&text, "What can call it off", all);
        cx.error(&item.at, format!("unknown `unless` `{text}`"), hint);
        return None;
    }
    let action = after.filter(|a| *a != "opened" && text == "recovered");
    if let Some(action) = action.filter(|a| !cx.names.verified.contains(*a) && !cx.names.verified_incomplete) {
        let hint = format!("Add a `verify` block with `after = \"{action}\"`.");
        cx.sink.warning(item.at.clone(), format!("nothing verifies that `{action}` has helped"), Some(hint));
    }
    Some(text)
}
