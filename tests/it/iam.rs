//! The IAM policy of the documentation is what the five runbooks need: no call more, no call less.

use std::collections::BTreeSet;

use blotter::simulator::Service;
use serde_json::Value;

use crate::harness::House;

const POLICY: &str = include_str!("../../docs/iam-policy.json");

/// What the policy allows, by statement.
fn allowed(sid: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(POLICY).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let statement = statements.iter().find(|s| s["Sid"] == sid).unwrap_or_else(|| panic!("no statement {sid}"));
    assert_eq!(statement["Effect"], "Allow");
    statement["Action"].as_array().expect("actions").iter().map(|a| a.as_str().expect("a name").to_owned()).collect()
}

/// The IAM actions of what was called since `from`; asking who one is needs none.
fn called(house: &House, from: usize) -> BTreeSet<String> {
    let calls = house.stack.as_ref().expect("a stack").calls();
    let service = |s: Service| match s {
        Service::Lambda => Some("lambda"),
        Service::Logs => Some("logs"),
        Service::Sfn => Some("states"),
        Service::Ses => Some("ses"),
        Service::CloudWatch => Some("cloudwatch"),
        Service::Sts | Service::Http => None,
    };
    calls[from..].iter().filter_map(|c| service(c.service).map(|s| format!("{s}:{}", c.operation))).collect()
}

#[test]
fn the_documented_policy_is_complete_and_has_nothing_to_spare() {
    let mut looks = BTreeSet::new();
    let mut changes = BTreeSet::new();
    let actions = [
        ("INC-001", Some("rollback")),
        ("INC-002", None),
        ("INC-003", None),
        ("INC-004", Some("stop-executions")),
        ("INC-005", Some("request-production-access")),
    ];
    for (runbook, action) in actions {
        let house = House::beside(runbook);
        house.ok("deploy record --version 41 --status good --function mission-control-api --alias prod");
        // A metric by a name that does not exist is looked up among those that do.
        if runbook == "INC-005" {
            house.stack.as_ref().expect("a stack").edit(|world| world.metrics.retain(|m| m.name != "Bounce"));
        }
        house.ok(&format!("open {runbook}"));
        house.run("triage");
        let Some(action) = action else {
            looks.extend(called(&house, 0));
            continue;
        };
        house.ok(&format!("propose {action}"));
        house.approve("a1", "T-JOSH");
        looks.extend(called(&house, 0));
        let before = house.stack.as_ref().expect("a stack").calls().len();
        let done = house.run("execute a1 --json");
        let document = done.json();
        assert_eq!(document["actions"][0]["status"], "succeeded", "{done}");
        changes.extend(called(&house, before));
    }
    let may_look = allowed("BlotterLooks");
    assert_eq!(looks, may_look, "what looking calls");
    let only_changes: BTreeSet<String> = changes.difference(&may_look).cloned().collect();
    assert_eq!(only_changes, allowed("BlotterChangesWhatWasApproved"), "what an approved action calls besides");
}
