use super::support::*;
use crate::record::event::{
    EvidenceCaptured, FollowupAdded, FollowupDone, IncidentDismissed, IncidentOpened, ObservationRecorded, RunbookRef,
};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::Status;
use crate::record::observation::Reading;
use crate::record::testing::{at, opened, runbook};
use crate::store::read::WITH_DUE;
use crate::store::{Access, Filter, Store};

fn numbers(store: &Store, filter: Filter) -> Vec<u64> {
    store.briefs(&filter).unwrap().iter().map(|b| b.number).collect()
}

#[test]
fn lists_are_filtered_and_the_newest_come_first() {
    let (_place, mut store) = Place::new();
    for n in 1..=6 {
        let runbook = RunbookRef { id: if n % 2 == 0 { "INC-002" } else { "INC-001" }.to_owned(), ..runbook() };
        record(&mut store, vec![new(&incident(n), IncidentOpened { number: n, runbook, ..opened() })]);
    }
    record(&mut store, vec![new(&incident(3), IncidentDismissed { reason: "a test".to_owned() })]);
    let status = |s: &[Status]| Filter { status: Some(s.to_vec()), ..Filter::default() };
    let of = |runbook: &str| Filter { runbook: Some(runbook.to_owned()), ..Filter::default() };
    for (filter, expected) in [
        (Filter::default(), vec![6, 5, 4, 3, 2, 1]),
        (status(&[Status::Open]), vec![6, 5, 4, 2, 1]),
        (status(&[Status::Dismissed]), vec![3]),
        (status(&[Status::Dismissed, Status::Open]), vec![6, 5, 4, 3, 2, 1]),
        (status(&[Status::Resolved]), vec![]),
        (status(&[]), vec![]),
        (of("INC-002"), vec![6, 4, 2]),
        (of("INC-00"), vec![]),
        (Filter { status: Some(vec![Status::Open]), runbook: Some("INC-001".to_owned()), limit: Some(1), ..Filter::default() }, vec![5]),
        (Filter { limit: Some(0), ..Filter::default() }, vec![]),
        (Filter { limit: Some(2), ..Filter::default() }, vec![6, 5]),
        (Filter { below: Some(6), limit: Some(2), ..of("INC-002") }, vec![4, 2]),
        (Filter { below: Some(1), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(numbers(&store, filter.clone()), expected, "{filter:?}");
    }
}

#[test]
fn a_brief_is_what_the_events_come_to() {
    let place = Place::told();
    let store = place.open(Access::Read);
    let brief = store.by_number(1).unwrap().unwrap();
    assert_eq!((brief.number, brief.evidence, brief.head), (1, 2, store.head(&incident(1)).unwrap()));
    assert_eq!(store.brief(brief.id).unwrap(), Some(brief));
    assert_eq!(store.by_number(3).unwrap(), None);
    assert_eq!(store.by_number(u64::MAX).unwrap(), None);
    assert_eq!(store.brief(IncidentId(uuid::Uuid::from_u128(1))).unwrap(), None);
}

#[test]
fn incidents_are_found_by_the_beginning_of_their_id() {
    let place = Place::told();
    let store = place.open(Access::Read);
    let found = |prefix: &str| store.by_prefix(prefix).unwrap().iter().map(|b| b.number).collect::<Vec<_>>();
    let id = "0195bb2c-0000-7000-8000-000000000002";
    for (prefix, expected) in [
        ("0195bb2c", vec![1, 2]),
        ("0195BB2C", vec![1, 2]),
        ("0195bb2c-0000-7000-8000-00000000000", vec![1, 2]),
        (id, vec![2]),
        (&id.replace('-', ""), vec![2]),
        ("0195bb2", vec![]),
        ("0195-bb2", vec![]),
        ("0195bb2d", vec![]),
        ("0195bb2x", vec![]),
        ("", vec![]),
        ("%", vec![]),
        ("0195bb2c-0000-7000-8000-0000000000020", vec![]),
    ] {
        assert_eq!(found(prefix), expected, "{prefix}");
    }
}

#[test]
fn streams_are_listed_by_the_beginning_of_their_name() {
    let place = Place::told();
    let store = place.open(Access::Read);
    let names = |prefix: &str| store.streams(prefix).unwrap().iter().map(StreamId::to_string).collect::<Vec<_>>();
    assert_eq!(names("incident/"), [incident(1).to_string(), incident(2).to_string()]);
    assert_eq!(names("deploy/"), ["deploy/121/us-east-1/api:prod"]);
    assert_eq!(names("deploy/121/us-east-1/api:prod"), ["deploy/121/us-east-1/api:prod"]);
    assert_eq!(names("zzz"), Vec::<String>::new());
    assert_eq!(names("").len(), 5);
}

#[test]
fn events_are_read_from_any_point_on() {
    let place = Place::told();
    let store = place.open(Access::Read);
    let seqs = |after: u64| store.load_after(&incident(1), after).unwrap().iter().map(|e| e.header.seq).collect::<Vec<_>>();
    assert_eq!(seqs(0), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(3), [4, 5]);
    assert_eq!(seqs(5), Vec::<u64>::new());
    assert_eq!(seqs(99), Vec::<u64>::new());
}

#[test]
fn samples_begin_with_the_one_before_the_window() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for (seconds, value) in [(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)] {
        record(&mut store, vec![new(&incident(1), EvidenceCaptured { n: 1, observation: read_off(seconds, "alive", value) })]);
    }
    let other = Reading { name: "alive".to_owned(), origin: "elsewhere".to_owned(), value: -0.0 };
    let seen = crate::record::observation::Observation { readings: vec![other], ..read_off(25, "", 0.0) };
    record(&mut store, vec![new(&StreamId::observation("INC-001"), ObservationRecorded { observation: seen })]);
    let page = at("2026-03-22T02:13:00Z");
    let values = |origin: Option<&str>, from: i64, to: i64| {
        let samples = store.samples("alive", origin, page.plus_millis(from * 1000), page.plus_millis(to * 1000)).unwrap();
        samples.iter().map(|s| (s.at.since(page) / 1000, s.value)).collect::<Vec<_>>()
    };
    let api = Some("https://api.example.net/");
    assert_eq!(values(api, 0, 100), [(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]);
    assert_eq!(values(api, 20, 30), [(20, 2.0), (30, 3.0)], "what stands exactly at the beginning is the one before");
    assert_eq!(values(api, 25, 40), [(20, 2.0), (30, 3.0), (40, 4.0)]);
    assert_eq!(values(api, 50, 60), [(40, 4.0)]);
    assert_eq!(values(api, 0, 9), []);
    assert_eq!(values(None, 20, 30), [(20, 2.0), (25, 0.0), (30, 3.0)]);
    assert_eq!(values(Some("elsewhere"), 0, 100), [(25, 0.0)]);
    let series: Vec<_> = store.series().unwrap().into_iter().map(|s| (s.name, s.origin, s.count, s.newest.since(page) / 1000)).collect();
    let row = |origin: &str, count, newest| ("alive".to_owned(), origin.to_owned(), count, newest);
    assert_eq!(series, [row("elsewhere", 1, 25), row("https://api.example.net/", 4, 40)]);
}

#[test]
fn what_is_overdue_is_found_without_a_look_at_the_other_incidents() {
    let (_place, mut store) = Place::new();
    let due = |n: u64, day: &str| {
        new(&incident(n), FollowupAdded { n: 1, text: "x".to_owned(), class: None, owner: None, due: Some(day.to_owned()) })
    };
    record(&mut store, vec![opening(1), opening(2), opening(3), opening(4)]);
    record(&mut store, vec![due(1, "2026-03-29"), due(2, "2026-03-30"), due(3, "2026-03-28"), due(4, "2026-03-28")]);
    record(&mut store, vec![new(&incident(4), FollowupDone { n: 1, note: None })]);
    let found: Vec<u64> = store.with_due("2026-03-30").unwrap().iter().map(|b| b.number).collect();
    assert_eq!(found, [1, 3], "not that of the day itself, and not what is done");
    let plan: String = store.conn.query_row(&format!("EXPLAIN QUERY PLAN {WITH_DUE}"), ["2026-03-30"], |r| r.get(3)).unwrap();
    assert!(plan.contains("SEARCH incident USING INDEX incident_due"), "{plan}");
}
