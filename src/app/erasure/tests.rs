//! What may be asked for, who may allow it, and that nothing else is carried out.

use std::sync::Arc;

use super::*;
use crate::app::Clock;
use crate::app::select::pick;
use crate::config::{Config, Person};
use crate::record::actor::Actor;
use crate::record::testing::{LEDGER, note, opened};
use crate::sign::testing::{key, line};

/// Everybody's key.
fn seed(person: &str) -> u8 {
    person.bytes().fold(7, u8::wrapping_add)
}

struct Bench {
    _folder: tempfile::TempDir,
    ctx: Ctx,
    store: Store,
}

impl Bench {
    /// An incident (7) with a note, `7.2`, and T-JOSH and T-ANA to allow things.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-04-02T00:00:00Z".parse().unwrap();
        let clock = Clock::simulated(Arc::new(move || now), Arc::new(|_| {}));
        let erase = ["T-JOSH", "T-ANA"].map(str::to_owned).to_vec();
        let mut config = Config { store: folder.path().join("l.db"), erase, ..Config::default() };
        let person = |mail: &str| Person { emails: vec![mail.to_owned()], ..Person::default() };
        config.people = ["T-OPS", "T-JOSH", "T-ANA", "T-EVE"].map(|p| (p.to_owned(), person(&p.to_lowercase()))).into();
        config.sign.allowed_signers = Some(folder.path().join("allowed_signers"));
        let actor = Actor { name: "T-OPS".to_owned(), is_person: true, via: "flag".to_owned() };
        let aws = crate::aws::Settings::new(clock.as_fn());
        let ctx = Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
        let first = crate::record::event::LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None };
        let store = Store::create(&ctx.config.store, ctx.event(StreamId::ledger(), first, None).unwrap()).unwrap();
        let mut bench = Self { _folder: folder, ctx, store };
        bench.list(&["T-OPS", "T-JOSH", "T-ANA", "T-EVE"].map(|p| line(p, &key(seed(p)).key())));
        bench.add(opened());
        bench.add(note("Hildegard, Rue du Secret 4"));
        bench
    }

    fn stream() -> StreamId {
        StreamId::incident(crate::record::testing::Story::opened().events[0].header.stream.as_incident().unwrap())
    }

    fn add(&mut self, facts: impl Into<Facts>) {
        let new = self.ctx.event(Self::stream(), facts, None).unwrap();
        self.store.append_events(&[], vec![new]).unwrap();
    }

    fn ask_as(&self, who: &str, what: &str) -> Result<Wanted, AppError> {
        let mut ctx = self.ctx.clone();
        ctx.actor.name = who.to_owned();
        request(&ctx, &self.store, &pick(&self.store, Some("7")).unwrap(), what.parse().unwrap(), Some("an address"))
    }

    /// The text that T-OPS has signed for the note.
    fn text(&self) -> String {
        match self.ask_as("T-OPS", "7.2").unwrap() {
            Wanted::Request(r, _) => r.text(),
            other => panic!("{other:?}"),
        }
    }

    fn erase(&mut self, text: &str, signer: &str) -> Result<Erasure, AppError> {
        let signature = key(seed(signer)).sign(text.as_bytes(), APPROVAL).unwrap();
        self.erase_with(text, &signature)
    }

    fn erase_with(&mut self, text: &str, signature: &str) -> Result<Erasure, AppError> {
        erase(&self.ctx.clone(), &mut self.store, text, signature)
    }

    fn list(&self, lines: &[String]) {
        std::fs::write(self.ctx.config.sign.allowed_signers.as_ref().unwrap(), lines.concat()).unwrap();
    }

    fn problems(&self) -> Vec<String> {
        let mut found: Vec<_> = self.store.verify(&mut |_| {}).unwrap().problems;
        found.extend(crate::app::approvals::audit(&self.store).unwrap());
        found.into_iter().map(|p| p.detail).collect()
    }

    fn length(&self) -> usize {
        self.store.load(&Self::stream()).unwrap().len()
    }
}

