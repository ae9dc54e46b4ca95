//! The one call that changes the world: whatever fails, and whenever the process dies, it is made at most once, and in the
//! end the record says whether it was.

use std::process::Command;

use blotter::record::event::Event;
use blotter::record::incident::Incident;

use crate::harm::{Case, Harm, Harmed};
use crate::person::{events, problems};
use crate::rig::{Dice, Rig, said};
use crate::team::{Team, status};

const EXECUTE: [&str; 2] = ["execute", "a1"];
/// What the rollback calls.
const CALL: &str = "UpdateAlias";

fn has(events: &[Event], kind: &str) -> bool {
    events.iter().any(|e| e.header.kind == kind)
}

#[test]
fn each_call_of_execute_may_fail() {
    let team = Team::about_to_roll_back();
    let case = Case {
        args: &EXECUTE,
        fresh: &|| team.fresh(),
        command: &|rig, args| team.command(rig, args),
        codes: &[1, 11],
        is_news: &|new| has(new, "action.started"),
    };
    case.harm_each_call(|h| the_alias_moved_at_most_once(&team, h));
}

fn the_alias_moved_at_most_once(team: &Team, h: &Harmed<'_>) {
    let (calls, events, which) = (team.calls(CALL).len(), h.events(), &h.which);
    let (started, known) = (has(&events, "action.started"), has(&events, "action.succeeded"));
    assert!(calls == 0 || (calls == 1 && started), "{calls} calls, and the record has no start: {which}");
    assert!(!h.succeeded() || known, "{which}");
    assert!(!known || calls == 1, "a success without a call: {which}");
    if h.how != Harm::Killed && !h.succeeded() {
        let (code, error) = (h.output.status.code(), h.error());
        let told = error.contains("the call was made (done: ");
        assert!(if told { calls == 1 } else { calls == 0 || known }, "it does not say whether the call was made: {which}");
        assert_eq!(code == Some(11), told, "{which}");
    }
    let next = h.next(&EXECUTE);
    let (code, end) = match (started, known, calls) {
        (_, true, _) => (12, "succeeded"),
        (true, false, 0) => (1, "failed"),
        _ => (0, "succeeded"),
    };
    assert_eq!(next.status.code(), Some(code), "the next run: {}\nafter {which}", said(&next));
    let calls = if started { calls } else { 1 };
    assert_eq!(team.calls(CALL).len(), calls, "called again: {which}");
    let moved = if calls == 1 { "41" } else { "42" };
    assert_eq!((team.version().as_str(), end), (moved, recorded(&h.rig).as_str()), "{which}");
}

/// How action `1.a1` ended, by the events.
fn recorded(rig: &Rig) -> String {
    let incident = Incident::fold(&events(&rig.store()).unwrap()).unwrap();
    format!("{:?}", incident.action(1).unwrap().progress).split([' ', '(']).next().unwrap().to_lowercase()
}

/// `blotter execute a1`, followed by the shim.
fn traced(team: &Team, rig: &Rig) -> Command {
    rig.shimmed(team.command(rig, &EXECUTE), &[("TRACE", "1".to_owned())])
}

#[test]
fn a_process_killed_at_any_step_of_the_call_leaves_it_unknown_until_somebody_looks() {
    let team = Team::about_to_roll_back();
    let trace = {
        let rig = team.fresh();
        drop(team.hold(traced(&team, &rig), "lambda/UpdateAlias", 1, false));
        rig.done()
    };
    // Of calls that are as many whatever the sizes are: the last one before the request, and the first one after it.
    let before = |call: &str| trace.lines().filter(|l| l.starts_with(&format!("called {call} "))).count();
    let killed_at = |rig: &Rig, call: &str, nth: usize, how: &str| {
        let settings = [("ONLY", call.to_owned()), ("KILL_AT", nth.to_string()), ("KILL", how.to_owned())];
        let output = rig.shimmed(team.command(rig, &EXECUTE), &settings).output().unwrap();
        assert_eq!(output.status.code(), None, "nobody killed it at {call} {nth}: {}", said(&output));
    };
    let held = |rig: &Rig, acted: bool| {
        let child = team.hold(team.command(rig, &EXECUTE), "lambda/UpdateAlias", 1, acted);
        assert_eq!(status(&team, rig), "started");
        let other = team.output(rig, &EXECUTE);
        assert_eq!(other.status.code(), Some(12), "{}", said(&other));
        assert!(said(&other).contains("by another process"), "{}", said(&other));
        drop(child);
    };
    for (step, calls, made) in [
        ("before the request is sent", 0, false),
        ("before the stack acts", 1, false),
        ("before the stack answers", 1, true),
        ("before the answer is recorded", 1, true),
    ] {
        let rig = team.fresh();
        match step {
            "before the request is sent" => killed_at(&rig, "open", before("open"), "after"),
            "before the answer is recorded" => killed_at(&rig, "open", before("open") + 1, "before"),
            _ => held(&rig, made),
        }
        let what = || (team.calls(CALL).len(), team.version() == "41");
        assert_eq!(what(), (calls, made), "killed {step}");
        found_out(&team, &rig, made, &format!("killed {step}"));
        assert_eq!(what(), (calls, made), "killed {step}, and looked");
    }
}

