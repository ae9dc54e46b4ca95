//! CloudWatch: GetMetricStatistics and ListMetrics, in the three protocols that clients speak (`wire` has them).

mod wire;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Failure};
use super::request::Request;
use super::world::{Metric, World};
use crate::record::time::Timestamp;

pub(super) fn answer(world: &World, request: &Request, request_id: &str) -> Answer {
    let asked = wire::read(request).ok_or_else(|| Failure::new(400, "SerializationException", "the request cannot be read"))?;
    let result = match request.operation.as_str() {
        "GetMetricStatistics" => statistics(world, &asked)?,
        "ListMetrics" => list(world, &asked)?,
        _ => return Err(Failure::unknown_operation(request)),
    };
    Ok(wire::write(request, &result, request_id))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(400, "InvalidParameterValueException", message)
}

fn required<'a>(asked: &'a Value, key: &str) -> Result<&'a str, Failure> {
    let missing = || Failure::new(400, "MissingRequiredParameterException", format!("The parameter {key} is required."));
    asked[key].as_str().ok_or_else(missing)
}

fn instant(asked: &Value, key: &str) -> Result<i64, Failure> {
    let seconds = asked[key]
        .as_f64()
        .ok_or_else(|| Failure::new(400, "MissingRequiredParameterException", format!("The parameter {key} is required.")))?;
    Ok((seconds * 1000.0).round() as i64)
}

fn dimensions(asked: &Value) -> Vec<(String, Option<String>)> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let all = asked["Dimensions"].as_array().into_iter().flatten();
    all.map(|d| (text(&d["Name"]).unwrap_or_default(), text(&d["Value"]))).collect()
}

const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
/// CloudWatch gives out no more datapoints in one answer.
const MOST_POINTS: i64 = 1440;

