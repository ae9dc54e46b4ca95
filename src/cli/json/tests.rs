use uuid::Uuid;

use crate::app::view::view;
use crate::app::{Clock, Ctx};
use crate::config::Config;
use crate::record::actor::Actor;
use crate::record::event::{IncidentDismissed, IncidentOpened, IncidentResolved, LedgerCreated};
use crate::record::id::{IncidentId, StreamId};
use crate::record::testing::{LEDGER, opened};
use crate::store::Store;

/// Eight incidents of one runbook, of which 1 is resolved and 2 was a false alarm.
fn ledger(dir: &std::path::Path) -> (Ctx, Store) {
    let clock = Clock::system();
    let config = Config { store: dir.join("l.db"), exports: dir.join("exports"), ..Config::default() };
    let actor = Actor { name: "T-OPS".to_owned(), is_person: true, via: "flag".to_owned() };
    let aws = crate::aws::Settings::new(clock.as_fn());
    let ctx = Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
    let first = ctx.event(StreamId::ledger(), LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None }, None).unwrap();
    let mut store = Store::create(&ctx.config.store, first).unwrap();
    let stream = |n: u64| StreamId::incident(IncidentId(Uuid::from_u128(u128::from(n))));
    let begun = (1..=8).map(|n| ctx.event(stream(n), IncidentOpened { number: n, ..opened() }, None).unwrap()).collect();
    store.append_events(&[], begun).unwrap();
    let resolved = IncidentResolved {
        summary: "rolled back".to_owned(),
        impact: "none".to_owned(),
        resolution: None,
        without: Vec::new(),
        occurred_at: None,
    };
    let dismissed = IncidentDismissed { reason: "a test page".to_owned() };
    let ends = vec![ctx.event(stream(1), resolved, None).unwrap(), ctx.event(stream(2), dismissed, None).unwrap()];
    store.append_events(&[], ends).unwrap();
    (ctx, store)
}

#[test]
fn an_incident_names_those_before_it_however_many_came_after() {
    let dir = tempfile::tempdir().unwrap();
    let (ctx, store) = ledger(dir.path());
    for (number, expected) in [(1, vec![]), (2, vec![1]), (3, vec![2, 1]), (8, vec![7, 6, 5])] {
        let v = view(&ctx, &store, &store.by_number(number).unwrap().unwrap()).unwrap();
        assert_eq!(v.earlier.iter().map(|b| b.number).collect::<Vec<_>>(), expected, "seen from {number}");
    }
    let third = view(&ctx, &store, &store.by_number(3).unwrap().unwrap()).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&super::show(&third, None).unwrap()).unwrap();
    let earlier = &shown["earlier"];
    assert_eq!(
        (&earlier[0]["number"], &earlier[0]["status"], &earlier[0]["resolution"]),
        (&2.into(), &"dismissed".into(), &"a test page".into())
    );
    assert_eq!((&earlier[1]["status"], &earlier[1]["resolution"]), (&"resolved".into(), &"rolled back".into()));
    assert!(earlier[0]["resolved_at"].is_null() && earlier[1]["resolved_at"].is_string());
}
