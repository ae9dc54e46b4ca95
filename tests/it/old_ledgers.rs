//! Ledgers of every format that there ever was: read as they are, brought up to date by the first thing recorded; and one of
//! a format that nobody knows yet.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::House;

/// Files that blotters of their time wrote; see `tests/fixtures/ledgers/README`.
const LEDGERS: [&[u8]; 3] =
    [include_bytes!("../fixtures/ledgers/v1.db"), include_bytes!("../fixtures/ledgers/v2.db"), include_bytes!("../fixtures/ledgers/v3.db")];

/// A house with that ledger, and nothing beside it.
fn house(ledger: &[u8]) -> House {
    let house = House::new();
    house.write("ledger/blotter.db", ledger);
    std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o600)).expect("it is ours");
    house
}

fn format(house: &House) -> i64 {
    let conn = Connection::open(house.ledger()).expect("a ledger");
    conn.query_row("PRAGMA user_version", [], |r| r.get(0)).expect("a number")
}

/// What can never change: each header, payload and piece of a blob, with the hashes that name them.
fn record(ledger: &Path, events: i64) -> Vec<String> {
    let conn = Connection::open(ledger).expect("a ledger");
    let mut all = Vec::new();
    for sql in [
        "SELECT header || hex(hash) || hex(payload_hash) FROM event WHERE pos <= ?1 ORDER BY pos",
        "SELECT hex(body) || hex(hash) FROM payload WHERE pos <= ?1 ORDER BY pos",
        "SELECT hex(c.body) || hex(c.salt) || hex(b.hash) FROM blob_chunk c JOIN blob b USING (salt) WHERE ?1 > 0 ORDER BY b.hash, c.n",
        "SELECT body || ifnull(sig, '-') FROM checkpoint WHERE size <= ?1 ORDER BY size",
    ] {
        let mut rows = conn.prepare(sql).expect("a table");
        all.extend(rows.query_map([events], |r| r.get::<_, String>(0)).expect("rows").map(|r| r.expect("a text")));
    }
    all
}

/// What a reader sees of it, apart from what is next, which moves with the clock.
fn read(house: &House) -> Value {
    let mut whole = house.json("show 1");
    whole.as_object_mut().expect("an object").remove("next").expect("what is next");
    json!({
        "list": house.json("list --all")["incidents"].as_array().expect("incidents").iter().filter(|i| i["number"] != 3).collect::<Vec<_>>(),
        "whole": whole,
        "deploys": house.json("deploy list"),
        "readings": house.json("readings"),
        "answer": house.ok("show 1.e4").stdout,
        "attached": house.ok("show 1.e9").stdout,
    })
}

/// The ledger's problems: in the old days nobody signed, which an audit has to say for ever.
fn problems(house: &House, signed: bool, events: u64) -> Vec<(String, u64)> {
    let ran = house.run("verify --json");
    assert_eq!(ran.code, if signed { 0 } else { 13 }, "{ran}");
    let said = ran.json();
    assert_eq!((&said["ok"], &said["events"], &said["held"]), (&signed.into(), &events.into(), &16.into()), "{said:#}");
    let all = said["problems"].as_array().expect("problems");
    all.iter().map(|p| (p["kind"].as_str().unwrap_or_default().to_owned(), p["seq"].as_u64().unwrap_or_default())).collect()
}

fn unsigned() -> Vec<(String, u64)> {
    vec![("approval".to_owned(), 16), ("approval".to_owned(), 19)]
}

