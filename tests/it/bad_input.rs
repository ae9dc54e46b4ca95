//! What people get wrong, and what is said about it: every message names what was wrong and what to do.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;

use crate::harness::{House, Ran};

fn opened() -> House {
    let house = House::new();
    house.ok("open INC-001 --no-probes");
    house
}

#[test]
fn an_unknown_incident_is_named_and_the_list_pointed_to() {
    let house = opened();
    for line in ["show 99", "show -i 99", "note -i 99 x", "resolve -i 99 --summary x --impact y", "show 0123456789abcdef"] {
        house.run(line).fails(2, &["no incident `", "blotter list --all"]);
    }
}

#[test]
fn an_id_has_eight_digits_at_least_and_has_to_fit_one_incident() {
    let house = opened();
    let id = house.json("show")["incident"]["id"].as_str().expect("an id").to_owned();
    house.ok(&format!("show {}", &id[..13]));
    house.run("show abcdef").fails(2, &["`abcdef` is too short for an id", "at least 8 hex digits"]);
    // Ids begin with the time: two of the same moment share their first digits.
    house.ok("open INC-002 --no-probes");
    house.run(&format!("show {}", &id[..8])).fails(2, &["fits 2 incidents:", "INC-001", "INC-002", "Give more digits, or the number."]);
}

#[test]
fn without_an_open_incident_a_command_says_how_to_name_one() {
    let house = opened();
    house.ok("resolve --summary x --impact y");
    house.run("note late").fails(2, &["no incident is open", "blotter open RUNBOOK", "-i N"]);
    house.ok("show 1");
}

#[test]
fn with_two_open_incidents_a_command_lists_them() {
    let house = opened();
    house.ok("open INC-002 --no-probes");
    house.run("note 'which one?'").fails(2, &["2 incidents are active:", "1  P0  INC-001", "2  P1  INC-002", "Say which one with `-i N`."]);
    let ran = house.run("note 'which one?' --json");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{ran}");
    assert_eq!(ran.json()["error"]["kind"], "usage");
    assert_eq!(ran.json()["error"]["hints"][0], "Say which one with `-i N`.");
    house.ok("note -i 2 'this one'");
}

#[test]
fn a_runbook_that_is_open_already_is_collected_again_rather_than_opened_twice() {
    let house = opened();
    house.run("open INC-001").fails(12, &["incident 1 of `INC-001` is open already", "blotter collect -i 1", "--another"]);
    assert_eq!(house.json("list")["incidents"].as_array().map(Vec::len), Some(1));
    house.ok("open INC-001 --another --no-probes");
}

#[test]
fn an_unknown_runbook_is_answered_with_the_nearest() {
    House::new().run("open INC-01").fails(2, &["no runbook `INC-01`", "Did you mean `INC-001`?", "blotter runbook list"]);
}

#[test]
fn an_unknown_variable_is_answered_with_those_that_there_are() {
    House::new().run("open INC-001 --var functoin=x").fails(2, &["no variable `functoin`", "function"]);
}

#[test]
fn what_is_over_cannot_be_resolved_again_nor_dismissed() {
    let house = opened();
    house.ok("resolve --summary x --impact y");
    for line in ["resolve -i 1 --summary x --impact y", "dismiss -i 1 --reason x", "mitigate -i 1 --reason x"] {
        house.run(line).fails(12, &["incident 1 is resolved", "blotter reopen -i 1"]);
    }
    house.ok("reopen -i 1 --reason 'it came back'");
    house.run("reopen -i 1 --reason again").fails(12, &["incident 1 is open"]);
}

#[test]
fn evidence_that_is_not_there_is_said_so() {
    opened().run("show e7").fails(2, &["incident 1 has no evidence e7", "blotter show"]);
}

#[test]
fn a_time_in_the_future_and_no_time_at_all_are_refused() {
    let house = opened();
    house.run("note x --at 2199-01-01T00:00:00Z").fails(2, &["`2199-01-01T00:00:00Z` is in the future", "UTC"]);
    house.run("note x --at tomorrow").fails(2, &["`tomorrow` is not a time", "10 minutes ago"]);
    let before = house.json("show")["incident"]["head"]["seq"].clone();
    house.ok("note x --at '10 minutes ago'");
    assert_eq!(house.json("show")["incident"]["head"]["seq"], before.as_u64().expect("a number") + 1, "only one of them was recorded");
}

