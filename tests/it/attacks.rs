//! Somebody changes the ledger behind its back, with the `sqlite3` shell and every trick but the ledger's key: `verify`
//! says what, where, and since when. Where they have the key, too, a checkpoint kept elsewhere does.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use blotter::record::chain::{Checkpoint, Tree, leaf};
use blotter::record::id::unhex;

use crate::harness::{House, Ran};

/// Runs `sql` in the ledger with its fence down, as somebody does who knows the format.
#[track_caller]
fn sqlite(house: &House, sql: &str) {
    let ask = |text: &str| {
        let mut shell = Command::new("sqlite3")
            .args(["-batch", "-bail"])
            .arg(house.ledger())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`sqlite3`, the shell of SQLite, is the attacker here; install it");
        shell.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a shell that reads");
        let out = shell.wait_with_output().expect("an end");
        assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    let fence = ask("SELECT sql || ';' FROM sqlite_schema WHERE type = 'trigger';");
    let names = ask("SELECT name FROM sqlite_schema WHERE type = 'trigger';");
    let down: String = names.lines().map(|n| format!("DROP TRIGGER {n};\n")).collect();
    ask(&format!("BEGIN;\n{down}{sql};\n{fence}\nCOMMIT;\n"));
}

/// Two incidents, notes, an attached file; 8 events in 3 streams, and two checkpoints kept elsewhere.
fn lived_in() -> House {
    let house = House::new();
    house.ok("open INC-001 --no-probes");
    house.ok("note 'prod is at 42'");
    house.feed("attach - --name proxy.log", b"GET /health 502\n");
    keep(&house, "early.checkpoint");
    house.ok("open INC-005 --no-probes");
    house.ok("note -i 2 'the quota is used up'");
    house.ok("note -i 1 'prod is at 41'");
    house.ok("note -i 1 'all is well'");
    keep(&house, "kept.checkpoint");
    house
}

fn keep(house: &House, name: &str) {
    let printed = house.ok("checkpoint").stdout;
    house.write(name, printed);
}

/// Somebody who has to be believed: nothing but the file itself.
fn forget_beside(house: &House) {
    std::fs::remove_file(house.path("ledger/blotter.db.checkpoint")).expect("it was there");
}

#[track_caller]
fn finds(ran: &Ran, wanted: &[&str]) {
    assert_eq!(ran.code, 13, "{ran}");
    for line in wanted {
        assert!(ran.stdout.contains(line), "`{line}` is not among it\n{ran}");
    }
}

#[test]
fn attack_an_event_is_edited_back_dated_removed_reordered_or_moved() {
    let pos = "(SELECT pos FROM event WHERE type = 'note.added' ORDER BY pos LIMIT 1)";
    let swap = |table: &str, a: u64, b: u64| {
        format!(
            "UPDATE {table} SET pos = -1 WHERE pos = {a}; UPDATE {table} SET pos = {a} WHERE pos = {b}; UPDATE {table} SET pos = {b} WHERE pos = -1;"
        )
    };
    for (attack, sql, says) in [
        (
            "edited",
            format!("UPDATE event SET header = replace(header, 'T-OPS', 'T-EVE') WHERE pos = {pos}"),
            &["HASH incident/", " event 2: the header's hash is"][..],
        ),
        (
            "back-dated",
            format!("UPDATE event SET header = replace(header, '\"at\":\"20', '\"at\":\"19') WHERE pos = {pos}"),
            &["HASH incident/", "CHAIN incident/", " event 3: `prev` is "],
        ),
        (
            "removed",
            format!("DELETE FROM payload WHERE pos = {pos}; DELETE FROM event WHERE pos = {pos}"),
            &["CHAIN incident/", " event 3: sequence number 3 where 2 belongs", "POSITION"],
        ),
        ("reordered", swap("event", 7, 8) + &swap("payload", 7, 8), &["CHAIN incident/", "sequence number 5 where 4 belongs"]),
        (
            "moved",
            "UPDATE event SET stream = (SELECT stream FROM event WHERE pos = 5), seq = 3 WHERE pos = 8".to_owned(),
            &["COLUMN incident/", "`stream` differs from the header"],
        ),
    ] {
        let house = lived_in();
        sqlite(&house, &sql);
        forget_beside(&house);
        let ran = house.run("verify");
        finds(&ran, says);
        let json = house.run("verify --json");
        assert_eq!((json.code, json.json()["ok"].as_bool()), (13, Some(false)), "{attack}\n{json}");
        let problems = json.json()["problems"].as_array().expect("a list").len();
        let lines = ran.stdout.lines().filter(|l| !l.contains(" PROBLEMS ")).count();
        assert_eq!(lines, problems, "one line for each problem: {attack}\n{ran}");
    }
}

#[test]
fn attack_a_payload_or_evidence_is_swapped_or_taken_away() {
    for (sql, says) in [
        ("UPDATE payload SET body = replace(body, 'prod is at 42', 'prod is at 40')", "PAYLOAD incident/"),
        (
            "UPDATE payload SET body = (SELECT body FROM payload WHERE pos = 7), hash = (SELECT hash FROM payload WHERE pos = 7) WHERE pos = 3",
            " event 2: its hash is ",
        ),
        ("DELETE FROM payload WHERE pos = 3", " event 2: the payload of `note.added` is MISSING"),
        ("UPDATE blob_chunk SET body = zeroblob(length(body))", " event 3: "),
        ("DELETE FROM blob_chunk; DELETE FROM blob", " is MISSING and no event says that it was erased"),
    ] {
        let house = lived_in();
        sqlite(&house, sql);
        finds(&house.run("verify"), &[says]);
    }
}

/// Everything after the first `size` events is gone, and what is derived made new: nothing in the file is wrong then.
fn cut(house: &House, size: u64) {
    sqlite(
        house,
        &format!(
            "DELETE FROM payload WHERE pos > {size}; DELETE FROM event WHERE pos > {size}; DELETE FROM checkpoint WHERE size > {size};
             DELETE FROM blob_use WHERE pos > {size}"
        ),
    );
    rebuild(house);
}

fn rebuild(house: &House) {
    forget_beside(house);
    house.ok("rebuild");
}

/// States one checkpoint over what is there, signed with `key`; every other one is gone.
fn restate(house: &House, key: &Path) {
    let out = Command::new("sqlite3").arg(house.ledger()).arg("SELECT hex(header) FROM event ORDER BY pos").output().expect("sqlite3");
    let mut tree = Tree::new();
    for line in String::from_utf8(out.stdout).expect("UTF-8").lines() {
        tree.push(leaf(&unhex(&line.to_lowercase()).expect("hex")));
    }
    let ledger = house.json("checkpoint")["ledger"].as_str().expect("an id").to_owned();
    let text = Checkpoint::new(&ledger, &tree).text;
    let file = house.write("forged", &text);
    let _ = std::fs::remove_file(house.path("forged.sig"));
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "checkpoint@blotter", "-f"])
        .args([key, &file])
        .stderr(Stdio::null())
        .status()
        .expect("ssh-keygen");
    assert!(signed.success());
    let signature = std::fs::read_to_string(house.path("forged.sig")).expect("a signature");
    sqlite(house, &format!("DELETE FROM checkpoint; INSERT INTO checkpoint VALUES ({}, '{text}', '{signature}')", tree.size()));
}