fn found(house: &House, words: &str) -> Vec<String> {
    let said = house.json(&format!("search {words}"));
    let hits = said["hits"].as_array().expect("hits");
    hits.iter().map(|h| h["event"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The same story in each of them.
fn told(seen: &Value) {
    let told: Vec<_> = seen["list"].as_array().expect("incidents").iter().map(|i| (&i["number"], &i["runbook"], &i["status"])).collect();
    assert_eq!(told, [(&json!(2), &json!("INC-002"), &json!("dismissed")), (&json!(1), &json!("INC-001"), &json!("resolved"))]);
    let whole = &seen["whole"];
    let evidence = whole["evidence"].as_array().expect("evidence");
    let looked = |n: usize| (evidence[n]["probe"].as_str(), evidence[n]["verdict"].as_str());
    assert_eq!((looked(3), looked(5)), ((Some("status"), Some("unmet")), (Some("alias"), Some("unmet"))));
    let answered: Vec<_> = evidence.iter().filter(|e| e["kind"] == "ask" && e["outcome"] == "answered").collect();
    assert_eq!(answered.len(), 3, "{answered:#?}");
    let action = &whole["actions"][0];
    assert_eq!((&action["status"], &action["proposer"], &action["executor"]), (&"succeeded".into(), &"T-OPS".into(), &"T-OPS".into()));
    assert_eq!(action["approvals"][0]["approver"], "T-JOSH");
    let done: Vec<_> = whole["followups"].as_array().expect("follow-ups").iter().map(|f| (&f["due"], f["done_at"].is_string())).collect();
    assert_eq!(done, [(&json!("2026-12-24"), false), (&json!(null), true)]);
    let corrected = whole["timeline"].as_array().expect("a timeline").iter().any(|e| e["type"] == "event.corrected");
    assert!(corrected, "{whole:#}");
    assert_eq!(seen["deploys"]["deploys"].as_array().map(Vec::len), Some(2), "{:#}", seen["deploys"]);
    let answer: Value = serde_json::from_str(seen["answer"].as_str().expect("a text")).expect("JSON");
    assert_eq!(answer["status"], 502);
    assert_eq!(seen["attached"], "GET /prod/beak/system/status 502\nGET /prod/beak/system/status 502\n");
}

#[test]
fn a_ledger_of_any_format_is_read_as_it_is_and_not_a_byte_of_it_or_beside_it_changes() {
    for (ledger, n) in LEDGERS.into_iter().zip(1..) {
        let house = house(ledger);
        let before = house.ledger_bytes();
        assert_eq!(before.keys().collect::<Vec<_>>(), ["blotter.db"]);
        told(&read(&house));
        let events = if n == 3 { 41 } else { 40 };
        assert_eq!(problems(&house, n == 3, events), if n == 3 { Vec::new() } else { unsigned() });
        if n == 1 {
            house.run("search callbacks").fails(1, &["was made before there was a search", "`blotter rebuild`"]);
        } else {
            assert_eq!((found(&house, "callbacks"), found(&house, "forty-one")), (vec!["3.2".to_owned()], vec!["1.32".to_owned()]));
        }
        for line in ["stats", "followup list -i 1", "show 3 --timeline", "export export", "postmortem 1"] {
            house.ok(line);
        }
        assert!(house.ledger_bytes() == before, "format {n} was changed by reading: {:?}", house.ledger_bytes().keys());
    }
}

#[test]
fn the_first_thing_recorded_brings_a_ledger_up_to_date_with_everything_still_there() {
    for (ledger, n) in LEDGERS.into_iter().zip(1..) {
        let house = house(ledger);
        let seen = read(&house);
        let old = house.write("old.db", ledger);
        assert_eq!(format(&house), n);
        let events: i64 = if n == 3 { 41 } else { 40 };
        // The first that records in a ledger without a key makes one; a key that was lost is replaced by hand.
        if n == 3 {
            house.ok("checkpoint --new-key --reason 'the old one was thrown away'");
        }
        house.ok("note -i 3 'the vendor was asked'");
        assert_eq!(format(&house), 4);
        assert_eq!(read(&house), seen, "format {n} says something else than before");
        assert!(record(&house.ledger(), events) == record(&old, events), "the record of format {n} was changed");
        let now = u64::try_from(events + 2).expect("a count");
        assert_eq!(problems(&house, n == 3, now), if n == 3 { Vec::new() } else { unsigned() });
        assert_eq!(
            (found(&house, "callbacks"), found(&house, "forty-one"), found(&house, "vendor")),
            (vec!["3.2".to_owned()], vec!["1.32".to_owned()], vec!["3.4".to_owned()])
        );
        // What is derived is what this blotter would derive: a ledger made anew from its events says the same.
        house.ok("rebuild");
        assert_eq!(read(&house), seen);
    }
}

#[test]
fn a_ledger_of_a_format_to_come_is_read_with_a_warning_and_nothing_is_recorded_in_it() {
    let later = "CREATE TABLE mood (x ANY) STRICT; PRAGMA user_version = 99";
    let house = house(LEDGERS[2]);
    let seen = read(&house);
    Connection::open(house.ledger()).expect("a ledger").execute_batch(later).expect("tables to come");
    let before = house.ledger_bytes();
    assert_eq!(before.keys().collect::<Vec<_>>(), ["blotter.db"]);

    let warning = "the ledger was written by a newer blotter (format 99, this one knows 4); some of it may not be shown";
    for line in ["list --all", "show 1", "search callbacks", "verify", "show 1 --json"] {
        house.ok(line).says(&[warning]);
    }
    assert_eq!(read(&house), seen);
    for line in ["note -i 3 x", "ack -i 3", "tick", "rebuild", "checkpoint --new-key --reason x"] {
        house.run(line).fails(1, &["the ledger has format 99, this blotter writes up to 4", "Upgrade blotter"]);
    }
    let refused = house.run("note -i 3 x --json");
    assert_eq!((refused.code, &refused.json()["error"]["kind"]), (1, &"store".into()), "{refused}");
    assert!(house.ledger_bytes() == before, "changed by what was refused: {:?}", house.ledger_bytes().keys());

    // At page time what is seen is put aside for the newer one.
    for line in ["open INC-003 --no-probes", "collect -i 1 --probe status"] {
        let ran = house.run(line);
        assert_eq!(ran.code, 1, "{ran}");
        ran.says(&["not recorded: the ledger has format 99, this blotter writes up to 4", "blotter open --from "]);
    }
    let mut after = house.ledger_bytes();
    after.retain(|name, _| !name.starts_with("blotter-spool-"));
    assert!(after == before, "changed by what was put aside");
}

#[test]
fn a_format_to_come_that_still_lies_in_the_log_is_refused_too() {
    let house = house(LEDGERS[2]);
    let newer = Connection::open(house.ledger()).expect("a ledger");
    newer.execute_batch("CREATE TABLE mood (x ANY) STRICT; PRAGMA user_version = 99").expect("tables to come");
    let kept = |name: &str| house.ledger_bytes().remove(name).expect("it is there");
    let before = (kept("blotter.db"), kept("blotter.db-wal"));
    assert_eq!(before.0[63], 3, "the header of the file says nothing of it yet");
    house.run("note -i 3 x").fails(1, &["the ledger has format 99, this blotter writes up to 4"]);
    assert!((kept("blotter.db"), kept("blotter.db-wal")) == before, "changed by what was refused");
    drop(newer);
}
