//! CloudWatch Logs: FilterLogEvents. AWS JSON 1.1; pages may be empty and still have a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::reply::{Answer, Failure, Reply};
use super::request::Request;
use super::world::{LogEvent, LogGroup, World};

pub(super) fn answer(world: &World, request: &Request) -> Answer {
    if request.operation != "FilterLogEvents" {
        return Err(Failure::unknown_operation(request));
    }
    let Some(asked) = request.json() else { return Err(Failure::new(400, "SerializationException", "not JSON")) };
    let search = Search::read(world, &asked)?;
    Ok(Reply::result(request.protocol, search.page(world, &asked)))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(400, "InvalidParameterException", message)
}

/// One search, checked: the events of the streams asked for, stream after stream (so not in order of time).
struct Search<'a> {
    events: Vec<(&'a str, usize, &'a LogEvent)>,
    pattern: Pattern,
    limit: usize,
    place: Place,
}

/// Where the next page begins; travels in the token.
#[derive(Clone, Copy)]
struct Place {
    empty_pages: usize,
    scanned: usize,
}

impl<'a> Search<'a> {
    fn read(world: &'a World, asked: &Value) -> Result<Self, Failure> {
        let group = find_group(world, asked)?;
        let from = asked["startTime"].as_i64().unwrap_or(0);
        let to = asked["endTime"].as_i64().unwrap_or(i64::MAX);
        if from > to {
            return Err(invalid("startTime must not be after endTime"));
        }
        let limit = match &asked["limit"] {
            Value::Null => 10_000,
            n => n.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=10_000).contains(n)).ok_or_else(|| {
                invalid(format!("1 validation error detected: Value '{n}' at 'limit' failed to satisfy constraint: between 1 and 10000"))
            })?,
        };
        let pattern =
            Pattern::parse(asked["filterPattern"].as_str().unwrap_or_default()).ok_or_else(|| invalid("Invalid filter pattern"))?;
        let place = match asked["nextToken"].as_str() {
            None => Place { empty_pages: 0, scanned: 0 },
            Some(token) => read_token(token, asked).ok_or_else(|| invalid("The specified nextToken is invalid."))?,
        };
        let now = world.now();
        let wanted = streams(group, asked)?;
        let visible = |e: &LogEvent| e.at <= now && (from..=to).contains(&e.at.millis());
        let events = wanted.iter().flat_map(|(name, events)| events.iter().enumerate().map(|(n, e)| (name.as_str(), n, e)));
        Ok(Self { events: events.filter(|(_, _, e)| visible(e)).collect(), pattern, limit, place })
    }

    /// One page: looks at so many raw events and returns those that match.
    fn page(&self, world: &World, asked: &Value) -> Value {
        let Place { empty_pages, scanned } = self.place;
        if empty_pages < world.logs_empty_pages {
            let next = Place { empty_pages: empty_pages + 1, scanned };
            return json!({ "events": [], "searchedLogStreams": [], "nextToken": write_token(next, asked) });
        }
        let mut found = Vec::new();
        let mut seen = scanned;
        for (stream, n, event) in self.events.iter().skip(scanned).take(world.logs_scan.max(1)) {
            seen += 1;
            if self.pattern.matches(&event.message) {
                found.push(event_json(stream, *n, event));
            }
            if found.len() == self.limit {
                break;
            }
        }
        let mut document = json!({ "events": found, "searchedLogStreams": [] });
        if seen < self.events.len() {
            document["nextToken"] = json!(write_token(Place { empty_pages, scanned: seen }, asked));
        }
        document
    }
}

fn find_group<'a>(world: &'a World, asked: &Value) -> Result<&'a LogGroup, Failure> {
    let by_name = asked["logGroupName"].as_str();
    let by_identifier = asked["logGroupIdentifier"].as_str();
    let name = match (by_name, by_identifier) {
        (Some(_), Some(_)) => return Err(invalid("logGroupName and logGroupIdentifier are mutually exclusive")),
        (Some(name), None) => name,
        (None, Some(id)) => id.split_once(":log-group:").map_or(id, |(_, name)| name.trim_end_matches(":*")),
        (None, None) => return Err(invalid("either logGroupName or logGroupIdentifier must be given")),
    };
    let missing = || Failure::new(400, "ResourceNotFoundException", "The specified log group does not exist.");
    world.log_groups.get(name).ok_or_else(missing)
}

fn streams<'a>(group: &'a LogGroup, asked: &Value) -> Result<Vec<(&'a String, &'a Vec<LogEvent>)>, Failure> {
    if let Some(names) = asked["logStreamNames"].as_array() {
        let find = |name: &Value| group.streams.get_key_value(name.as_str()?);
        let missing = || Failure::new(400, "ResourceNotFoundException", "The specified log stream does not exist.");
        return names.iter().map(|name| find(name).ok_or_else(missing)).collect();
    }
    let prefix = asked["logStreamNamePrefix"].as_str().unwrap_or_default();
    Ok(group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect())
}

fn event_json(stream: &str, n: usize, event: &LogEvent) -> Value {
    let mark = checksum(stream);
    json!({
        "logStreamName": stream,
        "timestamp": event.at.millis(),
        "message": event.message,
        "ingestionTime": event.at.millis() + 812,
        "eventId": format!("{:020}{mark:020}{n:016}", event.at.millis()),
    })
}

/// FNV-1a: enough to tell streams and searches apart.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// A token is good only for the search that it was given out for.
fn search_mark(asked: &Value) -> u64 {
    let parts = ["logGroupName", "logGroupIdentifier", "logStreamNames", "logStreamNamePrefix", "filterPattern", "startTime", "endTime"];
    checksum(&parts.map(|key| asked[key].to_string()).join("\n"))
}

fn write_token(place: Place, asked: &Value) -> String {
    STANDARD.encode(format!("{}/{}/{:016x}", place.empty_pages, place.scanned, search_mark(asked)))
}

fn read_token(token: &str, asked: &Value) -> Option<Place> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let mut parts = text.split('/');
    let place = Place { empty_pages: parts.next()?.parse().ok()?, scanned: parts.next()?.parse().ok()? };
    (u64::from_str_radix(parts.next()?, 16).ok()? == search_mark(asked)).then_some(place)
}
