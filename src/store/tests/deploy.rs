use proptest::prelude::*;

use super::support::{Place, new, record, verify};
use crate::record::deploy::Deploys;
use crate::record::event::{DeployRecorded, DeployStatus};
use crate::record::id::StreamId;
use crate::record::testing::deploy;

fn told() -> impl Strategy<Value = DeployRecorded> {
    let status = prop_oneof![Just(DeployStatus::Good), Just(DeployStatus::Bad), Just(DeployStatus::Unknown)];
    (0..4_u8, status, 1..5_u8, any::<bool>()).prop_map(|(version, status, day, status_only)| DeployRecorded {
        status_only,
        ..deploy(&version.to_string(), status, &format!("2026-03-0{day}T00:00:00Z"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_say_what_the_whole_record_says(all in prop::collection::vec(told(), 1..8)) {
        let (_place, mut store) = Place::new();
        let stream = StreamId::deploy("1", "us-east-1", "mission-control-api", "prod");
        for x in all {
            record(&mut store, vec![new(&stream, x)]);
            let whole = Deploys::fold(&store.load(&stream).unwrap());
            prop_assert_eq!(store.deploy_facts(&stream).unwrap(), whole.facts(None));
        }
        prop_assert!(verify(&store).is_ok());
    }
}
