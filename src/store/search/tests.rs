use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::record::event::{EvidenceCaptured, LedgerCreated, PayloadErased};
use crate::record::id::EventId;
use crate::record::testing::{LEDGER, at, looked, note, opened, person};
use crate::record::verdict::Verdict;
use crate::store::{Access, NewEvent, Prepared};

struct Ledger {
    dir: TempDir,
    store: Store,
    count: u128,
}

fn incident() -> IncidentId {
    IncidentId(Uuid::from_u128(7))
}

impl Ledger {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let first = event(0, StreamId::ledger(), LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None });
        let store = Store::create(&dir.path().join("l.db"), first).unwrap();
        let mut l = Self { dir, store, count: 0 };
        l.add(opened());
        l
    }

    fn add(&mut self, facts: impl Into<Facts>) -> Event {
        self.add_with(facts, None)
    }

    fn add_with(&mut self, facts: impl Into<Facts>, blob: Option<&Prepared>) -> Event {
        self.count += 1;
        let new = event(self.count, StreamId::incident(incident()), facts);
        let done = self.store.append(|tx| {
            blob.map(|b| tx.put_blob(b)).transpose()?;
            Ok::<_, StoreError>(vec![new])
        });
        done.unwrap().remove(0)
    }

    fn find(&self, text: &str) -> Vec<u64> {
        self.store.search(text, usize::MAX, &mut |_, _, _| Ok(true)).unwrap().into_iter().map(|f| f.seq).collect()
    }

    /// Records an answer of a probe.
    fn answer(&mut self, bytes: &[u8]) -> Event {
        let prepared = Prepared::new(bytes).unwrap();
        let mut observation = looked(at("2026-03-22T02:13:02Z"), 1, "status", "http", Verdict::Unmet, "502");
        observation.blob = Some(prepared.blob().clone());
        self.add_with(EvidenceCaptured { n: 1, observation }, Some(&prepared))
    }

    fn problems(&self) -> Vec<String> {
        self.store.verify(&mut |_| {}).unwrap().problems.into_iter().map(|p| format!("{}: {}", p.kind, p.detail)).collect()
    }

    fn reopen(&mut self) {
        let path = self.store.path().to_owned();
        self.store = Store::open(&path, Access::Append).unwrap();
    }
}

fn event(n: u128, stream: StreamId, facts: impl Into<Facts>) -> NewEvent {
    let id = EventId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0000_0000_0000 + n));
    NewEvent { stream, id, at: at("2026-03-22T02:13:00Z"), actor: person("T-OPS"), cause: None, facts: facts.into(), salt: [7; 16] }
}

#[test]
fn a_search_finds_what_holds_every_word() {
    const WORDS: [&str; 12] =
        ["alias", "Lambda", "rollback", "502", "timeout", "Zürich", "x-ray", "dead", "deadline", "the", "prod:42", "über"];
    let mut l = Ledger::new();
    let mut texts = vec![(1, "INC-001 Dead Lambda".to_owned())];
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[usize::try_from(state >> 33).unwrap() % WORDS.len()]
    };
    // More than may wait.
    for _ in 0..100 {
        let text = [next(), next(), next()].join(" ");
        texts.push((l.add(note(&text)).header.seq, text));
    }
    let tokens = |t: &str| -> Vec<String> {
        let folded = t.to_lowercase().replace('ü', "u");
        folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let has = |text: &str, word: &str| {
        let (all, wanted) = (tokens(text), tokens(word.trim_end_matches('*')));
        all.windows(wanted.len()).any(|w| match word.strip_suffix('*') {
            Some(_) => w.last().unwrap().starts_with(wanted.last().unwrap()),
            None => w == wanted,
        })
    };
    for query in
        ["alias", "LAMBDA 502", "dead", "dead*", "zurich", "x-ray timeout", "prod:42", "über dead*", "nothing", "the the", "42 prod"]
    {
        let mut expected: Vec<u64> = texts.iter().filter(|(_, t)| query.split(' ').all(|w| has(t, w))).map(|(seq, _)| *seq).collect();
        expected.reverse();
        assert_eq!(l.find(query), expected, "{query}");
    }
    assert_eq!(l.find("\"dead lambda\" INC-001"), [1]);
    assert_eq!(l.find("!!! --"), [] as [u64; 0]);
}

