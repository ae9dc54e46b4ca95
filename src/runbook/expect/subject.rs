//! A result under judgement: evaluates expressions and expectations on it.

use jmespath::ast::{Ast, Comparator};
use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, RuntimeError, Variable, interpret};
use serde_json::Value;

use super::compare::{compare, named};
use super::growth::{Growth, settled};
use super::{ExprFault, functions, lint};
use crate::record::observation::Checked;
use crate::record::time::Timestamp;
use crate::record::verdict::Verdict;
use crate::runbook::model::{Expectation, Expr, Form, Op};

/// Why a verdict on a cut answer is unknown.
const CUT: &str = "the answer was cut at its limit, and this rests on what is not there";

/// A result, the instant it was observed, and whether a limit cut it.
///
/// Holds the result in the interpreter's own form, so that many expressions share one conversion.
pub struct Subject {
    runtime: Runtime,
    data: Rcvar,
    truncated: bool,
}

/// A verdict that can say why it is unknown.
type Truth = (Verdict, Option<String>);

impl Subject {
    /// Prepares `result`, observed `at` (without it `age` refuses).
    pub fn new(result: &Value, at: Option<Timestamp>, truncated: bool) -> Self {
        let data = Variable::try_from(result).unwrap_or(Variable::Null);
        Self { runtime: functions::runtime(at), data: Rcvar::new(data), truncated }
    }

    /// The value of an expression; null where it is missing.
    ///
    /// # Errors
    /// Why it could not be evaluated, on one line.
    pub fn value(&self, expr: &Expr) -> Result<Value, String> {
        let ast = parse(expr)?;
        json(&self.side(&ast)?)
    }

    /// True when more items at the end of a cut answer could not change the expression's value, except that a
    /// list may go on.
    pub fn is_settled(&self, expr: &Expr) -> bool {
        !self.truncated || parse(expr).is_ok_and(|ast| matches!(self.growth(&ast, &self.data), Growth::Fixed | Growth::List))
    }

    /// True when more items at the end of a cut answer could not change the expression's value at all.
    pub fn is_fixed(&self, expr: &Expr) -> bool {
        !self.truncated || parse(expr).is_ok_and(|ast| self.growth(&ast, &self.data) == Growth::Fixed)
    }

    /// Checks one expectation.
    ///
    /// `unknown` where the value is missing or null (except for `== null` and `!= null`), of another type than
    /// what it is compared with, where evaluation fails, and where a limit cut the answer and more items could
    /// change the verdict. In a bare boolean `!`, `&&` and `||` are three-valued, and each comparison in it is
    /// held to the same rules.
    pub fn check(&self, e: &Expectation) -> Checked {
        let (verdict, actual, because) = match &e.form {
            Form::Compare { left, op, right } => match parse(left) {
                Ok(ast) => self.comparison(&ast, *op, right),
                Err(because) => (Verdict::Unknown, Value::Null, Some(because)),
            },
            Form::Bool(expr) => match parse(expr) {
                Ok(ast) => {
                    let (verdict, because) = self.truth(&ast);
                    let actual = match verdict {
                        Verdict::Met => Value::Bool(true),
                        Verdict::Unmet => Value::Bool(false),
                        Verdict::Unknown => Value::Null,
                    };
                    (verdict, actual, because)
                }
                Err(because) => (Verdict::Unknown, Value::Null, Some(because)),
            },
        };
        Checked { text: e.text.clone(), verdict, actual, because }
    }

    fn comparison(&self, left: &Ast, op: Op, right: &Value) -> (Verdict, Value, Option<String>) {
        let actual = match self.side(left).and_then(|v| json(&v)) {
            Ok(v) => v,
            Err(because) => return (Verdict::Unknown, Value::Null, Some(because)),
        };
        match compare(&actual, op, right) {
            Err(because) => (Verdict::Unknown, actual, Some(because)),
            Ok(holds) if self.truncated && !settled(self.growth(left, &self.data), op, holds, &actual, right) => {
                (Verdict::Unknown, actual, Some(CUT.to_owned()))
            }
            Ok(holds) => (holds.into(), actual, None),
        }
    }

    /// The value of one side of a comparison. A side that is itself a comparison is three-valued too.
    fn side(&self, ast: &Ast) -> Result<Rcvar, String> {
        if is_boolean(ast) {
            return match self.truth(ast) {
                (Verdict::Met, _) => Ok(Rcvar::new(Variable::Bool(true))),
                (Verdict::Unmet, _) => Ok(Rcvar::new(Variable::Bool(false))),
                (Verdict::Unknown, because) => Err(because.unwrap_or_else(|| "unknown".to_owned())),
            };
        }
        self.run(ast, &self.data)
    }

    pub(super) fn run(&self, ast: &Ast, data: &Rcvar) -> Result<Rcvar, String> {
        interpret(data, ast, &mut Context::new("", &self.runtime)).map_err(|e| runtime_text(&e))
    }

    /// The three-valued truth of a boolean expression.
    pub(super) fn truth(&self, ast: &Ast) -> Truth {
        match ast {
            Ast::And { lhs, rhs, .. } => join(self.truth(lhs), self.truth(rhs), Verdict::and),
            Ast::Or { lhs, rhs, .. } => join(self.truth(lhs), self.truth(rhs), Verdict::or),
            Ast::Not { node, .. } => {
                let (v, because) = self.truth(node);
                (!v, because)
            }
            Ast::Comparison { comparator, lhs, rhs, .. } => self.truth_of_comparison(comparator, lhs, rhs),
            other => self.truth_of_value(other),
        }
    }

