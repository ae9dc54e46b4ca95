//! What may be asked for, who may allow it, and that nothing else is carried out.

use std::sync::Arc;

use super::*;
use crate::app::Clock;
use crate::app::select::pick;
use crate::config::Config;
use crate::record::actor::Actor;
use crate::record::id::StreamId;
use crate::record::testing::{LEDGER, note, opened};

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
        let config = Config { store: folder.path().join("l.db"), erase, ..Config::default() };
        let actor = Actor { name: "T-OPS".to_owned(), is_person: true, via: "flag".to_owned() };
        let aws = crate::aws::Settings::new(clock.as_fn());
        let ctx = Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
        let first = crate::record::event::LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None };
        let store = Store::create(&ctx.config.store, ctx.event(StreamId::ledger(), first, None).unwrap()).unwrap();
        let mut bench = Self { _folder: folder, ctx, store };
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
        let signer = signer.to_owned();
        let by =
            move |_: &Ctx, _: &str, _: &str, _: &[String], _: Timestamp| Ok(Signed { person: signer.clone(), key: "SHA256:k".to_owned() });
        erase(&self.ctx.clone(), &mut self.store, text, "signature", &by)
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
    let report = b.store.verify(&mut |_| {}).unwrap();
    assert!(report.is_ok() && report.erasures[0].kind == "note.added", "{report:?}");
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
        assert!(b.erase(&text, signer).unwrap_err().to_string().contains("is not one of those who may allow it"), "{signer}");
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