#[test]
fn what_was_found_is_shown_and_filtered() {
    let mut l = Ledger::new();
    l.add(note("the proxy was restarted by hand"));
    l.add(note("the proxy again"));
    let mut asked = 0;
    let found = l.store.search("proxy", 1, &mut |id, header, actor| {
        asked += 1;
        assert_eq!((id, actor.name.as_str(), header.kind.as_str()), (incident(), "T-OPS", "note.added"));
        Ok(asked > 1)
    });
    let found = found.unwrap();
    assert_eq!(
        found.iter().map(|f| (f.seq, f.snippet.as_str(), f.is_cut)).collect::<Vec<_>>(),
        [(2, "the \u{e000}proxy\u{e001} was restarted by hand", false)]
    );
    // All of them, and some of them, are read in ways of their own.
    let newest = l.store.search("proxy", 1, &mut |_, _, _| Ok(true)).unwrap();
    assert_eq!((newest[0].seq, newest[0].snippet.as_str()), (3, "the \u{e000}proxy\u{e001} again"));
    let all = l.store.search("proxy", 9, &mut |_, _, _| Ok(true)).unwrap();
    assert_eq!([&all[0], &all[1]], [&newest[0], &found[0]]);
}

#[test]
fn answers_are_found_as_far_as_they_are_indexed() {
    let mut l = Ledger::new();
    let mut long = vec![b'a'; 65_000];
    long.extend_from_slice(" within ".as_bytes());
    long.resize(70_000, b' ');
    long.extend_from_slice(b"beyond");
    l.answer(&long);
    l.answer(b"\x89PNG\r\n\0binary");
    l.answer(br#"{"errorType":"Runtime.ImportModuleError"}"#);
    let mut split = vec![b'b'; usize::try_from(INDEXED).unwrap() - 1];
    split[10] = b' ';
    split.extend_from_slice("é".as_bytes());
    l.answer(&split);
    assert_eq!(l.find("within"), [2]);
    assert!(l.store.search("within", 9, &mut |_, _, _| Ok(true)).unwrap()[0].is_cut);
    assert_eq!(l.find("beyond"), [] as [u64; 0]);
    assert_eq!(l.find("binary"), [] as [u64; 0]);
    assert_eq!(l.find("importmoduleerror"), [4]);
    assert_eq!(l.find("bbbbbbbbbb"), [5]);
    assert_eq!(l.find("status 502"), [5, 4, 3, 2]);
    assert_eq!(l.problems(), [] as [String; 0]);
}

#[test]
fn erased_words_are_gone_from_the_file() {
    let mut l = Ledger::new();
    let said = l.add(note("her name was Xylophonequux"));
    let seen = l.answer(b"{\"user\":\"zanzibarquax\"}");
    l.add(note("something else"));
    let bytes = |l: &Ledger| {
        let mut all = std::fs::read(l.dir.path().join("l.db")).unwrap();
        all.extend(std::fs::read(l.dir.path().join("l.db-wal")).unwrap_or_default());
        all.to_ascii_lowercase()
    };
    let holds = |l: &Ledger, word: &str| bytes(l).windows(word.len()).any(|w| w == word.as_bytes());
    l.store.scrub().unwrap();
    assert!(holds(&l, "lophonequux") && holds(&l, "nzibarquax"));
    for (e, blob) in [(&said, None), (&seen, projection::blob(&seen.facts).map(|b| b.digest))] {
        l.add(PayloadErased {
            stream: e.header.stream.clone(),
            seq: e.header.seq,
            payload: e.header.payload,
            blob,
            reason: "a name".to_owned(),
            approved_by: vec!["T-JOSH".to_owned()],
            asked_by: None,
            signature: None,
        });
    }
    l.store.scrub().unwrap();
    assert!(l.find("xylophonequux").is_empty() && l.find("zanzibarquax").is_empty());
    assert!(!holds(&l, "lophonequux") && !holds(&l, "nzibarquax"));
    assert_eq!(l.find("else"), [4]);
    assert_eq!(l.problems(), [] as [String; 0]);
    l.store.rebuild().unwrap();
    assert!(l.find("xylophonequux").is_empty());
    assert!(!holds(&l, "lophonequux") && !holds(&l, "nzibarquax"));
}

#[test]
fn the_index_is_checked_and_made_anew() {
    let mut l = Ledger::new();
    l.add(note("the proxy was restarted"));
    l.add(note("proxy.log"));
    l.store.rebuild().unwrap();
    for damage in [
        "DELETE FROM search WHERE rowid = 3",
        "UPDATE search SET body = 'other' WHERE rowid = 3",
        "INSERT INTO search (rowid, body) VALUES (99, 'x')",
        "UPDATE indexed SET pos = 2",
        "UPDATE indexed SET pos = 99",
        "DELETE FROM indexed",
    ] {
        l.store.conn.execute_batch(damage).unwrap();
        assert!(l.problems().iter().any(|p| p.starts_with("projection: ") && p.contains("index")), "{damage}: {:?}", l.problems());
        l.store.rebuild().unwrap();
        assert_eq!(l.problems(), [] as [String; 0]);
        assert_eq!(l.find("proxy"), [3, 2]);
    }
}

#[test]
fn small_events_wait_for_the_index_and_are_found_all_the_same() {
    let mut l = Ledger::new();
    let indexed = |l: &Ledger| {
        l.store.conn.query_row("SELECT (SELECT pos FROM indexed), count(*) FROM search", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap()
    };
    let mut said: Vec<u64> = (0..61).map(|n| l.add(note(&format!("proxy {n}"))).header.seq).collect();
    assert_eq!(indexed(&l), (0, 0), "63 events wait");
    said.push(l.add(note("proxy 61")).header.seq);
    assert_eq!(indexed(&l), (64, 63));
    let waits = l.add(note("proxy that waits"));
    said.push(waits.header.seq);
    assert_eq!(indexed(&l), (64, 63));
    said.reverse();
    assert_eq!(l.find("proxy"), said, "newest first, those that wait before the others");
    assert_eq!(l.store.search("proxy", 2, &mut |_, _, _| Ok(true)).unwrap().len(), 2);
    assert_eq!(l.problems(), [] as [String; 0]);
    l.reopen();
    l.answer(b"an answer does not wait");
    assert_eq!(indexed(&l), (66, 65));
    assert_eq!((l.find("proxy"), l.find("answer")), (said, vec![65]));
    assert_eq!(l.problems(), [] as [String; 0]);
}

#[test]
fn a_mark_that_was_set_back_keeps_nobody_from_recording() {
    let mut l = Ledger::new();
    l.add(note("the proxy was restarted"));
    l.answer(b"the proxy again");
    l.store.conn.execute_batch("UPDATE indexed SET pos = 2").unwrap();
    l.answer(b"and the proxy once more");
    assert_eq!(l.find("proxy"), [4, 3, 2]);
    assert_eq!(l.problems(), [] as [String; 0]);
}

#[test]
fn a_ledger_from_before_the_index_gets_one_when_it_is_opened_for_recording() {
    let mut l = Ledger::new();
    l.add(note("the proxy was restarted"));
    l.store
        .conn
        .execute_batch("DROP TABLE search; DROP TABLE indexed; DROP INDEX incident_due; DROP TABLE deploy; DELETE FROM refinery_schema_history WHERE version >= 2; PRAGMA user_version = 1")
        .unwrap();
    let reading = Store::open(l.store.path(), Access::Read).unwrap();
    assert!(!reading.has_search().unwrap());
    assert!(reading.verify(&mut |_| {}).unwrap().is_ok());
    drop(reading);
    l.reopen();
    assert!(l.store.has_search().unwrap());
    assert_eq!(l.find("proxy"), [2]);
    assert_eq!(l.problems(), [] as [String; 0]);
}

#[test]
fn nothing_that_is_typed_is_a_fault() {
    let l = Ledger::new();
    for text in [
        "",
        "\"",
        "\"\"",
        "*",
        "a*",
        "a**",
        "\"a*",
        "NEAR(a b)",
        "a AND",
        "OR",
        "body:x",
        "^a",
        "-a",
        "a\0b",
        "(",
        ")",
        "{a}",
        "a+b",
        "'",
        "é*",
    ] {
        l.find(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_fault(texts in prop::collection::vec(any::<String>(), 8)) {
        let l = Ledger::new();
        for t in &texts {
            l.find(t);
        }
    }
}