#[test]
fn a_signed_request_is_carried_out_and_stays_in_the_record() {
    let mut b = Bench::new();
    let text = b.text();
    let done = b.erase(&text, "T-JOSH").unwrap();
    assert_eq!(done.what, "7.2");
    let events = b.store.load(&Bench::stream()).unwrap();
    assert_eq!(events[1].facts, Facts::Erased);
    let Facts::PayloadErased(x) = &events[2].facts else { panic!("{:?}", events[2].facts) };
    assert_eq!(
        (x.asked_by.as_deref(), x.approved_by.as_slice(), x.reason.as_str()),
        (Some("T-OPS"), &["T-JOSH".to_owned()][..], "an address")
    );
    assert_eq!(x.signature.as_ref().unwrap()["text"], text);
    assert_eq!(b.ask_as("T-OPS", "7.2").unwrap(), Wanted::Gone("7.3".to_owned()));
    assert_eq!(b.problems(), [""; 0]);
    assert_eq!(b.store.verify(&mut |_| {}).unwrap().erasures[0].kind, "note.added");
    // No byte of it in any file: not in the ledger, not in the log, not in the index.
    for file in std::fs::read_dir(b.ctx.config.store.parent().unwrap()).unwrap().map(|f| f.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        for word in ["Hildegard", "hildegard", "Secret"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word} in {}", file.display());
        }
    }
}

#[test]
fn the_same_signature_twice_does_nothing_the_second_time() {
    let mut b = Bench::new();
    let text = b.text();
    b.erase(&text, "T-JOSH").unwrap();
    let length = b.length();
    assert!(b.erase(&text, "T-JOSH").unwrap_err().to_string().contains("is erased already, by 7.3"));
    assert_eq!(b.length(), length);
}

