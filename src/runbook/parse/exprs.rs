//! Expressions, windows and placeholders inside a block: the checks of their own modules, put at their place in the file.

use std::ops::Range;

use serde_json::Value;

use super::outline::BlockKind;
use super::table::{Cx, Item};
use crate::runbook::diagnostic::did_you_mean_or_list;
use crate::runbook::model::{Expectation, Expr, WindowTest};

use shim::{ExprFault, Need, check_expr, compile, parse_window, placeholders};

/// An expression.
pub(super) fn expr(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Expr> {
    let text = item.text(cx)?;
    located(cx, item, check_expr(&text))
}

/// An expectation.
pub(super) fn expectation(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<Expectation> {
    let text = item.text(cx)?;
    if let Some(offset) = text.find("{{") {
        let hint = "Placeholders are filled in a kind's own keys only; compare with `sub` or write the value.".to_owned();
        let at = item.inside(cx, offset);
        cx.error(&(at.start..at.start + 2), "a placeholder in an expression", Some(hint));
        return None;
    }
    located(cx, item, compile(&text))
}

/// A list of expectations.
pub(super) fn expectations(cx: &mut Cx<'_>, item: Option<Item<'_, '_>>) -> Vec<Expectation> {
    let Some(item) = item else { return Vec::new() };
    let list = item.list(cx);
    list.iter().filter_map(|i| expectation(cx, i)).collect()
}

/// A window test; warns where no probe of this runbook yields its series.
pub(super) fn window(cx: &mut Cx<'_>, item: &Item<'_, '_>) -> Option<WindowTest> {
    let text = item.text(cx)?;
    let test = located(cx, item, parse_window(&text))?;
    if !cx.names.readings.contains_key(&test.series) && !cx.names.readings_incomplete {
        let offset = text.find(&test.series).unwrap_or(0);
        let at = item.inside(cx, offset);
        let known = did_you_mean_or_list(&test.series, "Readings of this runbook", cx.names.readings.keys().map(String::as_str));
        let hint = known.map_or_else(String::new, |k| format!("{k} ")) + "A series of another runbook may be used.";
        cx.sink.warning(at, format!("no probe here yields the reading `{}`", test.series), Some(hint));
    }
    Some(test)
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
    match item.value.as_str() {
        Some(text) => match placeholders(&Value::String(text.to_owned())) {
            Ok(found) => {
                for p in found {
                    let at = item.inside(cx, text.find(&p.text).unwrap_or(0));
                    let at = at.start..at.start + p.text.len();
                    need(cx, &p.kind, at, &mut out);
                }
            }
            Err(fault) => {
                located::<()>(cx, item, Err(fault));
            }
        },
        None => {
            for inner in item.elements().into_iter().chain(item.entries()) {
                out.extend(needs(cx, &inner));
            }
        }
    }
    out
}

fn need(cx: &mut Cx<'_>, kind: &Need, at: Range<usize>, out: &mut Vec<(String, Range<usize>)>) {
    match kind {
        Need::Var(name) => {
            let unknown = cx.names.vars.as_ref().is_some_and(|vars| !vars.contains(name));
            if unknown {
                let vars = cx.names.vars.iter().flatten().map(String::as_str);
                let hint = did_you_mean_or_list(name, "Variables of this runbook", vars);
                cx.error(&at, format!("unknown variable `{name}`"), hint);
            }
        }
        Need::Probe(id) => {
            if cx.resolve(BlockKind::Probe, id, &at) {
                out.push((id.clone(), at));
            }
        }
        Need::Fact => {}
    }
}

mod shim {
    use super::{Expectation, Expr, Value, WindowTest};
    use crate::runbook::model::{Form, Op, WindowFn};

    pub(super) struct ExprFault {
        pub offset: usize,
        pub message: String,
        pub hint: Option<String>,
    }
    pub(super) enum Need {
        Var(String),
        Probe(String),
        Fact,
    }
    pub(super) struct Placeholder {
        pub text: String,
        pub kind: Need,
    }
    fn fault(offset: usize, message: &str) -> ExprFault {
        ExprFault { offset, message: message.to_owned(), hint: None }
    }
    pub(super) fn check_expr(text: &str) -> Result<Expr, ExprFault> {
        jmespath::compile(text).map_err(|e| fault(e.offset, &e.reason.to_string()))?;
        Ok(Expr(text.to_owned()))
    }
    pub(super) fn compile(text: &str) -> Result<Expectation, ExprFault> {
        for (t, op) in [
            ("==", Op::Eq),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("<", Op::Lt),
            (">", Op::Gt),
            ("contains", Op::Contains),
            ("matches", Op::Matches),
        ] {
            if let Some((l, r)) = text.rsplit_once(&format!(" {t} ")) {
                let left = check_expr(l)?;
                let right = serde_json::from_str(r).or_else(|_| {
                    r.strip_prefix('\'')
                        .and_then(|r| r.strip_suffix('\''))
                        .map(Value::from)
                        .or_else(|| crate::runbook::kinds::duration_ms(r).map(|d| Value::from(d / 1000)))
                        .ok_or(fault(l.len() + t.len() + 2, "not a literal"))
                })?;
                return Ok(Expectation { text: text.to_owned(), form: Form::Compare { left, op, right } });
            }
        }
        Ok(Expectation { text: text.to_owned(), form: Form::Bool(check_expr(text)?) })
    }
    pub(super) fn parse_window(text: &str) -> Result<WindowTest, ExprFault> {
        let re = regex::Regex::new(r"^(\w+)\(([\w.-]+),\s*(\w+)\)\s*(==|!=|<=|>=|<|>)\s*([-\d.]+)$").map_err(|_| fault(0, ""))?;
        let c = re.captures(text).ok_or(fault(0, "not a window"))?;
        let func = match &c[1] {
            "last" => WindowFn::Last,
            "max" => WindowFn::Max,
            "min" => WindowFn::Min,
            "sum" => WindowFn::Sum,
            "count" => WindowFn::Count,
            "delta" => WindowFn::Delta,
            "increase" => WindowFn::Increase,
            _ => return Err(fault(0, "unknown function")),
        };
        let op = match &c[4] {
            "==" => Op::Eq,
            "!=" => Op::Ne,
            "<=" => Op::Le,
            ">=" => Op::Ge,
            "<" => Op::Lt,
            _ => Op::Gt,
        };
        Ok(WindowTest {
            text: text.to_owned(),
            func,
            series: c[2].to_owned(),
            window_ms: crate::runbook::kinds::duration_ms(&c[3]).ok_or(fault(0, "dur"))? as i64,
            op,
            value: c[5].parse().map_err(|_| fault(0, "n"))?,
            cover: None,
        })
    }
    pub(super) fn placeholders(v: &Value) -> Result<Vec<Placeholder>, ExprFault> {
        let t = v.as_str().unwrap_or("");
        let mut out = vec![];
        let mut at = 0;
        while let Some(s) = t[at..].find("{{") {
            let s = at + s;
            let e = t[s..].find("}}").map(|e| s + e).ok_or(fault(s, "placeholder is never closed"))?;
            let inner = t[s + 2..e].trim();
            let kind = match inner.split_once('.') {
                Some(("vars", n)) => Need::Var(n.to_owned()),
                Some(("probe", n)) => Need::Probe(n.split('.').next().unwrap_or("").to_owned()),
                Some(("deploy" | "incident", _)) => Need::Fact,
                _ => return Err(fault(s, "unknown placeholder")),
            };
            out.push(Placeholder { text: t[s..e + 2].to_owned(), kind });
            at = e + 2;
        }
        Ok(out)
    }
}
