//! Each system call of a command fails once, the process dies at each, and the disk is full from some byte on: an error that says so, nothing acknowledged is
//! lost, no document is half written, the next run works.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use blotter::record::event::{Event, Facts};

use crate::person::{self, blotter, events, files, notes, problems, run};
use crate::rig::{Rig, said};

/// What a message about the failure must contain one of, as libc and SQLite say it. SQLite opens for reading what it cannot
/// open for writing.
const SAYS: [&str; 6] =
    ["os error 5", "disk I/O error", "unable to open database file", "the ledger is read-only", "no room left", "os error 28"];

/// In a row of the same calls on the same file, such as the pages of one commit, only every so many are harmed.
const STRIDE: u32 = 12;

/// What is done to a command at its `n`th call.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Harm {
    Eio,
    Enospc,
    Killed,
    /// The disk is full from some byte on, for good.
    Full,
}

/// A run that was harmed, in a world of its own.
struct Harmed {
    rig: Rig,
    output: Output,
    /// What was harmed, for messages.
    which: String,
    /// A failure of `unlink` cannot be cleaned up after.
    leaves: bool,
}

/// The numbers of the calls to harm, and how many there are.
fn calls(world: &Rig, args: &[&str]) -> (Vec<u32>, u32) {
    let rig = Rig::like(&world.world());
    let output = rig.shimmed(blotter(&rig, args), &[("TRACE", "1".to_owned())]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (mut chosen, mut row, mut last, mut n) = (Vec::new(), 0, String::new(), 0);
    for call in rig.done().lines() {
        n += 1;
        row = if call == last { row + 1 } else { 0 };
        if row % STRIDE == 0 {
            chosen.push(n);
        }
        call.clone_into(&mut last);
    }
    assert!(n > 10, "the shim sees nothing");
    (chosen, n)
}

/// Runs `args` in copies of `world`, with its calls harmed in turn. Looks at what holds of every command, and hands over to
/// `check` what is special.
fn harm_each_call(world: &Rig, args: &[&str], check: impl Fn(&Harmed)) {
    let before = events(&world.store()).unwrap();
    let (chosen, all) = calls(world, args);
    for harm in [Harm::Eio, Harm::Enospc, Harm::Killed, Harm::Full] {
        let rooms = || std::iter::successors(Some(0), |room| Some(room * 4 + 100));
        let when: Vec<u32> =
            if harm == Harm::Full { rooms().take(10).collect() } else { chosen.iter().copied().chain([all + 1]).collect() };
        for n in when {
            let rig = Rig::like(&world.world());
            let settings = match harm {
                Harm::Eio => [("FAIL_AT", n.to_string()), ("ERRNO", "5".to_owned())],
                Harm::Enospc => [("FAIL_AT", n.to_string()), ("ERRNO", "28".to_owned())],
                Harm::Full => [("ROOM", n.to_string()), ("ERRNO", "28".to_owned())],
                Harm::Killed => [("KILL_AT", n.to_string()), ("KILL", "half".to_owned())],
            };
            let output = rig.shimmed(blotter(&rig, args), &settings).output().unwrap();
            let done = rig.done();
            let which = format!("`blotter {}`, call {n}, {harm:?}: {}\n{}", args.join(" "), done.trim(), said(&output));
            if done.is_empty() {
                let is_end = if harm == Harm::Full { n > 0 } else { n > all };
                assert!(output.status.success() && is_end, "nothing was harmed: {which}");
                break;
            }
            assert!(harm == Harm::Full || n <= all, "there are more calls than were counted: {which}");
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.status.code() {
                None => assert_eq!((output.status.signal(), harm), (Some(9), Harm::Killed), "{which}"),
                Some(0) => {}
                Some(1) => {
                    assert!(error.contains("error: ") && SAYS.iter().any(|s| error.contains(s)), "an error that says little: {which}")
                }
                Some(_) => panic!("an unexpected end: {which}"),
            }
            let after = events(&rig.store()).unwrap_or_else(|e| panic!("{e}: {which}"));
            let hashes = |events: &[Event]| events.iter().map(|e| e.hash).collect::<Vec<_>>();
            assert!(hashes(&after).starts_with(&hashes(&before)), "what was there before has changed: {which}");
            // Whoever could not read the key recorded unsigned, and said so; the next checkpoint covers it.
            let is_told = |p: &String| !(error.contains("recorded, but unsigned") && p.starts_with("unsigned: "));
            assert_eq!(problems(&rig.store()).into_iter().filter(is_told).collect::<Vec<_>>(), [""; 0], "{which}");
            if output.status.code() == Some(1) && after.len() > before.len() {
                assert!(error.contains("ecorded"), "it does not say that it is recorded: {which}");
            }
            check(&Harmed { leaves: harm == Harm::Killed || done.contains("unlink"), rig, output, which });
        }
    }
}

impl Harmed {
    fn succeeded(&self) -> bool {
        self.output.status.success()
    }

    fn events(&self) -> Vec<Event> {
        events(&self.rig.store()).unwrap()
    }

    /// Another command works in the same world, and leaves the ledger sound.
    fn then(&self, args: &[&str]) -> Output {
        let output = blotter(&self.rig, args).output().unwrap();
        assert!(output.status.success(), "the next run, `blotter {}`: {}\nafter {}", args.join(" "), said(&output), self.which);
        assert_eq!(problems(&self.rig.store()), [""; 0], "{}", self.which);
        output
    }

    /// No draft lies about.
    fn is_tidy(&self) {
        let draft = |name: &&String| [".new-", ".checkpoint-", ".blotter-"].iter().any(|d| name.contains(d));
        let left: Vec<String> = files(&self.rig.world()).keys().filter(draft).cloned().collect();
        assert!(self.leaves || left.is_empty(), "left {left:?}: {}", self.which);
    }
}

fn opened(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e.facts, Facts::IncidentOpened(_))).count()
}