/// Takes incident 2 out, event by event, and closes the gap.
const WITHOUT_TWO: &str = "DELETE FROM payload WHERE pos IN (5, 6); DELETE FROM event WHERE pos IN (5, 6);
    UPDATE event SET pos = pos - 2 WHERE pos > 6; UPDATE payload SET pos = pos - 2 WHERE pos > 6;
    UPDATE frontier SET size = 6";

#[test]
fn attack_the_tail_is_cut_off() {
    let house = lived_in();
    let beside = std::fs::read(house.path("ledger/blotter.db.checkpoint")).expect("a file");
    cut(&house, 4);
    house.write("ledger/blotter.db.checkpoint", &beside);
    finds(&house.run("verify"), &["ROLLED-BACK the checkpoint beside the ledger saw 8 events, the ledger has 4"]);
    forget_beside(&house);
    house.ok("verify");
    let ran = house.run("verify --checkpoint early.checkpoint --checkpoint kept.checkpoint");
    finds(&ran, &["HOLDS early.checkpoint: its checkpoint over 4 events, signed by the ledger", "1 PROBLEMS"]);
    finds(&ran, &["ROLLED-BACK the checkpoint in kept.checkpoint:1 saw 8 events, the ledger has 4, the newest of 20"]);
    finds(
        &ran,
        &["its end was cut off, or an older copy was restored after event 4 of 20", "up to which the one in early.checkpoint:1 is true"],
    );
}

