//! Streams for tests: events with real bytes, made by hand, the same on every run.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::action::action_hash;
use super::actor::Actor;
use super::approval::Signed;
use super::event::*;
use super::id::{EventId, Hash, IncidentId, StreamId};
use super::incident::decide::{Asked, Command, Refusal, decide};
use super::incident::{Head, Incident};
use super::observation::{BlobRef, Checked, Observation, Reading, Source};
use super::time::Timestamp;
use super::verdict::{Outcome, Verdict};

/// Id of the ledger that tests pretend to be.
pub(crate) const LEDGER: &str = "0c9d4a2e-7f51-4b8e-9a3d-5e6f70819203";
/// The random part of the action in [`Story::dead_lambda`].
pub(crate) const NONCE: &str = "000102030405060708090a0b0c0d0e0f";

/// The instant written as RFC 3339.
pub(crate) fn at(s: &str) -> Timestamp {
    s.parse().unwrap()
}

/// A person of the config.
pub(crate) fn person(name: &str) -> Actor {
    Actor { name: name.to_owned(), is_person: true, via: "flag".to_owned() }
}

/// One stream as it grows.
#[derive(Clone)]
pub(crate) struct Story {
    /// What was appended.
    pub(crate) events: Vec<Event>,
    /// Header and payload of each, as stored.
    pub(crate) bytes: Vec<(String, String)>,
    /// The time now.
    pub(crate) now: Timestamp,
    actor: Actor,
    stream: StreamId,
}

impl Story {
    /// An empty stream; the time is 2026-03-22 02:13:00, and `T-OPS` acts.
    pub(crate) fn on(stream: StreamId) -> Self {
        Self { events: Vec::new(), bytes: Vec::new(), now: at("2026-03-22T02:13:00Z"), actor: person("T-OPS"), stream }
    }

