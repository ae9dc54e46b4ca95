//! The checklist: what the procedures say, and the block and key that say it here.

use std::collections::BTreeMap;

use super::text;

/// A fact in our words, where it stands (`kind id.key`, or `prose` and the heading), and what must stand there:
/// the whole value, or with `~` in front a part of it.
type Fact = (&'static str, &'static str, &'static str);

const API: &str = "https://czt9d57q83.execute-api.us-east-1.amazonaws.com/prod";

const INC_001: &[Fact] = &[
    ("it is a P0", "runbook .severity", "P0"),
    ("in us-east-1", "runbook .aws.region", "us-east-1"),
    ("in this account", "runbook .aws.account", "121546003735"),
    ("sign: the API card or all cards are red", "probe tiles-red.question", "~API card of Mission Control red, or are all cards red"),
    ("sign: the API card or all cards are red", "signal tiles-red.when.if", "answer == 'yes'"),
    ("sign: the status route fails or times out", "signal status-failing.when", "{ probe = \"status\", verdict = \"unmet\" }"),
    ("a connection that times out is a symptom", "probe status.unmet-on", "[\"timeout\"]"),
    ("sign: more than no Lambda errors", "signal lambda-errors.when.if", "sum > 0"),
    ("errors of the last 5 minutes", "probe lambda-error-rate.since", "5m"),
    ("the metric is Lambda's", "probe lambda-error-rate.namespace", "AWS/Lambda"),
    ("the metric is Errors", "probe lambda-error-rate.metric", "Errors"),
    ("of this function", "probe lambda-error-rate.dimensions.FunctionName", "mission-control-api"),
    ("sign: the drift banner", "probe drift-banner.question", "~alias drift banner"),
    ("sign: the drift banner", "signal drift-banner.when.if", "answer == 'yes'"),
    ("step 1 asks the status route", "probe status.url", "~/prod/beak/system/status"),
    ("anything but 200 is down", "probe status.expect", "[\"status == 200\"]"),
    ("step 2 reads this log group", "probe lambda-errors.log-group", "/aws/lambda/mission-control-api"),
    ("15 minutes of it", "probe lambda-errors.since", "15m"),
    ("filtered by ERROR", "probe lambda-errors.pattern", "ERROR"),
    ("the last 20 messages", "probe lambda-errors.show", "events[-20:].message"),
    ("step 3 reads the alias of this function", "probe alias.function", "mission-control-api"),
    ("the alias is prod", "probe alias.alias", "prod"),
    ("it must point where it was put", "probe alias.expect", "[\"drifted == false\"]"),
    ("step 4 moves the alias", "action rollback.kind", "aws.lambda.update-alias"),
    ("of this function", "action rollback.function", "mission-control-api"),
    ("the alias is prod", "action rollback.alias", "prod"),
    ("to the last known good version", "action rollback.to-version", "{{deploy.last-known-good}}"),
    ("which DEPLOY-LOG.md knows", "prose 4. Roll back", "DEPLOY-LOG.md"),
    ("only while it is down", "action rollback.requires", "[{ probe = \"status\", verdict = \"unmet\" }]"),
    ("T-JOSH approves", "action rollback.approve.from", "[\"T-JOSH\"]"),
    ("step 5 asks the status route again", "verify rollback.probes", "[\"status\"]"),
    ("and wants every tile green", "verify rollback.confirm", "[\"tiles-green\"]"),
    ("after a reload", "probe tiles-green.question", "~After a reload, is every card of Mission Control green"),
    ("escalate when the rollback did not help", "escalate no-recovery.after", "rollback"),
    ("escalate when the rollback did not help", "escalate no-recovery.unless", "recovered"),
    ("within 5 minutes", "escalate no-recovery.within", "5m"),
    ("to T-JOSH", "escalate no-recovery.to", "T-JOSH"),
    ("document it", "prose Escalation", "GOVERNANCE-LOG.md"),
];

const INC_002: &[Fact] = &[
    ("it is a P1", "runbook .severity", "P1"),
    ("in us-east-1", "runbook .aws.region", "us-east-1"),
    ("sign: issued flat, backlog rising", "probe pipeline-tile.question", "~flat issued count and a rising backlog"),
    (
        "certificates flat relative to ducklings",
        "signal count-flat.any",
        "~\"delta(database.birth_certificates, 24h) == 0\", \"increase(database.ducklings, 24h) > 0\"",
    ),
    ("sign: the latency tile waits over 24 hours", "probe latency-tile.question", "~\"Awaiting cert signal\" for more than 24 hours"),
    ("sign: the latency tile waits", "signal latency-waiting.when.if", "answer == 'yes'"),
    ("sign: no cert event in the feed", "signal audit-silent.when", "{ if = \"length(recent) == 0\", probe = \"last-cert-24h\" }"),
    ("of the last 24 hours", "probe last-cert-24h.select.recent", "~'cert') && age(timestamp) < `86400`"),
    ("if the feed reaches that far", "probe last-cert-24h.require", "[\"max(body.entries[].age(timestamp)) >= 24h\"]"),
    ("step 1 reads the status route", "probe status.url", "~/prod/beak/system/status"),
    ("ducklings are counted", "probe status.readings.database.ducklings", "body.database.ducklings"),
    ("certificates are counted", "probe status.readings.database.birth_certificates", "body.database.birth_certificates"),
    ("both are shown", "probe status.show", "body.database.{ducklings: ducklings, birth_certificates: birth_certificates}"),
    ("step 2 asks the audit feed", "probe audit.url", "~/prod/beak/audit"),
    ("with a POST that reads", "probe audit.method", "POST"),
    ("with a POST that reads", "probe audit.read-only", "true"),
    ("as JSON", "probe audit.headers.Content-Type", "application/json"),
    ("with an empty object", "probe audit.body", "{}"),
    ("for events with cert in their type", "probe audit.select.certs", "~contains(not_null(event_type, ''), 'cert')"),
    ("the first three", "probe audit.show", "certs[:3]"),
    ("step 3 reads this log group", "probe cert-logs.log-group", "/aws/lambda/mission-control-api"),
    ("an hour of it", "probe cert-logs.since", "1h"),
    ("filtered by cert", "probe cert-logs.pattern", "cert"),
    ("the first 20 messages", "probe cert-logs.show", "events[:20].message"),
    ("looking for issued ones", "probe cert-logs.select.issued", "~'duck.cert_issued'"),
    ("and for mails that SES would not send", "probe ses-errors.pattern", "SES"),
    ("step 4: is SES in its sandbox", "probe ses.expect", "~ProductionAccessEnabled == true"),
    ("the sandbox drops mail to the unverified", "prose 4. Check the SES sandbox", "unverified recipients"),
    ("the readiness tile", "probe readiness-tile.question", "~Sandbox Exit Readiness"),
    ("what the status route says of SES", "probe ses-posture.show", "body.ses"),
    ("step 5: not written is a matter of code", "decide cause.branch.code.then", "#5-hand-over-to-code-review"),
    ("not written, not only undelivered mail", "prose 5. Hand over to code review", "DynamoDB"),
    ("which wants a code review", "escalate code-review.for", "~code review"),
    ("which wants a code review", "escalate code-review.when", "{ branch = \"code\", decided = \"cause\" }"),
    ("by T-JOSH", "escalate code-review.to", "T-JOSH"),
    ("no redeploy without approval", "prose 5. Hand over to code review", "Do not redeploy without T-JOSH approval"),
    ("no redeploy without approval", "action redeploy.approve.from", "[\"T-JOSH\"]"),
    (
        "escalate: none in 48 hours while ducklings register",
        "escalate flat-48h.all",
        "[\"delta(database.birth_certificates, 48h) == 0\", \"increase(database.ducklings, 48h) > 0\"]",
    ),
    ("to T-JOSH", "escalate flat-48h.to", "T-JOSH"),
    ("for the code path", "escalate flat-48h.for", "code-path review"),
];

const INC_003: &[Fact] = &[
    ("it is a P1", "runbook .severity", "P1"),
    ("sign: none alive", "signal fleet-dead.all", "~{ if = \"body.agents.alive == 0\", probe = \"agents\" }"),
    ("sign: some dead", "signal fleet-dead.all", "~{ if = \"body.agents.dead > 0\", probe = \"agents\" }"),
    ("not where none ever pulsed", "signal fleet-dead.all", "~{ if = \"length(pulses) > 0\", probe = \"pulses\" }"),
    ("the tile's red pill", "prose Signals", "red pill"),
    ("sign: the anomaly banner", "probe anomaly-banner.question", "~\"All agents dead\""),
    ("sign: the anomaly banner", "signal anomaly-banner.when.if", "answer == 'yes'"),
    ("sign: pecks queue", "probe pecks-queue.question", "~queue without being processed"),
    ("which they may do for other reasons", "signal pecks-queue.supports", "true"),
    ("step 1 reads the status route", "probe status.url", "~/prod/beak/system/status"),
    ("and shows the agents", "probe agents.show", "body.agents"),
    ("alive is kept", "probe status.readings.agents.alive", "body.agents.alive"),
    ("dead is kept", "probe status.readings.agents.dead", "body.agents.dead"),
    ("bonded is kept", "probe status.readings.agents.total_bonded", "body.agents.total_bonded"),
    ("step 2 asks the audit feed", "probe audit.url", "~/prod/beak/audit"),
    ("with a POST that reads", "probe audit.read-only", "true"),
    ("for events with pulse in their type", "probe pulses.select.pulses", "~contains(not_null(event_type, ''), 'pulse')"),
    ("the first three", "probe pulses.show", "pulses[:3]"),
    (
        "step 3: none bonded is no incident",
        "decide what-is-it.branch.none-bonded.if",
        "{ if = \"body.agents.total_bonded == 0\", probe = \"agents\" }",
    ),
    ("step 3: none bonded is no incident", "decide what-is-it.branch.none-bonded.then", "dismiss"),
    ("never pulsed is expected", "decide what-is-it.branch.never-pulsed.if", "{ if = \"length(pulses) == 0\", probe = \"pulses\" }"),
    ("never pulsed is expected", "decide what-is-it.branch.never-pulsed.then", "dismiss"),
    ("on a fresh platform", "decide what-is-it.branch.never-pulsed.note", "~expected on a new platform"),
    ("pulsed and stopped is an outage", "decide what-is-it.branch.stopped.then", "#4-check-what-happens-to-pecks"),
    ("of the agents' connectivity", "decide what-is-it.branch.stopped.note", "~investigate their connectivity"),
    ("step 4 reads the failure breakdown", "probe callback-errors.show", "body.peck_protocol.failure_breakdown"),
    (
        "callback errors are counted",
        "probe callback-errors.readings.peck.callback_error",
        "body.peck_protocol.failure_breakdown.callback_error",
    ),
    ("they belong together if both happen", "decide peck-impact.branch.correlated.if", "~increase(peck.callback_error, 24h) > 0"),
    ("so the other is linked", "decide peck-impact.branch.correlated.then", "link:INC-004"),
    ("step 5 leaves the Lambda alone", "prose 5. Ask for a restart", "Leave the Lambda function alone"),
    ("the bot team restarts agents", "escalate restart.to", "spaceduck-bot"),
    ("the bot team restarts agents", "escalate restart.for", "agent restart"),
    ("escalate: alive in the last 24 hours", "escalate lost-within-24h.all", "~\"max(agents.alive, 24h) > 0\""),
    ("and all dead now", "escalate lost-within-24h.all", "~{ if = \"body.agents.alive == 0\", probe = \"agents\" }"),
    ("is a P0", "escalate lost-within-24h.severity", "P0"),
    ("for T-JOSH", "escalate lost-within-24h.to", "T-JOSH"),
    ("at once", "prose Escalation", "at once"),
];

const INC_004: &[Fact] = &[
    ("it is a P1", "runbook .severity", "P1"),
    (
        "sign: the chip is red and rises",
        "probe callback-chip.question",
        "~callback_error chip of Peck Failure Breakdown red, with a rising count",
    ),
    ("sign: the count rises", "signal callback-errors-rise.any", "~\"increase(peck.callback_error, 24h) > 0\""),
    ("sign: a high failure rate, mostly callbacks", "probe failure-analysis.question", "~high failure rate, mostly callback_error"),
    (
        "sign: callback errors dominate",
        "signal callback-errors-dominate.any",
        "~sub(max(values(body.peck_protocol.failure_breakdown)), body.peck_protocol.failure_breakdown.callback_error) == 0",
    ),
    ("sign that goes along: agents are dead", "signal agents-dead.when", "{ if = \"body.agents.dead > 0\", probe = \"agents\" }"),
    ("sign that goes along: agents are dead", "signal agents-dead.supports", "true"),
    ("all dead explains it", "signal all-agents-dead.explained-by", "INC-003"),
    ("step 1 reads the status route", "probe status.url", "~/prod/beak/system/status"),
    ("and shows the breakdown", "probe failures.show", "body.peck_protocol.failure_breakdown"),
    ("callback errors are counted", "probe status.readings.peck.callback_error", "body.peck_protocol.failure_breakdown.callback_error"),
    ("step 2 asks the audit feed", "probe audit.url", "~/prod/beak/audit"),
    ("with a POST that reads", "probe audit.read-only", "true"),
    (
        "for events with peck in their type, however written",
        "probe audit.select.pecks",
        "~contains(lower(not_null(event_type, '')), 'peck')",
    ),
    ("the first five with type and time", "probe audit.show", "pecks[:5].{event_type: event_type, timestamp: timestamp}"),
    (
        "step 3 lists executions of this machine",
        "probe failed-executions.state-machine",
        "arn:aws:states:us-east-1:121546003735:stateMachine:peck-approval-workflow",
    ),
    ("that failed, in any of the ways", "probe failed-executions.status", "[\"FAILED\", \"TIMED_OUT\", \"ABORTED\"]"),
    (
        "five of them with name, start and stop",
        "probe failed-executions.show",
        "~executions[:5].{name: name, status: status, start: startDate, stop: stopDate",
    ),
    ("step 4: unreachable agents are the usual cause", "prose 4. Check that agents can be reached", "address does not answer"),
    ("look at their pulses", "probe pulses.select.pulses", "~'pulse'"),
    ("all dead: the other incident", "decide reach.branch.all-dead.then", "INC-003"),
    ("errors are expected until they reconnect", "decide reach.branch.all-dead.note", "~expected until they reconnect"),
    ("step 5: what hangs in RUNNING", "probe running.status", "RUNNING"),
    ("of the same machine", "probe running.state-machine", "arn:aws:states:us-east-1:121546003735:stateMachine:peck-approval-workflow"),
    ("T-JOSH cleans up", "escalate cleanup.to", "T-JOSH"),
    ("T-JOSH cleans up", "escalate cleanup.for", "Step Functions cleanup"),
    ("nothing is terminated without approval", "prose 5. Clear stuck pecks", "Do not terminate executions without T-JOSH approval"),
    ("nothing is terminated without approval", "action stop-executions.approve.from", "[\"T-JOSH\"]"),
    ("only what hangs is stopped", "action stop-executions.executions", "{{probe.running.stuck[].executionArn}}"),
    ("escalate: more than 10 in any 24 hours", "escalate more-than-10-in-24h.when", "increase(peck.callback_error, 24h) > 10"),
    ("to T-JOSH", "escalate more-than-10-in-24h.to", "T-JOSH"),
    ("document it", "prose Escalation", "GOVERNANCE-LOG.md"),
];

const INC_005: &[Fact] = &[
    ("it is a P0", "runbook .severity", "P0"),
    ("sign-up, certificates and password resets fail", "prose INC-005: SES Quota Exhaustion", "no sign-up verification, no certificate,"),
    ("sign-up, certificates and password resets fail", "prose INC-005: SES Quota Exhaustion", "password reset"),
    ("the sandbox allows 200 a day", "prose INC-005: SES Quota Exhaustion", "200 mails a day"),
    ("sign: more than 95 % used", "signal quota-95.when", "{ if = \"percent > 95\", probe = \"ses\" }"),
    ("as the bar in Mission Control shows", "prose Signals", "above 95 %"),
    ("sign: at or near 200 a day", "probe readiness-tile.question", "~at or near 200 a day"),
    ("sign: at or near 200 a day in the sandbox", "signal sandbox-full.any", "~SendQuota.SentLast24Hours >= 190"),
    ("sign: sign-ups without mail", "probe mail-missing.question", "~complete sign-up and get no verification e-mail"),
    (
        "sign that goes along: bounces or complaints",
        "signal bounces-or-complaints.any",
        "[{ if = \"sum > 0\", probe = \"bounces\" }, { if = \"sum > 0\", probe = \"complaints\" }]",
    ),
    ("step 1 asks SES", "probe ses.kind", "aws.ses.account"),
    ("in us-east-1", "runbook .aws.region", "us-east-1"),
    (
        "whether it sends, the quota, what was sent",
        "probe ses.show",
        "~{SendingEnabled: SendingEnabled, DailyQuota: SendQuota.Max24HourSend, SentLast24h: SendQuota.SentLast24Hours",
    ),
    ("step 2: it frees itself within 24 hours", "prose 2. Tell users when mail will work again", "last 24 hours"),
    ("nobody can override it", "prose 2. Tell users when mail will work again", "nobody can override it"),
    ("note the time of the reset", "probe quota-reset.show", "~quota_frees_at"),
    ("and tell users", "probe reset-told.question", "~did you tell users"),
    ("and tell users", "probe reset-told.type", "time"),
    ("step 3 asks for production access", "action request-production-access.kind", "aws.ses.request-production-access"),
    ("for transactional mail", "action request-production-access.mail-type", "TRANSACTIONAL"),
    ("user verification and certificates", "action request-production-access.use-case", "~user verification and certificate delivery"),
    ("below 1,000 a day", "action request-production-access.use-case", "~fewer than 1,000 a day initially"),
    ("T-JOSH approves", "action request-production-access.approve.from", "[\"T-JOSH\"]"),
    ("or by hand in the console", "action request-in-console.text", "~SES console, Account dashboard"),
    ("or by hand in the console", "action request-in-console.text", "~\"Request production access\""),
    ("now, without waiting", "prose 3. Ask for production access now", "right away"),
    ("step 4 reads bounces", "probe bounces.metric", "Bounce"),
    ("of SES", "probe bounces.namespace", "AWS/SES"),
    ("of 24 hours", "probe bounces.since", "24h"),
    ("by the hour", "probe bounces.period", "1h"),
    ("summed up", "probe bounces.statistic", "Sum"),
    ("and complaints", "probe complaints.metric", "Complaint"),
    ("too many suspend the account", "prose 4. Check bounces and complaints", "suspends accounts that bounce too much"),
    ("high ones are dealt with at once", "prose 4. Check bounces and complaints", "at once"),
    ("step 5: the exact numbers are in the record", "runbook .record.must-have", "~\"reading:ses.sent_24h\", \"reading:ses.quota_24h\""),
    ("and the user impact", "runbook .record.must-have", "~\"ask:user-impact\""),
    ("and what users were told", "runbook .record.must-have", "~\"ask:reset-told\""),
    ("in the governance log", "prose 5. Document and escalate", "GOVERNANCE-LOG.md"),
    ("escalate for production access", "escalate at-once.for", "production access approval follow-up"),
    ("to T-JOSH", "escalate at-once.to", "T-JOSH"),
    ("when the quota is gone", "escalate at-once.any", "~{ if = \"percent > 95\", probe = \"ses\" }"),
    ("not waiting for the reset", "prose Escalation", "Do not wait for the quota to reset"),
    ("P0 while it blocks people", "escalate onboarding-blocked.severity", "P0"),
    (
        "sign-up or certificates, during onboarding",
        "probe blocks-users.question",
        "~block sign-up or certificate delivery while users are being onboarded",
    ),
    ("to T-JOSH", "escalate onboarding-blocked.to", "T-JOSH"),
];

/// Values by `kind id.key`, variables filled in, keys of inline tables sorted; a `verify` goes by its action, a branch by its id.
fn values(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut vars = toml::Table::new();
    for block in text.split("\n```toml ").skip(1) {
        let (kind, rest) = block.split_once('\n').unwrap();
        let body = rest.split_once("\n```").map_or(rest, |(body, _)| body);
        let table: toml::Table = body.parse().unwrap();
        if let Some(toml::Value::Table(found)) = table.get("vars") {
            vars = found.clone();
        }
        let id = ["id", "after"].iter().find_map(|k| table.get(*k)).and_then(toml::Value::as_str).unwrap_or_default();
        flatten(&format!("{kind} {id}"), &toml::Value::Table(table.clone()), &mut out);
    }
    for value in out.values_mut() {
        for (name, var) in &vars {
            *value = value.replace(&format!("{{{{vars.{name}}}}}"), var.as_str().unwrap_or_default());
        }
    }
    out
}

fn flatten(at: &str, value: &toml::Value, out: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                flatten(&format!("{at}.{key}"), inner, out);
            }
        }
        toml::Value::Array(list) if at.ends_with(".branch") => {
            for branch in list {
                flatten(&format!("{at}.{}", branch["id"].as_str().unwrap()), branch, out);
            }
        }
        _ => {}
    }
    out.insert(at.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
}

