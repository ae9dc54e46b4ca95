//! Looking whether it helped: how often, for how long, and what is written down of it.

use super::*;
use crate::record::event::{DeployRecorded, RecoveryNotVerified, RecoveryVerified};
use crate::record::verdict::Verdict;
use crate::simulator::world::Health;

impl Bench {
    fn facts(&self, stream: &StreamId) -> Vec<Facts> {
        self.store().load(stream).unwrap().into_iter().map(|e| e.facts).collect()
    }

    fn own_facts(&self) -> Vec<Facts> {
        self.facts(&StreamId::incident(self.incident().id))
    }

    fn verified(&self) -> Vec<RecoveryVerified> {
        self.own_facts().into_iter().filter_map(|f| if let Facts::RecoveryVerified(x) = f { Some(*x) } else { None }).collect()
    }

    fn not_verified(&self) -> Vec<RecoveryNotVerified> {
        self.own_facts().into_iter().filter_map(|f| if let Facts::RecoveryNotVerified(x) = f { Some(*x) } else { None }).collect()
    }

    /// What the record says of the alias since version 41 was the good one.
    fn moves(&self) -> Vec<DeployRecorded> {
        let stream = StreamId::deploy("121546003735", "us-east-1", "mission-control-api", "prod");
        let all = self.facts(&stream).into_iter().filter_map(|f| if let Facts::DeployRecorded(x) = f { Some(*x) } else { None });
        all.skip(1).collect()
    }

    fn health(&self, health: Health) {
        self.stack().edit(|w| w.functions.get_mut("mission-control-api").unwrap().versions.get_mut(&41).unwrap().health = health);
    }

    fn evidence(&self) -> u64 {
        self.incident().evidence.iter().map(|e| e.n).max().unwrap()
    }
}

#[tokio::test]
async fn three_looks_in_a_row_are_recovery_and_the_deploy_is_good_from_its_first_moment() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let began = b.drill.ctx.now();
    b.execute(1).await.unwrap();
    let last = b.evidence();
    let verified = RecoveryVerified {
        n: 1,
        verify: "verify-rollback".to_owned(),
        passes: 3,
        evidence: vec![last - 2, last - 1, last],
        after_ms: 10_000,
    };
    assert_eq!(b.verified(), [verified]);
    let moved = DeployRecorded {
        function: "mission-control-api".to_owned(),
        alias: "prod".to_owned(),
        from: Some("42".to_owned()),
        to: "41".to_owned(),
        status: DeployStatus::Good,
        commit: None,
        note: Some(b.action(1).text),
        by: Some("T-OPS".to_owned()),
        source: "incident 1.a1".to_owned(),
        occurred_at: Some(began),
        status_only: false,
    };
    assert_eq!(b.moves(), [moved]);
}

#[tokio::test]
async fn it_looks_until_time_is_up_and_what_works_later_is_news_of_the_same_deploy() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.health(Health::Crashes);
    let (before, began) = (b.evidence(), b.drill.ctx.now());
    b.execute(1).await.unwrap();
    let missed = b.not_verified();
    let reason = "not 3 times in a row within 5m: status 502, expected 200";
    assert_eq!((missed.len(), missed[0].n, missed[0].verify.as_str(), missed[0].reason.as_str()), (1, 1, "verify-rollback", reason));
    assert_eq!(missed[0].verdict, Verdict::Unmet);
    // At once and every five seconds of five minutes, the last one included; the first of this evidence is the action's own look.
    assert_eq!(missed[0].evidence, (before + 3..=before + 63).collect::<Vec<_>>());
    assert_eq!(b.drill.ctx.now().since(began), 300_000);
    b.health(Health::Works);
    b.execute(1).await.unwrap();
    let again = b.drill.ctx.now();
    let moves = b.moves();
    let said: Vec<_> = moves.iter().map(|m| (m.from.as_deref(), m.status, m.occurred_at, m.status_only)).collect();
    assert_eq!(said, [(Some("42"), DeployStatus::Unknown, Some(began), false), (None, DeployStatus::Good, Some(again), true)]);
    assert_eq!(b.verified()[0].after_ms, again.since(began));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_between_begins_the_row_anew() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let status = |n| crate::simulator::fault::Rule::new("/prod", crate::simulator::fault::Fault::Status(502)).after(n).times(1);
    b.stack().fault(status(3));
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(end, End::Verified(_)), "{end:?}");
    let last = b.evidence();
    let verified = b.verified();
    assert_eq!((verified[0].passes, verified[0].evidence.clone()), (3, vec![last - 2, last - 1, last]));
    assert_eq!(verified[0].after_ms, 25_000);
}
