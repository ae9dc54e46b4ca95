//! A runbook as parsed and checked: every name resolved, every expression known to compile.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::record::event::ApprovalRule;
use crate::record::id::Hash;
use crate::record::verdict::{Outcome, Verdict};

/// One runbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// E.g. `INC-001`, from the heading.
    pub id: String,
    /// E.g. `Dead Lambda`, from the heading.
    pub title: String,
    /// The file's whole text.
    pub text: String,
    /// SHA-256 of `text`.
    pub hash: Hash,
    /// `P0` … `P4`.
    pub severity: String,
    /// `2027-03-22`: when somebody has to read it again.
    pub review_by: Option<String>,
    /// AWS region of its probes and actions.
    pub region: Option<String>,
    /// AWS account that must answer.
    pub account: Option<String>,
    /// Variables with their defaults.
    pub vars: BTreeMap<String, Value>,
    /// What `resolve` insists on.
    pub must_have: Vec<MustHave>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Probes in the file's order.
    pub probes: Vec<Probe>,
    /// Signals in the file's order.
    pub signals: Vec<Signal>,
    /// Decisions in the file's order.
    pub decides: Vec<Decide>,
    /// Actions in the file's order.
    pub actions: Vec<ActionBlock>,
    /// Verifications in the file's order.
    pub verifies: Vec<Verify>,
    /// Escalations in the file's order.
    pub escalates: Vec<Escalate>,
}

/// A child of Steps: `### 4. Roll back`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub n: u32,
    /// Its title.
    pub title: String,
    /// GitHub's slug of the heading.
    pub slug: String,
    /// 1-based line of the heading.
    pub line: usize,
    /// The step's prose, Markdown without its typed blocks.
    pub prose: String,
}

/// What `resolve` insists on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MustHave {
    /// `reading:NAME`: a reading of this series must be in the record of the incident.
    Reading(String),
    /// `ask:ID`: this question must have been answered.
    Ask(String),
}

/// A JMESPath expression that compiles and calls only functions that exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expr(pub String);

/// How an expectation compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `contains`: a string in a string, an element in a list, a key in an object.
    Contains,
    /// `matches`: a regular expression found in a string.
    Matches,
}

/// `left op literal`, or a bare JMESPath boolean.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As written.
    pub text: String,
    /// What it says.
    pub form: Form,
}

/// The two forms of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// `left op right`
    Compare {
        /// The left side.
        left: Expr,
        /// The comparison.
        op: Op,
        /// The right side; a duration has become seconds.
        right: Value,
    },
    /// A JMESPath boolean.
    Bool(Expr),
}

/// Where a probe's answer comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeSource {
    /// It asks the world.
    Ask {
        /// Kind, e.g. `http`.
        kind: String,
        /// The kind's own keys.
        params: Map<String, Value>,
    },
    /// It looks again at another probe's answer.
    From(String),
}

/// A typed read-only question.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its id within the runbook.
    pub id: String,
    /// Step it stands in.
    pub step: Option<u32>,
    /// 1-based line of its block.
    pub line: usize,
    /// Where the answer comes from.
    pub source: ProbeSource,
    /// Its own time limit, in milliseconds.
    pub timeout_ms: u64,
    /// Outcomes that are themselves the symptom.
    pub unmet_on: Vec<Outcome>,
    /// The healthy state.
    pub expect: Vec<Expectation>,
    /// Coverage: not all true means `unknown` for everything on this probe.
    pub require: Vec<Expectation>,
    /// Reading name → where it is in the result.
    pub readings: Vec<(String, Expr)>,
    /// Name → part of the result.
    pub select: Vec<(String, Expr)>,
    /// What a person sees.
    pub show: Option<Expr>,
    /// Overrides the runbook's region.
    pub region: Option<String>,
}

impl Probe {
    /// The probe's kind; `from` for another look at an answer.
    pub fn kind(&self) -> &str {
        match &self.source {
            ProbeSource::Ask { kind, .. } => kind,
            ProbeSource::From(_) => "from",
        }
    }
}

/// A function over a series' recent past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowFn {
    /// Newest sample.
    Last,
    /// Largest sample.
    Max,
    /// Smallest sample.
    Min,
    /// Sum of samples.
    Sum,
    /// Number of samples.
    Count,
    /// Newest minus baseline.
    Delta,
    /// Sum of rises, resets counted from zero.
    Increase,
}

/// `increase(errors, 24h) > 10`, optionally with its own coverage.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowTest {
    /// As written.
    pub text: String,
    /// The function.
    pub func: WindowFn,
    /// Series name.
    pub series: String,
    /// Window length, in milliseconds.
    pub window_ms: i64,
    /// The comparison (never `contains` or `matches`).
    pub op: Op,
    /// What it is compared with.
    pub value: f64,
    /// Allowed gap as a fraction of the window, when `cover` overrides the default.
    pub cover: Option<f64>,
}

