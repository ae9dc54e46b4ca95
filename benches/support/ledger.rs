//! A ledger as it looks after years of use, the same on every run but for its instants and salts.
//!
//! Each incident tells the same story, so that one of them costs the same in a small ledger as in a large one:
//! what differs is only how much lies around it.

use std::collections::BTreeMap;
use std::path::Path;

use blotter::record::action::action_hash;
use blotter::record::actor::Actor;
use blotter::record::event::*;
use blotter::record::id::{EventId, Hash, IncidentId, StreamId};
use blotter::record::observation::{Checked, Observation, Reading, Source};
use blotter::record::time::Timestamp;
use blotter::record::verdict::{Outcome, Verdict};
use blotter::runbook::builtin;
use blotter::store::{NewEvent, Prepared, Store, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Done;

/// How many of the newest incidents are still open, whatever the ledger's size.
const OPEN: u64 = 3;
/// How many incidents have a follow-up that is overdue, whatever the ledger's size.
const OVERDUE: u64 = 2;
/// One incident in so many has a follow-up that is open and not due yet.
const LATER: u64 = 50;
/// Account and region of everything.
const PLACE: (&str, &str) = ("121546003735", "us-east-1");
/// The functions that are deployed.
const FUNCTIONS: [&str; 5] = ["mission-control-api", "cert-pipeline", "peck-callback", "agent-sweeper", "mailer"];
/// Events of one transaction.
const BATCH: usize = 2_000;

/// Begins a ledger of `incidents` incidents and about `events` events in all, the newest incident a minute before `now`.
/// The newest three are open.
pub(crate) fn generate(path: &Path, incidents: u64, events: u64, now: Timestamp) -> Done<()> {
    let mut teller = Teller { random: 0x5EED, ledger: String::new(), per: events / incidents, incidents, now };
    teller.ledger = Uuid::from_u128(u128::from(teller.next())).to_string();
    let created = LedgerCreated { ledger: teller.ledger.clone(), drill: false, key: None };
    let first = teller.event(StreamId::ledger(), now.plus_millis(-incidents.cast_signed() * 14_400_000), "T-OPS", created);
    let mut store = Store::create(path, first)?;
    let (mut batch, mut blobs) = (Vec::new(), Vec::new());
    for number in 1..=incidents {
        teller.incident(number, &mut batch, &mut blobs)?;
        if batch.len() >= BATCH || number == incidents {
            let (events, prepared) = (std::mem::take(&mut batch), std::mem::take(&mut blobs));
            store
                .append(|tx| {
                    prepared.iter().try_for_each(|b| tx.put_blob(b).map(|_| ()))?;
                    Ok::<_, StoreError>(events)
                })
                .map_err(|e| format!("{e:?}"))?;
        }
    }
    Ok(store.scrub()?)
}

struct Teller {
    random: u64,
    ledger: String,
    per: u64,
    incidents: u64,
    now: Timestamp,
}

/// One incident as it is being told.
struct Tale<'a> {
    teller: &'a mut Teller,
    stream: StreamId,
    begin: Timestamp,
    seq: u64,
    evidence: u64,
    events: &'a mut Vec<NewEvent>,
    blobs: &'a mut Vec<Prepared>,
}

impl Teller {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn event(&mut self, stream: StreamId, at: Timestamp, who: &str, facts: impl Into<Facts>) -> NewEvent {
        let id = self.id(at);
        let actor = Actor { name: who.to_owned(), is_person: true, via: "flag".to_owned() };
        NewEvent { stream, id: EventId(id), at, actor, cause: None, facts: facts.into(), salt: *id.as_bytes() }
    }

    /// In the order of time, as all ids of a ledger are.
    fn id(&mut self, at: Timestamp) -> Uuid {
        let random = [self.next(), self.next()].map(u64::to_be_bytes);
        let mut tail = [0; 10];
        tail.iter_mut().zip(random.as_flattened()).for_each(|(byte, random)| *byte = *random);
        uuid::Builder::from_unix_timestamp_millis(at.millis().cast_unsigned(), &tail).into_uuid()
    }

