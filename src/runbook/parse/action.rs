//! The `action` block: what would be done, and who has to allow it.

use std::ops::Range;

use super::conditions::{condition, written};
use super::header::{SEVERITIES, region};
use super::probe::{params, with_article};
use super::table::{Cx, Item, Keys};
use crate::record::event::ApprovalRule;
use crate::runbook::diagnostic::{did_you_mean, listed};
use crate::runbook::kinds::{self, Kind};
use crate::runbook::model::{ActionBlock, Condition};

/// How long an approval holds unless the runbook says otherwise, in seconds.
const EXPIRES_S: u64 = 15 * 60;

/// Reads the block.
pub(super) fn action(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>, step: Option<u32>, line: usize) -> Option<ActionBlock> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let kind = kind(cx, &mut keys);
    let is_manual = kind.is_some_and(|k| k.name == "manual");
    let params = match kind {
        Some(kind) => params(cx, &mut keys, kind).0,
        None => {
            keys.allow_all_kinds();
            serde_json::Map::new()
        }
    };
    let region = keys.get("region").and_then(|item| match kind {
        Some(k) if !k.is_aws() => {
            cx.error(&item.key_at, "`region` has no meaning here", Some("Only `aws.*` actions have a region.".to_owned()));
            None
        }
        _ => region(cx, &item),
    });
    let requires = keys.get("requires").map(|i| requires(cx, &i)).unwrap_or_default();
    let approve = approval(cx, &mut keys, is_manual || kind.is_none());
    let glass = keys.get("break-glass");
    if let (Some(item), Some(ApprovalRule { none: true, .. })) = (&glass, &approve) {
        let hint = "There is no approval to go without.".to_owned();
        cx.error(&item.key_at, "`break-glass` has no meaning here", Some(hint));
    }
    let (break_glass, review_within_s) = glass.and_then(|i| break_glass(cx, &i)).unwrap_or_default();
    keys.finish(cx, &[], &|key| {
        let owners: Vec<&str> = kinds::ACTIONS.iter().filter(|k| k.key(key).is_some()).map(|k| k.name).collect();
        (!owners.is_empty()).then(|| format!("`{key}` belongs to {}.", listed(&owners)))
    });
    let (requires, requires_text) = requires;
    Some(ActionBlock {
        id: id?,
        step,
        line,
        kind: kind?.name.to_owned(),
        params,
        region,
        requires,
        requires_text,
        approve: approve?,
        break_glass,
        review_within_s,
    })
}

fn kind(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>) -> Option<&'static Kind> {
    let item = keys.need(cx, "kind")?;
    let name = item.text(cx)?;
    let Some(kind) = kinds::action(&name) else {
        let all: Vec<&str> = kinds::ACTIONS.iter().map(|k| k.name).collect();
        let hint = if kinds::probe(&name).is_some() {
            format!("`{name}` is a kind of probe; it changes nothing.")
        } else {
            did_you_mean(&name, all.iter().copied()).unwrap_or_else(|| format!("Kinds of actions are {}.", listed(&all)))
        };
        cx.error(&item.at, format!("unknown kind of action `{name}`"), Some(hint));
        return None;
    };
    keys.what = format!("{} action", with_article(kind.name));
    Some(kind)
}

fn requires(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> (Vec<Condition>, Vec<String>) {
    let elements = item.filled(cx);
    elements.iter().filter_map(|e| Some((condition(cx, e)?, written(cx, e)))).unzip()
}

fn approval(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, may_be_none: bool) -> Option<ApprovalRule> {
    let Some(item) = keys.get("approve") else {
        let none = if may_be_none { ", or `approve = { none = true }`" } else { "" };
        let hint = format!("Say who may allow it: `approve = {{ from = [\"ID\"], expires = \"15m\" }}`{none}.");
        keys.missing(cx, "approve", Some(hint));
        return None;
    };
    let mut rule = item.keys(cx, "`approve`")?;
    let none = rule.get("none").and_then(|i| Some((i.bool(cx)?, i.at)));
    let from = rule.get("from");
    let min = rule.get("min").and_then(|i| Some((i.int(cx, 1, 100)?, i.at)));
    let expires = rule.get("expires").and_then(|i| i.duration(cx));
    let allow_self = rule.get("self").and_then(|i| i.bool(cx)).unwrap_or(false);
    let none_at = none.filter(|(none, _)| *none).map(|(_, at)| at);
    let whole = rule.whole.clone();
    rule.finish(cx, &[], &|_| None);
    if let Some(at) = none_at {
        return no_approval(cx, &at, from.as_ref(), may_be_none);
    }
    let Some(from) = from else {
        let hint = "Name the persons of whom any may approve: `from = [\"ID\"]`.".to_owned();
        cx.error(&whole, "`approve` needs `from`", Some(hint));
        return None;
    };
    let persons = persons(cx, &from);
    let enough = u64::try_from(persons.len()).unwrap_or(u64::MAX);
    let (min, min_at) = min.map_or((1, None), |(n, at)| (u64::from(n), Some(at)));
    if let Some(at) = min_at.filter(|_| min > enough) {
        cx.error(&at, format!("{min} approvals are wanted, but only {enough} may approve"), None);
    }
    Some(ApprovalRule { from: persons, min, expires_s: expires.map_or(EXPIRES_S, seconds), allow_self, none: false })
}

fn persons(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (person, at) in item.texts(cx) {
        if out.contains(&person) {
            cx.error(&at, format!("`{person}` is named twice"), None);
        } else {
            out.push(person);
        }
    }
    out
}

fn no_approval(cx: &mut Cx<'_>, at: &Range<usize>, from: Option<&Item<'_, '_>>, allowed: bool) -> Option<ApprovalRule> {
    if !allowed {
        let hint = "Only a `manual` action may go without approval.".to_owned();
        cx.error(at, "`none = true` on an action that changes something", Some(hint));
    }
    if let Some(from) = from {
        cx.error(&from.key_at, "both `none = true` and `from`", None);
    }
    Some(ApprovalRule { from: Vec::new(), min: 0, expires_s: 0, allow_self: false, none: true })
}

fn break_glass(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<(Vec<String>, Option<u64>)> {
    let mut keys = item.keys(cx, "`break-glass`")?;
    let severity = keys.need(cx, "severity");
    let within = keys.need(cx, "review-within").and_then(|i| i.duration(cx));
    keys.finish(cx, &[], &|_| None);
    let list = severity?.filled(cx);
    let severities: Vec<_> = list.iter().filter_map(|i| i.choice(cx, "severity", &SEVERITIES)).collect();
    Some((severities, within.map(seconds)))
}

/// Whole seconds, at least one.
fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
}