#[test]
fn one_character_of_the_text_changed_and_it_is_not_carried_out() {
    let mut b = Bench::new();
    b.add(note("another"));
    let text = b.text();
    for (from, to) in [
        ("sequence: 2", "sequence: 3"),
        ("event: 7.2", "event: 7.3"),
        (LEDGER, "0c9d4a2e-7f51-4b8e-9a3d-5e6f70819204"),
        ("payload: ", "payload: 0"),
        ("evidence: none", "evidence: all"),
        ("note.added", "note.adder"),
        ("blotter-erasure-v1", "blotter-approval-v1"),
        ("asked by: T-OPS\n", "asked by: T-OPS"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let refused = b.erase(&changed, "T-JOSH").unwrap_err();
        assert_eq!(refused.kind(), crate::app::ErrorKind::Refused, "{from}: {refused}");
        assert_eq!(b.length(), 3, "{from}");
    }
}

#[test]
fn nobody_allows_what_they_ask_for_and_nobody_else_than_the_settings_name() {
    let mut b = Bench::new();
    let text = b.text();
    for signer in ["T-OPS", "T-EVE"] {
        assert!(b.erase(&text, signer).unwrap_err().to_string().contains("is not one of T-JOSH, T-ANA, who may allow it"), "{signer}");
    }
    let Wanted::Request(_, approvers) = b.ask_as("T-JOSH", "7.2").unwrap() else { panic!() };
    assert_eq!(approvers, ["T-ANA"]);
    let by_josh = text.replace("asked by: T-OPS", "asked by: T-JOSH");
    assert!(b.erase(&by_josh, "T-JOSH").is_err());
    b.ctx.config.erase = vec!["T-JOSH".to_owned()];
    assert!(b.ask_as("T-JOSH", "7.2").unwrap_err().to_string().starts_with("nobody but `T-JOSH`"));
    b.ctx.config.erase.clear();
    let refused = b.ask_as("T-OPS", "7.2").unwrap_err();
    assert!(refused.kind() == crate::app::ErrorKind::Refused && refused.hints()[0].contains("[erase] approve"), "{refused}");
    assert!(b.erase(&text, "T-JOSH").is_err(), "the settings in force now decide");
    assert_eq!(b.length(), 2);
}

#[test]
fn what_the_record_needs_is_not_even_asked_for() {
    let b = Bench::new();
    assert!(b.ask_as("T-OPS", "7.1").unwrap_err().to_string().contains("which the record cannot do without"));
    for what in ["7.9", "e1", "a1"] {
        assert_eq!(b.ask_as("T-OPS", what).unwrap_err().kind(), crate::app::ErrorKind::Usage, "{what}");
    }
    let ask = |reason: Option<&str>| request(&b.ctx, &b.store, &pick(&b.store, Some("7")).unwrap(), "2".parse().unwrap(), reason);
    assert!(ask(None).unwrap_err().to_string().contains("needs a reason"));
    assert!(ask(Some("two\nlines")).unwrap_err().to_string().contains("one line"));
}

#[test]
fn a_signature_of_another_purpose_or_over_other_words_allows_nothing() {
    let mut b = Bench::new();
    let text = b.text();
    let josh = key(seed("T-JOSH"));
    for (what, signature) in [
        ("another namespace", josh.sign(text.as_bytes(), "git").unwrap()),
        ("other words", josh.sign(b"blotter-erasure-v1", APPROVAL).unwrap()),
        ("none at all", String::new()),
    ] {
        assert_eq!(b.erase_with(&text, &signature).unwrap_err().kind(), crate::app::ErrorKind::Refused, "{what}");
    }
    b.list(&[]);
    assert!(b.erase(&text, "T-JOSH").is_err(), "not listed any more");
    assert_eq!(b.length(), 2);
}

#[test]
fn whoever_asks_allows_nothing_under_a_second_name_either() {
    let mut b = Bench::new();
    let text = b.text();
    // The key of T-JOSH is T-OPS's, too.
    let both = ["T-JOSH", "T-OPS"].map(|p| line(p, &key(seed("T-JOSH")).key()));
    b.list(&both);
    let refused = b.erase(&text, "T-JOSH").unwrap_err().to_string();
    assert!(refused.contains("another person has to allow it"), "{refused}");
    // Or the two share an address.
    b.list(&[line("T-JOSH", &key(seed("T-JOSH")).key())]);
    let mail = b.ctx.config.people["T-OPS"].emails.clone();
    b.ctx.config.people.get_mut("T-JOSH").unwrap().emails = mail;
    assert!(b.erase(&text, "T-JOSH").unwrap_err().to_string().contains("another person has to allow it"));
    assert_eq!(b.length(), 2);
}

#[test]
fn an_erasure_that_nobody_signed_or_that_was_signed_for_something_else_is_found_by_verify() {
    let mut b = Bench::new();
    b.add(note("another name"));
    let text = b.text();
    let signed = |b: &Bench, seq: u64, signature: Option<serde_json::Value>| {
        let events = b.store.load(&Bench::stream()).unwrap();
        let h = &events[usize::try_from(seq).unwrap() - 1].header;
        PayloadErased {
            stream: h.stream.clone(),
            seq,
            payload: h.payload,
            blob: None,
            reason: "an address".to_owned(),
            approved_by: vec!["T-JOSH".to_owned()],
            asked_by: Some("T-OPS".to_owned()),
            signature,
        }
    };
    let none = signed(&b, 3, None);
    b.add(none);
    assert_eq!(b.problems(), ["the erasure of event 3 does not hold: nobody signed that it may go"]);
    b.erase(&text, "T-JOSH").unwrap();
    b.add(note("a third name"));
    let genuine = b.store.load(&Bench::stream()).unwrap().iter().rev().find_map(|e| match &e.facts {
        Facts::PayloadErased(x) => x.signature.clone(),
        _ => None,
    });
    let replayed = signed(&b, 6, genuine);
    b.add(replayed);
    assert_eq!(b.problems()[1..], ["the erasure of event 6 does not hold: what was signed is not what was erased"]);
}
