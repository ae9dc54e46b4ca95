//! Attacks on the approval, each named after what the attacker tries. Nothing may be called, and each is told for what it is.

use std::fs;

use super::*;
use crate::app::approvals;
use crate::app::signing::{self, Tool};
use crate::record::approval::Signed;
use crate::record::event::{ApprovalGranted, Facts, SignersChanged};
use crate::record::id::StreamId;
use crate::record::incident::Head;
use crate::record::incident::decide::Command;
use crate::sign::APPROVAL;
use crate::sign::sshsig::Throwaway;
use crate::sign::testing::{SoftSecurityKey, key, line};
use crate::store::VerifyReport;

/// A broken stack with `a1` proposed by T-OPS.
async fn proposed() -> Bench {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    b
}

impl Bench {
    fn josh(&self) -> Ctx {
        self.as_(person("T-JOSH"))
    }

    /// The text that T-JOSH would sign.
    fn text(&self, n: u64) -> ApprovalText {
        let store = self.store();
        let wish = approval::Wish { n, ..approval::Wish::default() };
        approval::request(&self.josh(), &store, &pick(&store, None).unwrap(), &wish).unwrap()
    }

    fn key_of(&self, who: &str) -> Throwaway {
        match signing::tool(&self.drill.ctx, None, who).unwrap() {
            Tool::Throwaway(k) => *k,
            Tool::Program(_) => panic!("a drill has keys of its own"),
        }
    }

    /// Puts another list of signers in force.
    fn list(&self, lines: &str) {
        drop(self.key_of("T-JOSH"));
        fs::write(signing::signers_path(&self.drill.ctx).unwrap(), lines).unwrap();
    }

    fn enter(&self, n: u64, text: &str, armored: &str) -> Result<approval::Granted, AppError> {
        let mut store = self.store();
        let picked = pick(&store, None).unwrap();
        approval::grant(&self.as_(person("T-OPS")), &mut store, &picked, n, text, armored)
    }

    /// Enters a text signed by T-JOSH's own key; gives why it was refused.
    fn refused(&self, n: u64, text: &ApprovalText) -> String {
        let written = text.render();
        let armored = self.key_of("T-JOSH").sign(written.as_bytes(), APPROVAL).unwrap();
        self.refused_as(n, &written, &armored)
    }

    fn refused_as(&self, n: u64, text: &str, armored: &str) -> String {
        let e = self.enter(n, text, armored).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Refused, "{e}");
        assert!(!self.story().iter().any(|k| k == "action.started"));
        e.to_string()
    }

    async fn not_executed(&self) -> String {
        let e = self.execute(1).await.unwrap_err();
        assert_eq!((e.kind(), self.stack().count("lambda/UpdateAlias")), (ErrorKind::Refused, 0), "{e}");
        e.to_string()
    }

    /// What whoever can write to the ledger does: appends whatever they like, in due form.
    fn forge(&self, facts: Vec<Facts>) {
        let mut store = self.store();
        let stream = StreamId::incident(pick(&store, None).unwrap().brief.id);
        let events = facts.into_iter().map(|f| self.drill.ctx.event(stream.clone(), f, None).unwrap()).collect();
        store.append_events(&[], events).unwrap();
    }

    fn problems(&self) -> Vec<String> {
        approvals::audit(&self.store()).unwrap().into_iter().map(|p| p.detail).collect()
    }

    /// The approval as it is recorded.
    fn granted(&self) -> ApprovalGranted {
        let store = self.store();
        let events = store.load(&StreamId::incident(pick(&store, None).unwrap().brief.id)).unwrap();
        let found = events.into_iter().find_map(|e| match e.facts {
            Facts::ApprovalGranted(x) => Some(*x),
            _ => None,
        });
        found.unwrap()
    }
}