    /// Incident 7, INC-001, just opened.
    pub(crate) fn opened() -> Self {
        let mut s = Self::on(StreamId::incident(IncidentId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0000_0000_0007))));
        s.add(opened());
        s
    }

    /// The next events are `name`'s, a person of the config.
    pub(crate) fn by(&mut self, name: &str) -> &mut Self {
        self.actor = person(name);
        self
    }

    /// The next events are those of an account that the config does not know.
    pub(crate) fn by_nobody(&mut self, name: &str) -> &mut Self {
        self.actor = Actor { name: name.to_owned(), is_person: false, via: "os-user".to_owned() };
        self
    }

    /// Time passes.
    pub(crate) fn after(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.plus_millis(seconds * 1000);
        self
    }

    /// Appends; gives the sequence number.
    pub(crate) fn add(&mut self, facts: impl Into<Facts>) -> u64 {
        let facts = facts.into();
        let head = self.head();
        let seq = head.seq + 1;
        let mut salt = [0; 16];
        salt[8..].copy_from_slice(&seq.to_be_bytes());
        let payload = Payload::to_bytes(&facts, salt).unwrap();
        let id = Hash::of(&[self.stream.as_str().as_bytes(), &seq.to_be_bytes()]).0;
        let header = Header {
            actor: self.actor.to_string(),
            at: self.now,
            cause: None,
            id: EventId(Uuid::from_slice(&id[..16]).unwrap()),
            payload: Hash::of(&[payload.as_bytes()]),
            prev: head.hash,
            seq,
            stream: self.stream.clone(),
            kind: facts.kind().to_owned(),
            v: HEADER_VERSION,
        }
        .to_bytes()
        .unwrap();
        self.events.push(Event::read(&header, Some(&payload)).unwrap());
        self.bytes.push((header, payload));
        seq
    }

    /// Takes the payload of `seq` away, as an erasure does.
    pub(crate) fn erase(&mut self, seq: u64) {
        let i = usize::try_from(seq).unwrap() - 1;
        self.events[i] = Event::read(&self.bytes[i].0, None).unwrap();
    }

    /// The end of the stream.
    pub(crate) fn head(&self) -> Head {
        self.events.last().map_or(Head::EMPTY, |e| Head { seq: e.header.seq, hash: e.hash })
    }

    /// The fold.
    pub(crate) fn incident(&self) -> Incident {
        Incident::fold(&self.events).unwrap()
    }

    /// What `decide` says to a command of whoever acts now.
    pub(crate) fn ask(&self, command: Command) -> Result<Vec<Facts>, Refusal> {
        let asked = Asked { actor: &self.actor, now: self.now, ledger: LEDGER, running: false };
        decide(&self.incident(), &self.events, &asked, command)
    }

    /// Decides and appends; gives the last sequence number.
    pub(crate) fn carry_out(&mut self, command: Command) -> Result<u64, Refusal> {
        let facts = self.ask(command)?;
        Ok(facts.into_iter().map(|f| self.add(f)).last().unwrap())
    }

    /// The whole of a dead Lambda: page, evidence, rollback by two persons, recovery, resolution, a late correction.
    pub(crate) fn dead_lambda() -> Self {
        let mut s = Self::opened();
        s.after(2);
        s.add(EvidenceCaptured { n: 1, observation: status_down(s.now) });
        s.add(EvidenceCaptured { n: 2, observation: log_errors(s.now) });
        s.add(EvidenceCaptured { n: 3, observation: alias_moved(s.now) });
        s.after(18).add(IncidentAcknowledged { occurred_at: None });
        let note = s.after(40).add(note("nobody announced a deploy"));
        s.after(5);
        s.add(EscalationRaised {
            rule: "manual".to_owned(),
            to: "T-JOSH".to_owned(),
            purpose: Some("the rollback".to_owned()),
            due_at: s.now,
            reason: "the rollback needs T-JOSH".to_owned(),
        });
        s.after(10).add(proposed());
        let head = s.head();
        s.by("T-JOSH").after(75);
        s.add(granted(&proposed(), "T-JOSH", head, s.now));
        s.by("T-OPS").after(10).add(ActionStarted {
            n: 1,
            hash: proposed().hash,
            executor: "T-OPS".to_owned(),
            before: json!({"FunctionVersion": "42", "RevisionId": "r-1"}),
            source: source(),
        });
        s.after(1).add(ActionSucceeded {
            n: 1,
            result: json!({"FunctionVersion": "41", "RevisionId": "r-2"}),
            text: "mission-control-api:prod is at 41".to_owned(),
            reconciled: false,
        });
        s.after(15);
        s.add(EvidenceCaptured { n: 4, observation: status_up(s.now) });
        s.add(RecoveryVerified { n: 1, verify: "recovered".to_owned(), passes: 3, evidence: vec![4], after_ms: 16_000 });
        s.after(120).add(SeverityChanged { from: "P0".to_owned(), to: "P2".to_owned(), reason: "service is back".to_owned(), rule: None });
        s.after(30).add(FollowupAdded {
            n: 1,
            text: "find out who moved prod to 42".to_owned(),
            class: Some("detective".to_owned()),
            owner: Some("T-JOSH".to_owned()),
            due: Some("2026-03-29".to_owned()),
        });
        s.after(30).add(attached(5, "tiles.png"));
        s.after(240).add(IncidentResolved {
            summary: "prod pointed at version 42, which fails at start; rolled back to 41".to_owned(),
            impact: "every /beak/ route answered 502 for 5 minutes".to_owned(),
            resolution: Some("temporary".to_owned()),
            without: vec![Waived { what: "ask:tiles-green".to_owned(), because: "the dashboard was being redeployed".to_owned() }],
            occurred_at: None,
        });
        s.after(3600).add(EventCorrected {
            seq: note,
            text: "a deploy of 42 was announced in another channel".to_owned(),
            reason: "found the message".to_owned(),
        });
        s
    }
}

