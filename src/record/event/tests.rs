//! The bytes: canonical form, round trips, flipped bits, and events of version 1 that must be read for ever.

use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::record::testing::{Story, one_of_each};

macro_rules! frozen {
    ($kind:literal) => {
        ($kind, include_str!(concat!("../../../tests/fixtures/events/v1/", $kind, ".json")))
    };
}

/// One stored event of every kind, as version 1 wrote it. Never edited; a new kind gets a new file.
const FROZEN: &[(&str, &str)] = &[
    frozen!("ledger.created"),
    frozen!("ledger.key_added"),
    frozen!("incident.opened"),
    frozen!("incident.acknowledged"),
    frozen!("evidence.captured"),
    frozen!("evidence.attached"),
    frozen!("note.added"),
    frozen!("event.corrected"),
    frozen!("severity.changed"),
    frozen!("decision.made"),
    frozen!("escalation.raised"),
    frozen!("escalation.delivered"),
    frozen!("incident.handed_off"),
    frozen!("incident.linked"),
    frozen!("action.proposed"),
    frozen!("approval.granted"),
    frozen!("approval.revoked"),
    frozen!("approval.bypassed"),
    frozen!("approval.reviewed"),
    frozen!("action.denied"),
    frozen!("action.stale"),
    frozen!("action.started"),
    frozen!("action.succeeded"),
    frozen!("action.failed"),
    frozen!("action.unknown"),
    frozen!("recovery.verified"),
    frozen!("recovery.not_verified"),
    frozen!("incident.mitigated"),
    frozen!("followup.added"),
    frozen!("followup.done"),
    frozen!("incident.resolved"),
    frozen!("incident.dismissed"),
    frozen!("incident.reopened"),
    frozen!("payload.erased"),
    frozen!("signers.changed"),
    frozen!("deploy.recorded"),
    frozen!("observation.recorded"),
];

/// A stored pair as a fixture holds it.
fn fixture(header: &str, payload: &str) -> String {
    let hash = Header::hash_of(header).to_string();
    serde_json::to_string_pretty(&serde_json::json!({"hash": hash, "header": header, "payload": payload})).unwrap() + "\n"
}

/// What today's code would store for one of every kind.
fn written_today() -> Vec<(String, String, String)> {
    let mut s = Story::opened();
    one_of_each().into_iter().for_each(|f| {
        s.add(f);
    });
    s.bytes.iter().zip(&s.events).skip(1).map(|((h, p), e)| (e.header.kind.clone(), h.clone(), p.clone())).collect()
}

#[test]
fn every_kind_has_a_frozen_event() {
    for (kind, header, payload) in written_today() {
        assert!(
            FROZEN.iter().any(|(k, _)| *k == kind),
            "tests/fixtures/events/v1/{kind}.json is missing; it could be:\n{}",
            fixture(&header, &payload)
        );
    }
    assert_eq!(FROZEN.len(), Facts::KINDS.len());
}

#[test]
fn events_of_version_1_are_read_and_written_the_same_for_ever() {
    for (kind, text) in FROZEN {
        let stored: Value = serde_json::from_str(text).unwrap();
        let part = |name: &str| stored[name].as_str().unwrap();
        let (header, payload) = (part("header"), part("payload"));
        let event = Event::read(header, Some(payload)).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(event.hash.to_string(), part("hash"), "{kind}");
        assert_eq!((event.header.kind.as_str(), event.facts.kind()), (*kind, *kind));
        assert!(!matches!(event.facts, Facts::Other { .. } | Facts::Erased), "{kind}");
        assert_eq!(event.header.payload, Hash::of(&[payload.as_bytes()]), "{kind}");
        assert_eq!(event.header.to_bytes().unwrap(), header, "{kind}");
        let salt = unhex(&serde_json::from_str::<Payload>(payload).unwrap().salt).unwrap().try_into().unwrap();
        assert_eq!(Payload::to_bytes(&event.facts, salt).unwrap(), payload, "{kind}: today's code writes other bytes");
    }
}

fn header() -> impl Strategy<Value = Header> {
    let stream = prop_oneof![
        Just(StreamId::ledger()),
        any::<u128>().prop_map(|n| StreamId::incident(crate::record::id::IncidentId(Uuid::from_u128(n)))),
        "[a-z0-9-]{1,20}".prop_map(|f| StreamId::deploy("121546003735", "us-east-1", &f, "prod")),
    ];
    let ids = (any::<u128>(), proptest::option::of(any::<u128>()));
    let hashes = (any::<[u8; 32]>(), any::<[u8; 32]>());
    ("\\PC{0,40}|[\\x00-\\x7f]{0,40}", 0i64..253_402_300_799_999, ids, hashes, 1u64..1 << 53, stream, "[a-z_.]{1,30}").prop_map(
        |(actor, at, (id, cause), (payload, prev), seq, stream, kind)| Header {
            actor,
            at: Timestamp::from_millis(at).unwrap(),
            cause: cause.map(|c| EventId(Uuid::from_u128(c))),
            id: EventId(Uuid::from_u128(id)),
            payload: Hash(payload),
            prev: Hash(prev),
            seq,
            stream,
            kind,
            v: HEADER_VERSION,
        },
    )
}

