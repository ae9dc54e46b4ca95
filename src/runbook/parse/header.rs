//! The `runbook` block: severity, account, variables, what the record must hold.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::DeValue;

use super::outline::BlockKind;
use super::table::{Cx, Item, Keys, fell_into};
use crate::runbook::diagnostic::did_you_mean_or_list;
use crate::runbook::model::MustHave;

/// The words for how bad an incident is.
pub(super) const SEVERITIES: [&str; 5] = ["P0", "P1", "P2", "P3", "P4"];

/// Keys of the block itself, before any table.
const OWN: [&str; 2] = ["severity", "review-by"];

/// What the block says.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) severity: String,
    pub(super) review_by: Option<String>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) vars: BTreeMap<String, Value>,
    pub(super) must_have: Vec<MustHave>,
}

/// Reads the block.
pub(super) fn header(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>) -> Header {
    let mut out = Header::default();
    if let Some(item) = keys.need(cx, "severity") {
        out.severity = item.choice(cx, "severity", &SEVERITIES).unwrap_or_default();
    }
    out.review_by = keys.get("review-by").and_then(|item| date(cx, &item));
    if let Some(mut aws) = keys.get("aws").and_then(|item| item.keys(cx, "`[aws]`")) {
        out.region = aws.get("region").and_then(|item| region(cx, &item));
        out.account = aws.get("account").and_then(|item| account(cx, &item));
        aws.finish(cx, &OWN, &|_| None);
    }
    if let Some(item) = keys.get("vars") {
        out.vars = vars(cx, &item);
    }
    if let Some(mut record) = keys.get("record").and_then(|item| item.keys(cx, "`[record]`")) {
        if let Some(item) = record.get("must-have") {
            let list = item.list(cx);
            out.must_have = list.iter().filter_map(|i| must_have(cx, i)).collect();
        }
        record.finish(cx, &OWN, &|_| None);
    }
    keys.finish(cx, &[], &|key| match key {
        "id" | "title" => Some("The id and the title stand in the heading.".to_owned()),
        "region" | "account" => Some(format!("`{key}` stands in `[aws]`.")),
        "must-have" => Some("`must-have` stands in `[record]`.".to_owned()),
        _ => None,
    });
    out
}

fn date(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    let day = match item.value {
        DeValue::Datetime(d) if d.date.is_some() && d.time.is_none() => Some(d.to_string()),
        _ => None,
    };
    if day.is_none() {
        let hint = Some("Write it without quotes and without a time: `review-by = 2027-03-22`.".to_owned());
        cx.error(&item.at, format!("`{}` must be a date", item.key), hint);
    }
    day
}

/// An AWS region.
pub(super) fn region(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    let text = item.text(cx)?;
    let parts: Vec<&str> = text.split('-').collect();
    let lower = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_ascii_lowercase());
    let good = match parts.as_slice() {
        [front @ .., last] => front.len() >= 2 && front.iter().all(lower) && !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()),
        [] => false,
    };
    if !good {
        cx.error(&item.at, format!("`{text}` is not an AWS region"), Some("A region looks like \"us-east-1\".".to_owned()));
        return None;
    }
    Some(text)
}

fn account(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<String> {
    if item.value.is_integer() {
        let hint = format!("Put it in quotes: `account = \"{}\"`.", &cx.text[item.at.clone()]);
        cx.error(&item.at, "`account` must be a text; this is an integer", Some(hint));
        return None;
    }
    let text = item.text(cx)?;
    if text.len() != 12 || !text.chars().all(|c| c.is_ascii_digit()) {
        cx.error(&item.at, format!("`{text}` is not an AWS account"), Some("An account is twelve digits.".to_owned()));
        return None;
    }
    Some(text)
}

fn vars(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> BTreeMap<String, Value> {
    if item.value.as_table().is_none() {
        item.mistyped(cx, "a table");
    }
    let mut out = BTreeMap::new();
    for e in item.entries() {
        if OWN.contains(&e.key) {
            fell_into(cx, &e, "`[vars]`", false);
        } else if !e.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            let hint = "Names are letters, digits, `-` and `_`.".to_owned();
            cx.error(&e.key_at, format!("`{}` cannot be the name of a variable", e.key), Some(hint));
        } else if let Some(offset) = e.value.as_str().and_then(|t| t.find("{{")) {
            let at = e.inside(cx, offset);
            let hint = "Variables are filled in once, never within each other; write the whole value.".to_owned();
            cx.error(&(at.start..at.start + 2), "a placeholder in a variable", Some(hint));
        }
        out.insert(e.key.to_owned(), e.json());
    }
    out
}

fn must_have(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<MustHave> {
    let text = item.text(cx)?;
    match text.split_once(':') {
        Some(("reading", name)) => {
            if !cx.names.readings.contains_key(name) && !cx.names.readings_incomplete {
                let known = cx.names.readings.keys().map(String::as_str);
                let hint = did_you_mean_or_list(name, "Readings of this runbook", known);
                cx.error(&item.at, format!("unknown reading `{name}`"), hint);
            }
            Some(MustHave::Reading(name.to_owned()))
        }
        Some(("ask", id)) => {
            if cx.resolve(BlockKind::Probe, id, &item.at) && cx.names.probe(id).is_some_and(|p| !p.is_ask) {
                let hint = "`ask:` names a probe of kind `ask`; for a number use `reading:`.".to_owned();
                cx.error(&item.at, format!("`{id}` asks nobody"), Some(hint));
            }
            Some(MustHave::Ask(id.to_owned()))
        }
        _ => {
            let hint = "Write \"reading:NAME\" or \"ask:ID\".".to_owned();
            cx.error(&item.at, format!("`{text}` is nothing that a record can have"), Some(hint));
            None
        }
    }
}
