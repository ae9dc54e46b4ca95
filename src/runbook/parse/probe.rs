//! The `probe` block.

use std::ops::Range;

use serde_json::{Map, Value};

use super::conditions::outcomes;
use super::exprs::{expectations, expr, needs};
use super::header::region;
use super::outline::BlockKind;
use super::table::{Cx, Item, Keys, fell_into};
use crate::record::verdict::Outcome;
use crate::runbook::diagnostic::{did_you_mean, listed};
use crate::runbook::kinds::{self, Kind, Shape};
use crate::runbook::model::{Expr, Probe, ProbeSource};

/// A probe's own time limit unless it states one.
const TIMEOUT_MS: u64 = 10_000;

/// Keys that every probe may have.
const COMMON: [&str; 11] = ["id", "kind", "from", "timeout", "unmet-on", "expect", "require", "readings", "select", "show", "region"];

/// A probe, and the probes whose results it needs, each with the place that says so.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) probe: Probe,
    pub(super) needs: Needs,
}

/// Reads the block.
pub(super) fn probe(cx: &mut Cx<'_>, mut keys: Keys<'_, '_>, step: Option<u32>, line: usize) -> Option<Read> {
    let id = keys.need(cx, "id").and_then(|i| i.text(cx));
    let (source, needed, kind) = source(cx, &mut keys);
    let asks = matches!(source, Some(ProbeSource::Ask { .. }));
    let timing = timing(cx, &mut keys, kind, asks || source.is_none());
    let expect = expectations(cx, keys.get("expect"));
    let require = expectations(cx, keys.get("require"));
    let readings = named(cx, &mut keys, "readings", kind);
    for (name, at) in &readings.1 {
        reading_name(cx, name, at, line);
    }
    let select = named(cx, &mut keys, "select", kind);
    let show = keys.get("show").and_then(|i| expr(cx, &i));
    let is_from = matches!(source, Some(ProbeSource::From(_)));
    if source.is_none() {
        keys.allow_all_kinds();
    }
    keys.finish(cx, &[], &|key| elsewhere(key, is_from));
    let probe = Probe {
        id: id?,
        step,
        line,
        source: source?,
        timeout_ms: timing.timeout_ms,
        unmet_on: timing.unmet_on,
        expect,
        require,
        readings: readings.0,
        select: select.0,
        show,
        region: timing.region,
    };
    Some(Read { probe, needs: needed })
}

type Needs = Vec<(String, Range<usize>)>;

fn source(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>) -> (Option<ProbeSource>, Needs, Option<&'static Kind>) {
    let none = (None, Vec::new(), None);
    match (keys.get("kind"), keys.get("from")) {
        (Some(_), Some(from)) => {
            let hint = "`from` looks again at another probe's answer; `kind` asks anew. Keep one of them.".to_owned();
            cx.error(&from.key_at, "both `kind` and `from`", Some(hint));
            none
        }
        (None, Some(item)) => {
            let Some(id) = item.text(cx) else { return none };
            let known = cx.resolve(BlockKind::Probe, &id, &item.at);
            let needed = if known { vec![(id.clone(), item.at)] } else { Vec::new() };
            (Some(ProbeSource::From(id)), needed, None)
        }
        (Some(item), None) => {
            let Some(name) = item.text(cx) else { return none };
            let Some(kind) = kinds::probe(&name) else {
                unknown_kind(cx, &item, &name);
                return none;
            };
            keys.what = format!("{} probe", with_article(kind.name));
            let (params, needed) = params(cx, keys, kind);
            specifics(cx, keys, kind, &params);
            (Some(ProbeSource::Ask { kind: name, params }), needed, Some(kind))
        }
        (None, None) => {
            let hint = "Say what it asks with `kind`, or whose answer it looks at with `from`.".to_owned();
            keys.missing(cx, "kind", Some(hint));
            none
        }
    }
}

/// `` an `aws.logs.filter` ``
pub(super) fn with_article(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'h']) { "an" } else { "a" };
    format!("{article} `{name}`")
}