/// What stands between a heading and the next, on one line, without blocks.
fn prose(text: &str, heading: &str) -> String {
    let mut inside = false;
    let mut is_block = false;
    let mut out = Vec::new();
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        is_block ^= is_fence;
        if !is_block && line.starts_with('#') {
            inside = line.trim_start_matches('#').trim() == heading;
        } else if inside && !is_block && !is_fence {
            out.push(line);
        }
    }
    out.join(" ")
}

fn missing(id: &str, facts: &[Fact]) -> Vec<String> {
    let text = text(id);
    let values = values(text);
    let holds = |place: &str, wanted: &str| match place.strip_prefix("prose ") {
        Some(heading) => (prose(text, heading).contains(wanted), prose(text, heading)),
        None => {
            let Some(found) = values.get(place) else { return (false, "nothing".to_owned()) };
            (wanted.strip_prefix('~').map_or(found == wanted, |part| found.contains(part)), found.clone())
        }
    };
    let fault = |(fact, place, wanted): &Fact| {
        let (is_there, found) = holds(place, wanted);
        (!is_there).then(|| format!("{id}: {fact}\n  `{place}` should say {wanted}\n  it says {found}"))
    };
    facts.iter().filter_map(fault).collect()
}

#[test]
fn every_fact_of_the_procedures_is_carried_by_its_block() {
    let all = [("INC-001", INC_001), ("INC-002", INC_002), ("INC-003", INC_003), ("INC-004", INC_004), ("INC-005", INC_005)];
    let missing: Vec<String> = all.iter().flat_map(|(id, facts)| missing(id, facts)).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    for id in ["INC-001", "INC-002", "INC-003", "INC-004"] {
        assert_eq!(values(text(id))["runbook .vars.api"], API, "{id}");
    }
}

