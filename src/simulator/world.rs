//! What a simulated stack consists of: plain data, dated. What lies in the future of its clock is not seen yet.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::clock::Clock;
use super::series::Series;
use crate::record::time::Timestamp;

/// The names of one stack. Nothing else in the simulator knows what a stack is called, except the seed's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Twelve digits.
    pub account: String,
    /// For example `us-east-1`; a request signed for another region finds nothing.
    pub region: String,
    /// The function behind the HTTP API.
    pub function: String,
    /// The alias that the HTTP API calls.
    pub alias: String,
    /// Published versions, ascending; `$LATEST` comes on top. The alias starts at the last but one.
    pub versions: Vec<u64>,
    /// The state machine's name, not its ARN.
    pub state_machine: String,
    /// Path below which the HTTP API lies, such as `/prod/beak`.
    pub api: String,
    /// The IAM user who calls.
    pub user: String,
}

impl Names {
    /// ARN of a function or of anything below it (`name:alias`).
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account)
    }

    /// ARN of a state machine.
    pub fn machine_arn(&self, name: &str) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{name}", self.region, self.account)
    }

    /// ARN of an execution.
    pub fn execution_arn(&self, machine: &str, execution: &str) -> String {
        format!("arn:aws:states:{}:{}:execution:{machine}:{execution}", self.region, self.account)
    }

    /// The log group that the function `name` writes to.
    pub fn log_group(name: &str) -> String {
        format!("/aws/lambda/{name}")
    }
}

/// One stack.
#[derive(Debug, Clone)]
pub struct World {
    pub clock: Clock,
    pub names: Names,
    /// Who calls, as STS tells it. Starts as the stack's own account; a test may put another one.
    pub caller: Caller,
    pub functions: BTreeMap<String, Function>,
    pub log_groups: BTreeMap<String, LogGroup>,
    /// By name.
    pub machines: BTreeMap<String, Machine>,
    pub ses: SesAccount,
    pub metrics: Vec<Metric>,
    /// Numbers of the status document by dotted path (`database.ducklings`).
    pub status: BTreeMap<String, Series>,
    /// What else stands in the status document, by dotted path.
    pub status_facts: BTreeMap<String, Value>,
    /// Audit entries in any order; those of the future are not served yet.
    pub audit: Vec<AuditEntry>,
    /// At most so many entries come in one answer of the audit feed.
    pub audit_page: usize,
    /// Raw log events looked at per page of FilterLogEvents.
    pub logs_scan: usize,
    /// So many empty pages with a token open every FilterLogEvents search.
    pub logs_empty_pages: usize,
    revisions: u64,
    pub(super) shifted: f64,
}

/// The caller's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Published versions by number.
    pub versions: BTreeMap<u64, Version>,
    pub latest: Version,
    pub aliases: BTreeMap<String, Alias>,
}

/// One version of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub description: String,
    pub modified: Timestamp,
    pub code_sha256: String,
    pub health: Health,
    pub revision: String,
}

/// What a version does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Works,
    /// API Gateway answers 502 at once.
    Crashes,
}

/// An alias of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    pub version: String,
    pub description: String,
    /// Share of calls that go to other versions.
    pub weights: BTreeMap<String, f64>,
    pub revision: String,
}

/// A log group: events by stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogGroup {
    pub streams: BTreeMap<String, Vec<LogEvent>>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub at: Timestamp,
    pub message: String,
}

/// A state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub created: Timestamp,
    pub executions: Vec<Execution>,
}

/// One execution; it runs until its end has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    pub name: String,
    pub started: Timestamp,
    pub end: Option<End>,
    pub input: Value,
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub at: Timestamp,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// The SES account of the region.
#[derive(Debug, Clone, PartialEq)]
pub struct SesAccount {
    pub sending_enabled: bool,
    pub production: bool,
    /// `HEALTHY`, `PROBATION` or `SHUTDOWN`.
    pub enforcement: String,
    pub max_24_hours: f64,
    pub max_rate: f64,
    /// Mails sent, by instant; the quota counts the last 24 hours.
    pub sent: Vec<(Timestamp, u64)>,
    /// What PutAccountDetails last said, with the review's state.
    pub details: Option<Map<String, Value>>,
}

