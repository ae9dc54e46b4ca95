//! What can be said about an expression without an answer: faults, and warnings.

use std::sync::LazyLock;

use jmespath::ast::{Ast, Comparator};
use jmespath::{ErrorReason, JmespathError, Variable};
use regex::Regex;

use super::functions::{FUNCTIONS, Known};
use super::{ExprFault, large_integer, large_integer_fault};
use crate::runbook::diagnostic::{did_you_mean, listed};

/// Largest index or slice bound; beyond it the interpreter's arithmetic is not to be trusted.
const INDEX_MAX: i32 = 1_000_000;

/// Refuses what does not parse and what could only fail when it is run.
pub(super) fn check(text: &str) -> Result<(), ExprFault> {
    let ast = jmespath::parse(text).map_err(|e| parse_fault(text, &e))?;
    let mut fault = None;
    visit(&ast, &mut |node| {
        if fault.is_none() {
            fault = node_fault(node);
        }
    });
    fault.map_or(Ok(()), Err)
}

fn parse_fault(expr: &str, e: &JmespathError) -> ExprFault {
    let text = match &e.reason {
        ErrorReason::Parse(m) => m.clone(),
        ErrorReason::Runtime(r) => r.to_string(),
    };
    let (what, found) = text.split_once(" -- found ").unwrap_or((&text, ""));
    let mut chars = what.chars();
    let lower: String = chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect();
    let message = match lower.as_str() {
        "unexpected nud token" if found == "Eof" => "not JMESPath: it ends too early".to_owned(),
        "unexpected nud token" | "unexpected led token" | "did not parse the complete expression" => {
            "not JMESPath: this is not expected here".to_owned()
        }
        other => format!("not JMESPath: {other}"),
    };
    let fault = ExprFault::new(e.offset, message);
    let word = |w: &str| found == format!("Identifier(\"{w}\")");
    let before = expr.get(..e.offset).unwrap_or_default().split_whitespace().next_back();
    if found.starts_with("Number(") {
        fault.hint("Inside a JMESPath boolean a number stands in backticks: status == `200`.")
    } else if word("and") || word("or") || before == Some("not") {
        fault.hint("Write `&&`, `||` and `!`.")
    } else if word("contains") || word("matches") {
        fault.hint("Inside a JMESPath boolean write contains(list, 'x'); `matches` stands alone.")
    } else {
        fault
    }
}

fn node_fault(node: &Ast) -> Option<ExprFault> {
    match node {
        Ast::Function { offset, name, args } => function_fault(offset.saturating_sub(name.len()), name, args),
        Ast::Slice { offset, start, stop, step } => {
            if *step == 0 {
                return Some(ExprFault::new(*offset, "a slice with step 0 never ends"));
            }
            let bounds = [*start, *stop, Some(*step)];
            let wild = bounds.iter().flatten().any(|n| n.unsigned_abs() > INDEX_MAX.unsigned_abs());
            wild.then(|| ExprFault::new(*offset, format!("a slice reaches beyond {INDEX_MAX}")))
        }
        Ast::Index { offset, idx } if idx.unsigned_abs() > INDEX_MAX.unsigned_abs() => {
            Some(ExprFault::new(*offset, format!("an index reaches beyond {INDEX_MAX}")))
        }
        Ast::Literal { offset, value } => {
            let json = serde_json::to_value(value.as_ref()).ok()?;
            large_integer(&json).map(|n| large_integer_fault(*offset, n))
        }
        _ => None,
    }
}

fn function_fault(offset: usize, name: &str, args: &[Ast]) -> Option<ExprFault> {
    let Some(f) = FUNCTIONS.iter().find(|f| f.name == name) else {
        let fault = ExprFault::new(offset, format!("unknown function `{name}`"));
        let names: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        return Some(fault.hint(hint.unwrap_or_else(|| format!("Known are {}.", listed(&names)))));
    };
    if args.len() < f.min || f.max.is_some_and(|m| args.len() > m) {
        return Some(ExprFault::new(offset, format!("`{name}` takes {}, not {}", arity(f), args.len())));
    }
    match f.expref {
        Some(n) if !matches!(args.get(n), Some(Ast::Expref { .. })) => {
            Some(ExprFault::new(offset, format!("argument {} of `{name}` has to be an `&expression`", n + 1)))
        }
        _ => None,
    }
}