#[tokio::test]
async fn the_same_signature_twice() {
    let b = proposed().await;
    let text = b.text(1).render();
    let armored = b.key_of("T-JOSH").sign(text.as_bytes(), APPROVAL).unwrap();
    b.enter(1, &text, &armored).unwrap();
    assert!(b.refused_as(1, &text, &armored).starts_with("this text was entered already, as 1."));
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    revoke(&b.josh(), &mut store, &picked, 1, "wait".to_owned()).unwrap();
    drop(store);
    assert!(b.refused_as(1, &text, &armored).starts_with("this text was entered already, as 1."), "what was taken back stays so");
    b.not_executed().await;
    assert!(b.problems().is_empty());
    b.forge(vec![b.granted().into()]);
    assert!(b.problems().iter().any(|p| p.ends_with("its signature was entered before: an approval is good once")), "{:?}", b.problems());
}

#[tokio::test]
async fn a_flood_of_forgeries_is_counted_not_listed() {
    let b = proposed().await;
    let text = b.text(1).render();
    b.enter(1, &text, &b.key_of("T-JOSH").sign(text.as_bytes(), APPROVAL).unwrap()).unwrap();
    b.forge(vec![b.granted().into(); VerifyReport::MOST + 7]);
    let problems = b.problems();
    assert_eq!(problems.len(), VerifyReport::MOST + 1);
    assert_eq!(problems.last().unwrap(), "and 7 further problems");
    let report = approvals::verify(&b.store(), &[]).unwrap();
    assert_eq!(report.problems.into_iter().map(|p| p.detail).collect::<Vec<_>>(), problems, "one beside the other finds the same");
}

#[tokio::test]
async fn a_signature_for_another_action() {
    let b = proposed().await;
    let first = b.text(1);
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    deny(&b.josh(), &mut store, &picked, 1, "not yet".to_owned()).unwrap();
    drop(store);
    b.propose("rollback", &[]).await.unwrap();
    assert!(b.refused(2, &first).starts_with("this approval is for another action: its action is `a1 "));
    assert!(b.refused(1, &first).starts_with("action 1.a1 is denied"), "a deny wins");
}

#[tokio::test]
async fn a_signature_for_another_incident() {
    let b = proposed().await;
    let text = b.text(1);
    let other = crate::record::id::IncidentId(b.drill.ctx.uuid(b.drill.ctx.now()));
    let why = b.refused(1, &ApprovalText { incident: other, ..text.clone() });
    assert!(why.starts_with("this approval is for another incident: its incident is `1 "), "{why}");
    assert!(b.refused(1, &ApprovalText { number: 2, ..text }).starts_with("this approval is for another incident"));
}

#[tokio::test]
async fn a_signature_for_another_ledger() {
    let b = proposed().await;
    let why = b.refused(1, &ApprovalText { ledger: "11111111".to_owned(), ..b.text(1) });
    assert!(why.starts_with("this approval is for another ledger: its ledger is `11111111`, and here it is `"), "{why}");
}

