//! Conditions: one grammar wherever a rule, signal, branch or action says when.

use super::exprs;
use super::outline::BlockKind;
use super::table::{Cx, Item, Keys};
use crate::record::verdict::{Outcome, Verdict};
use crate::runbook::diagnostic::did_you_mean_or_list;
use crate::runbook::model::{Condition, WindowTest};

const FORMS: &str =
    "Write a window such as \"increase(errors, 24h) > 10\", or a table such as `{ probe = \"status\", verdict = \"unmet\" }`.";

/// A condition: a window, a table, or a list of which all must hold.
pub(super) fn condition(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Condition> {
    if item.value.is_str() {
        return exprs::window(cx, item).map(Condition::Window);
    }
    if item.value.is_array() {
        return list(cx, item).map(|mut all| if all.len() == 1 { all.remove(0) } else { Condition::All(all) });
    }
    if !item.value.is_table() {
        item.mistyped(cx, "a condition");
        return None;
    }
    let mut keys = item.keys(cx, "a condition")?;
    let read = table(cx, &mut keys);
    keys.finish(cx, &[], &|_| None);
    read
}

/// The conditions of a list; nothing if one of them is faulty or there is none.
pub(super) fn list(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Vec<Condition>> {
    let elements = item.filled(cx);
    let read: Vec<_> = elements.iter().map(|e| condition(cx, e)).collect();
    read.into_iter().collect::<Option<Vec<_>>>().filter(|l| !l.is_empty())
}

/// The condition of a block that may write it as one of several keys, of which exactly one must be there.
pub(super) fn of_block(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, required: bool) -> Option<Condition> {
    let found: Vec<_> = ["when", "any", "all"].into_iter().filter_map(|k| keys.get(k)).collect();
    match found.as_slice() {
        [] if required => {
            let hint = "A condition stands in `when`, or as a list in `any` or `all`.".to_owned();
            keys.missing(cx, "when", Some(hint));
            None
        }
        [] => None,
        [one] => match one.key {
            "any" => list(cx, one).map(Condition::Any),
            "all" => list(cx, one).map(Condition::All),
            _ => condition(cx, one),
        },
        [first, second, ..] => {
            let hint = "Put one of them inside the other, e.g. `all = [{ any = [] }]`.".to_owned();
            cx.error(&second.key_at, format!("both `{}` and `{}`", first.key, second.key), Some(hint));
            None
        }
    }
}

fn table(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>) -> Option<Condition> {
    if let Some(item) = keys.get("any") {
        return list(cx, &item).map(Condition::Any);
    }
    if let Some(item) = keys.get("all") {
        return list(cx, &item).map(Condition::All);
    }
    if let Some(item) = keys.get("not") {
        return condition(cx, &item).map(|c| Condition::Not(Box::new(c)));
    }
    if let Some(item) = keys.get("window") {
        return window(cx, keys, &item).map(Condition::Window);
    }
    if let Some(item) = keys.get("decided") {
        return decided(cx, keys, &item);
    }
    let Some(item) = keys.get("probe") else {
        if ["if", "outcome", "verdict"].iter().any(|k| keys.peek(k).is_some()) {
            keys.missing(cx, "probe", None);
            for known in ["if", "outcome", "verdict"] {
                keys.get(known);
            }
        } else {
            cx.error(&keys.whole, "not a condition", Some(FORMS.to_owned()));
        }
        return None;
    };
    let id = item.text(cx)?;
    let known = cx.resolve(BlockKind::Probe, &id, &item.at);
    let read = about_probe(cx, keys, id);
    read.filter(|_| known)
}

fn about_probe(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, probe: String) -> Option<Condition> {
    match (keys.get("if"), keys.get("outcome"), keys.get("verdict")) {
        (Some(test), None, None) => exprs::expectation(cx, &test).map(|test| Condition::If { probe, test }),
        (None, Some(item), None) => {
            let any = outcomes(cx, &item, &[]);
            (!any.is_empty()).then_some(Condition::Outcome { probe, any })
        }
        (None, None, Some(item)) => {
            let is = match item.choice(cx, "verdict", &["met", "unmet", "unknown"])?.as_str() {
                "met" => Verdict::Met,
                "unmet" => Verdict::Unmet,
                _ => Verdict::Unknown,
            };
            if cx.names.probe(&probe).is_some_and(|p| !p.expects) {
                let hint = format!("Give `{probe}` an `expect`, or write `if = \"…\"` here.");
                cx.error(&item.at, format!("`{probe}` expects nothing, so it never comes to a verdict"), Some(hint));
            }
            Some(Condition::Verdict { probe, is })
        }
        (None, None, None) => {
            let hint = "Add `if = \"…\"`, `outcome = [\"timeout\"]` or `verdict = \"unmet\"`.".to_owned();
            cx.error(&keys.whole, format!("nothing is said about the probe `{probe}`"), Some(hint));
            None
        }
        _ => {
            let hint = "Write two conditions in a list.".to_owned();
            cx.error(&keys.whole, "only one of `if`, `outcome` and `verdict` in one condition", Some(hint));
            None
        }
    }
}

fn window(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, item: &Item<'_, '_>) -> Option<WindowTest> {
    let test = exprs::window(cx, item);
    let cover = keys.get("cover").and_then(|c| exprs::cover(cx, &c));
    test.map(|t| WindowTest { cover, ..t })
}

fn decided(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, item: &Item<'_, '_>) -> Option<Condition> {
    let branch = keys.need(cx, "branch");
    let id = item.text(cx)?;
    let known = cx.resolve(BlockKind::Decide, &id, &item.at);
    let branch_item = branch?;
    let branch = branch_item.text(cx)?;
    let branches = cx.names.branches(&id).filter(|_| known);
    if let Some(all) = branches.filter(|all| !all.contains(&branch)) {
        let hint = did_you_mean_or_list(&branch, "Its branches", all.iter().map(String::as_str));
        cx.error(&branch_item.at, format!("`{id}` has no branch `{branch}`"), hint);
        return None;
    }
    known.then_some(Condition::Decided { id, branch })
}

/// A list of outcomes, none of them `barred`.
pub(super) fn outcomes(cx: &mut Cx<'_>, item: &Item<'_, '_>, barred: &[Outcome]) -> Vec<Outcome> {
    let words: Vec<&str> = Outcome::ALL.iter().filter(|(o, _)| !barred.contains(o)).map(|(_, w)| *w).collect();
    let list = item.filled(cx);
    list.iter().filter_map(|i| i.choice(cx, "outcome", &words)).filter_map(|w| Outcome::parse(&w)).collect()
}

/// A condition as it is written, on one line.
pub(super) fn written(cx: &Cx<'_>, item: &Item<'_, '_>) -> String {
    match item.value.as_str() {
        Some(text) => text.to_owned(),
        None => cx.text[item.at.clone()].split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