/// The incident is in the record, or in a file from which it can be put there.
fn nothing_seen_is_lost(harmed: &Harmed, before: usize) {
    let recorded = opened(&harmed.events()) - before;
    assert!(recorded <= 1 && (recorded == 1 || !harmed.succeeded()), "{}", harmed.which);
    if harmed.output.status.code() == Some(1) && recorded == 0 {
        let error = String::from_utf8_lossy(&harmed.output.stderr).into_owned();
        let spool = error.split("`blotter open --from ").nth(1).and_then(|s| s.split('`').next());
        let spool = spool.unwrap_or_else(|| panic!("nothing was put aside: {}", harmed.which));
        harmed.then(&["open", "--from", spool]);
        assert_eq!(opened(&harmed.events()), before + 1, "{}", harmed.which);
    }
    harmed.then(&["open", "INC-002", "--no-probes"]);
    harmed.is_tidy();
}

#[test]
fn each_call_of_the_first_open_may_fail() {
    harm_each_call(&Rig::new(), &["open", "INC-001", "--no-probes"], |h| nothing_seen_is_lost(h, 0));
}

#[test]
fn each_call_of_a_later_open_may_fail() {
    let world = person::a_ledger_in_use();
    harm_each_call(&world, &["open", "INC-003", "--no-probes"], |h| nothing_seen_is_lost(h, 1));
}

#[test]
fn each_call_of_note_may_fail() {
    let world = person::a_ledger_in_use();
    harm_each_call(&world, &["note", "third"], |h| {
        let after = h.events();
        let third = notes(&after).iter().filter(|n| **n == "third").count();
        assert!(third <= 1 && (third == 1 || !h.succeeded()), "{}", h.which);
        h.then(&["note", "fourth"]);
        assert_eq!(notes(&h.events()).last(), Some(&"fourth"), "{}", h.which);
        h.is_tidy();
    });
}

#[test]
fn each_call_of_attach_may_fail() {
    let world = person::a_ledger_in_use();
    let file = world.home().join("heap.txt");
    std::fs::write(&file, "line\n".repeat(2000)).unwrap();
    harm_each_call(&world, &["attach", file.to_str().unwrap()], |h| {
        let attached = h.events().iter().filter(|e| matches!(e.facts, Facts::EvidenceAttached(_))).count();
        assert!(attached <= 1 && (attached == 1 || !h.succeeded()), "{}", h.which);
        h.then(&["attach", file.to_str().unwrap()]);
        h.is_tidy();
    });
}

/// Every document is as it was or as it should be.
fn render_in(world: &Rig) {
    let exports = |rig: &Rig| files(&rig.world().join("exports"));
    let old = exports(world);
    let new = {
        let rig = Rig::like(&world.world());
        run(&rig, &["render"]);
        exports(&rig)
    };
    assert_ne!(old, new, "there is something to render");
    harm_each_call(world, &["render"], |h| {
        let now = exports(&h.rig);
        let known = |name: &str, text: &String| old.get(name) == Some(text) || new.get(name) == Some(text);
        let half: Vec<&String> = now.iter().filter(|(n, t)| !n.contains(".blotter-") && !known(n, t)).map(|(n, _)| n).collect();
        assert!(half.is_empty(), "half written: {half:?}: {}", h.which);
        assert!(!h.succeeded() || now == new, "{}", h.which);
        h.then(&["render"]);
        let whole: BTreeMap<_, _> = exports(&h.rig).into_iter().filter(|(n, _)| !n.contains(".blotter-")).collect();
        assert_eq!(whole, new, "{}", h.which);
        h.is_tidy();
    });
}

#[test]
fn each_call_of_the_first_render_may_fail() {
    let world = person::a_ledger_in_use();
    std::fs::remove_dir_all(world.world().join("exports")).unwrap();
    render_in(&world);
}

#[test]
fn each_call_of_a_later_render_may_fail() {
    render_in(&person::a_ledger_in_use());
}