/// Every way to flip one bit.
fn flipped(bytes: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(move |bit| {
        let mut b = bytes.as_bytes().to_vec();
        b[bit / 8] ^= 1 << (bit % 8);
        b
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn headers_read_back_as_written(h in header()) {
        let bytes = h.to_bytes().unwrap();
        let back = Header::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&back, &h);
        prop_assert_eq!(back.to_bytes().unwrap(), bytes.clone());
        let keys: Vec<String> = serde_json::from_str::<Value>(&bytes).unwrap().as_object().unwrap().keys().cloned().collect();
        let mut sorted = keys.clone();
        sorted.sort();
        prop_assert_eq!(keys, sorted);
        prop_assert!(!bytes.contains('\n'));
    }

    #[test]
    fn any_flipped_bit_of_a_header_is_seen(h in header()) {
        let bytes = h.to_bytes().unwrap();
        for other in flipped(&bytes) {
            let Ok(text) = String::from_utf8(other) else { continue };
            prop_assert_ne!(Header::hash_of(&text), Header::hash_of(&bytes));
            if let Ok(read) = Header::from_bytes(&text) {
                prop_assert_ne!(read, h.clone());
            }
        }
    }

    #[test]
    fn what_is_read_in_one_pass_is_what_serde_reads(h in header(), data in "[ -~]{0,12}", salt in any::<[u8; 16]>()) {
        let bytes = h.to_bytes().unwrap();
        let is_plain = !h.actor.bytes().any(|b| b == b'"' || b == b'\\' || b < b' ');
        prop_assert_eq!(plain::header(&bytes), is_plain.then(|| h.clone()));
        for text in flipped(&bytes).filter_map(|b| String::from_utf8(b).ok()) {
            if let Some(read) = plain::header(&text) {
                prop_assert_eq!(read.to_bytes().unwrap(), text.as_str());
                prop_assert_eq!(read, serde_json::from_str::<Header>(&text).unwrap());
            }
        }
        let written = Payload { data: Value::String(data), salt: hex(&salt), sv: 1 };
        let bytes = serde_json::to_string(&written).unwrap();
        prop_assert_eq!(plain::data(&bytes).map(str::to_owned), Some(written.data.to_string()));
        for text in flipped(&bytes).filter_map(|b| String::from_utf8(b).ok()) {
            if let Some(data) = plain::data(&text).and_then(|d| serde_json::from_str::<Value>(d).ok()) {
                let read: Payload = serde_json::from_str(&text).unwrap();
                prop_assert_eq!((read.data, read.sv), (data, 1));
                prop_assert!(unhex(&read.salt).is_some_and(|s| s.len() == 16));
            }
        }
    }

    #[test]
    fn any_flipped_bit_of_a_payload_is_seen(text in "\\PC{0,60}", salt in any::<[u8; 16]>()) {
        let facts = Facts::from(NoteAdded { text, section: None, occurred_at: None });
        let bytes = Payload::to_bytes(&facts, salt).unwrap();
        prop_assert_eq!(Facts::read("note.added", &bytes).unwrap(), facts);
        let hash = Hash::of(&[bytes.as_bytes()]);
        for other in flipped(&bytes) {
            prop_assert_ne!(Hash::of(&[&other]), hash);
        }
    }
}

#[test]
fn only_the_canonical_form_of_a_header_is_read() {
    let good = Story::opened().bytes[0].0.clone();
    assert!(Header::from_bytes(&good).is_ok());
    let other = [
        format!("{good}\n"),
        format!(" {good}"),
        good.replacen("\":", "\": ", 1),
        good.replacen("\"actor\":\"T-OPS", "\"actor\":\"\\u0054-OPS", 1),
        good.replacen("\"seq\":1", "\"seq\":1.0", 1),
        good.replacen("\"seq\":1", "\"seq\":1,\"seq\":1", 1),
        good.replacen("\"v\":1", "\"v\":1,\"w\":1", 1),
        good.replacen("\"cause\":null,", "", 1),
        good.replacen("\"seq\":1", "\"seq\":01", 1),
        good.replacen("\"seq\":1", "\"seq\":9007199254740992", 1),
        good.replacen("incident/", "Incident/", 1),
        good.replacen(".000Z", "Z", 1),
        good.replacen(".000Z", ".000+00:00", 1),
    ];
    for bytes in other {
        assert_ne!(bytes, good);
        assert!(Header::from_bytes(&bytes).is_err(), "{bytes}");
    }
}

#[test]
fn a_header_stays_below_its_limits() {
    let mut h = Story::opened().events[0].header.clone();
    h.actor = "x".repeat(HEADER_MAX);
    assert!(matches!(h.to_bytes(), Err(BytesError::TooLong(_))));
    h.actor = String::new();
    h.seq = 1 << 53;
    assert!(matches!(h.to_bytes(), Err(BytesError::Range("seq"))));
}

#[test]
fn newer_payloads_and_unknown_kinds_are_kept_not_guessed_at() {
    let s = Story::opened();
    let (header, payload) = &s.bytes[0];
    let newer = payload.replacen("\"sv\":1", "\"sv\":2", 1);
    let event = Event::read(header, Some(&newer)).unwrap();
    assert!(matches!(&event.facts, Facts::Other { kind, .. } if kind == "incident.opened"));
    assert!(matches!(Facts::from_json("moon.landed", 1, "null").unwrap(), Facts::Other { .. }));
    assert!(Facts::from_json("note.added", 1, "null").is_err());
    assert_eq!(Event::read(header, None).unwrap().facts, Facts::Erased);
    let smuggled = "{\"data\":1,\"salt\":\"\",\"data\":2,\"salt\":\"00112233445566778899aabbccddeeff\",\"sv\":1}";
    assert!(Facts::read("moon.landed", smuggled).is_err(), "said twice");
    let bad_salt = payload.replacen("\"salt\":\"", "\"salt\":\"zz", 1);
    assert!(Event::read(header, Some(&bad_salt)).is_err());
}
