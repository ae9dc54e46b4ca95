//! What `next:` says around actions, questions and regions: each line has to work as typed.

use serde_json::json;

use super::*;
use crate::app::change::carry_out;
use crate::app::engine::PersonSays;
use crate::app::page::CollectRequest;
use crate::app::view::view;
use crate::record::incident::EvidenceKind;

impl Bench {
    /// The commands that `next:` names.
    fn next(&self) -> Vec<String> {
        let store = self.store();
        let v = view(&self.drill.ctx, &store, &pick(&store, None).unwrap().brief).unwrap();
        v.next.into_iter().map(|n| n.command).collect()
    }

    async fn answer(&self, probe: &str, said: &str) -> Result<serde_json::Value, AppError> {
        let picked = pick(&self.store(), None)?;
        let answers = [(probe.to_owned(), PersonSays { answer: said.to_owned(), note: None })].into();
        let request = CollectRequest { answers, ..CollectRequest::default() };
        page::collect(&self.drill.ctx, &picked, &request, &|_| {}, std::future::pending()).await?;
        let incident = self.incident();
        let (e, _) = incident.latest(probe).unwrap();
        let EvidenceKind::Observed(o) = &e.what else { unreachable!() };
        let bytes = self.store().blob_bytes(&o.blob.as_ref().unwrap().digest).unwrap();
        Ok(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["answer"].clone())
    }
}

#[tokio::test]
async fn each_step_of_an_action_names_the_next() {
    let b = Bench::dead_lambda().await;
    let said = b.next();
    assert!(said.contains(&"blotter propose rollback --drill".to_owned()), "{said:?}");
    assert!(said.contains(&"blotter collect --probe tiles-red --answer yes|no --drill".to_owned()), "{said:?}");
    b.propose("rollback", &[]).await.unwrap();
    assert!(b.next().contains(&"blotter approve a1 --drill".to_owned()));
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(b.next().contains(&"blotter execute a1 --drill".to_owned()));
    b.execute(1).await.unwrap();
    let said = b.next();
    assert!(said.iter().all(|c| !c.contains("a1") && !c.contains("rollback")), "{said:?}");
    assert!(said.contains(&"blotter collect --probe tiles-green --answer yes|no --drill".to_owned()), "{said:?}");
}

#[tokio::test]
async fn an_approval_that_was_overtaken_is_asked_for_again() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let lower = Command::Severity { to: "P1".to_owned(), reason: "only half of it".to_owned(), rule: None };
    carry_out(&b.drill.ctx, &mut store, &picked, lower).unwrap();
    let said = b.next();
    assert!(
        said.contains(&"blotter approve a1 --drill".to_owned()) && !said.contains(&"blotter execute a1 --drill".to_owned()),
        "{said:?}"
    );
    let refused = b.execute(1).await.unwrap_err();
    assert!(refused.to_string().contains("`severity.changed` happened since it was approved"), "{refused}");
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn answers_are_read_as_the_question_wants_them() {
    let b = Bench::open("INC-005", "INC-005").await;
    assert_eq!(b.answer("mail-missing", "YES").await.unwrap(), json!("yes"));
    assert_eq!(b.answer("mail-missing", "cannot tell").await.unwrap(), json!(null));
    assert_eq!(b.answer("reset-told", "10 minutes ago").await.unwrap(), json!("2026-03-22T02:03:00.000Z"));
    assert_eq!(b.answer("reset-told", "2026-03-22T20:00:00Z").await.unwrap(), json!("2026-03-22T20:00:00.000Z"));
    let before = b.incident().evidence.len();
    for (probe, said, message) in [
        ("mail-missing", "maybe", "mail-missing: `maybe` is no answer to this question: yes, no, cannot tell"),
        ("reset-told", "soon", "reset-told: `soon` is not a time (RFC 3339, e.g. 2026-11-24T02:13:00Z)"),
        ("ses", "yes", "`ses` is no question to a person"),
    ] {
        let wrong = b.answer(probe, said).await.unwrap_err();
        assert_eq!((wrong.kind(), wrong.to_string()), (ErrorKind::Usage, message.to_owned()));
    }
    assert_eq!(b.incident().evidence.len(), before);
}

#[tokio::test]
async fn a_blocks_own_region_beats_the_runbooks_and_flags_beat_both() {
    let text = r#"# T-002: Elsewhere

It is elsewhere.

```toml runbook
severity = "P2"
[aws]
region = "us-east-1"
account = "121546003735"
```

## Steps

### 1. Move it

```toml action
id = "move"
kind = "aws.lambda.update-alias"
region = "eu-west-1"
function = "mission-control-api"
alias = "prod"
from-version = "42"
to-version = "41"
approve = { from = ["T-JOSH"] }
```
"#;
    let mut b = Bench::open_text(text, |_| {}).await;
    let refused = b.propose("move", &[]).await.unwrap_err().to_string();
    assert!(refused.starts_with("no alias `prod` of a function `mission-control-api` in eu-west-1"), "{refused}");
    b.drill.ctx.config.aws.region = Some("us-east-1".to_owned());
    b.propose("move", &[]).await.unwrap();
    assert_eq!(b.action(1).arguments["region"], json!("us-east-1"));
    // Without the flag it would run elsewhere than approved: refused, and the approval still stands.
    b.approve(person("T-JOSH"), 1).unwrap();
    b.drill.ctx.config.aws.region = None;
    let refused = b.execute(1).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (ErrorKind::Refused, "another region than the approved one: eu-west-1, approved us-east-1")
    );
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Approved, 0));
}
