//! The `verify` block of an action: looks until it has been well often enough, or for too long not.

use std::future::Future;
use std::pin::Pin;

use super::look::{run, with_needs};
use super::{End, Watch, all_met, carry, current, name};
use crate::app::select::Picked;
use crate::app::{AppError, Ctx, ErrorKind};
use crate::record::action::{Action, Progress};
use crate::record::deploy::Deploys;
use crate::record::event::{DeployRecorded, DeployStatus, Event, Facts, RecoveryNotVerified, RecoveryVerified};
use crate::record::id::StreamId;
use crate::record::incident::decide::Command;
use crate::record::time::{Timestamp, human_span};
use crate::record::verdict::Verdict;
use crate::runbook::model::{Runbook, Verify};
use crate::store::Store;

/// The blocks that verify an action.
pub(super) fn blocks<'r>(runbook: &'r Runbook, action: &str) -> Vec<&'r Verify> {
    runbook.verifies.iter().filter(|v| v.after == action).collect()
}

/// True when an action that succeeded has a verification that has not passed.
pub(super) fn is_wanted(runbook: &Runbook, action: &Action) -> bool {
    let passed = action.verification.as_ref().is_some_and(|v| v.verdict == Verdict::Met);
    !passed && !blocks(runbook, &action.block).is_empty()
}

/// What one round of looking came to.
struct Round {
    verdict: Verdict,
    /// Numbers of its evidence.
    evidence: Vec<u64>,
    /// What was seen, on one line.
    text: String,
    interrupted: bool,
}

/// Verifies an action that succeeded, with every block that follows it.
pub(super) async fn verify(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    runbook: &Runbook,
    n: u64,
    watch: Watch<'_>,
    mut cancel: Pin<&mut impl Future<Output = ()>>,
) -> Result<(Vec<Event>, End), AppError> {
    let incident = current(store, picked)?;
    let Some(action) = incident.action(n) else { return Ok((Vec::new(), End::Done(String::new()))) };
    let (mut events, mut how) = (Vec::new(), Vec::new());
    let all = blocks(runbook, &action.block);
    for (k, block) in all.iter().enumerate() {
        let verifying = Verifying { ctx, picked, runbook, block, action, watch, is_last: k + 1 == all.len() };
        let (more, end) = verifying.run(store, cancel.as_mut()).await?;
        events.extend(more);
        match end {
            End::Verified(text) => how.push(text),
            other => return Ok((events, other)),
        }
    }
    Ok((events, End::Verified(how.join("; "))))
}

/// One `verify` block at work.
struct Verifying<'a> {
    ctx: &'a Ctx,
    picked: &'a Picked,
    runbook: &'a Runbook,
    block: &'a Verify,
    action: &'a Action,
    watch: Watch<'a>,
    /// No other block follows.
    is_last: bool,
}

