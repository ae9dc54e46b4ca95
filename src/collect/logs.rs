//! `aws.logs.filter`: FilterLogEvents, through empty pages, in order of time.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_sdk_cloudwatchlogs::{Client, config};
use serde_json::{Map, Value, json};

use super::json::put;
use super::{Asking, Found, NoAnswer};
use crate::aws::trouble;
use crate::record::verdict::Outcome;

const SINCE: Duration = Duration::from_secs(15 * 60);
const LIMIT: usize = 100;
/// AWS's own cap on events a page.
const PAGE_MAX: usize = 10_000;
/// Text kept of all events together.
const BYTES_MAX: usize = 8 << 20;
/// With `limit` events in hand, so many more pages are looked at to learn whether there is another event.
const LOOK_AHEAD: usize = 2;

/// Events since a while ago, oldest first: AWS sends them unordered across streams.
pub(super) async fn filter(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let group = asking.params.required("log-group")?;
    let pattern = asking.params.text("pattern")?.filter(|p| !p.is_empty());
    let since = asking.params.duration("since", SINCE)?;
    let limit = asking.params.limit(LIMIT)?;
    let streams = asking.params.list("streams")?;
    let from = asking.now().plus_millis(-i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    asking.sent(
        &group,
        json!({"operation": "FilterLogEvents", "logGroup": group, "filterPattern": pattern, "startTime": from.millis(),
            "startsAt": from, "limit": limit, "logStreamNames": streams}),
    );

    let sdk = asking.world.aws.sdk(asking.region).await?;
    let client = Client::from_conf(config::Builder::from(&sdk).interceptor(asking.witness.clone()).build());
    let by_arn = group.starts_with("arn:");
    let mut gathered = Gathered { events: Vec::new(), limit };
    let mut token: Option<String> = None;
    let mut ahead = 0;
    loop {
        // One more than wanted, so that "there is more" is seen and not guessed.
        let wanted = (limit + 1).saturating_sub(gathered.events.len()).clamp(1, PAGE_MAX);
        let page = client
            .filter_log_events()
            .set_log_group_name((!by_arn).then(|| group.clone()))
            .set_log_group_identifier(by_arn.then(|| group.clone()))
            .set_filter_pattern(pattern.clone())
            .set_log_stream_names((!streams.is_empty()).then(|| streams.clone()))
            .start_time(from.millis())
            .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|e| no_group(trouble(&e), &group, asking.region))?;
        let next = page.next_token().filter(|t| !t.is_empty()).map(str::to_owned);
        let Some(events) = page.events else {
            return Err(NoAnswer::new(Outcome::Malformed, "FilterLogEvents answered without events"));
        };
        gathered.events.extend(events);
        asking.partial(gathered.json(false));

        if gathered.bytes() > BYTES_MAX {
            let reason = format!("the events together are larger than {} MiB: lower `limit`", BYTES_MAX >> 20);
            let result = Some(gathered.json(false));
            return Err(NoAnswer { outcome: Outcome::TooLarge, reason, result, truncated: true });
        }
        let over = gathered.events.len() > limit;
        let ended = next.is_none() || next == token;
        ahead += usize::from(gathered.events.len() == limit);
        if over || ended || ahead > LOOK_AHEAD {
            return Ok(Found { truncated: over || !ended, result: gathered.json(ended), reason: None });
        }
        token = next;
    }
}

fn no_group(trouble: crate::aws::Trouble, group: &str, region: &str) -> crate::aws::Trouble {
    if !trouble.is_not_found() {
        return trouble;
    }
    let code = trouble.code.clone().unwrap_or_default();
    crate::aws::Trouble { reason: format!("no log group `{group}` in {region}, or no such stream in it ({code})"), ..trouble }
}

struct Gathered {
    events: Vec<FilteredLogEvent>,
    limit: usize,
}

impl Gathered {
    fn bytes(&self) -> usize {
        self.events.iter().map(|e| e.message().map_or(0, str::len)).sum()
    }

    fn json(&self, searched_all: bool) -> Value {
        let mut events: Vec<&FilteredLogEvent> = self.events.iter().collect();
        events.sort_by_key(|e| (e.timestamp(), e.event_id()));
        let events: Vec<Value> = events.into_iter().take(self.limit).map(event_json).collect();
        json!({ "events": events, "searchedAll": searched_all })
    }
}

fn event_json(event: &FilteredLogEvent) -> Value {
    let mut members = Map::new();
    put(&mut members, "timestamp", event.timestamp());
    put(&mut members, "message", event.message());
    put(&mut members, "logStreamName", event.log_stream_name());
    put(&mut members, "eventId", event.event_id());
    put(&mut members, "ingestionTime", event.ingestion_time());
    Value::Object(members)
}