#[test]
fn a_missing_ledger_is_said_so_with_its_place() {
    let house = House::new();
    house.run("show").fails(1, &["no ledger at `", "ledger/blotter.db`", "--store FILE"]);
    house.run("note x").fails(1, &["no ledger at `"]);
    house.run("--store /dev/null show").fails(1, &["`/dev/null` is not a ledger of blotter: it is not a file"]);
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let house = House::new();
    house.write("ledger/blotter.db", "shopping list\n".repeat(100));
    std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o600)).expect("it is ours");
    let before = house.ledger_bytes();
    house.run("show").fails(1, &["is not a ledger of blotter: it is not an SQLite file", "leaves this file alone"]);
    house.run("note x").fails(1, &["is not a ledger of blotter"]);
    assert_eq!(house.ledger_bytes(), before);

    let other = house.path("other.db");
    rusqlite::Connection::open(&other).and_then(|c| c.execute_batch("CREATE TABLE t(x); PRAGMA application_id = 7;")).expect("SQLite");
    std::fs::set_permissions(&other, PermissionsExt::from_mode(0o600)).expect("it is ours");
    house.run("--store other.db note x").fails(1, &["it is an SQLite file of another program (application id 7)"]);
}

#[test]
fn a_ledger_of_a_newer_blotter_is_read_and_not_written() {
    let house = opened();
    rusqlite::Connection::open(house.ledger()).and_then(|c| c.execute_batch("PRAGMA user_version = 9999;")).expect("SQLite");
    house.run("note x").fails(1, &["the ledger has format 9999", "Upgrade blotter"]);
    let ran = house.ok("show");
    assert!(ran.stdout.contains("INC-001"), "{ran}");
}

#[test]
fn a_ledger_that_others_can_write_is_refused() {
    let house = opened();
    std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o666)).expect("it is ours");
    house.run("note x").fails(1, &["can be written by others (mode 666)", "chmod go-w"]);
}

#[test]
fn a_locked_ledger_is_waited_for_and_then_said_so() {
    let house = opened();
    let holder = rusqlite::Connection::open(house.ledger()).expect("SQLite");
    holder.execute_batch("BEGIN IMMEDIATE").expect("nobody else has it");
    // Both wait at the same time.
    let (note, open) = (house.start(&["note", "x"]), house.start(&["open", "INC-002"]));
    let note = Ran::from(note.wait_with_output().expect("an end"));
    note.fails(1, &["the ledger stayed locked for 10", "fuser"]);
    let open = Ran::from(open.wait_with_output().expect("an end"));
    assert_eq!(open.code, 1, "{open}");
    open.says(&["not recorded: the ledger stayed locked", "blotter open --from "]);
    // Reading goes on.
    house.ok("show");
    drop(holder);
    house.ok("note x");
}

/// The binary as somebody who may only read what root and this user own.
fn as_nobody(house: &House, words: &[&str]) -> Ran {
    let binary = house.path("blotter-of-nobody");
    // By another process: what a test beside this one starts would hold a file that is open for writing here, and what is open
    // for writing is not executed.
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_blotter")).arg(&binary).status();
    assert!(copied.expect("`cp`").success());
    std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755)).expect("it is ours");
    for folder in house.ledger().ancestors().skip(1).take(3) {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    let mut command = std::process::Command::new(binary);
    let dressed = house.command(words);
    command.args(words).env_clear().current_dir(house.path("."));
    command.envs(dressed.get_envs().filter_map(|(k, v)| Some((k, v?))));
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    } else {
        std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o444)).expect("it is ours");
        std::fs::set_permissions(house.path("ledger"), PermissionsExt::from_mode(0o555)).expect("it is ours");
    }
    Ran::from(command.output().expect("the binary"))
}

