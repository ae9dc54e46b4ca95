//! Expressions, windows and placeholders inside a block: the checks of their own modules, put at their place in the file.

use std::ops::Range;

use serde_json::Value;

use super::outline::BlockKind;
use super::table::{Cx, Item};
use crate::runbook::condition::{parse_cover, parse_window};
use crate::runbook::diagnostic::did_you_mean_or_list;
use crate::runbook::expect::{ExprFault, check_expr, compile, expr_warnings, warnings};
use crate::runbook::model::{Expectation, Expr, WindowTest};
use crate::runbook::template::{PlaceholderKind, placeholders};

/// Where a placeholder stands that may not stand there: expressions and windows are never filled in.
fn unfilled(cx: &mut Cx<'_>, item: &Item<'_, '_>, text: &str) -> Option<()> {
    let Some(offset) = text.find("{{") else { return Some(()) };
    let hint = "Placeholders are filled in a kind's own keys only; compare with `sub` or write the value.".to_owned();
    let at = item.inside(cx, offset);
    cx.error(&(at.start..at.start + 2), "a placeholder in an expression", Some(hint));
    None
}

/// An expression.
pub(super) fn expr(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Expr> {
    let text = item.text(cx)?;
    unfilled(cx, item, &text)?;
    let read = located(cx, item, check_expr(&text))?;
    warn(cx, item, &text, expr_warnings(&read));
    Some(read)
}

/// An expectation.
pub(super) fn expectation(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Expectation> {
    let text = item.text(cx)?;
    unfilled(cx, item, &text)?;
    let read = located(cx, item, compile(&text))?;
    warn(cx, item, &text, warnings(&read));
    Some(read)
}

/// Puts warnings at their place; their offsets count from the first character that is no space.
fn warn(cx: &mut Cx<'_>, item: &Item<'_, '_>, text: &str, found: Vec<ExprFault>) {
    let lead = text.len() - text.trim_start().len();
    for fault in found {
        let at = item.inside(cx, fault.offset + lead);
        cx.sink.warning(at, fault.message, fault.hint);
    }
}

/// A list of expectations.
pub(super) fn expectations(cx: &mut Cx<'_>, item: Option<Item<'_, '_>>) -> Vec<Expectation> {
    let Some(item) = item else { return Vec::new() };
    let list = item.filled(cx);
    list.iter().filter_map(|i| expectation(cx, i)).collect()
}

/// A window test; warns where no probe of this runbook yields its series.
pub(super) fn window(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<WindowTest> {
    let text = item.text(cx)?;
    unfilled(cx, item, &text)?;
    let test = located(cx, item, parse_window(&text))?;
    if !cx.names.readings.contains_key(&test.series) && !cx.names.readings_incomplete {
        let after_paren = text.find('(').unwrap_or(0);
        let offset = text[after_paren..].find(&test.series).map_or(0, |n| after_paren + n);
        let at = item.inside(cx, offset);
        let known = did_you_mean_or_list(&test.series, "Readings of this runbook", cx.names.readings.keys().map(String::as_str));
        let hint = known.map_or_else(String::new, |k| format!("{k} ")) + "A series of another runbook may be used.";
        cx.sink.warning(at, format!("no probe here yields the reading `{}`", test.series), Some(hint));
    }
    Some(test)
}

/// `cover = "50%"`: the share of a window that may lie uncovered.
pub(super) fn cover(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<f64> {
    let text = item.text(cx)?;
    parse_cover(&text).map_err(|fault| cx.error(&item.at, fault.message, fault.hint)).ok()
}

fn located<T>(cx: &mut Cx<'_>, item: &Item<'_, '_>, result: Result<T, ExprFault>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(fault) => {
            let at = item.inside(cx, fault.offset);
            cx.error(&at, fault.message, fault.hint);
            None
        }
    }
}

/// Checks every placeholder in a value; returns the probes they need, each with its place.
pub(super) fn needs(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Vec<(String, Range<usize>)> {
    let mut out = Vec::new();
    let Some(text) = item.value.as_str() else {
        for inner in item.elements().into_iter().chain(item.entries()) {
            out.extend(needs(cx, &inner));
        }
        return out;
    };
    for found in placeholders(&Value::String(text.to_owned())) {
        match found {
            Ok(p) => {
                let at = item.inside(cx, text.find(&p.text).unwrap_or(0));
                need(cx, &p.kind, at.start..at.start + p.text.len(), &mut out);
            }
            Err(fault) => {
                located::<()>(cx, item, Err(fault));
            }
        }
    }
    out
}

fn need(cx: &mut Cx<'_>, kind: &PlaceholderKind, at: Range<usize>, out: &mut Vec<(String, Range<usize>)>) {
    match kind {
        PlaceholderKind::Var(name) => {
            let unknown = cx.names.vars.as_ref().is_some_and(|vars| !vars.contains(name));
            if unknown {
                let vars = cx.names.vars.iter().flatten().map(String::as_str);
                let hint = did_you_mean_or_list(name, "Variables of this runbook", vars);
                cx.error(&at, format!("unknown variable `{name}`"), hint);
            }
        }
        PlaceholderKind::Probe { id, .. } => {
            if cx.resolve(BlockKind::Probe, id, &at) {
                out.push((id.clone(), at));
            }
        }
        PlaceholderKind::DeployCurrent | PlaceholderKind::DeployLastKnownGood | PlaceholderKind::IncidentNumber => {}
    }
}