fn unknown_kind(cx: &mut Cx<'_>, item: &Item<'_, '_>, name: &str) {
    let all: Vec<&str> = kinds::PROBES.iter().map(|k| k.name).collect();
    let hint = if kinds::action(name).is_some() {
        format!("`{name}` is a kind of action; a probe changes nothing.")
    } else {
        did_you_mean(name, all.iter().copied()).unwrap_or_else(|| format!("Kinds of probes are {}.", listed(&all)))
    };
    cx.error(&item.at, format!("unknown kind of probe `{name}`"), Some(hint));
}

/// Reads a kind's own keys; returns them with the probes that their placeholders need.
pub(super) fn params(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, kind: &'static Kind) -> (Map<String, Value>, Needs) {
    let mut params = Map::new();
    let mut needed = Vec::new();
    for key in kind.keys {
        let Some(item) = (if key.required { keys.need(cx, key.name) } else { keys.get(key.name) }) else { continue };
        if matches!(key.shape, Shape::Table) {
            fallen(cx, &item, kind);
        }
        needed.extend(needs(cx, &item));
        let value = item.json();
        if !holds_placeholder(&value) && !key.shape.accepts(&value) {
            wrong_shape(cx, &item, key.shape);
        }
        params.insert(key.name.to_owned(), value);
    }
    (params, needed)
}

fn wrong_shape(cx: &mut Cx<'_>, item: &Item<'_, '_>, shape: Shape) {
    let hint = match (shape, item.value.as_str()) {
        (Shape::Choice(of) | Shape::Choices(of), Some(word)) => did_you_mean(word, of.iter().copied()),
        (Shape::Texts | Shape::Arns(_), Some(_)) => Some(format!("Put it in brackets: `{} = [{}]`.", item.key, &cx.text[item.at.clone()])),
        _ => None,
    };
    match item.value.as_str() {
        Some(text) => {
            let message = format!("`{}` must be {}, not `{}`", item.key, shape.describe(), text.trim());
            cx.error(&item.at, message, hint);
        }
        None => item.mistyped(cx, &shape.describe()),
    }
}

fn holds_placeholder(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains("{{"),
        Value::Array(a) => a.iter().any(holds_placeholder),
        Value::Object(o) => o.values().any(holds_placeholder),
        _ => false,
    }
}

/// Keys of the block that stand behind the header of one of its tables.
fn fallen(cx: &mut Cx<'_>, item: &Item<'_, '_>, kind: &'static Kind) {
    for e in item.entries() {
        if e.is_bare(cx) && (COMMON.contains(&e.key) || kind.key(e.key).is_some()) {
            fell_into(cx, &e, &format!("`[{}]`", item.key), true);
        }
    }
}

/// What one kind insists on beyond its table of keys.
fn specifics(cx: &mut Cx<'_>, keys: &Keys<'_, '_>, kind: &'static Kind, params: &Map<String, Value>) {
    match kind.name {
        "http" => {
            let method = params.get("method").and_then(Value::as_str).unwrap_or("GET");
            let known = kind.key("method").is_some_and(|k| k.shape.accepts(&Value::from(method)));
            let harmless = !known || matches!(method, "GET" | "HEAD");
            let promised = params.get("read-only") == Some(&Value::Bool(true));
            if let Some(item) = keys.peek("method").filter(|_| !harmless && !promised) {
                let hint = "Add `read-only = true` if this request changes nothing; if it does, it is no probe.".to_owned();
                cx.error(&item.at, format!("a probe with the method {method} must promise that it changes nothing"), Some(hint));
            }
            if let Some(item) = keys.peek("body").filter(|_| known && harmless) {
                cx.error(&item.key_at, format!("a {method} request has no `body`"), None);
            }
        }
        "ask" => {
            if let (Some(_), Some(item)) = (keys.peek("answers"), keys.peek("type")) {
                let hint = "`answers` offers a choice, `type` takes a free answer. Keep one of them.".to_owned();
                cx.error(&item.key_at, "both `answers` and `type`", Some(hint));
            }
        }
        _ => {}
    }
}