impl Verifying<'_> {
    async fn run(&self, store: &mut Store, mut cancel: Pin<&mut impl Future<Output = ()>>) -> Result<(Vec<Event>, End), AppError> {
        let began = self.ctx.now();
        let every = i64::try_from(self.block.every_ms).unwrap_or(i64::MAX);
        let within = i64::try_from(self.block.within_ms).unwrap_or(i64::MAX);
        let (mut events, mut row, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let (mut passes, mut rounds) = (0_u32, 0_u64);
        loop {
            let round = self.look(store, cancel.as_mut(), &mut events).await?;
            rounds += 1;
            all.extend(&round.evidence);
            if round.verdict == Verdict::Met {
                passes += 1;
                row.extend(&round.evidence);
            } else {
                passes = 0;
                row.clear();
            }
            (self.watch.tell)(&format!("look {rounds}: {} ({passes} of {} in a row)", round.text, self.block.passes));
            if passes >= self.block.passes {
                let end = self.passed(store, &round, row, began, &mut events)?;
                return Ok((events, end));
            }
            let mut interrupted = round.interrupted;
            let is_over = self.ctx.now().since(began).saturating_add(every) > within;
            if !interrupted && !is_over {
                tokio::select! {
                    biased;
                    () = cancel.as_mut() => interrupted = true,
                    () = self.ctx.clock.sleep(self.block.every_ms) => continue,
                }
            }
            let how = match interrupted {
                true => format!("cut short after {rounds} looks"),
                false => format!("not {} times in a row within {}", self.block.passes, human_span(within)),
            };
            let verdict = if interrupted { Verdict::Unknown } else { round.verdict };
            let reason = format!("{how}: {}", round.text);
            self.missed(store, reason.clone(), verdict, all, &mut events)?;
            return Ok((events, if interrupted { End::Interrupted(reason) } else { End::NotVerified(reason) }));
        }
    }

    fn passed(&self, store: &mut Store, last: &Round, row: Vec<u64>, began: Timestamp, events: &mut Vec<Event>) -> Result<End, AppError> {
        let (ctx, passes) = (self.ctx, self.block.passes);
        let after_ms = ctx.now().since(self.action.started_at.unwrap_or(began));
        let facts =
            RecoveryVerified { n: self.action.n, verify: self.block.id.clone(), passes: u64::from(passes), evidence: row, after_ms };
        let deploy = if self.is_last { deploy(ctx, store, self.picked, self.action, ctx.now(), true)? } else { None };
        events.extend(carry(ctx, store, self.picked, Command::Verified(facts), deploy.into_iter().collect())?.events);
        let times = if passes == 1 { "once".to_owned() } else { format!("{passes} times in a row") };
        Ok(End::Verified(format!("recovery verified: {}, {times}", last.text)))
    }

    fn missed(
        &self,
        store: &mut Store,
        reason: String,
        verdict: Verdict,
        evidence: Vec<u64>,
        events: &mut Vec<Event>,
    ) -> Result<(), AppError> {
        let facts = RecoveryNotVerified { n: self.action.n, verify: self.block.id.clone(), reason, verdict, evidence };
        let deploy = deploy(self.ctx, store, self.picked, self.action, self.ctx.now(), false)?;
        events.extend(carry(self.ctx, store, self.picked, Command::NotVerified(facts), deploy.into_iter().collect())?.events);
        Ok(())
    }

    async fn look(
        &self,
        store: &mut Store,
        cancel: Pin<&mut impl Future<Output = ()>>,
        events: &mut Vec<Event>,
    ) -> Result<Round, AppError> {
        let block = self.block;
        let probes = with_needs(self.runbook, block.probes.clone());
        let looked = match run(self.ctx, store, self.picked, self.runbook, probes, self.watch.probes, cancel).await {
            Ok(more) => more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {
                return Ok(Round { verdict: Verdict::Unknown, evidence: Vec::new(), text: "interrupted".to_owned(), interrupted: true });
            }
            Err(e) => return Err(e),
        };
        let (mut evidence, mut verdicts, mut text) = (Vec::new(), Vec::new(), Vec::new());
        for e in &looked {
            if let Facts::EvidenceCaptured(x) = &e.facts {
                evidence.push(x.n);
                if block.probes.contains(&x.observation.probe) {
                    verdicts.push(x.observation.verdict);
                    text.push(format!("{} {}", x.observation.probe, x.observation.observed));
                }
            }
        }
        // A probe that only a person can answer is not among them, and cannot have been met.
        verdicts.extend((verdicts.len()..block.probes.len()).map(|_| None));
        events.extend(looked);
        Ok(Round { verdict: all_met(verdicts), evidence, text: text.join("; "), interrupted: false })
    }
}

/// The entry of the deploy record that an alias moved by this action leaves, with the stream it belongs to.
pub(super) fn deploy(
    ctx: &Ctx,
    store: &Store,
    picked: &Picked,
    action: &Action,
    now: Timestamp,
    works: bool,
) -> Result<Option<(StreamId, Facts)>, AppError> {
    if action.kind != "aws.lambda.update-alias" {
        return Ok(None);
    }
    let text = |key: &str| action.arguments.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let (function, alias) = (text("function"), text("alias"));
    let stream = StreamId::deploy(&text("account"), &text("region"), &function, &alias);
    let source = format!("incident {}", name(picked.brief.number, action.n));
    let recorded = Deploys::fold(&store.load(&stream)?).all().iter().any(|d| d.facts.source == source);
    if recorded && !works {
        return Ok(None);
    }
    let occurred_at = match (&action.progress, recorded) {
        (Progress::Succeeded { at, .. }, false) => *at,
        _ => now,
    };
    let facts = DeployRecorded {
        function,
        alias,
        from: (!recorded).then(|| text("from-version")),
        to: text("to-version"),
        status: if works { DeployStatus::Good } else { DeployStatus::Unknown },
        commit: None,
        note: Some(action.text.clone()),
        by: Some(action.executor.clone().unwrap_or_else(|| ctx.actor.name.clone())),
        source,
        occurred_at: Some(occurred_at),
        // The alias moved when the action did; that it works is news.
        status_only: recorded,
    };
    Ok(Some((stream, facts.into())))
}