#[test]
fn a_ledger_in_a_folder_that_cannot_be_written_is_read_only() {
    let house = opened();
    house.ok("note x");
    // Others may read it: this is what a mounted backup looks like.
    for (name, _) in house.ledger_bytes() {
        std::fs::set_permissions(house.path("ledger").join(name), PermissionsExt::from_mode(0o644)).expect("it is ours");
    }
    let before = house.ledger_bytes();
    let ran = as_nobody(&house, &["note", "y"]);
    ran.fails(1, &["hint: "]);
    assert!(ran.stderr.contains("read-only") || ran.stderr.contains("Permission denied"), "{ran}");
    let ran = as_nobody(&house, &["show"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("INC-001"), "{ran}");
    assert_eq!(house.ledger_bytes(), before);
}

#[test]
fn when_a_file_may_not_grow_nothing_is_acknowledged_and_nothing_lost() {
    let house = opened();
    let biggest = house.ledger_bytes().values().map(Vec::len).max().expect("files");
    // `ulimit -f` counts 512 bytes. Without the trap the system would end the process instead of answering.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$BLOTTER\" attach -", biggest / 512 + 8);
    let mut shell = house.shell(&script);
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let input = house.write("noise.bin", noise);
    let ran = Ran::from(shell.stdin(std::fs::File::open(input).expect("a file")).output().expect("a shell"));
    assert_eq!(ran.code, 1, "{ran}");
    ran.says(&["\nerror: ", "\nhint: Look at the disk"]);
    house.ok("verify");
    house.ok("note 'there is room again'");
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let house = House::new();
    // A disk of our own, in a mount namespace that ends with the shell; only root gets one.
    let script = r#"
        mount -t tmpfs -o size=2m,mode=0700 none ledger 2>/dev/null || { echo no mount; exit 99; }
        "$BLOTTER" open INC-001 --no-probes >/dev/null 2>&1 || exit 98
        head -c 4m /dev/zero > ledger/fill 2>/dev/null
        head -c 300000 /dev/urandom | "$BLOTTER" attach -
        echo "attach: $?"
        "$BLOTTER" open INC-002 --quiet
        echo "open: $?"
        rm ledger/fill
        "$BLOTTER" verify
        echo "verify: $?"
        "$BLOTTER" note -i 1 again
        echo "note: $?"
    "#;
    let mut unshare = house.shell(script);
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", script]).current_dir(house.path(".")).env_clear();
    command.envs(unshare.stdin(std::process::Stdio::null()).get_envs().filter_map(|(k, v)| Some((k, v?))));
    let Ok(out) = command.output() else { return };
    let ran = Ran::from(out);
    if ran.stdout.starts_with("no mount") || ran.stdout.is_empty() && ran.stderr.contains("unshare") {
        return;
    }
    ran.says(&["error: no room left on the disk of the ledger", "Make room and try again; nothing that was acknowledged is lost."]);
    for line in ["attach: 1", "open: 1", "verify: 0", "note: 0"] {
        assert!(ran.stdout.lines().any(|l| l == line), "`{line}` is not there\n{ran}");
    }
    // What `open` saw went where there was room.
    ran.says(&["not recorded: ", "open --from"]);
}

#[test]
fn faults_of_a_runbook_are_told_all_at_once_with_their_place() {
    let house = House::new();
    house.write(
        "bad.md",
        "# INC-900: Bad\n\n```toml runbook\nseverity = \"P9\"\n```\n\n```toml probe\nid = \"a\"\nkind = \"htpp\"\nexpect = [\"status = 200\"]\n```\n",
    );
    let ran = house.run("runbook check bad.md");
    assert_eq!(ran.code, 1, "{ran}");
    for said in ["bad.md:4:", "bad.md:9:", "`http`", "^"] {
        assert!(ran.stdout.contains(said), "lacks `{said}`\n{ran}");
    }
    ran.says(&["1 runbook checked"]);
    let ran = house.run("open bad.md");
    assert_eq!(ran.code, 1, "{ran}");
    ran.says(&["bad.md", "blotter runbook check"]);
    assert!(!house.ledger().exists(), "a runbook with faults opens nothing");
    house.run("runbook check gone.md").fails(2, &["`gone.md` cannot be read"]);
}

#[test]
fn a_fault_in_the_settings_is_told_with_its_place() {
    let house = House::new();
    house.write("blotter.toml", "store = \"x.db\"\nstroe = 1\n");
    house.run("list").fails(1, &["blotter.toml:2:1", "stroe"]);
    house.write("blotter.toml", "store = \"x.db\n");
    house.run("list").fails(1, &["blotter.toml:1:"]);
}

#[test]
fn attachments_may_be_anything() {
    let house = opened();
    let bytes = [&b"\xff\xfe\x00\x80not UTF-8\r\n"[..], &[0; 70_000]].concat();
    house.write("raw.bin", &bytes);
    let ran = house.ok("attach raw.bin");
    assert!(ran.stdout.contains("attached raw.bin as 1.e1, 70015 bytes"), "{ran}");
    let kept = house.command(&["show", "e1"]).output().expect("the binary");
    assert!(kept.stdout == bytes, "{} bytes came back", kept.stdout.len());
    let ran = house.feed("attach - --name nothing", b"");
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("1.e2, 0 bytes (it is empty)"), "{ran}");
    house.run("attach gone.png").fails(2, &["`gone.png` cannot be read: No such file"]);
    house.run("attach ledger").fails(2, &["`ledger` is a folder", "tar c"]);
    house.ok("verify");
}

#[test]
fn an_attachment_over_the_limit_is_cut_loudly() {
    let house = House::new();
    house.settle("[attach]\nlimit = \"1KiB\"\n");
    house.ok("open INC-001 --no-probes");
    let ran = house.feed("attach - --name log", &[b'x'; 5000]);
    assert_eq!(ran.code, 0, "{ran}");
    ran.says(&["CUT: only the first 1024 bytes of `log` are kept", "[attach] limit"]);
    assert_eq!(house.json("show")["evidence"][0]["truncated"], true);
}

#[test]
fn hostile_text_cannot_move_the_cursor() {
    let house = opened();
    let words = ["note", "red \u{1b}[2J\u{202e}card\u{7}"];
    let ran = Ran::from(house.command(&words).output().expect("the binary"));
    assert_eq!(ran.code, 0, "{ran}");
    for line in ["show --timeline", "list --all"] {
        let ran = house.ok(line);
        assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{ran:}");
    }
}