/// The opening of incident 7.
pub(crate) fn opened() -> IncidentOpened {
    IncidentOpened {
        number: 7,
        runbook: runbook(),
        severity: "P0".to_owned(),
        title: "Dead Lambda".to_owned(),
        vars: BTreeMap::from([("function".to_owned(), json!("mission-control-api")), ("alias".to_owned(), json!("prod"))]),
        account: Some("121546003735".to_owned()),
        region: Some("us-east-1".to_owned()),
        drill: false,
        occurred_at: Some(at("2026-03-22T02:11:00Z")),
        late: None,
        reason: None,
    }
}

/// A runbook in three words.
pub(crate) fn runbook() -> RunbookRef {
    let text = "# INC-001: Dead Lambda\n".to_owned();
    RunbookRef { id: "INC-001".to_owned(), title: "Dead Lambda".to_owned(), hash: Hash::of(&[text.as_bytes()]), text }
}

/// A note.
pub(crate) fn note(text: &str) -> NoteAdded {
    NoteAdded { text: text.to_owned(), section: None, occurred_at: None }
}

/// Who answered in the stories.
pub(crate) fn source() -> Source {
    Source {
        endpoint: Some("https://lambda.us-east-1.amazonaws.com".to_owned()),
        region: Some("us-east-1".to_owned()),
        account: Some("121546003735".to_owned()),
        arn: Some("arn:aws:iam::121546003735:user/ops".to_owned()),
        server_date: Some("Sun, 22 Mar 2026 02:13:02 GMT".to_owned()),
        skew_ms: Some(0),
    }
}

/// An answered observation.
pub(crate) fn looked(at: Timestamp, step: u32, probe: &str, kind: &str, verdict: Verdict, observed: &str) -> Observation {
    let answer = format!("{probe} {observed}");
    Observation {
        probe: probe.to_owned(),
        step: Some(step),
        kind: kind.to_owned(),
        request: json!({}),
        outcome: Outcome::Answered,
        reason: None,
        doubt: None,
        verdict: Some(verdict),
        observed: observed.to_owned(),
        expectations: Vec::new(),
        readings: Vec::new(),
        shown: Value::Null,
        started_at: at,
        duration_ms: 120,
        source: Source::default(),
        blob: Some(BlobRef { digest: Hash::of(&[answer.as_bytes()]), size: answer.len() as u64 }),
        truncated: false,
        redactions: BTreeMap::new(),
    }
}

/// The status probe on a dead Lambda.
pub(crate) fn status_down(at: Timestamp) -> Observation {
    let url = "https://api.example.net/prod/beak/system/status";
    Observation {
        request: json!({"method": "GET", "url": url}),
        expectations: vec![Checked { text: "status == 200".to_owned(), verdict: Verdict::Unmet, actual: json!(502), because: None }],
        readings: vec![Reading { name: "status".to_owned(), origin: url.to_owned(), value: 502.5 }],
        source: Source { endpoint: Some(url.to_owned()), ..Source::default() },
        redactions: BTreeMap::from([("bearer".to_owned(), 1)]),
        ..looked(at, 1, "status", "http", Verdict::Unmet, "502, expected 200")
    }
}

/// The status probe after the rollback.
pub(crate) fn status_up(at: Timestamp) -> Observation {
    looked(at, 5, "status", "http", Verdict::Met, "200")
}

fn log_errors(at: Timestamp) -> Observation {
    Observation {
        truncated: true,
        source: source(),
        ..looked(at, 2, "errors", "aws.logs.filter", Verdict::Unmet, "17 events in 15m, expected none")
    }
}

fn alias_moved(at: Timestamp) -> Observation {
    Observation { source: source(), ..looked(at, 3, "alias", "aws.lambda.alias", Verdict::Unmet, "prod -> 42, last known good is 41") }
}

