//! What `check` says, and where it points. In a case the text between « and » is what must be underlined.

use crate::runbook::diagnostic::{Diagnostic, Severity, render};
use crate::runbook::model::Runbook;
use crate::runbook::parse::parse;

mod action;
mod conditions;
mod docs;
mod exprs;
mod graph;
mod names;
mod outline;
mod probe;
mod rules;
mod table;
mod whole;

/// A block under test with what must be found in it: its body, the message, and a part of the hint.
type Case = (&'static str, &'static str, &'static str);

/// The header of the skeleton.
const HEADER: &str = "severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nlist = [\"a\", \"b\"]\n";

/// A sound runbook: a probe with a reading, an `ask`, a silent probe, an action, a decision, and `more` at the end of step 1.
fn skeleton(header: &str, more: &str) -> String {
    format!(
        r##"# T-1: Test

```toml runbook
{header}```

## Steps

### 1. One

```toml probe
id = "status"
kind = "http"
url = "{{{{vars.api}}}}/status"
expect = ["status == 200"]
[readings]
errors = "body.errors"
```

```toml probe
id = "tiles"
kind = "ask"
question = "Is it red?"
expect = ["answer == 'no'"]
```

```toml probe
id = "silent"
from = "status"
```

```toml action
id = "fix"
kind = "manual"
text = "Fix it."
approve = {{ from = ["ANA"] }}
```

```toml decide
id = "way"
[[branch]]
id = "a"
then = "dismiss"
note = "It was nothing."
```

{more}
### 2. Two
"##
    )
}

fn fenced(kind: &str, body: &str) -> String {
    format!("```toml {kind}\n{}\n```\n", body.trim_end())
}

/// Every finding, rendered for people.
fn shown(text: &str) -> String {
    parse(text).diagnostics.iter().map(|d| render(d, "x.md", text)).collect()
}

/// The runbook of a text in which nothing is found.
fn sound(text: &str) -> Runbook {
    assert_eq!(shown(text), "");
    parse(text).runbook.unwrap()
}

/// The skeleton with one more block, which must be sound.
fn with(kind: &str, body: &str) -> Runbook {
    sound(&skeleton(HEADER, &fenced(kind, body)))
}

/// Takes the marks out; gives the 1-based line and column of the first and the length of what they enclose.
fn unmark(marked: &str) -> (String, Option<(usize, usize, usize)>) {
    let text = marked.replace(['«', '»'], "");
    let Some(start) = marked.find('«') else { return (text, None) };
    let enclosed = marked[start + '«'.len_utf8()..].split('»').next().unwrap();
    let line = text[..start].matches('\n').count() + 1;
    let col = text[..start].rsplit('\n').next().unwrap().chars().count() + 1;
    (text, Some((line, col, enclosed.chars().count())))
}

/// The only finding of a marked text: where it points, and what it says.
fn only(marked: &str, severity: Severity) -> Diagnostic {
    let (text, place) = unmark(marked);
    let parsed = parse(&text);
    assert_eq!(parsed.diagnostics.len(), 1, "one finding is wanted:\n{}\n{marked}", shown(&text));
    assert_eq!(parsed.runbook.is_none(), severity == Severity::Error, "only errors make a runbook unusable");
    let found = parsed.diagnostics.into_iter().next().unwrap();
    assert_eq!(found.severity, severity, "{found:?}");
    if let Some(place) = place {
        assert_eq!((found.line, found.col, found.len), place, "{}", shown(&text));
    }
    found
}

fn expect_one(marked: &str, severity: Severity, message: &str, hint: &str) {
    let found = only(marked, severity);
    assert_eq!(found.message, message, "{marked}");
    let said = found.hint.clone().unwrap_or_default();
    assert!(if hint.is_empty() { found.hint.is_none() } else { said.contains(hint) }, "{message}: the hint says {said:?}, not {hint:?}");
}

/// Each case, a block of `kind` in the skeleton, makes exactly the one error that it names.
fn errors(kind: &str, cases: &[Case]) {
    for (body, message, hint) in cases {
        expect_one(&skeleton(HEADER, &fenced(kind, body)), Severity::Error, message, hint);
    }
}

/// Each case makes exactly the one warning that it names, and the runbook can still be used.
fn warnings(kind: &str, cases: &[Case]) {
    for (body, message, hint) in cases {
        expect_one(&skeleton(HEADER, &fenced(kind, body)), Severity::Warning, message, hint);
    }
}

/// Each case is a header of the skeleton with exactly the one error that it names.
fn header_errors(cases: &[Case]) {
    for (header, message, hint) in cases {
        let vars = if header.contains("[vars]") { "" } else { "[vars]\napi = \"https://api.example\"\n" };
        expect_one(&skeleton(&format!("{}\n{vars}", header.trim_end()), ""), Severity::Error, message, hint);
    }
}