    fn words(&mut self, n: u64) -> String {
        const WORDS: [&str; 24] = [
            "the",
            "queue",
            "is",
            "draining",
            "again",
            "after",
            "restart",
            "of",
            "worker",
            "latency",
            "still",
            "high",
            "on",
            "gateway",
            "no",
            "errors",
            "since",
            "deploy",
            "checked",
            "dashboard",
            "with",
            "team",
            "rollback",
            "helped",
        ];
        (0..n).map(|_| WORDS[usize::try_from(self.next() % 24).unwrap_or(0)]).collect::<Vec<_>>().join(" ")
    }

    fn incident(&mut self, number: u64, events: &mut Vec<NewEvent>, blobs: &mut Vec<Prepared>) -> Done<()> {
        // Counted from the newest, so that the same incidents stand at the end of every ledger.
        let age = self.incidents - number;
        let begin = self.now.plus_millis(-60_000 - age.cast_signed() * 14_400_000);
        self.around(age, begin, events);
        let id = IncidentId(self.id(begin));
        let stream = StreamId::incident(id);
        let per = self.per - 2;
        let mut tale = Tale { teller: self, stream, begin, seq: 0, evidence: 0, events, blobs };
        let (runbook, hash) = tale.open(number, age)?;
        tale.act(id, hash, runbook)?;
        let end = if age < OPEN { 0 } else { 8 };
        while tale.seq + end < per {
            if tale.seq.is_multiple_of(3) { tale.look("status")? } else { tale.note(number) }
        }
        if age >= OPEN {
            tale.end(age);
        }
        Ok(())
    }

    /// What is recorded outside of incidents meanwhile.
    fn around(&mut self, age: u64, at: Timestamp, events: &mut Vec<NewEvent>) {
        let alive =
            Reading { name: "agents.alive".to_owned(), origin: "https://api.example.net/fleet".to_owned(), value: (age % 9) as f64 };
        let seen = Observation { readings: vec![alive], ..observation("agents", at, Verdict::Met, "9 alive") };
        events.push(self.event(StreamId::observation("INC-003"), at, "T-OPS", ObservationRecorded { observation: seen }));
        let function = FUNCTIONS[usize::try_from(age % 5).unwrap_or(0)];
        let version = 1 + (self.incidents - age) / 5;
        let deployed = DeployRecorded {
            function: function.to_owned(),
            alias: "prod".to_owned(),
            from: Some((version - 1).to_string()),
            to: version.to_string(),
            status: if version.is_multiple_of(7) { DeployStatus::Bad } else { DeployStatus::Good },
            commit: Some(format!("{:016x}", self.next())),
            note: None,
            by: Some("T-ANA".to_owned()),
            source: "recorded".to_owned(),
            occurred_at: None,
            status_only: false,
        };
        events.push(self.event(StreamId::deploy(PLACE.0, PLACE.1, function, "prod"), at, "T-ANA", deployed));
    }
}