/// A file of nine bytes.
pub(crate) fn attached(n: u64, name: &str) -> EvidenceAttached {
    EvidenceAttached {
        n,
        name: name.to_owned(),
        blob: BlobRef { digest: Hash::of(&[name.as_bytes()]), size: 9 },
        truncated: false,
        redactions: BTreeMap::new(),
        note: Some("every tile red".to_owned()),
        occurred_at: None,
    }
}

/// `T-JOSH` may approve, for 15 minutes.
pub(crate) fn rule() -> ApprovalRule {
    ApprovalRule { from: vec!["T-JOSH".to_owned()], min: 1, expires_s: 900, allow_self: false, none: false }
}

/// The rollback as proposed in the stories.
pub(crate) fn proposed() -> ActionProposed {
    let arguments = json!({
        "account": "121546003735", "region": "us-east-1", "function": "mission-control-api", "alias": "prod",
        "from-version": "42", "to-version": "41",
    });
    let text = "lambda update-alias mission-control-api:prod 42 -> 41 in 121546003735 us-east-1".to_owned();
    let kind = "aws.lambda.update-alias".to_owned();
    let incident = IncidentId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0000_0000_0007));
    ActionProposed {
        n: 1,
        action: "rollback".to_owned(),
        hash: action_hash(LEDGER, incident, &kind, &arguments, &text, runbook().hash, NONCE),
        kind,
        arguments,
        text,
        nonce: NONCE.to_owned(),
        runbook: runbook().hash,
        approve: rule(),
        by_hand: Vec::new(),
        requires: vec!["status is unmet".to_owned()],
    }
}

/// What stands for a signature by `approver` where nobody checks it.
pub(crate) fn signed(approver: &str, text: &str) -> Signed {
    Signed {
        text: text.to_owned(),
        signature: "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n".to_owned(),
        key: format!("SHA256:of-{approver}"),
        public: format!("ssh-ed25519 of-{approver}"),
        principal: approver.to_owned(),
        persons: vec![approver.to_owned()],
        signers: Hash::of(&[b"signers"]),
    }
}

/// An approval of `p` given at `now`, as if signed.
pub(crate) fn granted(p: &ActionProposed, approver: &str, head: Head, now: Timestamp) -> ApprovalGranted {
    ApprovalGranted {
        n: p.n,
        hash: p.hash,
        approver: approver.to_owned(),
        head_seq: head.seq,
        head_hash: head.hash,
        expires_at: now.plus_millis(900_000),
        comment: Some("go".to_owned()),
        signature: Some(signed(approver, &format!("{approver} {now}")).to_value().unwrap()),
        self_approved: false,
    }
}

/// A deploy of `to`.
pub(crate) fn deploy(to: &str, status: DeployStatus, when: &str) -> DeployRecorded {
    DeployRecorded {
        function: "mission-control-api".to_owned(),
        alias: "prod".to_owned(),
        from: None,
        to: to.to_owned(),
        status,
        commit: None,
        note: None,
        by: None,
        source: "recorded".to_owned(),
        occurred_at: Some(at(when)),
        status_only: false,
    }
}

/// One of every kind of event that this build writes, in the order of [`Facts::KINDS`].
pub(crate) fn one_of_each() -> Vec<Facts> {
    let mut all: Vec<Facts> = Story::dead_lambda().events.into_iter().map(|e| e.facts).collect();
    all.extend(rare());
    let mut kinds: Vec<_> = Facts::KINDS.iter().map(|k| all.iter().find(|f| f.kind() == *k).cloned()).collect();
    assert!(kinds.iter().all(Option::is_some), "every kind of event needs an example here");
    kinds.iter_mut().filter_map(Option::take).collect()
}

