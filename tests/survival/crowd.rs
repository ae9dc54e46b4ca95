//! Several processes at one ledger, some of which die.

use std::collections::BTreeMap;
use std::process::{Child, Output, Stdio};
use std::thread;

use blotter::record::event::{Event, Facts};
use blotter::record::id::EventId;
use blotter::store::{Access, Settings, Store};

use crate::child;
use crate::person::{blotter, events, notes, problems};
use crate::rig::{Dice, Rig, said};
use crate::team::{Team, status};

#[test]
fn four_processes_that_are_killed_at_random_lose_nothing() {
    let mut dice = Dice::new();
    let seed = dice.0;
    let rig = Rig::new();
    drop(child::open(&rig.store(), Settings::default()).unwrap());
    let mut acked: Vec<EventId> = Vec::new();
    for round in 0..4 {
        let acks = |n: usize| rig.acks().with_extension(format!("{round}-{n}"));
        let start = |n: usize| {
            let how = ["before", "half", "after"][dice.below(3) as usize].to_owned();
            let at = 20 + dice.below(900);
            let command = child::command(&rig.store(), &acks(n), 10_000);
            rig.shimmed(command, &[("KILL_AT", at.to_string()), ("KILL", how)]).stdout(Stdio::null()).spawn().unwrap()
        };
        let crowd: Vec<Child> = (0..4).map(start).collect();
        for mut process in crowd {
            let status = process.wait().unwrap();
            assert!(!status.success(), "SURVIVAL_SEED={seed}: nobody killed it");
        }
        acked.extend((0..4).flat_map(|n| child::acknowledged(&acks(n))));
        assert_eq!(problems(&rig.store()), [""; 0], "SURVIVAL_SEED={seed} round {round}");
    }
    let store = Store::open(&rig.store(), Access::Read).unwrap();
    let lost: Vec<&EventId> = acked.iter().filter(|id| store.event(**id).unwrap().is_none()).collect();
    assert!(lost.is_empty() && acked.len() > 50, "SURVIVAL_SEED={seed}: {lost:?} of {}", acked.len());
}