#[test]
fn a_changed_threshold_is_noticed() {
    assert_eq!(missing("INC-004", &[("a fact", "escalate more-than-10-in-24h.when", "increase(peck.callback_error, 24h) > 11")]).len(), 1);
    assert_eq!(missing("INC-004", &[("a fact", "escalate no-such.when", "~")]).len(), 1, "a block that is gone");
    assert_eq!(missing("INC-004", &[("a fact", "prose No such heading", "x")]).len(), 1);
}

#[test]
fn every_rule_and_sign_and_action_is_in_the_checklist() {
    let all = [("INC-001", INC_001), ("INC-002", INC_002), ("INC-003", INC_003), ("INC-004", INC_004), ("INC-005", INC_005)];
    for (id, facts) in all {
        let runbook = crate::runbook::parse::parse(text(id)).runbook.unwrap();
        let blocks = (runbook.signals.iter().map(|s| format!("signal {}.", s.id)))
            .chain(runbook.actions.iter().map(|a| format!("action {}.", a.id)))
            .chain(runbook.decides.iter().map(|d| format!("decide {}.", d.id)))
            .chain(runbook.escalates.iter().map(|e| format!("escalate {}.", e.id)));
        let own = ["signal alias-drifted.", "signal mail-missing."];
        for block in blocks.filter(|b| !own.contains(&b.as_str())) {
            assert!(facts.iter().any(|(_, place, _)| place.starts_with(&block)), "{id}: nothing says why there is `{block}`");
        }
    }
}