/// One metric with its dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    pub unit: String,
    pub points: Vec<(Timestamp, f64)>,
    /// A value that is reported all the time, on top of `points`.
    pub steady: Option<Steady>,
}

/// A value that a metric reports again and again, for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    pub every_ms: i64,
    pub value: f64,
}

/// One entry of the audit feed.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub event_type: String,
    pub fields: Map<String, Value>,
}

impl World {
    /// A healthy stack with one function, its alias and log group, one state machine, and a sandboxed SES account.
    pub fn new(names: Names, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        let now = clock.now();
        let caller = Caller {
            account: names.account.clone(),
            arn: format!("arn:aws:iam::{}:user/{}", names.account, names.user),
            user_id: "AIDASIMULATEDUSER0001".to_owned(),
        };
        let mut world = Self {
            clock,
            names: names.clone(),
            caller,
            functions: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            machines: BTreeMap::new(),
            ses: SesAccount::sandbox(),
            metrics: Vec::new(),
            status: BTreeMap::new(),
            status_facts: BTreeMap::new(),
            audit: Vec::new(),
            audit_page: 500,
            logs_scan: 40,
            logs_empty_pages: 1,
            revisions: 0,
            shifted: 0.0,
        };
        world.add_function(&names.function, &names.versions);
        let live = names.versions.iter().rev().nth(1).or(names.versions.last()).copied().unwrap_or(1);
        world.add_alias(&names.function, &names.alias, live);
        world.machines.insert(names.state_machine.clone(), Machine { created: now.plus_millis(-90 * DAY), executions: Vec::new() });
        world
    }

    /// The time of the stack.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds a function with published versions, a day apart, and its log group.
    pub fn add_function(&mut self, name: &str, versions: &[u64]) {
        let now = self.now();
        let count = i64::try_from(versions.len()).unwrap_or(i64::MAX);
        let mut published = BTreeMap::new();
        for (age, number) in (1..=count).rev().zip(versions) {
            published.insert(*number, self.version(&format!("{name} {number}"), now.plus_millis(-age * DAY)));
        }
        let latest = self.version(&format!("{name} latest"), now.plus_millis(-DAY));
        self.functions.insert(name.to_owned(), Function { versions: published, latest, aliases: BTreeMap::new() });
        self.log_groups.entry(Names::log_group(name)).or_default();
    }

    fn version(&mut self, what: &str, modified: Timestamp) -> Version {
        let revision = self.next_revision();
        Version { description: String::new(), modified, code_sha256: fake_sha256(what), health: Health::Works, revision }
    }

    /// Adds an alias to a function that exists; does nothing otherwise.
    pub fn add_alias(&mut self, function: &str, alias: &str, version: u64) {
        let revision = self.next_revision();
        if let Some(function) = self.functions.get_mut(function) {
            let alias_of = Alias { version: version.to_string(), description: String::new(), weights: BTreeMap::new(), revision };
            function.aliases.insert(alias.to_owned(), alias_of);
        }
    }

    /// Points an alias at another version the way a deployment does, dropping its weights; does nothing without the alias.
    pub fn point_alias(&mut self, function: &str, alias: &str, version: u64) {
        let revision = self.next_revision();
        if let Some(alias) = self.functions.get_mut(function).and_then(|f| f.aliases.get_mut(alias)) {
            alias.version = version.to_string();
            alias.weights.clear();
            alias.revision = revision;
        }
    }

    /// A revision id that was not given out before.
    pub fn next_revision(&mut self) -> String {
        self.revisions += 1;
        let n = self.revisions;
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{n:012x}", mixed >> 32, (mixed >> 16) & 0xffff, (mixed >> 4) & 0xfff, mixed & 0xfff)
    }