/// Datapoints of one metric. A metric that does not exist has none: that is not an error. Their order means nothing.
fn statistics(world: &World, asked: &Value) -> Result<Value, Failure> {
    let namespace = required(asked, "Namespace")?;
    let name = required(asked, "MetricName")?;
    let (start, end) = (instant(asked, "StartTime")?, instant(asked, "EndTime")?);
    if start >= end {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    let period = asked["Period"].as_f64().map_or(0, |p| p as i64);
    if period < 1 || (period % 60 != 0 && ![1, 5, 10, 20, 30].contains(&period)) {
        return Err(invalid("The parameter Period must be 1, 5, 10, 20, 30, or any multiple of 60"));
    }
    let asked_for: Vec<_> = asked["Statistics"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if asked_for.is_empty() {
        return Err(Failure::new(
            400,
            "InvalidParameterCombinationException",
            "At least one of Statistics and ExtendedStatistics is required.",
        ));
    }
    if let Some(other) = asked_for.iter().find(|s| !STATISTICS.contains(s)) {
        return Err(invalid(format!("The parameter Statistics.member.1 must be a value in the set {STATISTICS:?}, not {other}")));
    }
    let count = (end - start) / (period * 1000);
    if count > MOST_POINTS {
        let message = format!(
            "You have requested up to {count} datapoints, which exceeds the limit of {MOST_POINTS}. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range."
        );
        return Err(Failure::new(400, "InvalidParameterCombinationException", message));
    }
    let wanted: Vec<_> = dimensions(asked).into_iter().map(|(n, v)| (n, v.unwrap_or_default())).collect();
    let metric = world.metrics.iter().find(|m| m.namespace == namespace && m.name == name && same(&m.dimensions, &wanted));
    let mut points: Vec<_> = metric.map(|m| m.aggregate(start, end, period * 1000, world.now(), &asked_for)).unwrap_or_default();
    // Unordered, yet the same every time: odd places first.
    let even: Vec<_> = points.iter().skip(1).step_by(2).cloned().collect();
    points = even.into_iter().chain(points.into_iter().step_by(2)).collect();
    Ok(json!({ "Label": name, "Datapoints": points }))
}

/// Dimensions name the same metric in any order, but only all of them.
fn same(one: &[(String, String)], other: &[(String, String)]) -> bool {
    one.len() == other.len() && one.iter().all(|pair| other.contains(pair))
}

impl Metric {
    /// What was reported from `start` until `end`, both in milliseconds, and is not in the future.
    fn reported(&self, start: i64, end: i64, now: Timestamp) -> Vec<(i64, f64)> {
        let end = end.min(now.millis() + 1);
        let mut all: Vec<_> = self.points.iter().map(|(at, v)| (at.millis(), *v)).filter(|(at, _)| (start..end).contains(at)).collect();
        if let Some(steady) = self.steady.filter(|s| s.every_ms > 0) {
            let first = start.div_euclid(steady.every_ms) * steady.every_ms;
            let times = (0..).map(|n| first + n * steady.every_ms).take_while(|at| *at < end);
            all.extend(times.filter(|at| *at >= start).map(|at| (at, steady.value)));
        }
        all
    }

    fn aggregate(&self, start: i64, end: i64, period: i64, now: Timestamp, statistics: &[&str]) -> Vec<Value> {
        // Periods of less than an hour begin at whole minutes, wider ones are counted from the start asked for.
        let start = if period < 3_600_000 { start.div_euclid(60_000) * 60_000 } else { start };
        let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, value) in self.reported(start, end, now) {
            buckets.entry(start + (at - start) / period * period).or_default().push(value);
        }
        buckets.into_iter().map(|(at, values)| self.datapoint(at, &values, statistics)).collect()
    }

    fn datapoint(&self, at: i64, values: &[f64], statistics: &[&str]) -> Value {
        let (sum, count) = (values.iter().sum::<f64>(), values.len() as f64);
        let mut point = Map::new();
        point.insert("Timestamp".to_owned(), json!(at as f64 / 1000.0));
        point.insert("Unit".to_owned(), json!(self.unit));
        for name in statistics {
            let value = match *name {
                "SampleCount" => count,
                "Average" => sum / count,
                "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "Maximum" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                _ => sum,
            };
            point.insert((*name).to_owned(), json!(value));
        }
        Value::Object(point)
    }
}

/// At most so many metrics in one page, as AWS does it.
const PAGE: usize = 500;

fn list(world: &World, asked: &Value) -> Result<Value, Failure> {
    let is = |key: &str, value: &str| asked[key].as_str().is_none_or(|wanted| wanted == value);
    let wanted = dimensions(asked);
    let has = |m: &Metric| {
        let named = |(name, value): &(String, Option<String>)| {
            m.dimensions.iter().any(|(n, v)| n == name && value.as_ref().is_none_or(|wanted| wanted == v))
        };
        wanted.iter().all(named)
    };
    let from = match asked["NextToken"].as_str() {
        None => 0,
        Some(token) => token.strip_prefix("page-").and_then(|n| n.parse().ok()).ok_or_else(|| invalid("Invalid NextToken"))?,
    };
    let now = world.now();
    let known = |m: &&Metric| m.steady.is_some() || m.points.iter().any(|(at, _)| *at <= now);
    let found: Vec<_> =
        world.metrics.iter().filter(|m| is("Namespace", &m.namespace) && is("MetricName", &m.name) && has(m)).filter(known).collect();
    let page: Vec<_> = found.iter().skip(from).take(PAGE).map(|m| shown(m)).collect();
    let mut document = json!({ "Metrics": page });
    if from + PAGE < found.len() {
        document["NextToken"] = json!(format!("page-{}", from + PAGE));
    }
    Ok(document)
}

fn shown(metric: &Metric) -> Value {
    let dimensions: Vec<_> = metric.dimensions.iter().map(|(n, v)| json!({ "Name": n, "Value": v })).collect();
    json!({ "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions })
}