impl Tale<'_> {
    fn say(&mut self, who: &str, facts: impl Into<Facts>) -> u64 {
        self.seq += 1;
        let event = self.teller.event(self.stream.clone(), self.now(), who, facts);
        self.events.push(event);
        self.seq
    }

    fn now(&self) -> Timestamp {
        self.begin.plus_millis(self.seq.cast_signed() * 1_000)
    }

    /// Gives the runbook's id and hash.
    fn open(&mut self, number: u64, age: u64) -> Done<(&'static str, Hash)> {
        let (_, text) = builtin::all()[usize::try_from(age % 5).unwrap_or(0)];
        let heading = text.lines().next().and_then(|l| l.strip_prefix("# ")?.split_once(": "));
        let (id, title) = heading.ok_or("a runbook without a heading")?;
        let hash = Hash::of(&[text.as_bytes()]);
        self.say(
            "T-OPS",
            IncidentOpened {
                number,
                runbook: RunbookRef { id: id.to_owned(), title: title.to_owned(), hash, text: text.to_owned() },
                severity: ["P0", "P1", "P1", "P2", "P2"][usize::try_from(age % 5).unwrap_or(0)].to_owned(),
                title: title.to_owned(),
                vars: BTreeMap::from([("function".to_owned(), json!(FUNCTIONS[0])), ("alias".to_owned(), json!("prod"))]),
                account: Some(PLACE.0.to_owned()),
                region: Some(PLACE.1.to_owned()),
                drill: false,
                occurred_at: None,
                late: None,
                reason: None,
            },
        );
        for probe in ["status", "errors", "alias", "agents", "pulses"] {
            self.look(probe)?;
        }
        self.say("T-OPS", IncidentAcknowledged { occurred_at: None });
        self.note(number);
        let due_at = self.now();
        let raised = self.say(
            "T-OPS",
            EscalationRaised {
                rule: "manual".to_owned(),
                to: "T-JOSH".to_owned(),
                purpose: None,
                due_at,
                reason: "somebody has to approve".to_owned(),
            },
        );
        self.say("T-OPS", EscalationDelivered { raised, channel: "webhook".to_owned(), ok: true, detail: "200".to_owned() });
        let reason = Some(self.teller.words(6));
        self.say(
            "T-OPS",
            DecisionMade {
                decide: "cause".to_owned(),
                suggested: None,
                branch: "deploy".to_owned(),
                then: "#roll-back".to_owned(),
                reason,
                evidence: vec![1, 2],
            },
        );
        Ok((id, hash))
    }

    /// A change that is denied, and one that is approved and made.
    fn act(&mut self, id: IncidentId, runbook: Hash, named: &str) -> Done<()> {
        let first = self.propose(1, id, runbook, named);
        self.say("T-JOSH", ActionDenied { n: first.n, by: "T-JOSH".to_owned(), reason: "look at the logs first".to_owned() });
        let p = self.propose(2, id, runbook, named);
        let (seq, now) = (self.seq, self.now());
        self.say(
            "T-JOSH",
            ApprovalGranted {
                n: p.n,
                hash: p.hash,
                approver: "T-JOSH".to_owned(),
                head_seq: seq,
                head_hash: Hash::ZERO,
                expires_at: now.plus_millis(900_000),
                comment: Some("go".to_owned()),
                signature: None,
                self_approved: false,
            },
        );
        let before = json!({"FunctionVersion": "42", "RevisionId": "r-1"});
        self.say("T-OPS", ActionStarted { n: 2, hash: p.hash, executor: "T-OPS".to_owned(), before, source: source() });
        self.say(
            "T-OPS",
            ActionSucceeded {
                n: 2,
                result: json!({"FunctionVersion": "41", "RevisionId": "r-2"}),
                text: "mission-control-api:prod is at 41".to_owned(),
                reconciled: false,
            },
        );
        self.look("status")?;
        let evidence = vec![self.evidence];
        self.say("T-OPS", RecoveryVerified { n: 2, verify: "recovered".to_owned(), passes: 3, evidence, after_ms: 16_000 });
        Ok(())
    }

    fn propose(&mut self, n: u64, id: IncidentId, runbook: Hash, named: &str) -> ActionProposed {
        let arguments = json!({"account": PLACE.0, "region": PLACE.1, "function": FUNCTIONS[0], "alias": "prod", "from-version": "42", "to-version": "41"});
        let (kind, nonce) = ("aws.lambda.update-alias".to_owned(), format!("{:032x}", self.teller.next()));
        let text = format!("Moves mission-control-api:prod from 42 to 41, as {named} says");
        let proposed = ActionProposed {
            n,
            action: "rollback".to_owned(),
            hash: action_hash(&self.teller.ledger, id, &kind, &arguments, &text, runbook, &nonce),
            kind,
            arguments,
            text,
            nonce,
            runbook,
            approve: ApprovalRule { from: vec!["T-JOSH".to_owned()], min: 1, expires_s: 900, allow_self: false, none: false },
            by_hand: Vec::new(),
            requires: vec!["status is unmet".to_owned()],
        };
        self.say("T-OPS", proposed.clone());
        proposed
    }

    fn note(&mut self, number: u64) {
        let text = format!("incident{number} {}", self.teller.words(12));
        self.say("T-OPS", NoteAdded { text, section: None, occurred_at: None });
    }

    fn look(&mut self, probe: &str) -> Done<()> {
        self.evidence += 1;
        let answer = json!({"status": 502, "request": format!("{:016x}", self.teller.next()), "message": self.teller.words(20)});
        let blob = Prepared::new(answer.to_string().as_bytes())?;
        let reading = Reading { name: format!("{probe}.status"), origin: "https://api.example.net/prod/status".to_owned(), value: 502.0 };
        let seen = Observation {
            blob: Some(blob.blob().clone()),
            readings: vec![reading],
            ..observation(probe, self.now(), Verdict::Unmet, "502, expected 200")
        };
        self.blobs.push(blob);
        self.say("T-OPS", EvidenceCaptured { n: self.evidence, observation: seen });
        Ok(())
    }

    /// Eight events.
    fn end(&mut self, age: u64) {
        let late = (OPEN..OPEN + OVERDUE).contains(&age);
        let due = self.teller.now.plus_millis(if late { -86_400_000 } else { 86_400_000 * 90 }).to_date();
        self.say("T-OPS", SeverityChanged { from: "P0".to_owned(), to: "P2".to_owned(), reason: "service is back".to_owned(), rule: None });
        self.say("T-OPS", IncidentHandedOff { to: "T-JOSH".to_owned(), note: None });
        for n in 1..=2 {
            let text = self.teller.words(8);
            let class = Some("detective".to_owned());
            self.say("T-OPS", FollowupAdded { n, text, class, owner: Some("T-JOSH".to_owned()), due: Some(due.clone()) });
        }
        let (text, summary, impact) = (self.teller.words(10), self.teller.words(14), self.teller.words(8));
        self.say("T-OPS", EventCorrected { seq: 8, text, reason: "found the message".to_owned() });
        self.say(
            "T-JOSH",
            IncidentResolved { summary, impact, resolution: Some("temporary".to_owned()), without: Vec::new(), occurred_at: None },
        );
        self.say("T-JOSH", FollowupDone { n: 1, note: None });
        if late || age.is_multiple_of(LATER) {
            self.note(0);
        } else {
            self.say("T-JOSH", FollowupDone { n: 2, note: None });
        }
    }
}

fn source() -> Source {
    Source {
        endpoint: Some("https://lambda.us-east-1.amazonaws.com".to_owned()),
        region: Some(PLACE.1.to_owned()),
        account: Some(PLACE.0.to_owned()),
        arn: Some("arn:aws:iam::121546003735:user/ops".to_owned()),
        server_date: None,
        skew_ms: Some(0),
    }
}

fn observation(probe: &str, at: Timestamp, verdict: Verdict, observed: &str) -> Observation {
    Observation {
        probe: probe.to_owned(),
        step: Some(1),
        kind: "http".to_owned(),
        request: json!({"method": "GET", "url": "https://api.example.net/prod/status"}),
        outcome: Outcome::Answered,
        reason: None,
        doubt: None,
        verdict: Some(verdict),
        observed: observed.to_owned(),
        expectations: vec![Checked { text: "status == 200".to_owned(), verdict, actual: json!(502), because: None }],
        readings: Vec::new(),
        shown: Value::Null,
        started_at: at,
        duration_ms: 120,
        source: source(),
        blob: None,
        truncated: false,
        redactions: BTreeMap::new(),
    }
}