#[derive(Default)]
struct Timing {
    timeout_ms: u64,
    unmet_on: Vec<Outcome>,
    region: Option<String>,
}

fn timing(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, kind: Option<&'static Kind>, asks: bool) -> Timing {
    let mut out = Timing { timeout_ms: TIMEOUT_MS, ..Timing::default() };
    let asks_person = kind.is_some_and(|k| k.name == "ask");
    let why = if asks_person { "An `ask` never waits." } else { "It belongs to the probe that asks; `from` only looks again." };
    for name in ["timeout", "unmet-on"] {
        let Some(item) = keys.get(name) else { continue };
        if !asks || asks_person {
            cx.error(&item.key_at, format!("`{name}` has no meaning here"), Some(why.to_owned()));
        } else if name == "timeout" {
            out.timeout_ms = item.duration(cx).unwrap_or(TIMEOUT_MS);
        } else {
            out.unmet_on = outcomes(cx, &item, &[Outcome::Answered, Outcome::Skipped]);
        }
    }
    if let Some(item) = keys.get("region") {
        if kind.is_some_and(Kind::is_aws) {
            out.region = region(cx, &item);
        } else if asks || kind.is_some() {
            cx.error(&item.key_at, "`region` has no meaning here", Some("Only `aws.*` probes have a region.".to_owned()));
        } else {
            cx.error(&item.key_at, "`region` has no meaning here", Some(why.to_owned()));
        }
    }
    out
}

type NamedExprs = (Vec<(String, Expr)>, Vec<(String, Range<usize>)>);

/// A table of names and expressions, in the file's order, and the names with their places.
fn named(cx: &mut Cx<'_>, keys: &mut Keys<'_, '_>, key: &'static str, kind: Option<&'static Kind>) -> NamedExprs {
    let Some(item) = keys.get(key) else { return NamedExprs::default() };
    if !item.value.is_table() {
        item.mistyped(cx, "a table");
    }
    let mut out = NamedExprs::default();
    for e in item.entries() {
        if e.is_bare(cx) && (COMMON.contains(&e.key) || kind.is_some_and(|k| k.key(e.key).is_some())) {
            fell_into(cx, &e, &format!("`[{key}]`"), true);
            continue;
        }
        if e.value.is_table() {
            let inner = e.entries().first().map_or("x", |i| i.key).to_owned();
            let hint = format!("TOML takes the dot for a table; write the name in quotes: `\"{}.{inner}\" = …`.", e.key);
            cx.error(&e.key_at, format!("`{}` must be an expression; this is a table", e.key), Some(hint));
            continue;
        }
        out.1.push((e.key.to_owned(), e.key_at.clone()));
        if let Some(found) = expr(cx, &e) {
            out.0.push((e.key.to_owned(), found));
        }
    }
    out
}

fn reading_name(cx: &mut Cx<'_>, name: &str, at: &Range<usize>, line: usize) {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !good {
        let hint = "Names begin with a letter and hold letters, digits, `.`, `_` and `-`.".to_owned();
        cx.error(at, format!("`{name}` cannot be the name of a reading"), Some(hint));
    }
    if let Some(first) = cx.names.readings.get(name).copied().filter(|first| *first != line) {
        let hint = format!("The probe in line {first} yields it already; two would mix in one series.");
        cx.error(at, format!("second reading `{name}`"), Some(hint));
    }
}

/// What is known of a key that this probe does not have.
fn elsewhere(key: &str, is_from: bool) -> Option<String> {
    let owners: Vec<&str> = kinds::PROBES.iter().filter(|k| k.key(key).is_some()).map(|k| k.name).collect();
    match owners.as_slice() {
        [] => None,
        _ if is_from => Some("It belongs to the probe that asks; `from` only looks again.".to_owned()),
        owners => Some(format!("`{key}` belongs to {}.", listed(owners))),
    }
}
