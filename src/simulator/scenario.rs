//! The ways in which a stack breaks, each with its history and with what would follow, and how it heals.
//!
//! `INC-001` … `INC-005` are the incident types of the built-in runbooks; the others look like one of them
//! and are not, or are not only that.

use serde_json::json;
use thiserror::Error;

use super::seed::{HOURS, log_stream};
use super::series::Series;
use super::world::{End, Execution, HOUR, Health, MINUTE, Names, World};
use crate::record::time::Timestamp;

type Change = fn(&mut World);

struct Scenario {
    id: &'static str,
    text: &'static str,
    break_it: Change,
    heal: Change,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "INC-001",
        text: "the newest version crashes; the alias points to it since 12 minutes",
        break_it: bad_version,
        heal: roll_back,
    },
    Scenario { id: "INC-002", text: "no certificate since 50 hours, while ducklings register", break_it: certs_stall, heal: certs_resume },
    Scenario { id: "INC-003", text: "all agents are dead since 40 minutes", break_it: agents_die, heal: agents_return },
    Scenario {
        id: "INC-004",
        text: "14 callback errors within 10 hours, 4 executions stuck",
        break_it: callbacks_fail,
        heal: callbacks_work,
    },
    Scenario { id: "INC-005", text: "the daily mail quota is used up since an hour", break_it: quota_used_up, heal: production_access },
    Scenario {
        id: "INC-003/never-pulsed",
        text: "agents are bonded and never pulsed: a new platform",
        break_it: never_pulsed,
        heal: agents_return,
    },
    Scenario { id: "INC-003/none-bonded", text: "no agent is bonded: not an incident", break_it: none_bonded, heal: agents_return },
    Scenario {
        id: "INC-004/dead-agents",
        text: "callbacks fail because all agents are dead",
        break_it: callbacks_fail_on_the_dead,
        heal: all_return,
    },
];

/// There is no such scenario.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no scenario is called `{0}`")]
pub struct UnknownScenario(pub String);

/// Every scenario's id with a line about it.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCENARIOS.iter().map(|s| (s.id, s.text))
}

/// Breaks the stack: the past shows how it came about, the future how it would go on.
pub fn break_it(id: &str, world: &mut World) -> Result<(), UnknownScenario> {
    (find(id)?.break_it)(world);
    Ok(())
}

/// Makes the stack work again from now on; what happened stays.
pub fn heal(id: &str, world: &mut World) -> Result<(), UnknownScenario> {
    (find(id)?.heal)(world);
    Ok(())
}

fn find(id: &str) -> Result<&'static Scenario, UnknownScenario> {
    SCENARIOS.iter().find(|s| s.id.eq_ignore_ascii_case(id)).ok_or_else(|| UnknownScenario(id.to_owned()))
}

const CERTS: &str = "database.birth_certificates";
const CALLBACK_ERRORS: &str = "peck_protocol.failure_breakdown.callback_error";

fn set(world: &mut World, path: &str, series: Series) {
    world.status.insert(path.to_owned(), series);
}

/// Jumps at `at` from what the number was to `value`.
fn jump(world: &mut World, path: &str, at: Timestamp, value: f64) {
    let series = world.status.entry(path.to_owned()).or_insert_with(|| Series::constant(at, 0.0));
    let before = series.at(at.plus_millis(-1));
    *series = Series::steps([(at.plus_millis(-HOURS * HOUR), before), (at, value)]);
}

/// 12 minutes ago the newest version went live. Every call of it fails; 17 errors are in the log by now.
fn bad_version(world: &mut World) {
    let now = world.now();
    let since = now.plus_millis(-12 * MINUTE - 20_000);
    let (function, alias) = (world.names.function.clone(), world.names.alias.clone());
    let Some(newest) = world.functions.get(&function).and_then(|f| f.versions.keys().next_back().copied()) else { return };
    if let Some(version) = world.functions.get_mut(&function).and_then(|f| f.versions.get_mut(&newest)) {
        version.health = Health::Crashes;
        version.modified = since.plus_millis(-2 * MINUTE);
    }
    world.point_alias(&function, &alias, newest);
    let group = Names::log_group(&function);
    for events in world.log_groups.entry(group.clone()).or_default().streams.values_mut() {
        events.retain(|event| event.at < since);
    }
    let streams = [3, 4].map(|n| log_stream(since, &newest.to_string(), n));
    for n in 0..170_u64 {
        let at = since.plus_millis(i64::try_from(n).unwrap_or(0) * 45_000);
        let stream = &streams[usize::from(n % 3 == 1)];
        let error = json!({ "errorType": "Runtime.ImportModuleError", "errorMessage": "Error: Cannot find module 'beak-router'" });
        world.log(&group, stream, at, format!("{at}\tundefined\tERROR\tUncaught Exception \t{error}"));
    }
    let resource = format!("{function}:{alias}");
    let dimensions = [("FunctionName", function.as_str()), ("Resource", resource.as_str())];
    for dimensions in [&dimensions[..1], &dimensions[..]] {
        let points = (0..128).map(|minute| (since.plus_millis(minute * MINUTE), 4.0));
        world.metric("AWS/Lambda", "Errors", dimensions).points.extend(points);
    }
}