#[tokio::test]
async fn one_character_of_the_arguments_changed() {
    let b = proposed().await;
    let text = b.text(1);
    let longer = ApprovalText { text: text.text.replace("version 41", "version 40"), ..text.clone() };
    assert!(b.refused(1, &longer).starts_with("this approval is for another request: its action-text is `"));
    let mut hash = text.hash;
    hash.0[31] ^= 1;
    assert!(b.refused(1, &ApprovalText { hash, ..text.clone() }).starts_with("this approval is for another request: its action-hash"));
    // The right text under a signature over the changed one.
    let armored = b.key_of("T-JOSH").sign(longer.render().as_bytes(), APPROVAL).unwrap();
    assert_eq!(b.refused_as(1, &text.render(), &armored), "the signature does not match the text");
    let other = text.render().replace("expires: ", "expires:  ");
    assert!(b.refused_as(1, &other, &armored).starts_with("not a text to sign: line 12: `expires` is not an instant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_by_a_second() {
    let b = proposed().await;
    let text = b.text(1);
    let limit = text.expires_at.since(b.drill.ctx.now());
    assert!(b.refused(1, &ApprovalText { expires_at: text.expires_at.plus_millis(1000), ..text.clone() }).contains("is not within"));
    b.approve(person("T-JOSH"), 1).unwrap();
    b.turn(u64::try_from(limit).unwrap() + 1000);
    assert!(b.refused(1, &ApprovalText { expires_at: text.expires_at.plus_millis(-1), ..text }).contains("is not within"));
    assert_eq!(b.not_executed().await, "action 1.a1 is expired: 0 of 1 approvals stand");
}

#[tokio::test]
async fn a_signature_of_the_wrong_namespace() {
    let b = proposed().await;
    let text = b.text(1).render();
    for namespace in ["git", "file", "approval@blotter.example"] {
        let armored = b.key_of("T-JOSH").sign(text.as_bytes(), namespace).unwrap();
        assert_eq!(b.refused_as(1, &text, &armored), format!("the signature was made for `{namespace}`, not for `approval@blotter`"));
    }
    b.list(&line("T-JOSH", &b.key_of("T-JOSH").key()).replace("approval@blotter", "git"));
    assert!(b.refused(1, &b.text(1)).contains("and not for `approval@blotter`"));
}

#[tokio::test]
async fn a_signer_who_is_not_listed() {
    let b = proposed().await;
    let text = b.text(1).render();
    let armored = key(9).sign(text.as_bytes(), APPROVAL).unwrap();
    b.list(&line("T-JOSH", &key(1).key()));
    assert!(b.refused_as(1, &text, &armored).contains("is not one of `T-JOSH` in allowed_signers"));
    b.list(&line("T-EVE", &key(9).key()));
    assert_eq!(b.refused_as(1, &text, &armored), "`T-JOSH` has no key in allowed_signers");
    b.list(&format!("{}* oops\n", line("T-JOSH", &key(9).key())));
    let e = b.enter(1, &text, &armored).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config, "a list with a fault is not used: {e}");
}

#[tokio::test]
async fn a_signer_who_was_struck_off_since() {
    let b = proposed().await;
    b.approve(person("T-JOSH"), 1).unwrap();
    b.list("# nobody\n");
    let why = b.not_executed().await;
    assert_eq!(why, "the approval of 1.a1 by `T-JOSH` does not hold: `T-JOSH` has no key in allowed_signers");
    assert!(b.problems().is_empty(), "it held when it was given, and the list of that time is in the record");
}

#[tokio::test]
async fn a_signer_out_of_the_window() {
    let b = proposed().await;
    let own = line("T-JOSH", &b.key_of("T-JOSH").key());
    for window in ["valid-before=\"20260322Z\"", "valid-after=\"20270101Z\""] {
        b.list(&own.replace("blotter\"", &format!("blotter\",{window}")));
        assert!(b.refused(1, &b.text(1)).contains("is not valid at 2026-03-22T02:"), "{window}");
    }
    b.list(&own.replace("blotter\"", "blotter\",valid-after=\"20260322Z\",valid-before=\"20260323Z\""));
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(b.problems().is_empty());
}

#[tokio::test]
async fn the_proposers_second_key() {
    let b = proposed().await;
    let text = b.text(1).render();
    // Another key of T-OPS, who says to be T-JOSH.
    b.list(&(line("T-OPS", &key(1).key()) + &line("T-OPS", &key(2).key()) + &line("T-JOSH", &key(3).key())));
    let armored = key(2).sign(text.as_bytes(), APPROVAL).unwrap();
    assert!(b.refused_as(1, &text, &armored).contains("is not one of `T-JOSH` in allowed_signers"));
    // A key that T-OPS got listed for T-JOSH, too.
    b.list(&(line("T-OPS,T-JOSH", &key(2).key())));
    assert_eq!(b.refused_as(1, &text, &armored), "`T-JOSH` proposed 1.a1 and may not approve it");
}

#[tokio::test]
async fn a_second_id_of_the_proposer() {
    let b = proposed().await;
    let text = b.text(1).render();
    let mut ctx = b.as_(person("T-OPS"));
    ctx.config.people.get_mut("T-JOSH").unwrap().principal = Some("T-OPS".to_owned());
    b.list(&line("T-OPS", &key(2).key()));
    let armored = key(2).sign(text.as_bytes(), APPROVAL).unwrap();
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let e = approval::grant(&ctx, &mut store, &picked, 1, &text, &armored).unwrap_err();
    assert_eq!(e.to_string(), "`T-JOSH` proposed 1.a1 and may not approve it");
}

#[tokio::test]
async fn a_software_made_signature_of_a_security_key_without_touch() {
    let b = proposed().await;
    let sk = SoftSecurityKey::new(7);
    b.list(&line("T-JOSH", &sk.key()));
    let text = b.text(1).render();
    assert_eq!(b.refused_as(1, &text, &sk.sign(text.as_bytes(), APPROVAL, 0)), "the security key signed without being touched");
    b.enter(1, &text, &sk.sign(text.as_bytes(), APPROVAL, 1)).unwrap();
}

#[tokio::test]
async fn the_alias_moved_after_the_signature() {
    let b = proposed().await;
    b.approve(person("T-JOSH"), 1).unwrap();
    b.stack().edit(|w| {
        w.point_alias("mission-control-api", "prod", 40);
        w.functions.get_mut("mission-control-api").unwrap().versions.get_mut(&40).unwrap().health =
            crate::simulator::world::Health::Crashes;
    });
    assert!(b.not_executed().await.contains("from-version was 42 and is 40"));
}

#[tokio::test]
async fn the_severity_changed_after_the_signature() {
    let b = proposed().await;
    let text = b.text(1);
    b.approve(person("T-JOSH"), 1).unwrap();
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let lower = Command::Severity { to: "P2".to_owned(), reason: "x".to_owned(), rule: None };
    crate::app::change::carry_out(&b.josh(), &mut store, &picked, lower).unwrap();
    drop(store);
    assert!(b.not_executed().await.contains("`severity.changed` happened since it was approved"));
    let later = ApprovalText { expires_at: text.expires_at.plus_millis(-1), ..text };
    assert!(b.refused(1, &later).contains("`severity.changed` happened since it was approved"));
}

#[tokio::test]
async fn two_processes_executing_at_once() {
    let b = proposed().await;
    b.approve(person("T-JOSH"), 1).unwrap();
    let other = b.store();
    let lock = other.execution_lock().unwrap().unwrap();
    assert_eq!(b.not_executed().await, "an action is being executed right now, by another process");
    drop(lock);
    let (one, two) = tokio::join!(b.execute(1), b.execute(1));
    assert_eq!([&one, &two].iter().filter(|r| r.is_ok()).count(), 1, "{one:?} {two:?}");
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_set_back() {
    let b = proposed().await;
    b.approve(person("T-JOSH"), 1).unwrap();
    b.turn(3_600_000);
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let note = Command::Note { text: "an hour later".to_owned(), section: None, occurred_at: None };
    crate::app::change::carry_out(&b.josh(), &mut store, &picked, note).unwrap();
    drop(store);
    b.drill.turn_back(3_600_000);
    assert_eq!(b.not_executed().await, "action 1.a1 is expired: 0 of 1 approvals stand");
}

#[tokio::test]
async fn a_forged_approval_in_the_ledger() {
    let b = proposed().await;
    b.approve(person("T-JOSH"), 1).unwrap();
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    revoke(&b.josh(), &mut store, &picked, 1, "no".to_owned()).unwrap();
    drop(store);
    let good = b.granted();
    let signed = Signed::read(good.signature.as_ref().unwrap()).unwrap();
    let with = |s: Signed| ApprovalGranted { signature: Some(s.to_value().unwrap()), ..good.clone() };
    let text = b.text(1).render();
    let forged = key(9).sign(text.as_bytes(), APPROVAL).unwrap();
    let by_eve = Signed {
        text: text.clone(),
        signature: forged.clone(),
        key: key(9).key().fingerprint(),
        public: key(9).key().line(),
        ..signed.clone()
    };
    let read = ApprovalText::parse(&text).unwrap();
    // T-JOSH's own key, over a head that is half right.
    let over = |head: Head| {
        let own = ApprovalText { head, ..ApprovalText::parse(&signed.text).unwrap() };
        let text = own.render();
        let signature = b.key_of("T-JOSH").sign(text.as_bytes(), APPROVAL).unwrap();
        ApprovalGranted { head_seq: head.seq, head_hash: head.hash, ..with(Signed { text, signature, ..signed.clone() }) }
    };
    let head = Head { seq: good.head_seq, hash: good.head_hash };
    let no_event = "with the hash that was signed";
    let cases = [
        (over(Head { hash: crate::record::id::Hash::ZERO, ..head }), no_event),
        (over(Head { seq: head.seq - 1, ..head }), no_event),
        (with(Signed { key: key(9).key().fingerprint(), ..signed.clone() }), "it names the key"),
        (with(Signed { public: key(9).key().line(), ..signed.clone() }), "it names the key"),
        (ApprovalGranted { signature: None, ..good.clone() }, "it is not signed"),
        (ApprovalGranted { expires_at: good.expires_at.plus_millis(60_000), ..good.clone() }, "is not what was signed"),
        (ApprovalGranted { comment: Some("x".to_owned()), ..good.clone() }, "is not what was signed"),
        (with(Signed { text: signed.text.replace("approver: T-JOSH", "approver: T-OPS"), ..signed.clone() }), "is not what was signed"),
        (with(Signed { signature: forged, ..signed.clone() }), "the signature does not match the text"),
        (with(Signed { signers: crate::record::id::Hash::ZERO, ..signed.clone() }), "another list of signers"),
        (with(Signed { principal: "T-EVE".to_owned(), ..signed.clone() }), "is `T-JOSH` in the list of signers, not `T-EVE`"),
        (
            ApprovalGranted { head_seq: read.head.seq, head_hash: read.head.hash, expires_at: read.expires_at, ..with(by_eve) },
            "is not one of `T-JOSH`",
        ),
    ];
    for (i, (forgery, why)) in cases.into_iter().enumerate() {
        b.forge(vec![forgery.into()]);
        let problems = b.problems();
        assert!(problems.len() == i + 1 && problems[i].contains(why), "{why}: {problems:?}");
        b.not_executed().await;
    }
}

#[tokio::test]
async fn an_execution_that_nobody_allowed() {
    let b = proposed().await;
    let hash = b.action(1).hash;
    let start = crate::record::event::ActionStarted {
        n: 1,
        hash,
        executor: "T-OPS".to_owned(),
        before: serde_json::Value::Null,
        source: crate::record::observation::Source::default(),
    };
    b.forge(vec![start.into()]);
    assert_eq!(b.problems(), ["a1 was started against the rules: action 1.a1 is proposed: 0 of 1 approvals stand"]);
}

#[tokio::test]
async fn a_list_of_signers_that_changes_is_recorded_with_the_next_approval() {
    let b = proposed().await;
    assert!(b.approve(person("T-JOSH"), 1).unwrap().signers_changed);
    let lists = || {
        let events = b.store().load(&StreamId::ledger()).unwrap();
        events
            .into_iter()
            .filter_map(|e| if let Facts::SignersChanged(x) = e.facts { Some(*x) } else { None })
            .collect::<Vec<SignersChanged>>()
    };
    let file = || fs::read_to_string(signing::signers_path(&b.drill.ctx).unwrap()).unwrap();
    assert_eq!(lists().iter().map(|l| l.content.clone()).collect::<Vec<_>>(), [file()]);
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    revoke(&b.josh(), &mut store, &picked, 1, "once more".to_owned()).unwrap();
    drop(store);
    assert!(!b.approve(person("T-JOSH"), 1).unwrap().signers_changed, "nothing changed");
    let mut store = b.store();
    revoke(&b.josh(), &mut store, &picked, 1, "and again".to_owned()).unwrap();
    drop(store);
    b.list(&format!("# one more\n{}{}", file(), line("T-ANN", &key(4).key())));
    assert!(b.approve(person("T-JOSH"), 1).unwrap().signers_changed);
    assert_eq!((lists().len(), lists()[1].content.clone(), b.problems()), (2, file(), vec![]));
}