#[test]
fn of_several_that_begin_the_ledger_at_once_each_is_recorded() {
    for round in 0..3 {
        let rig = Rig::new();
        let runbooks = ["INC-001", "INC-002", "INC-003", "INC-004", "INC-005"];
        let start = |runbook: &&str| {
            blotter(&rig, &["open", runbook, "--no-probes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let crowd: Vec<Child> = runbooks.iter().map(start).collect();
        for process in crowd {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", said(&output));
        }
        let opened = events(&rig.store()).unwrap().into_iter().filter(|e| matches!(e.facts, Facts::IncidentOpened(_))).count();
        assert_eq!((opened, problems(&rig.store())), (5, Vec::new()), "round {round}");
    }
}

/// Processes of a crowd, and what each of them does in turn.
const CROWD: usize = 16;
const TURNS: usize = 5;

/// A slow machine may keep somebody waiting for ten seconds, and then they are told; nobody gives up before.
fn stayed_locked(output: &Output) -> bool {
    let text = said(output);
    let waited = text.split("the ledger stayed locked for ").nth(1).and_then(|t| t.split_once(" s")).map(|(n, _)| n.parse::<u64>());
    output.status.code() == Some(1) && matches!(waited, Some(Ok(10..)))
}

/// A command that ran.
struct Turn {
    args: Vec<String>,
    output: Output,
}

impl Turn {
    fn worked(&self) -> bool {
        self.output.status.success()
    }

    /// It worked, or said what it could not do and what to do about it.
    fn is_clean(&self) {
        let (code, text) = (self.output.status.code(), said(&self.output));
        let what = || format!("`blotter {}`: {text}", self.args.join(" "));
        assert!(!text.contains("panicked") && !text.contains("database is"), "{}", what());
        if code == Some(0) {
            return;
        }
        assert!(text.contains("\nerror: ") && text.contains("\nhint: "), "{}", what());
        let refused = match self.args[0].as_str() {
            // What others did meanwhile may forbid it.
            "ack" | "severity" | "resolve" | "reopen" | "propose" | "approve" => code == Some(12),
            // Or the alias was moved after it was looked at.
            "execute" => code == Some(12) || text.contains("FAILED"),
            _ => false,
        };
        assert!(refused || stayed_locked(&self.output), "{}", what());
    }
}

/// One of a crowd.
struct Person<'a> {
    team: &'a Team,
    n: usize,
    done: Vec<Turn>,
}

impl Person<'_> {
    fn run(&mut self, args: &[&str]) -> &Turn {
        let output = self.team.output(&self.team.rig, args);
        self.done.push(Turn { args: args.iter().map(|a| (*a).to_owned()).collect(), output });
        &self.done[self.done.len() - 1]
    }

    /// Writes down, attaches, looks, renders, reads, and moves the incident about.
    fn does_this_and_that(mut self, mut dice: Dice) -> Vec<Turn> {
        for turn in 0..TURNS {
            let own = format!("{}-{turn}", self.n);
            let file = self.team.rig.home().join(format!("file-{own}.txt"));
            std::fs::write(&file, format!("content of {own}")).unwrap();
            let (note, file) = (format!("note {own}"), file.to_string_lossy().into_owned());
            // Everybody writes down and attaches something; the rest is drawn.
            let args: &[&str] = match (turn, dice.below(24)) {
                (0, _) | (_, 0..4) => &["note", "-i", "1", &note],
                (1, _) | (_, 4..8) => &["attach", "-i", "1", &file],
                (_, 8..11) => &["collect", "-i", "1"],
                (_, 11..13) => &["render"],
                (_, 13) => &["show", "1", "--timeline"],
                (_, 14) => &["search", "content"],
                (_, 15 | 16) => &["verify"],
                (_, 17) => &["ack", "-i", "1"],
                (_, 18 | 19) => &["followup", "add", "-i", "1", &note],
                // These three make an approval stale, or forbid to execute.
                (_, 20) => &["severity", "-i", "1", "P2", "--reason", "fewer are hurt"],
                (_, 21) => &["resolve", "-i", "1", "--summary", "it is over", "--impact", "none"],
                _ => &["reopen", "-i", "1", "--reason", "it is not over"],
            };
            self.run(args);
        }
        self.done
    }

    /// Proposes the rollback, has it approved, and executes it, twice at once.
    fn rolls_back(mut self) -> Vec<Turn> {
        for _ in 0..3 {
            let proposed = self.run(&["propose", "-i", "1", "rollback"]);
            let text = String::from_utf8_lossy(&proposed.output.stdout).into_owned();
            let Some(action) = text.split_whitespace().find(|w| w.starts_with("1.a")) else { continue };
            let approval = self.team.approval(action);
            self.run(&approval.each_ref().map(String::as_str));
            let args = ["execute", action];
            let twin = self.team.command(&self.team.rig, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let one = self.run(&args).worked();
            let output = twin.wait_with_output().unwrap();
            assert!(!one || !output.status.success(), "both of two executed {action}: {}", said(&output));
            self.done.push(Turn { args: args.map(str::to_owned).to_vec(), output });
            // Somebody deploys the bad version once more.
            self.team.stack.edit(|w| w.point_alias("mission-control-api", "prod", 42));
        }
        self.done
    }
}

fn count(events: &[Event], kind: &str) -> usize {
    events.iter().filter(|e| e.header.kind == kind).count()
}

#[test]
fn of_what_sixteen_do_at_once_to_one_incident_everything_acknowledged_is_there_once() {
    // Who does what is drawn the same way each time; who comes first is up to the machine.
    let mut dice = Dice(16);
    let team = Team::beside("INC-001");
    team.run(&["open", "ROLL-1", "--no-probes"]);
    let turns: Vec<Turn> = thread::scope(|scope| {
        let start = |n: usize| {
            let (person, dice) = (Person { team: &team, n, done: Vec::new() }, Dice(dice.below(u64::MAX)));
            scope.spawn(move || if n.is_multiple_of(5) { person.rolls_back() } else { person.does_this_and_that(dice) })
        };
        let crowd: Vec<_> = (0..CROWD).map(start).collect();
        crowd.into_iter().flat_map(|p| p.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    });
    for turn in &turns {
        turn.is_clean();
    }
    assert_eq!(problems(&team.rig.store()), [""; 0]);
    let events = events(&team.rig.store()).unwrap();
    is_there_once(&team, &turns, &events);
    // The stack was called as often as the record says, and did what the record says.
    let calls = team.calls("UpdateAlias");
    let ended = ["action.succeeded", "action.failed"].map(|kind| count(&events, kind));
    assert_eq!((calls.len(), calls.iter().filter(|c| c.applied).count()), (count(&events, "action.started"), ended[0]));
    assert_eq!(calls.len(), ended[0] + ended[1]);
    let executed = turns.iter().filter(|t| t.args[0] == "execute" && t.worked()).count();
    assert_eq!(executed, ended[0]);
    // And once it is quiet everything goes on.
    for args in [&["note", "-i", "1", "quiet"][..], &["render"], &["render", "--check"], &["verify", "--documents"]] {
        team.run(args);
    }
}

/// Each note and each file of whoever was told that it is kept, and numbers without gaps.
fn is_there_once(team: &Team, turns: &[Turn], events: &[Event]) {
    let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in notes(events) {
        *texts.entry(text).or_default() += 1;
    }
    let store = Store::open(&team.rig.store(), Access::Read).unwrap();
    let (mut files, mut evidence, mut actions, mut followups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match &event.facts {
            Facts::EvidenceAttached(x) => {
                evidence.push(x.n);
                let bytes = String::from_utf8(store.blob_bytes(&x.blob.digest).unwrap()).unwrap();
                assert_eq!(format!("file-{}.txt", bytes.trim_start_matches("content of ")), x.name);
                files.push(x.name.as_str());
            }
            Facts::EvidenceCaptured(x) => evidence.push(x.n),
            Facts::ActionProposed(x) => actions.push(x.n),
            Facts::FollowupAdded(x) => followups.push(x.n),
            _ => {}
        }
    }
    for numbers in [&evidence, &actions, &followups] {
        assert_eq!(*numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "a number is given out twice, or never");
    }
    for turn in turns {
        let last = turn.args.last().unwrap();
        let found = match turn.args[0].as_str() {
            "note" => texts.get(last.as_str()).copied().unwrap_or(0),
            "attach" => files.iter().filter(|name| last.ends_with(&format!("/{name}"))).count(),
            _ => continue,
        };
        assert_eq!(found, usize::from(turn.worked()), "`blotter {}`: {}", turn.args.join(" "), said(&turn.output));
    }
    let kept = |args0: &str| turns.iter().filter(|t| t.args[0] == args0 && t.worked()).count();
    assert!(kept("note") >= 12 && kept("attach") >= 12, "nobody wrote anything down");
    assert_eq!((kept("propose"), kept("followup")), (actions.len(), followups.len()));
}

#[test]
fn of_several_that_execute_one_action_at_once_one_calls() {
    let team = Team::about_to_roll_back();
    team.restore();
    let start = |n: usize| {
        let text = format!("note {n}");
        let args: [&str; 2] = if n % 4 == 3 { ["note", &text] } else { ["execute", "a1"] };
        team.command(&team.rig, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let crowd: Vec<Child> = (0..CROWD).map(start).collect();
    let ends: Vec<Output> = crowd.into_iter().map(|p| p.wait_with_output().unwrap()).collect();
    let is = |code: i32| move |o: &&Output| o.status.code() == Some(code);
    let (notes, executed): (Vec<_>, Vec<_>) = ends.iter().enumerate().partition(|(n, _)| n % 4 == 3);
    let (notes, executed) = (notes.into_iter().map(|(_, o)| o), executed.into_iter().map(|(_, o)| o));
    let (made, refused) = (executed.clone().filter(is(0)).count(), executed.clone().filter(is(12)).count());
    let late = executed.clone().filter(|o| stayed_locked(o)).count();
    for output in executed {
        assert!(matches!(output.status.code(), Some(0 | 12)) || stayed_locked(output), "{}", said(output));
    }
    for output in notes {
        assert!(output.status.success() || stayed_locked(output), "{}", said(output));
    }
    assert!(made == 1 || (made == 0 && late > 0), "{made} say that they did it, {refused} were refused, {late} came too late");
    // Whoever tries once more changes nothing about it.
    team.output(&team.rig, &["execute", "a1"]);
    assert_eq!((team.calls("UpdateAlias").len(), team.version().as_str()), (1, "41"));
    assert_eq!(status(&team, &team.rig), "succeeded");
    assert_eq!(problems(&team.rig.store()), [""; 0]);
}