fn roll_back(world: &mut World) {
    let (function, alias) = (world.names.function.clone(), world.names.alias.clone());
    let works = |f: &super::world::Function| f.versions.iter().rev().find(|(_, v)| v.health == Health::Works).map(|(n, _)| *n);
    if let Some(good) = world.functions.get(&function).and_then(works) {
        world.point_alias(&function, &alias, good);
        world.forget_errors_to_come(&function);
    }
}

/// Certificates stand still for 50 hours; the log says that mails and writes are refused.
fn certs_stall(world: &mut World) {
    let now = world.now();
    let since = now.plus_millis(-50 * HOUR);
    if let Some(certs) = world.status.get_mut(CERTS) {
        certs.bend(since, []);
    }
    world.audit.retain(|entry| entry.at <= since || !entry.event_type.contains("cert"));
    let group = Names::log_group(&world.names.function);
    for events in world.log_groups.entry(group.clone()).or_default().streams.values_mut() {
        events.retain(|event| event.at <= since || !event.message.contains("cert_issued"));
    }
    let stream = log_stream(since, "41", 5);
    for hour in 0..50 + HOURS {
        let at = since.plus_millis(hour * HOUR + 22 * MINUTE);
        world.log(&group, &stream, at, "WARN duck.cert_pending: write to birth_certificates skipped, awaiting cert signal");
        let refused = "WARN cert mail not sent: MessageRejected: Email address is not verified";
        world.log(&group, &stream, at.plus_millis(900), refused);
    }
}

fn certs_resume(world: &mut World) {
    let now = world.now();
    let ahead = |world: &World| world.status.get("database.ducklings").map_or(0.0, |s| s.at(now.plus_millis(HOURS * HOUR)));
    let goal = ahead(world);
    if let Some(certs) = world.status.get_mut(CERTS) {
        certs.bend(now, [(now.plus_millis(2 * HOUR), goal - HOURS as f64), (now.plus_millis(HOURS * HOUR), goal)]);
    }
    for n in 0..HOURS {
        world.note(now.plus_millis(n * HOUR + MINUTE), "duck.cert_issued", json!({ "certificate": format!("bc-late-{n}") }));
    }
}

fn kill_agents(world: &mut World, since: Timestamp) {
    jump(world, "agents.alive", since, 0.0);
    jump(world, "agents.dead", since, 5.0);
    world.audit.retain(|entry| entry.at <= since || !entry.event_type.contains("pulse"));
}

/// They were alive within the last day, pulsed, and stopped 40 minutes ago.
fn agents_die(world: &mut World) {
    let since = world.now().plus_millis(-40 * MINUTE);
    kill_agents(world, since);
}

fn agents_return(world: &mut World) {
    let now = world.now();
    jump(world, "agents.alive", now, 5.0);
    jump(world, "agents.dead", now, 0.0);
    jump(world, "agents.total_bonded", now, 5.0);
    for n in 0..HOURS * 4 {
        world.note(now.plus_millis(n * 15 * MINUTE), "spaceduck.pulse", json!({ "spaceduck": format!("sd-{}", n % 5) }));
    }
}

/// All agents as they were from the first: `alive`, `dead` and `bonded` of them, and not one pulse.
fn agents_from_the_first(world: &mut World, dead: f64) {
    let now = world.now();
    for (path, value) in [("agents.alive", 0.0), ("agents.dead", dead), ("agents.total_bonded", dead)] {
        set(world, path, Series::constant(now, value));
    }
    world.audit.retain(|entry| !entry.event_type.contains("pulse"));
}

fn never_pulsed(world: &mut World) {
    agents_from_the_first(world, 5.0);
}

fn none_bonded(world: &mut World) {
    agents_from_the_first(world, 0.0);
}

