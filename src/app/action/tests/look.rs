//! Which probes are run on behalf of an action.

use crate::app::action::look::{needed, with_needs};
use crate::runbook::model::{Probe, Runbook};
use crate::runbook::parse::parse;

const RUNBOOK: &str = r#"# T-001: Probes

Which of them are asked.

```toml runbook
severity = "P2"
[vars]
api = "https://api.example.com"
```

## Steps

### 1. Look

```toml probe
id = "status"
kind = "http"
url = "{{vars.api}}/status"
unmet-on = ["timeout"]
expect = ["status == 200"]
```

```toml probe
id = "queue"
from = "status"
expect = ["body.queue < 100"]
```

```toml probe
id = "worker"
kind = "http"
url = "{{vars.api}}/workers/{{probe.queue.body.worker}}"
expect = ["status == 200"]
```

```toml probe
id = "log"
kind = "http"
url = "{{vars.api}}/log/{{probe.worker.body.log}}?of={{probe.queue.body.worker}}"
```

```toml probe
id = "sure"
kind = "ask"
question = "Are you sure?"
expect = ["answer == 'yes'"]
```

### 2. Act

```toml action
id = "restart"
kind = "manual"
text = "Restart it."
REQUIRES
approve = { from = ["T-JOSH"], min = 1 }
```
"#;

fn runbook(requires: &str, text: &str) -> Runbook {
    read(&RUNBOOK.replace("REQUIRES", requires).replace("Restart it.", text))
}

fn read(text: &str) -> Runbook {
    let parsed = parse(text);
    parsed.runbook.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

fn ids(probes: Vec<&Probe>) -> Vec<&str> {
    probes.into_iter().map(|p| p.id.as_str()).collect()
}

#[test]
fn a_probe_comes_with_all_that_it_needs_once_in_the_runbooks_order_and_without_questions() {
    let r = runbook("", "Restart it.");
    for (wanted, found) in [
        (&["log"][..], &["status", "queue", "worker", "log"][..]),
        (&["worker", "queue"], &["status", "queue", "worker"]),
        (&["status"], &["status"]),
        (&["sure", "no-such", "status"], &["status"]),
        (&[], &[]),
    ] {
        assert_eq!(ids(with_needs(&r, wanted.iter().map(|w| (*w).to_owned()).collect())), found, "{wanted:?}");
    }
}

#[test]
fn a_symptom_that_could_be_our_own_network_is_not_looked_at_alone() {
    let all = ["status", "queue", "worker", "log"];
    for (requires, text, found) in [
        (r#"requires = [{ probe = "status", verdict = "unmet" }]"#, "Restart it.", &all[..]),
        (r#"requires = [{ probe = "queue", verdict = "unmet" }]"#, "Restart it.", &all),
        (r#"requires = [{ probe = "worker", verdict = "unmet" }]"#, "Restart it.", &["status", "queue", "worker"]),
        (r#"requires = [{ probe = "sure", verdict = "met" }]"#, "Restart it.", &[]),
        ("", "Restart {{probe.worker.body.name}}.", &["status", "queue", "worker"]),
    ] {
        let r = runbook(requires, text);
        assert_eq!(ids(needed(&r, &r.actions[0])), found, "{requires} {text}");
    }
    let only_status = r#"requires = [{ probe = "status", verdict = "unmet" }]"#;
    let no_symptom = read(&RUNBOOK.replace("unmet-on = [\"timeout\"]\n", "").replace("REQUIRES", only_status));
    assert_eq!(ids(needed(&no_symptom, &no_symptom.actions[0])), ["status"]);
}
