//! Going without approval: every other check is kept, and it is signed, told of, and reviewed by somebody else.

use super::*;
use crate::app::action::glass::{Broken, broken, request_break, request_review, review};
use crate::app::approvals;
use crate::record::event::Facts;

const REASON: &str = "T-JOSH does not answer and every route is down";

impl Bench {
    fn break_as(&self, who: &str) -> Result<Broken, AppError> {
        let (ctx, store) = (self.as_(person(who)), self.store());
        let picked = pick(&store, None).unwrap();
        let text = request_break(&ctx, &store, &picked, 1, REASON)?;
        let armored = self.sign(&ctx, &text);
        broken(&ctx, &store, &picked, 1, &text.render(), &armored)
    }

    fn review_as(&self, who: &str) -> Result<approval::Granted, AppError> {
        let (ctx, mut store) = (self.as_(person(who)), self.store());
        let picked = pick(&store, None).unwrap();
        let text = request_review(&ctx, &store, &picked, 1, "it was right")?;
        let armored = self.sign(&ctx, &text);
        review(&ctx, &mut store, &picked, 1, &text.render(), &armored)
    }

    async fn execute_broken(&self, glass: Broken) -> Result<Executed, AppError> {
        self.execute_with(person("T-OPS"), ExecuteRequest { glass: Some(glass), ..ExecuteRequest::new(1) }).await
    }

    fn all_problems(&self) -> Vec<String> {
        approvals::audit(&self.store()).unwrap().into_iter().map(|p| p.detail).collect()
    }
}

#[tokio::test]
async fn it_goes_without_approval_and_is_red_until_somebody_else_has_looked() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    let done = b.execute_broken(b.break_as("T-OPS").unwrap()).await.unwrap();
    assert!(matches!(done.end, End::Verified(_)), "{:?}", done.end);
    assert_eq!(b.story()[..4], ["action.proposed", "approval.bypassed", "action.started", "action.succeeded"].map(str::to_owned));
    assert!(b.action(1).is_unreviewed());
    assert_eq!(b.all_problems(), Vec::<String>::new());
    assert_eq!(b.review_as("T-OPS").unwrap_err().to_string(), "`T-OPS` proposed or executed 1.a1 and may not review it");
    b.review_as("T-ANN").unwrap();
    assert!(!b.action(1).is_unreviewed());
    assert_eq!(b.review_as("T-JOSH").unwrap_err().to_string(), "action 1.a1 has nothing to review");
    assert_eq!(b.all_problems(), Vec::<String>::new());
}

#[tokio::test]
async fn the_preconditions_are_kept() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    let glass = b.break_as("T-OPS").unwrap();
    b.stack().edit(|w| {
        w.functions.get_mut("mission-control-api").unwrap().versions.get_mut(&42).unwrap().health = crate::simulator::world::Health::Works;
    });
    let e = b.execute_broken(glass).await.unwrap_err();
    assert!(e.to_string().contains("the conditions of `rollback` are not met"), "{e}");
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 0);
}

#[tokio::test]
async fn an_approval_is_no_broken_glass_and_somebody_elses_is_none() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    let (ctx, store) = (b.as_(person("T-JOSH")), b.store());
    let picked = pick(&store, None).unwrap();
    let text = approval::request(&ctx, &store, &picked, &approval::Wish { n: 1, ..approval::Wish::default() }).unwrap();
    let e = broken(&ctx, &store, &picked, 1, &text.render(), &b.sign(&ctx, &text)).unwrap_err();
    assert!(e.to_string().starts_with("this approval is for another use"), "{e}");
    let glass = request_break(&ctx, &store, &picked, 1, REASON).unwrap();
    let e = approval::grant(&ctx, &mut b.store(), &picked, 1, &glass.render(), &b.sign(&ctx, &glass)).unwrap_err();
    assert!(e.to_string().starts_with("this approval is for another use"), "{e}");
    let e = b.execute_broken(b.break_as("T-JOSH").unwrap()).await.unwrap_err();
    assert_eq!(e.to_string(), "1.a1 cannot go without approval: it is not signed by `T-OPS`, who executes");
    let short = request_break(&ctx, &store, &picked, 1, "no time").unwrap_err();
    assert_eq!(short.to_string(), "1.a1 cannot go without approval: the reason has 7 characters, and 20 are the least");
}

#[tokio::test]
async fn a_forged_break_glass_or_review_in_the_ledger() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    b.execute_broken(b.break_as("T-OPS").unwrap()).await.unwrap();
    b.review_as("T-ANN").unwrap();
    let mut store = b.store();
    let stream = StreamId::incident(pick(&store, None).unwrap().brief.id);
    let events = store.load(&stream).unwrap();
    let forged = events.iter().filter_map(|e| match &e.facts {
        Facts::ApprovalBypassed(x) => {
            Some(Facts::from(crate::record::event::ApprovalBypassed { reason: "none of your business".to_owned(), ..(**x).clone() }))
        }
        Facts::ApprovalReviewed(x) => {
            Some(Facts::from(crate::record::event::ApprovalReviewed { by: "T-JOSH".to_owned(), ..(**x).clone() }))
        }
        _ => None,
    });
    let forged: Vec<_> = forged.map(|f| b.drill.ctx.event(stream.clone(), f, None).unwrap()).collect();
    store.append_events(&[], forged).unwrap();
    drop(store);
    let problems = b.all_problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("the break-glass of a1 by T-OPS does not hold: what is recorded of it is not what was signed"),
        "{problems:?}"
    );
    assert!(problems[1].starts_with("the review of a1 by T-JOSH does not hold"), "{problems:?}");
}
