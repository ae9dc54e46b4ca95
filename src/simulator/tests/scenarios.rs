//! What the scenarios look like over time.

use serde_json::Value;

use super::super::*;
use super::noon;
use crate::simulator::world::{HOUR, MINUTE};

fn world(id: &str) -> World {
    let mut world = World::seed(noon());
    scenario::break_it(id, &mut world).unwrap();
    world
}

fn at(world: &World, hours: i64, path: &str) -> f64 {
    let status = world.status_at(noon().plus_millis(hours * HOUR));
    let value = path.split('.').fold(&status, |v, key| &v[key]);
    value.as_f64().unwrap_or(f64::NAN)
}

fn newest(world: &World, kind: &str) -> Option<i64> {
    let entries = world.audit_at(world.now());
    entries.into_iter().find(|e| e.event_type.contains(kind)).map(|e| world.now().since(e.at))
}

#[test]
fn every_scenario_breaks_and_heals_and_no_other_does() {
    for (id, _) in scenario::all() {
        let mut world = world(id);
        scenario::heal(id, &mut world).unwrap();
    }
    assert_eq!(scenario::all().filter(|(id, _)| !id.contains('/')).count(), 5);
    let error = scenario::break_it("INC-009", &mut World::seed(noon())).unwrap_err();
    assert_eq!(error.to_string(), "no scenario is called `INC-009`");
}

#[test]
fn certificates_stand_still_while_ducklings_grow() {
    let mut world = world("INC-002");
    let certs = "database.birth_certificates";
    assert_eq!(at(&world, -48, certs), at(&world, 0, certs));
    assert!(at(&world, -60, certs) < at(&world, -50, certs));
    assert_eq!(at(&world, 0, "database.ducklings") - at(&world, -48, "database.ducklings"), 48.0);
    assert!(newest(&world, "cert").unwrap() > 48 * HOUR);
    let covered = world.audit_at(noon()).last().map(|e| noon().since(e.at)).unwrap();
    assert!(covered > 60 * HOUR, "the feed reaches back far enough to prove an absence");
    scenario::heal("INC-002", &mut world).unwrap();
    world.clock.advance(3 * HOUR);
    assert!(at(&world, 3, certs) > at(&world, 0, certs));
    assert!(newest(&world, "cert").unwrap() < HOUR);
}

#[test]
fn agents_were_alive_within_the_day() {
    let mut world = world("INC-003");
    let all = |world: &World, h| (at(world, h, "agents.alive"), at(world, h, "agents.dead"), at(world, h, "agents.total_bonded"));
    assert_eq!(all(&world, -1), (5.0, 0.0, 5.0));
    assert_eq!(all(&world, 0), (0.0, 5.0, 5.0));
    assert!(newest(&world, "pulse").unwrap() >= 40 * MINUTE);
    world.clock.advance(2 * HOUR);
    scenario::heal("INC-003", &mut world).unwrap();
    assert_eq!(all(&world, 1), (0.0, 5.0, 5.0), "the past stays");
    assert_eq!(all(&world, 3), (5.0, 0.0, 5.0));
    assert_eq!(newest(&world, "pulse"), Some(0));
}

#[test]
fn look_alikes_differ_where_it_matters() {
    let fresh = world("INC-003/never-pulsed");
    assert_eq!((newest(&fresh, "pulse"), at(&fresh, -71, "agents.dead")), (None, 5.0));
    let empty = world("INC-003/none-bonded");
    assert_eq!((newest(&empty, "pulse"), at(&empty, 0, "agents.total_bonded")), (None, 0.0));
    let both = world("INC-004/dead-agents");
    assert_eq!((at(&both, 0, "agents.alive"), at(&both, -11, "agents.alive")), (0.0, 5.0));
}

#[test]
fn callback_errors_rise_past_ten_within_a_day() {
    let mut world = world("INC-004");
    let errors = "peck_protocol.failure_breakdown.callback_error";
    assert_eq!((at(&world, -24, errors), at(&world, 0, errors)), (3.0, 17.0));
    assert!(at(&world, 10, errors) > 30.0);
    assert!(newest(&world, "callback_error").unwrap() < 40 * MINUTE);
    scenario::heal("INC-004", &mut world).unwrap();
    assert_eq!((at(&world, -24, errors), at(&world, 10, errors)), (3.0, 17.0));
}

#[test]
fn the_quota_is_used_up_and_frees_itself_as_time_passes() {
    let world = world("INC-005");
    assert_eq!(at(&world, 0, "ses.sent_last_24h"), 200.0);
    assert_eq!(world.ses.sent_last_24_hours(noon().plus_millis(25 * HOUR)), 0);
    assert_eq!(world.status_at(noon())["ses"]["sandbox"], Value::Bool(true));
}

#[test]
fn a_second_stack_breaks_in_the_same_ways() {
    for (id, _) in scenario::all() {
        let mut world = World::living(super::bakery(vec![1, 2, 3]), noon());
        scenario::break_it(id, &mut world).unwrap();
        assert!(!format!("{world:?}").contains("mission-control-api"), "{id}");
    }
}
