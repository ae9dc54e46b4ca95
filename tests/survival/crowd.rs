//! Several processes at one ledger, some of which die.

use std::process::{Child, Stdio};

use blotter::record::event::Facts;
use blotter::record::id::EventId;
use blotter::store::{Access, Settings, Store};

use crate::child;
use crate::person::{blotter, events, problems};
use crate::rig::{Dice, Rig, said};

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