/// The kinds that [`Story::dead_lambda`] does not tell of.
fn rare() -> Vec<Facts> {
    let text = str::to_owned;
    vec![
        LedgerCreated { ledger: text(LEDGER), drill: false, key: None }.into(),
        LedgerKeyAdded {
            key: text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnew"),
            replaces: Some(text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOold")),
            unsigned_from: Some(40),
            reason: Some(text("the old one was on a disk that died")),
        }
        .into(),
        DecisionMade {
            decide: text("cause"),
            suggested: Some(text("never-pulsed")),
            branch: text("pulsed-and-stopped"),
            then: text("#agents-stopped"),
            reason: Some(text("the feed is three hours long")),
            evidence: vec![1, 2],
        }
        .into(),
        EscalationDelivered { raised: 7, channel: text("webhook"), ok: false, detail: text("503") }.into(),
        IncidentHandedOff { to: text("T-ANA"), note: Some(text("prod is at 41")) }.into(),
        IncidentLinked { incident: Some(6), runbook: Some(text("INC-003")), reason: text("agents died at the same time") }.into(),
        ApprovalRevoked { n: 1, approver: text("T-JOSH"), reason: text("41 is not tested") }.into(),
        ApprovalBypassed {
            n: 1,
            hash: proposed().hash,
            by: text("T-OPS"),
            reason: text("nobody answers, and the dashboard is dead"),
            head_seq: 8,
            head_hash: Hash::of(&[b"head"]),
            severity: text("P0"),
            expires_at: at("2026-03-22T02:30:00Z"),
            review_by: at("2026-03-23T02:15:00Z"),
            signature: signed("T-OPS", "break-glass").to_value().unwrap(),
        }
        .into(),
        ApprovalReviewed {
            n: 1,
            hash: proposed().hash,
            by: text("T-JOSH"),
            comment: text("it was right, and I was on a plane"),
            head_seq: 12,
            head_hash: Hash::of(&[b"later"]),
            expires_at: at("2026-03-22T09:30:00Z"),
            signature: signed("T-JOSH", "review").to_value().unwrap(),
        }
        .into(),
        ActionDenied { n: 1, by: text("T-JOSH"), reason: text("wait for the logs") }.into(),
        ActionStale { n: 1, reason: text("prod moved to 43") }.into(),
        ActionFailed {
            n: 1,
            error: text("version 41 does not exist"),
            result: json!({"code": "ResourceNotFoundException"}),
            reconciled: false,
        }
        .into(),
        ActionUnknown { n: 1, error: text("the connection was cut after the request") }.into(),
        RecoveryNotVerified {
            n: 1,
            verify: text("recovered"),
            reason: text("status still 502 after 5m"),
            verdict: Verdict::Unmet,
            evidence: vec![4, 5],
        }
        .into(),
        IncidentMitigated { reason: text("traffic moved away"), occurred_at: Some(at("2026-03-22T02:15:00Z")) }.into(),
        FollowupDone { n: 1, note: Some(text("it was the nightly job")) }.into(),
        IncidentDismissed { reason: text("the page was a test") }.into(),
        IncidentReopened { reason: text("502 again") }.into(),
        PayloadErased {
            stream: StreamId::observation("INC-001"),
            seq: 3,
            payload: Hash::of(&[b"payload"]),
            blob: Some(Hash::of(&[b"blob"])),
            reason: text("held an address"),
            approved_by: vec![text("T-JOSH")],
            asked_by: None,
            signature: None,
        }
        .into(),
        SignersChanged {
            hash: Hash::of(&[b"T-JOSH namespaces=\"approval@blotter\" ssh-ed25519 AAAA\n"]),
            content: text("T-JOSH namespaces=\"approval@blotter\" ssh-ed25519 AAAA\n"),
            principals: BTreeMap::from([(text("T-JOSH"), text("T-JOSH"))]),
        }
        .into(),
        DeployRecorded {
            from: Some(text("41")),
            commit: Some(text("abc123")),
            note: Some(text("weekly release")),
            by: Some(text("T-ANA")),
            ..deploy("42", DeployStatus::Bad, "2026-03-21T18:00:00Z")
        }
        .into(),
        ObservationRecorded { observation: status_down(at("2026-03-22T01:00:00Z")) }.into(),
    ]
}
