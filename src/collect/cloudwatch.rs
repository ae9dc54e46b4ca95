//! `aws.cloudwatch.metric`: GetMetricStatistics, with the gaps shown, and what exists where there is no data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use aws_sdk_cloudwatch::{Client, config};
use serde_json::{Value, json};

use super::json::{instant, smithy};
use super::{Asking, Found, NoAnswer};
use crate::aws::trouble;
use crate::record::time::Timestamp;

const SINCE: Duration = Duration::from_secs(5 * 60);
const PERIOD: Duration = Duration::from_secs(60);
/// AWS's own cap on datapoints in one answer.
const POINTS_MAX: i64 = 1440;
/// Pages of ListMetrics (500 metrics each) that are read to name what exists.
const PAGES_MAX: usize = 4;

/// What is asked for.
struct Query {
    namespace: String,
    metric: String,
    dimensions: BTreeMap<String, String>,
    statistic: String,
    period_s: i64,
    start: Timestamp,
    end: Timestamp,
}

impl Query {
    fn read(asking: &Asking<'_>) -> Result<Self, NoAnswer> {
        let params = asking.params;
        let period = params.duration("period", PERIOD)?;
        let since = params.duration("since", SINCE)?;
        let period_s = i64::try_from(period.as_secs()).unwrap_or(i64::MAX);
        if !(matches!(period_s, 1 | 5 | 10 | 20 | 30) || (period_s > 0 && period_s % 60 == 0)) {
            return Err(NoAnswer::skipped(format!("`period` of {period_s} s: CloudWatch knows 1, 5, 10, 20, 30 s and whole minutes")));
        }
        let period_ms = period_s * 1000;
        let now = asking.now();
        let floor = |t: Timestamp| t.plus_millis(-t.millis().rem_euclid(period_ms));
        let start = floor(now.plus_millis(-i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
        // The period that is running is part of the answer; `EndTime` is exclusive.
        let end = floor(now).plus_millis(period_ms);
        if end.since(start) / period_ms > POINTS_MAX {
            return Err(NoAnswer::skipped(format!("more than {POINTS_MAX} datapoints: make `period` longer or `since` shorter")));
        }
        Ok(Self {
            namespace: params.required("namespace")?,
            metric: params.required("metric")?,
            dimensions: params.table("dimensions")?,
            statistic: params.text("statistic")?.unwrap_or_else(|| "Sum".to_owned()),
            period_s,
            start,
            end,
        })
    }

    fn resource(&self) -> String {
        let dimensions: Vec<String> = self.dimensions.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let tail = if dimensions.is_empty() { String::new() } else { format!("?{}", dimensions.join("&")) };
        format!("{}/{}{tail}", self.namespace, self.metric)
    }

    fn plain(&self) -> Option<Statistic> {
        let known = Statistic::values().iter().find(|s| s.eq_ignore_ascii_case(&self.statistic))?;
        Some(Statistic::from(*known))
    }

    fn value(&self, point: &Datapoint) -> Option<f64> {
        match self.plain() {
            Some(Statistic::Average) => point.average(),
            Some(Statistic::Maximum) => point.maximum(),
            Some(Statistic::Minimum) => point.minimum(),
            Some(Statistic::SampleCount) => point.sample_count(),
            Some(Statistic::Sum) => point.sum(),
            _ => point.extended_statistics()?.get(&self.statistic).copied(),
        }
    }
}

pub(super) async fn metric(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let query = Query::read(asking)?;
    asking.sent(
        &query.resource(),
        json!({"operation": "GetMetricStatistics", "Namespace": query.namespace, "MetricName": query.metric, "Dimensions": query.dimensions,
            "Statistic": query.statistic, "Period": query.period_s, "StartTime": query.start, "EndTime": query.end}),
    );

    let sdk = asking.world.aws.sdk(asking.region).await?;
    let client = Client::from_conf(config::Builder::from(&sdk).interceptor(asking.witness.clone()).build());
    let dimensions = query.dimensions.iter().map(|(k, v)| Dimension::builder().name(k).value(v).build()).collect();
    let answer = client
        .get_metric_statistics()
        .namespace(&query.namespace)
        .metric_name(&query.metric)
        .set_dimensions(Some(dimensions))
        .set_statistics(query.plain().map(|s| vec![s]))
        .set_extended_statistics(query.plain().is_none().then(|| vec![query.statistic.clone()]))
        .period(i32::try_from(query.period_s).unwrap_or(i32::MAX))
        .start_time(smithy(query.start))
        .end_time(smithy(query.end))
        .send()
        .await
        .map_err(|e| trouble(&e))?;

    let unit = answer.datapoints().iter().find_map(|p| p.unit()).map(|u| u.as_str().to_owned());
    let mut result = json!({"label": answer.label(), "unit": unit, "statistic": query.statistic, "period": query.period_s,
        "datapoints": [], "sum": null, "max": null, "min": null, "count": 0});
    let found = by_time(&query, answer.datapoints());
    if found.is_empty() {
        let (available, reason) = what_exists(&client, &query).await;
        result["available"] = available;
        return Ok(Found { result, truncated: false, reason: Some(reason) });
    }
    let values = || found.values().copied();
    result["datapoints"] = json!(with_gaps(&query, &found));
    result["sum"] = json!(values().sum::<f64>());
    result["max"] = json!(values().fold(f64::NEG_INFINITY, f64::max));
    result["min"] = json!(values().fold(f64::INFINITY, f64::min));
    result["count"] = json!(found.len());
    Ok(result.into())
}

/// Datapoints come unordered.
fn by_time(query: &Query, points: &[Datapoint]) -> BTreeMap<Timestamp, f64> {
    let time_of = |p: &Datapoint| instant(p.timestamp()?)?.parse::<Timestamp>().ok();
    points.iter().filter_map(|p| Some((time_of(p)?, query.value(p)?))).filter(|(_, v)| v.is_finite()).collect()
}

/// A period without a datapoint is a null, so that `datapoints[-5:]` means the last five periods.
fn with_gaps(query: &Query, found: &BTreeMap<Timestamp, f64>) -> Vec<Value> {
    let mut slots: BTreeMap<Timestamp, Option<f64>> = BTreeMap::new();
    let mut t = query.start;
    while t < query.end {
        slots.insert(t, None);
        t = t.plus_millis(query.period_s * 1000);
    }
    slots.extend(found.iter().map(|(t, v)| (*t, Some(*v))));
    slots.into_iter().map(|(t, value)| json!({ "t": t, "value": value })).collect()
}

/// No data is never zero: says what the namespace has, since a name that does not exist looks just like silence.
async fn what_exists(client: &Client, query: &Query) -> (Value, String) {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let page = client.list_metrics().namespace(&query.namespace).set_next_token(token).send().await;
        let page = match page {
            Ok(page) => page,
            Err(e) => return (Value::Null, format!("no data; ListMetrics could not say what exists: {}", trouble(&e).reason)),
        };
        names.extend(page.metrics().iter().filter_map(|m| m.metric_name()).map(str::to_owned));
        token = page.next_token().filter(|t| !t.is_empty()).map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let (metric, namespace) = (&query.metric, &query.namespace);
    let reason = if names.contains(metric) {
        format!("no data: `{metric}` exists in `{namespace}`, but not for these dimensions and this time")
    } else if names.is_empty() {
        format!("no data: nothing was ever measured in `{namespace}` (within the last two weeks)")
    } else {
        let some: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
        format!("no data: `{namespace}` has no metric `{metric}`; it has {}", some.join(", "))
    };
    (json!(names), reason)
}