/// When a rule or signal applies.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A window over a series.
    Window(WindowTest),
    /// An expression on a probe's result.
    If {
        /// Probe id.
        probe: String,
        /// What must hold.
        test: Expectation,
    },
    /// A probe ended in one of these ways.
    Outcome {
        /// Probe id.
        probe: String,
        /// The outcomes.
        any: Vec<Outcome>,
    },
    /// A probe came to this verdict.
    Verdict {
        /// Probe id.
        probe: String,
        /// The verdict.
        is: Verdict,
    },
    /// A branch was taken.
    Decided {
        /// Id of the `decide` block.
        id: String,
        /// Id of the branch.
        branch: String,
    },
    /// At least one.
    Any(Vec<Condition>),
    /// Every one.
    All(Vec<Condition>),
    /// Not this one.
    Not(Box<Condition>),
}

/// What tells you that it is *this* incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Its id, in a namespace of its own.
    pub id: String,
    /// What a person would say.
    pub text: String,
    /// When it applies.
    pub when: Condition,
    /// It ranks, but never matches alone.
    pub supports: bool,
    /// Runbook that explains it: open that one, link this.
    pub explained_by: Option<String>,
}

/// Where a branch leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// To a heading of this runbook (slug without `#`).
    Anchor(String),
    /// It is no incident: the note is the reason.
    Dismiss,
    /// Open another runbook.
    Open(String),
    /// Link an incident of another runbook.
    Link(String),
}

impl std::fmt::Display for Then {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anchor(a) => write!(f, "#{a}"),
            Self::Dismiss => f.write_str("dismiss"),
            Self::Open(r) => f.write_str(r),
            Self::Link(r) => write!(f, "link:{r}"),
        }
    }
}

/// One way on.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Its id.
    pub id: String,
    /// When the evidence points here; absent: only a person can say.
    pub when: Option<Condition>,
    /// Where it leads.
    pub then: Then,
    /// What it means; the reason when it dismisses.
    pub note: Option<String>,
}

/// A fork in the procedure.
#[derive(Clone, Debug, PartialEq)]
pub struct Decide {
    /// Its id.
    pub id: String,
    /// Step it stands in.
    pub step: Option<u32>,
    /// Ways on, in order of preference.
    pub branches: Vec<Branch>,
}

/// A typed change to the world, or a manual one.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionBlock {
    /// Its id.
    pub id: String,
    /// Step it stands in.
    pub step: Option<u32>,
    /// 1-based line of its block.
    pub line: usize,
    /// Kind, e.g. `aws.lambda.update-alias`.
    pub kind: String,
    /// The kind's own keys, with placeholders.
    pub params: Map<String, Value>,
    /// Overrides the runbook's region.
    pub region: Option<String>,
    /// What must be met, at the proposal and again at `execute`.
    pub requires: Vec<Condition>,
    /// The same, as written.
    pub requires_text: Vec<String>,
    /// Who may allow it.
    pub approve: ApprovalRule,
    /// Severities at which an operator may break the glass; empty: never.
    pub break_glass: Vec<String>,
    /// Within how many seconds somebody else has to review a break-glass.
    pub review_within_s: Option<u64>,
}

/// How to know that an action worked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// Its id; `verify-<action>` unless stated.
    pub id: String,
    /// Step it stands in.
    pub step: Option<u32>,
    /// Action it follows.
    pub after: String,
    /// Probes that must all be met.
    pub probes: Vec<String>,
    /// Rounds in a row.
    pub passes: u32,
    /// Between rounds, in milliseconds.
    pub every_ms: u64,
    /// Until when, in milliseconds from the start of verification.
    pub within_ms: u64,
    /// `ask` probes wanted before `resolve`.
    pub confirm: Vec<String>,
}

/// What starts a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A condition holds.
    When(Condition),
    /// Time has passed without something.
    After {
        /// An action's id, or `opened`.
        after: String,
        /// How long, in milliseconds.
        within_ms: i64,
        /// What calls it off: `recovered`, `acknowledged`, `mitigated`, `resolved`, or an id of a verify block.
        unless: Option<String>,
    },
}

/// Who must be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalate {
    /// Its id.
    pub id: String,
    /// Step it stands in.
    pub step: Option<u32>,
    /// What starts it.
    pub trigger: Trigger,
    /// Person or team of the config.
    pub to: String,
    /// What they are wanted for.
    pub purpose: Option<String>,
    /// Raises the severity to this.
    pub severity: Option<String>,
}