#[test]
fn attack_an_older_copy_is_restored_and_goes_on() {
    let house = lived_in();
    let old = house.path("old.db");
    house.ok(&format!("backup {}", old.display()));
    house.ok("note -i 1 'it was T-EVE'");
    keep(&house, "kept.checkpoint");
    for suffix in ["", "-wal", "-shm", ".checkpoint"] {
        let _ = std::fs::remove_file(house.path(&format!("ledger/blotter.db{suffix}")));
    }
    std::fs::rename(&old, house.ledger()).expect("a file");
    let ran = house.run("verify --checkpoint kept.checkpoint");
    finds(&ran, &["saw 9 events, the ledger has 8"]);
    house.ok("note -i 1 'it was the night shift'");
    house.ok("verify");
    let ran = house.run("verify --checkpoint early.checkpoint --checkpoint kept.checkpoint");
    finds(&ran, &["ROLLED-BACK the checkpoint in kept.checkpoint:1 saw 9 events with root ", "the first 9 here have "]);
    finds(&ran, &["something was changed, taken out or put in after event 4 of 20"]);
}

#[test]
fn attack_a_whole_incident_is_taken_out() {
    // Without the key: whatever is stated anew is not signed by the ledger.
    let house = lived_in();
    sqlite(&house, WITHOUT_TWO);
    let stranger = house.path("stranger");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger).status();
    assert!(made.expect("ssh-keygen").success());
    restate(&house, &stranger);
    rebuild(&house);
    finds(&house.run("verify"), &["SIGNATURE the checkpoint over 6 events is signed, but not by the ledger: it is by another key"]);
    // With it: only what was kept elsewhere tells.
    restate(&house, &house.path("ledger/blotter.db.key"));
    house.ok("verify");
    let ran = house.run("verify --checkpoint early.checkpoint --checkpoint kept.checkpoint");
    finds(&ran, &["ROLLED-BACK the checkpoint in kept.checkpoint:1 saw 8 events, the ledger has 6", "HOLDS early.checkpoint"]);
    house.ok("note -i 1 'nothing to see'");
    house.ok("note -i 1 'nothing at all'");
    house.ok("verify");
    finds(&house.run("verify --checkpoint kept.checkpoint"), &["saw 8 events with root "]);
}

#[test]
fn attack_a_rendered_document_kept_in_git_tells_of_the_same() {
    let house = lived_in();
    house.ok("render");
    let document = house.path("exports/GOVERNANCE-LOG.md");
    std::fs::copy(&document, house.path("committed.md")).expect("a file");
    let ran = house.ok("verify --documents --checkpoint committed.md");
    assert!(ran.stdout.contains("HOLDS committed.md: 2 checkpoints, the farthest over 8 events"), "{ran}");
    sqlite(&house, WITHOUT_TWO);
    restate(&house, &house.path("ledger/blotter.db.key"));
    rebuild(&house);
    house.ok("verify");
    finds(&house.run("verify --checkpoint committed.md"), &["ROLLED-BACK the checkpoint in committed.md:", " saw 6 events with root "]);
    finds(&house.run("verify --documents"), &["DOCUMENT ", "the record has no `incident/"]);
}

#[test]
fn attack_a_document_is_edited() {
    let house = lived_in();
    house.ok("render");
    let path = house.path("exports/GOVERNANCE-LOG.md");
    let text = std::fs::read_to_string(&path).expect("a document");
    std::fs::write(&path, text.replace("prod is at 41", "prod is at 40")).expect("a document");
    finds(&house.run("verify --documents"), &["DOCUMENT ", "GOVERNANCE-LOG.md:"]);
    house.ok("verify");
}

#[test]
fn a_file_that_states_no_checkpoint_or_that_of_another_ledger_is_not_taken_for_proof() {
    let house = lived_in();
    house.write("empty", "nothing");
    house.run("verify --checkpoint empty").fails(2, &["`empty` states no checkpoint"]);
    house.run("verify --checkpoint none").fails(2, &["`none` cannot be read"]);
    let other = House::new();
    other.ok("open INC-001 --no-probes");
    keep(&other, "theirs");
    let ran = house.run(&format!("verify --checkpoint {}", other.path("theirs").display()));
    ran.fails(13, &["is about ledger `", "another ledger was put in its place"]);
    // Quoted in a mail, and without its last line of signature.
    let kept = std::fs::read_to_string(house.path("kept.checkpoint")).expect("a file");
    let quoted: String = kept.lines().map(|l| format!("> {l}\n")).collect();
    house.write("mail", &quoted);
    assert!(house.ok("verify --checkpoint mail").stdout.contains("signed by the ledger"));
    house.write("forged", kept.replace("U1NIU0lH", "U1NIU0lI"));
    finds(&house.run("verify --checkpoint forged"), &["SIGNATURE the checkpoint in forged:1 is signed, but not by the ledger"]);
}