    /// The same account seen in another region: nothing was ever set up there.
    pub(super) fn elsewhere(&self, region: &str) -> Self {
        Self {
            names: Names { region: region.to_owned(), ..self.names.clone() },
            functions: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            machines: BTreeMap::new(),
            ses: SesAccount::sandbox(),
            metrics: Vec::new(),
            status: BTreeMap::new(),
            status_facts: BTreeMap::new(),
            audit: Vec::new(),
            ..self.clone()
        }
    }

    /// The status document as the HTTP API serves it at `at`.
    pub fn status_at(&self, at: Timestamp) -> Value {
        let mut document = json!({ "status": "ok", "timestamp": at.to_string() });
        for (path, value) in &self.status_facts {
            plant(&mut document, path, value.clone());
        }
        for (path, series) in &self.status {
            plant(&mut document, path, number(series.at(at)));
        }
        if document["ses"].is_object() {
            document["ses"]["sent_last_24h"] = json!(self.ses.sent_last_24_hours(at));
        }
        document
    }

    /// The newest audit entries at `at`, newest first, one page of them.
    pub fn audit_at(&self, at: Timestamp) -> Vec<&AuditEntry> {
        let mut entries: Vec<_> = self.audit.iter().filter(|entry| entry.at <= at).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        entries.truncate(self.audit_page);
        entries
    }

    /// Notes an audit entry.
    pub fn note(&mut self, at: Timestamp, event_type: &str, fields: Value) {
        let fields = match fields {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.audit.push(AuditEntry { at, event_type: event_type.to_owned(), fields });
    }

    /// Writes a line to a log group, which is made when missing.
    pub fn log(&mut self, group: &str, stream: &str, at: Timestamp, message: impl Into<String>) {
        let group = self.log_groups.entry(group.to_owned()).or_default();
        group.streams.entry(stream.to_owned()).or_default().push(LogEvent { at, message: message.into() });
    }

    /// The metric with these names, made when missing.
    pub fn metric(&mut self, namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> &mut Metric {
        let wanted: Vec<_> = dimensions.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let same = |m: &Metric| m.namespace == namespace && m.name == name && m.dimensions == wanted;
        let index = self.metrics.iter().position(same).unwrap_or_else(|| {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            self.metrics.push(Metric { namespace, name, dimensions: wanted, unit: "Count".to_owned(), points: Vec::new(), steady: None });
            self.metrics.len() - 1
        });
        &mut self.metrics[index]
    }

    /// Forgets the errors that a function would still have logged and counted, now that it works again.
    pub(super) fn forget_errors_to_come(&mut self, function: &str) {
        let now = self.now();
        if let Some(group) = self.log_groups.get_mut(&Names::log_group(function)) {
            for events in group.streams.values_mut() {
                events.retain(|event| event.at <= now || !event.message.contains("ERROR"));
            }
        }
        self.metric("AWS/Lambda", "Errors", &[("FunctionName", function)]).points.retain(|(at, _)| *at <= now);
    }
}

impl SesAccount {
    /// A new account: 200 mails a day, to verified addresses only.
    pub fn sandbox() -> Self {
        Self {
            sending_enabled: true,
            production: false,
            enforcement: "HEALTHY".to_owned(),
            max_24_hours: 200.0,
            max_rate: 1.0,
            sent: Vec::new(),
            details: None,
        }
    }

    /// Mails sent in the 24 hours before `at`.
    pub fn sent_last_24_hours(&self, at: Timestamp) -> u64 {
        let from = at.plus_millis(-DAY);
        self.sent.iter().filter(|(t, _)| *t > from && *t <= at).map(|(_, n)| n).sum()
    }
}

/// Milliseconds of a day.
pub const DAY: i64 = 24 * HOUR;
/// Milliseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a minute.
pub const MINUTE: i64 = 60_000;

/// A count as JSON: whole numbers without a fraction.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// Puts `value` at a dotted path, making the objects on the way.
fn plant(document: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        None => document[path] = value,
        Some((first, rest)) => {
            if !document[first].is_object() {
                document[first] = json!({});
            }
            plant(&mut document[first], rest, value);
        }
    }
}

/// Something that looks like a code hash and is always the same for the same text.
fn fake_sha256(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text.as_bytes()))
}
