//! What a cut answer still proves.
//!
//! A limit cuts an answer at its end: the lists in it are true as far as they go, and more items may follow.
//! Each expression is one of four things then:
//!
//! - *fixed*: no further item changes it. Text, numbers and booleans read by name or by an index from the
//!   front, and functions of such values.
//! - *list*: it goes on at its end. Lists and objects, and what `[?…]`, `[*]`, `[]` and slices from the front
//!   make of lists.
//! - *at least*: it can only rise. `length` and `max` of a list.
//! - *loose*: anything else, and whatever is missing: sums, sorted lists, positions counted from the end.
//!
//! A verdict stands if its left side is fixed; if it is *at least* and already beyond the literal; or if a list
//! already `contains` what is looked for. Every other verdict rests on what is not there, and is `unknown`.

use jmespath::Variable;
use jmespath::ast::Ast;
use serde_json::Value;

use super::compare::compare;
use super::subject::{Subject, is_boolean};
use crate::record::verdict::Verdict;
use crate::runbook::model::Op;

/// How further items could change an expression, see the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    Fixed,
    List,
    AtLeast,
    Loose,
}

/// True when no further item could turn a comparison that `holds` (or does not) round.
pub(super) fn settled(growth: Growth, op: Op, holds: bool, actual: &Value, right: &Value) -> bool {
    match growth {
        Growth::Fixed => true,
        Growth::AtLeast => match (op, holds) {
            (Op::Gt | Op::Ge, true) | (Op::Lt | Op::Le, false) => true,
            (Op::Eq, false) | (Op::Ne, true) => compare(actual, Op::Gt, right) == Ok(true),
            _ => false,
        },
        Growth::List => op == Op::Contains && holds,
        Growth::Loose => false,
    }
}

impl Subject {
    pub(super) fn growth(&self, ast: &Ast, data: &jmespath::Rcvar) -> Growth {
        match ast {
            Ast::Literal { .. } => Growth::Fixed,
            Ast::Identity { .. } | Ast::Field { .. } => self.by_value(ast, data),
            Ast::Index { idx, .. } if *idx >= 0 => self.by_value(ast, data),
            Ast::Slice { start, stop, step, .. } => {
                let from_front = start.is_none_or(|n| n >= 0) && stop.is_none_or(|n| n >= 0) && *step > 0;
                if from_front { Growth::List } else { Growth::Loose }
            }
            Ast::Subexpr { lhs, rhs, .. } => match self.growth(lhs, data) {
                Growth::Fixed | Growth::List => self.run(lhs, data).map_or(Growth::Loose, |inner| self.growth(rhs, &inner)),
                Growth::AtLeast | Growth::Loose => Growth::Loose,
            },
            // An element is whole, so whatever is asked of each element alone stays as it is.
            Ast::Projection { lhs, .. } => only_list(self.growth(lhs, data)),
            Ast::Flatten { node, .. } => only_list(self.growth(node, data)),
            Ast::Comparison { .. } | Ast::Not { .. } => self.by_truth(ast),
            Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } => {
                let both = self.growth(lhs, data) == Growth::Fixed && self.growth(rhs, data) == Growth::Fixed;
                if both { Growth::Fixed } else { self.by_truth(ast) }
            }
            Ast::MultiList { elements, .. } => self.all_fixed(elements.iter(), data, Growth::List),
            Ast::MultiHash { elements, .. } => self.all_fixed(elements.iter().map(|kv| &kv.value), data, Growth::List),
            Ast::Function { name, args, .. } => self.function(ast, name, args, data),
            Ast::Index { .. } | Ast::ObjectValues { .. } | Ast::Condition { .. } | Ast::Expref { .. } => Growth::Loose,
        }
    }

    fn by_value(&self, ast: &Ast, data: &jmespath::Rcvar) -> Growth {
        match self.run(ast, data).as_deref() {
            Ok(Variable::Array(_) | Variable::Object(_)) => Growth::List,
            Ok(Variable::Null | Variable::Expref(_)) | Err(_) => Growth::Loose,
            Ok(_) => Growth::Fixed,
        }
    }

    /// A comparison on the whole answer is fixed when its own truth is.
    fn by_truth(&self, ast: &Ast) -> Growth {
        if is_boolean(ast) && self.truth(ast).0 != Verdict::Unknown { Growth::Fixed } else { Growth::Loose }
    }

    fn all_fixed<'a>(&self, mut parts: impl Iterator<Item = &'a Ast>, data: &jmespath::Rcvar, then: Growth) -> Growth {
        if parts.all(|p| self.growth(p, data) == Growth::Fixed) { then } else { Growth::Loose }
    }

    fn function(&self, ast: &Ast, name: &str, args: &[Ast], data: &jmespath::Rcvar) -> Growth {
        let first = args.first().map_or(Growth::Loose, |a| self.growth(a, data));
        match (name, first) {
            ("length" | "max", Growth::List) => Growth::AtLeast,
            ("contains", Growth::List) => match self.run(ast, data).as_deref() {
                Ok(Variable::Bool(true)) => self.all_fixed(args.iter().skip(1), data, Growth::Fixed),
                _ => Growth::Loose,
            },
            ("map", _) => args.get(1).map_or(Growth::Loose, |list| only_list(self.growth(list, data))),
            _ => self.all_fixed(args.iter(), data, Growth::Fixed),
        }
    }
}

fn only_list(growth: Growth) -> Growth {
    if growth == Growth::List { Growth::List } else { Growth::Loose }
}
