//! A typed block in words: what it asks, needs or does, for a person who has no time for TOML.

use toml::{Table, Value};

use crate::runbook::kinds::{self, Kind};

/// One block of a runbook.
pub(super) struct Block<'a> {
    /// `probe`, `action`, …
    pub(super) kind: &'a str,
    /// Its keys.
    pub(super) table: &'a Table,
    /// Variables to fill in.
    pub(super) vars: &'a Table,
}

/// Keys that bound or shape a request: a reader does not need them.
const SMALL_PRINT: [&str; 7] = ["limit", "details", "headers", "body", "read-only", "redirects", "max-bytes"];

impl Block<'_> {
    /// The block as lines; the first says what it is.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let parts = match self.kind {
            "runbook" => self.runbook(),
            "probe" => self.probe(),
            "signal" => self.signal(),
            "action" => self.action(),
            "verify" => self.verify(),
            "escalate" => self.escalate(),
            "decide" => {
                lines = self.branches();
                Vec::new()
            }
            _ => Vec::new(),
        };
        let name = [self.kind.to_owned(), self.text("id").unwrap_or_default()].join(" ");
        let first = std::iter::once(name.trim().to_owned()).chain(parts).collect::<Vec<_>>().join(" · ");
        lines.insert(0, first);
        lines
    }

    fn runbook(&self) -> Vec<String> {
        let aws = self.table.get("aws").and_then(Value::as_table);
        let of_aws = |key: &str| aws.and_then(|a| a.get(key)).map(|v| self.value(v));
        let must_have = self.table.get("record").and_then(|r| r.get("must-have")).map(|v| self.value(v));
        let parts = [
            self.text("severity"),
            of_aws("region"),
            of_aws("account").map(|a| format!("account {a}")),
            self.text("review-by").map(|d| format!("review by {d}")),
            must_have.map(|m| format!("to resolve it needs {m}")),
        ];
        parts.into_iter().flatten().collect()
    }

    fn probe(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(from) = self.text("from") {
            parts.push(format!("looks again at {from}"));
        }
        if let Some(question) = self.text("question") {
            let answers = self.text("answers").or_else(|| self.text("type").map(|t| format!("a {t}")));
            parts.push(format!("asks you: {question} ({})", answers.unwrap_or_else(|| "yes or no".to_owned())));
        } else if let Some(kind) = self.text("kind") {
            parts.extend(self.what(&kind, kinds::probe(&kind)));
        }
        parts.extend(self.list("expect", " and ").map(|e| format!("expects {e}")));
        parts.extend(self.text("unmet-on").map(|o| format!("{o} counts as unmet")));
        parts.extend(self.list("require", " and ").map(|r| format!("says nothing unless {r}")));
        let readings = self.table.get("readings").and_then(Value::as_table);
        parts.extend(readings.map(|r| format!("keeps {}", r.keys().cloned().collect::<Vec<_>>().join(", "))));
        parts
    }

    /// The kind, and what it is about.
    fn what(&self, kind: &str, known: Option<&Kind>) -> Vec<String> {
        let about = |key: &str| self.table.get(key).map(|v| self.value(v));
        if kind == "http" {
            let method = about("method").unwrap_or_else(|| "GET".to_owned());
            return vec![format!("{method} {}", about("url").unwrap_or_default())];
        }
        let mut parts = vec![kind.to_owned()];
        let keys = known.map_or(&[][..], |k| k.keys);
        let named = keys.iter().filter(|k| !SMALL_PRINT.contains(&k.name));
        parts.extend(named.filter_map(|k| Some(format!("{} {}", k.name, about(k.name)?))));
        parts
    }

    fn signal(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.text("text").into_iter().collect();
        parts.extend(self.when().map(|w| format!("when {w}")));
        if self.table.get("supports").and_then(Value::as_bool) == Some(true) {
            parts.push("only supports the others".to_owned());
        }
        parts.extend(self.text("explained-by").map(|r| format!("explained by {r}")));
        parts
    }

    fn action(&self) -> Vec<String> {
        let kind = self.text("kind").unwrap_or_default();
        let mut parts = match self.text("text").filter(|_| kind == "manual") {
            Some(text) => vec![format!("by hand: {text}")],
            None => self.what(&kind, kinds::action(&kind)),
        };
        let requires = self.table.get("requires").and_then(Value::as_array);
        parts.extend(requires.map(|r| format!("only while {}", self.joined(r, " and "))));
        let approve = self.table.get("approve").and_then(Value::as_table);
        let of_rule = |key: &str| approve.and_then(|a| a.get(key));
        parts.extend(of_rule("from").and_then(Value::as_array).map(|from| {
            let who: Vec<String> = from.iter().map(|v| self.value(v)).collect();
            match of_rule("min").and_then(Value::as_integer) {
                Some(n) if n > 1 => format!("needs the approval of {n} of {}", who.join(", ")),
                _ => format!("needs the approval of {}", who.join(" or ")),
            }
        }));
        let glass = self.table.get("break-glass").and_then(|g| g.get("severity")).map(|s| self.value(s));
        parts.extend(glass.map(|s| format!("may break the glass at {s}")));
        parts
    }

    fn verify(&self) -> Vec<String> {
        let mut met = format!("{} met", self.list("probes", " and ").unwrap_or_default());
        if let Some(n) = self.table.get("passes").and_then(Value::as_integer).filter(|n| *n > 1) {
            met.push_str(&format!(" {n} times in a row"));
        }
        met.extend(self.text("within").map(|w| format!(" within {w}")));
        let mut parts: Vec<String> = self.text("after").map(|a| format!("after {a}")).into_iter().collect();
        parts.push(met);
        parts.extend(self.list("confirm", " and ").map(|c| format!("then asks {c}")));
        parts
    }

    fn escalate(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if let (Some(after), Some(within)) = (self.text("after"), self.text("within")) {
            let unless = self.text("unless").map_or_else(String::new, |u| format!(" unless {u}"));
            parts.push(format!("{within} after {after}{unless}"));
        }
        parts.extend(self.when().map(|w| format!("when {w}")));
        let why = self.text("for").map_or_else(String::new, |f| format!(": {f}"));
        parts.extend(self.text("to").map(|to| format!("tell {to}{why}")));
        parts.extend(self.text("severity").map(|s| format!("raises it to {s}")));
        parts
    }

    fn branches(&self) -> Vec<String> {
        let list = self.table.get("branch").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let branch = |b: &Value| {
            let text = |key: &str| b.get(key).map(|v| self.value(v));
            let when = b.get("if").map_or_else(String::new, |c| format!(" if {}", self.condition(c)));
            let then = match text("then").unwrap_or_default() {
                then if then == "dismiss" => "dismiss".to_owned(),
                then => match then.strip_prefix("link:") {
                    Some(other) => format!("link {other}"),
                    None if then.starts_with('#') => format!("go to {then}"),
                    None => format!("open {then}"),
                },
            };
            let note = text("note").map_or_else(String::new, |n| format!(". {n}"));
            format!("{}{when}: {then}{note}", text("id").unwrap_or_default())
        };
        list.iter().map(branch).collect()
    }

    /// The condition of a signal or an escalation.
    fn when(&self) -> Option<String> {
        let of = |key: &str| self.table.get(key).and_then(Value::as_array);
        self.table
            .get("when")
            .map(|c| self.condition(c))
            .or_else(|| of("any").map(|l| self.joined(l, " or ")))
            .or_else(|| of("all").map(|l| self.joined(l, " and ")))
    }

    fn condition(&self, c: &Value) -> String {
        let text = |key: &str| c.get(key).map(|v| self.value(v));
        let list = |key: &str| c.get(key).and_then(Value::as_array);
        if let Value::Array(all) = c {
            return self.joined(all, " and ");
        }
        if let Some(parts) = list("any") {
            return format!("({})", self.joined(parts, " or "));
        }
        if let Some(parts) = list("all") {
            return format!("({})", self.joined(parts, " and "));
        }
        if let Some(part) = c.get("not") {
            return format!("not {}", self.condition(part));
        }
        match (text("probe"), text("if"), text("verdict"), text("outcome")) {
            (Some(probe), Some(test), ..) => format!("{probe} says {test}"),
            (Some(probe), _, Some(verdict), _) => format!("{probe} is {verdict}"),
            (Some(probe), .., Some(outcome)) => format!("{probe} ends in {outcome}"),
            _ => match (text("decided"), text("branch"), text("window")) {
                (Some(id), Some(branch), _) => format!("{id} is decided as {branch}"),
                (.., Some(window)) => window,
                _ => self.value(c),
            },
        }
    }

    fn joined(&self, list: &[Value], with: &str) -> String {
        list.iter().map(|c| self.condition(c)).collect::<Vec<_>>().join(with)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.table.get(key).map(|v| self.value(v))
    }

    fn list(&self, key: &str, with: &str) -> Option<String> {
        let list = self.table.get(key)?.as_array()?;
        Some(list.iter().map(|v| self.value(v)).collect::<Vec<_>>().join(with))
    }

    /// A value as a person would say it, variables filled in.
    fn value(&self, value: &Value) -> String {
        match value {
            Value::String(text) => {
                let filled = self.vars.iter().fold(text.clone(), |t, (name, var)| {
                    let written = var.as_str().map_or_else(|| var.to_string(), str::to_owned);
                    t.replace(&format!("{{{{vars.{name}}}}}"), &written)
                });
                // What only the incident will know.
                filled.replace("{{", "<").replace("}}", ">")
            }
            Value::Array(list) => list.iter().map(|v| self.value(v)).collect::<Vec<_>>().join(" or "),
            Value::Table(table) => table.iter().map(|(k, v)| format!("{k}={}", self.value(v))).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        }
    }
}