    fn truth_of_comparison(&self, comparator: &Comparator, lhs: &Ast, rhs: &Ast) -> Truth {
        let op = op_of(comparator);
        let sides = self.side(lhs).and_then(|l| Ok((json(&l)?, json(&self.side(rhs)?)?)));
        let (left, right) = match sides {
            Ok(sides) => sides,
            Err(because) => return (Verdict::Unknown, Some(because)),
        };
        // Only a null that is written down may be compared with; one that was read is a missing value.
        let written_null = |ast: &Ast| matches!(ast, Ast::Literal { value, .. } if value.is_null());
        let result = if written_null(lhs) {
            compare(&right, op, &left)
        } else if right.is_null() && !written_null(rhs) {
            Err(named(&right).to_owned())
        } else {
            compare(&left, op, &right)
        };
        match result {
            Err(because) => (Verdict::Unknown, Some(format!("{} is {because}", brief(lhs)))),
            Ok(holds) if self.truncated && !self.comparison_settled((lhs, &left), op, (rhs, &right), holds) => {
                (Verdict::Unknown, Some(CUT.to_owned()))
            }
            Ok(holds) => (holds.into(), None),
        }
    }

    fn comparison_settled(&self, (lhs, left): (&Ast, &Value), op: Op, (rhs, right): (&Ast, &Value), holds: bool) -> bool {
        match (self.growth(lhs, &self.data), self.growth(rhs, &self.data)) {
            (grows, Growth::Fixed) => settled(grows, op, holds, left, right),
            (Growth::Fixed, grows) => settled(grows, mirrored(op), holds, right, left),
            _ => false,
        }
    }

    fn truth_of_value(&self, ast: &Ast) -> Truth {
        let value = match self.run(ast, &self.data) {
            Ok(v) => v,
            Err(because) => return (Verdict::Unknown, Some(because)),
        };
        match value.as_ref() {
            Variable::Bool(_) if self.truncated && self.growth(ast, &self.data) != Growth::Fixed => {
                (Verdict::Unknown, Some(CUT.to_owned()))
            }
            Variable::Bool(b) => ((*b).into(), None),
            Variable::Null => (Verdict::Unknown, Some(format!("{} is missing", brief(ast)))),
            other => {
                let kind = serde_json::to_value(other).map_or("no value", |v| named(&v));
                (Verdict::Unknown, Some(format!("{} is {kind}, neither true nor false", brief(ast))))
            }
        }
    }
}

fn join(a: Truth, b: Truth, f: impl Fn(Verdict, Verdict) -> Verdict) -> Truth {
    let verdict = f(a.0, b.0);
    let because = if verdict == Verdict::Unknown { a.1.or(b.1) } else { None };
    (verdict, because)
}

/// True for expressions that are made of comparisons and can be nothing but true or false.
pub(super) fn is_boolean(ast: &Ast) -> bool {
    match ast {
        Ast::Comparison { .. } => true,
        Ast::Not { node, .. } => is_boolean(node),
        Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } => is_boolean(lhs) && is_boolean(rhs),
        _ => false,
    }
}

fn op_of(c: &Comparator) -> Op {
    match c {
        Comparator::Equal => Op::Eq,
        Comparator::NotEqual => Op::Ne,
        Comparator::LessThan => Op::Lt,
        Comparator::LessThanEqual => Op::Le,
        Comparator::GreaterThan => Op::Gt,
        Comparator::GreaterThanEqual => Op::Ge,
    }
}

fn mirrored(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        Op::Ge => Op::Le,
        other => other,
    }
}

/// Names an operand: its path when it is one.
fn brief(ast: &Ast) -> String {
    fn path(ast: &Ast) -> Option<String> {
        match ast {
            Ast::Field { name, .. } => Some(name.clone()),
            Ast::Index { idx, .. } => Some(format!("[{idx}]")),
            Ast::Subexpr { lhs, rhs, .. } => {
                let (l, r) = (path(lhs)?, path(rhs)?);
                Some(if r.starts_with('[') { format!("{l}{r}") } else { format!("{l}.{r}") })
            }
            Ast::Function { name, args, .. } => {
                let args: Option<Vec<_>> = args.iter().map(path).collect();
                Some(format!("{name}({})", args.map_or_else(|| "…".to_owned(), |a| a.join(", "))))
            }
            _ => None,
        }
    }
    path(ast).map_or_else(|| "a value".to_owned(), |p| format!("`{p}`"))
}

fn parse(expr: &Expr) -> Result<Ast, String> {
    lint::check(&expr.0).map_err(|ExprFault { message, .. }| message)?;
    jmespath::parse(&expr.0).map_err(|e| runtime_text(&e))
}

pub(super) fn json(v: &Rcvar) -> Result<Value, String> {
    serde_json::to_value(v.as_ref()).map_err(|e| e.to_string())
}

/// The interpreter's reason on one line, without its drawing of the expression.
fn runtime_text(e: &JmespathError) -> String {
    match &e.reason {
        ErrorReason::Parse(text) => text.lines().next().unwrap_or_default().to_owned(),
        ErrorReason::Runtime(RuntimeError::InvalidType { expected, actual, position }) if actual == "null" => {
            format!("argument {} of a function is missing, {expected} wanted", position + 1)
        }
        ErrorReason::Runtime(RuntimeError::InvalidType { expected, actual, position }) => {
            format!("argument {} of a function is {actual}, {expected} wanted", position + 1)
        }
        ErrorReason::Runtime(other) => other.to_string(),
    }
}