/// Every 40 minutes of the last ten hours and of the next day a callback fails; four executions hang.
fn callbacks_fail(world: &mut World) {
    let now = world.now();
    jump(world, "agents.alive", now.plus_millis(-10 * HOUR), 3.0);
    jump(world, "agents.dead", now.plus_millis(-10 * HOUR), 2.0);
    let first = now.plus_millis(-13 * 40 * MINUTE - 5 * MINUTE);
    let mut frames = vec![(first.plus_millis(-HOURS * HOUR), 3.0)];
    for n in 0..50_u32 {
        let at = first.plus_millis(i64::from(n) * 40 * MINUTE);
        frames.push((at, f64::from(4 + n)));
        world.note(at, "peck.callback_error", json!({ "peck": format!("peck-cb-{n}"), "reason": "ECONNREFUSED" }));
        let (status, error, cause) = match n % 7 {
            5 => ("TIMED_OUT", "States.Timeout", "callback not answered in time"),
            6 => ("ABORTED", "Operator", "stopped by hand"),
            _ => ("FAILED", "CallbackError", "connect ECONNREFUSED: spaceduck agent is not reachable"),
        };
        let end = End { at, status: status.to_owned(), error: Some(error.to_owned()), cause: Some(cause.to_owned()) };
        execute(world, &format!("peck-cb-{n}"), at.plus_millis(-30_000), Some(end));
    }
    for (n, hours) in [8, 6, 3, 1].into_iter().enumerate() {
        execute(world, &format!("peck-stuck-{}", n + 1), now.plus_millis(-hours * HOUR), None);
    }
    set(world, CALLBACK_ERRORS, Series::steps(frames));
}

fn execute(world: &mut World, name: &str, started: Timestamp, end: Option<End>) {
    let input = json!({ "peck": name });
    if let Some(machine) = world.machines.get_mut(&world.names.state_machine) {
        machine.executions.push(Execution { name: name.to_owned(), started, end, input });
    }
}

fn callbacks_work(world: &mut World) {
    let now = world.now();
    if let Some(errors) = world.status.get_mut(CALLBACK_ERRORS) {
        errors.bend(now, []);
    }
    world.audit.retain(|entry| entry.at <= now || entry.event_type != "peck.callback_error");
    let name = world.names.state_machine.clone();
    if let Some(machine) = world.machines.get_mut(&name) {
        machine.executions.retain(|e| e.started <= now || e.end.as_ref().is_none_or(|end| end.status == "SUCCEEDED"));
    }
    jump(world, "agents.alive", now, 5.0);
    jump(world, "agents.dead", now, 0.0);
}

fn callbacks_fail_on_the_dead(world: &mut World) {
    callbacks_fail(world);
    let since = world.now().plus_millis(-10 * HOUR);
    kill_agents(world, since);
}

fn all_return(world: &mut World) {
    callbacks_work(world);
    agents_return(world);
}

/// A wave of sign-ups used the sandbox's 200 mails a day; nothing has gone out for an hour and a half.
fn quota_used_up(world: &mut World) {
    let now = world.now();
    let wave = now.plus_millis(-6 * HOUR);
    world.ses.sent.retain(|(at, _)| *at <= wave);
    let quota = world.ses.max_24_hours as u64;
    let left = quota.saturating_sub(world.ses.sent_last_24_hours(now));
    for n in 0..5_u64 {
        let share = left / 5 + u64::from(n < left % 5);
        let at = wave.plus_millis(30 * MINUTE + i64::try_from(n).unwrap_or(0) * HOUR);
        world.ses.sent.push((at, share));
        for (name, value) in [("Bounce", 3.0), ("Complaint", 1.0)] {
            world.metric("AWS/SES", name, &[]).points.push((at, value));
        }
        world.metric("AWS/SES", "Send", &[]).points.push((at, share as f64));
    }
    let group = Names::log_group(&world.names.function);
    let stream = log_stream(now, "41", 6);
    for n in 0..HOURS * 6 {
        let at = now.plus_millis(-85 * MINUTE + n * 10 * MINUTE);
        world.note(at, "duck.verification_failed", json!({ "reason": "Daily message quota exceeded" }));
        world.log(&group, &stream, at, "WARN ses: verification mail not sent: Throttling: Daily message quota exceeded");
    }
}

fn production_access(world: &mut World) {
    let now = world.now();
    world.ses.production = true;
    world.ses.max_24_hours = 50_000.0;
    world.ses.max_rate = 14.0;
    if let Some(review) = world.ses.details.as_mut().and_then(|d| d.get_mut("ReviewDetails")) {
        review["Status"] = json!("GRANTED");
    }
    for (path, value) in [("ses.sandbox", json!(false)), ("ses.daily_quota", json!(50_000))] {
        world.status_facts.insert(path.to_owned(), value);
    }
    world.audit.retain(|entry| entry.at <= now || entry.event_type != "duck.verification_failed");
    world.log_groups.values_mut().flat_map(|g| g.streams.values_mut()).for_each(|events| {
        events.retain(|event| event.at <= now || !event.message.contains("quota exceeded"));
    });
}
