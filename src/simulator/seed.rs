//! The stack that the built-in runbooks are about, in good health, with three days of past and of future.

use serde_json::json;

use super::clock::Clock;
use super::series::Series;
use super::world::{End, Execution, HOUR, MINUTE, Names, Steady, World};
use crate::record::time::Timestamp;

/// Hours of life on either side of the present; numbers stay as they are beyond.
pub(super) const HOURS: i64 = 72;

impl Names {
    /// The names of the stack that the built-in runbooks are about.
    pub fn seed() -> Self {
        Self {
            account: "121546003735".to_owned(),
            region: "us-east-1".to_owned(),
            function: "mission-control-api".to_owned(),
            alias: "prod".to_owned(),
            versions: vec![40, 41, 42],
            state_machine: "peck-approval-workflow".to_owned(),
            api: "/prod/beak".to_owned(),
            user: "oncall".to_owned(),
        }
    }
}

impl World {
    /// The stack that the built-in runbooks are about, in good health; `prod` points to version 41.
    pub fn seed(clock: impl Into<Clock>) -> Self {
        Self::living(Names::seed(), clock)
    }

    /// A stack with other names that lives like the seed's: same numbers, feed, logs, metrics and executions.
    pub fn living(names: Names, clock: impl Into<Clock>) -> Self {
        let mut world = Self::new(names, clock);
        let now = world.now();
        numbers(&mut world, now);
        for hour in -HOURS..HOURS {
            one_hour(&mut world, now.plus_millis(hour * HOUR), hour);
        }
        metrics(&mut world);
        world
    }
}

fn numbers(world: &mut World, now: Timestamp) {
    let growing = |middle: f64| {
        let span = HOURS as f64;
        Series::lines([(now.plus_millis(-HOURS * HOUR), middle - span), (now.plus_millis(HOURS * HOUR), middle + span)])
    };
    let flat = |value: f64| Series::constant(now, value);
    let numbers = [
        ("database.ducklings", growing(1240.0)),
        ("database.birth_certificates", growing(1238.0)),
        ("agents.alive", flat(5.0)),
        ("agents.dead", flat(0.0)),
        ("agents.total_bonded", flat(5.0)),
        ("peck_protocol.failure_breakdown.callback_error", flat(3.0)),
        ("peck_protocol.failure_breakdown.timeout", flat(1.0)),
        ("peck_protocol.failure_breakdown.rejected", flat(2.0)),
    ];
    world.status.extend(numbers.map(|(path, series)| (path.to_owned(), series)));
    let facts = [("ses.sandbox", json!(true)), ("ses.daily_quota", json!(200)), ("service", json!(world.names.function))];
    world.status_facts.extend(facts.map(|(path, value)| (path.to_owned(), value)));
}

/// What happens in one hour of ordinary life.
fn one_hour(world: &mut World, from: Timestamp, hour: i64) {
    let at = |minute: i64| from.plus_millis(minute * MINUTE);
    let duckling = 1240 + hour;
    let agent = |n: i64| json!({ "spaceduck": format!("sd-{n}") });
    for (n, minute) in [5, 20, 35, 50].into_iter().enumerate() {
        world.note(at(minute), "spaceduck.pulse", agent(i64::try_from(n).unwrap_or(0)));
    }
    world.note(at(10), "duck.registered", json!({ "duckling": duckling }));
    world.note(at(22), "duck.cert_issued", json!({ "duckling": duckling, "certificate": format!("bc-{duckling}") }));
    world.note(at(30), "peck.requested", json!({ "peck": format!("peck-{duckling}") }));
    world.note(at(31), "peck.approved", json!({ "peck": format!("peck-{duckling}") }));

    let group = Names::log_group(&world.names.function);
    let live = world.functions.get(&world.names.function).and_then(|f| f.aliases.get(&world.names.alias)).map(|a| a.version.clone());
    let streams = [1, 2].map(|n| log_stream(from, live.as_deref().unwrap_or("$LATEST"), n));
    world.log(&group, &streams[0], at(10), format!("INFO duck.registered duckling={duckling}"));
    world.log(&group, &streams[1], at(22), format!("INFO duck.cert_issued duckling={duckling} certificate=bc-{duckling}"));
    for minute in [15, 45] {
        world.log(&group, &streams[0], at(minute), "INFO GET /beak/system/status 200");
    }

    world.ses.sent.push((at(22), 2));
    let execution = Execution {
        name: format!("peck-{duckling}"),
        started: at(30),
        end: Some(End { at: at(31), status: "SUCCEEDED".to_owned(), error: None, cause: None }),
        input: json!({ "peck": format!("peck-{duckling}") }),
    };
    if let Some(machine) = world.machines.get_mut(&world.names.state_machine) {
        machine.executions.push(execution);
    }
}

/// A log stream as Lambda names it: day, version, and something random.
pub(super) fn log_stream(at: Timestamp, version: &str, n: u64) -> String {
    format!("{}/[{version}]{:016x}{n:016x}", at.utc().format("%Y/%m/%d"), 0x3f9c_a1b2_77d0_4e15_u64.wrapping_mul(n))
}

fn metrics(world: &mut World) {
    let function = world.names.function.clone();
    let resource = format!("{function}:{}", world.names.alias);
    let of_function = [("FunctionName", function.as_str())];
    let of_alias = [("FunctionName", function.as_str()), ("Resource", resource.as_str())];
    let every_minute = |value: f64| Some(Steady { every_ms: MINUTE, value });
    for dimensions in [of_function.as_slice(), of_alias.as_slice()] {
        world.metric("AWS/Lambda", "Errors", dimensions).steady = every_minute(0.0);
        world.metric("AWS/Lambda", "Invocations", dimensions).steady = every_minute(4.0);
    }
    for (name, value) in [("Send", 2.0), ("Delivery", 2.0), ("Bounce", 0.0), ("Complaint", 0.0)] {
        world.metric("AWS/SES", name, &[]).steady = Some(Steady { every_ms: HOUR, value });
    }
}