/// Nobody knows whether the call was made, and who executes it again finds out, once.
fn found_out(team: &Team, rig: &Rig, made: bool, which: &str) {
    team.stack.clear_faults();
    assert_eq!(problems(&rig.store()), [""; 0], "{which}");
    assert_eq!(status(team, rig), "unknown", "{which}");
    for (line, marked) in [(&["list"][..], "UNKNOWN a1 "), (&["list", "--json"], "\"unknown\":[\"1.a1\"]")] {
        let list = team.output(rig, line);
        assert!(list.status.success() && said(&list).contains(marked), "{which}: {}", said(&list));
    }
    let note = team.output(rig, &["note", "it died"]);
    assert!(note.status.success(), "{which}: {}", said(&note));
    let looked = team.output(rig, &EXECUTE);
    let (code, text) = if made { (0, "mission-control-api:prod is at version 41") } else { (1, "it was not made") };
    assert_eq!(looked.status.code(), Some(code), "{which}: {}", said(&looked));
    assert!(said(&looked).contains(text), "{which}: {}", said(&looked));
    assert_eq!(status(team, rig), if made { "succeeded" } else { "failed" }, "{which}");
    assert!(!said(&team.output(rig, &["list"])).contains("UNKNOWN"), "{which}");
    let again = team.output(rig, &EXECUTE);
    assert_eq!(again.status.code(), Some(12), "{which}: {}", said(&again));
    assert_eq!(problems(&rig.store()), [""; 0], "{which}");
}

#[test]
fn a_power_cut_while_the_call_is_made_takes_the_start_from_nobody() {
    let mut dice = Dice::new();
    let seed = dice.0;
    let team = Team::about_to_roll_back();
    for made in [false, true] {
        let rig = team.fresh();
        let child = team.hold(rig.shadowed(team.command(&rig, &EXECUTE), &[]), "lambda/UpdateAlias", 1, made);
        let left = [rig.power_cut(None), rig.power_cut(Some(&mut dice)), rig.power_cut(Some(&mut dice))];
        drop(child);
        for (n, folder) in left.iter().enumerate() {
            let which = format!("SURVIVAL_SEED={seed} made: {made}, power cut {n}");
            found_out(&team, &Rig::like(folder.path()), made, &which);
            assert_eq!(team.calls(CALL).len(), 1, "{which}");
        }
    }
}

/// How many executions the stack has stopped.
fn stopped(team: &Team) -> usize {
    let ended = |w: &mut blotter::simulator::World| {
        let all = &w.machines["peck-approval-workflow"].executions;
        all.iter().filter(|e| e.name.starts_with("peck-stuck-") && e.end.as_ref().is_some_and(|e| e.status == "ABORTED")).count()
    };
    team.stack.edit(ended)
}

#[test]
fn a_process_killed_between_the_calls_of_one_action_leaves_the_rest_for_a_new_one() {
    let team = Team::about_to("INC-004", "INC-004", "stop-executions");
    for (nth, acted) in [(1, false), (2, false), (2, true), (4, true)] {
        let rig = team.fresh();
        let which = format!("killed in call {nth}, acted: {acted}");
        drop(team.hold(team.command(&rig, &EXECUTE), "sfn/StopExecution", nth, acted));
        team.stack.clear_faults();
        let done = if acted { nth } else { nth - 1 };
        assert_eq!((team.calls("StopExecution").len(), stopped(&team)), (nth, done), "{which}");
        assert_eq!(status(&team, &rig), "unknown", "{which}");
        let looked = team.output(&rig, &EXECUTE);
        let (code, text) = if done == 4 { (0, "none of the 4 executions is running any more") } else { (1, "still running: peck-stuck-") };
        assert_eq!(looked.status.code(), Some(code), "{which}: {}", said(&looked));
        assert!(said(&looked).contains(text), "{which}: {}", said(&looked));
        assert_eq!((team.calls("StopExecution").len(), stopped(&team)), (nth, done), "{which}: it looked, and called");
        assert_eq!(status(&team, &rig), if done == 4 { "succeeded" } else { "failed" }, "{which}");
        if done < 4 {
            for args in [&["propose", "stop-executions"][..], &team.approval("a2").each_ref().map(String::as_str), &["execute", "a2"]] {
                let output = team.output(&rig, args);
                assert!(output.status.success(), "{which}, `blotter {}`: {}", args.join(" "), said(&output));
            }
            assert_eq!((team.calls("StopExecution").len(), stopped(&team)), (nth + 4 - done, 4), "{which}: the rest, once each");
        }
        assert_eq!(problems(&rig.store()), [""; 0], "{which}");
    }
}