fn arity(f: &Known) -> String {
    match (f.min, f.max) {
        (1, Some(1)) => "one argument".to_owned(),
        (n, Some(_)) => format!("{n} arguments"),
        (n, None) => format!("at least {n} argument"),
    }
}

/// The nodes directly below.
pub(super) fn children(node: &Ast) -> Vec<&Ast> {
    match node {
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => vec![lhs, rhs],
        Ast::Condition { predicate, then, .. } => vec![predicate, then],
        Ast::Expref { ast: node, .. } | Ast::Flatten { node, .. } | Ast::Not { node, .. } | Ast::ObjectValues { node, .. } => vec![node],
        Ast::Function { args, .. } => args.iter().collect(),
        Ast::MultiList { elements, .. } => elements.iter().collect(),
        Ast::MultiHash { elements, .. } => elements.iter().map(|kv| &kv.value).collect(),
        Ast::Identity { .. } | Ast::Field { .. } | Ast::Index { .. } | Ast::Literal { .. } | Ast::Slice { .. } => Vec::new(),
    }
}

fn visit<'a>(node: &'a Ast, f: &mut impl FnMut(&'a Ast)) {
    f(node);
    for child in children(node) {
        visit(child, f);
    }
}

/// What parses and yet probably says something else than was meant.
pub(super) fn warnings(text: &str) -> Vec<ExprFault> {
    let Ok(ast) = jmespath::parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    visit(&ast, &mut |node| match node {
        Ast::Condition { predicate, .. } => unguarded(predicate, &mut Vec::new(), &mut found),
        Ast::Comparison { comparator, lhs, rhs, .. } => {
            ordering_of_text(comparator, lhs, rhs, &mut found);
            field_for_text(text, [lhs, rhs], &mut found);
        }
        _ => {}
    });
    found.sort_by_key(|f: &ExprFault| f.offset);
    found.dedup();
    found
}

/// `[?contains(x, 'y')]` fails as a whole when one element has no `x`.
fn unguarded(node: &Ast, guards: &mut Vec<String>, found: &mut Vec<ExprFault>) {
    if let Ast::And { lhs, rhs, .. } = node {
        unguarded(lhs, guards, found);
        guards.push(shape(lhs));
        unguarded(rhs, guards, found);
        guards.pop();
        return;
    }
    if let Ast::Function { offset, name, args } = node
        && matches!(name.as_str(), "contains" | "starts_with" | "ends_with" | "length")
        && let Some(arg) = args.first().map(core)
        && !matches!(arg, Ast::Literal { .. } | Ast::Function { .. })
    {
        let shape = shape(arg);
        if !guards.iter().any(|g| g.contains(&shape)) {
            let fault = ExprFault::new(
                offset.saturating_sub(name.len()),
                format!("`{name}` fails on an element where its first argument is missing, and spoils the whole filter"),
            );
            found.push(fault.hint("Wrap it: not_null(x, ''), or ask for it first: x && contains(x, 'y')."));
        }
    }
    for child in children(node) {
        unguarded(child, guards, found);
    }
}

/// What is left when functions that pass null on are taken away.
fn core(arg: &Ast) -> &Ast {
    match arg {
        Ast::Function { name, args, .. } if name == "lower" => args.first().map_or(arg, core),
        other => other,
    }
}

/// The tree without positions.
fn shape(node: &Ast) -> String {
    static OFFSET: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"offset: \d+,? ?").ok());
    let text = format!("{node:?}");
    match OFFSET.as_ref() {
        Some(r) => r.replace_all(&text, "").into_owned(),
        None => text,
    }
}

fn ordering_of_text(comparator: &Comparator, lhs: &Ast, rhs: &Ast, found: &mut Vec<ExprFault>) {
    if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        return;
    }
    for side in [lhs, rhs] {
        if let Ast::Literal { offset, value } = side
            && let Variable::String(s) = value.as_ref()
        {
            let fault = ExprFault::new(*offset, format!("text such as `{s}` has no order here, so this never holds"));
            found.push(fault.hint("For instants write age(x) < `86400`: seconds before the observation."));
        }
    }
}

fn field_for_text(text: &str, sides: [&Ast; 2], found: &mut Vec<ExprFault>) {
    for side in sides {
        if let Ast::Field { offset, name } = side
            && text.as_bytes().get(*offset) == Some(&b'"')
        {
            let fault = ExprFault::new(*offset, format!("`\"{name}\"` names a field here"));
            found.push(fault.hint(format!("Text is written '{name}'.")));
        }
    }
}
