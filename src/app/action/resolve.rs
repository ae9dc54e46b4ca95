//! Completes an action's request from the live world: who we are, what the placeholders stand for, what is there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::look::Looked;
use crate::app::page::overriding_region;
use crate::app::{AppError, Ctx, ErrorKind};
use crate::aws::{Aws, Identity};
use crate::perform::{self, Arguments, Cannot, Prepared, Wanted};
use crate::record::deploy::{DeployFacts, Deploys};
use crate::record::id::StreamId;
use crate::record::incident::Incident;
use crate::record::verdict::Outcome;
use crate::runbook::model::{ActionBlock, Runbook};
use crate::runbook::template::{Env, PlaceholderKind, Unresolved, placeholders, resolve_value};
use crate::store::Store;

/// What is to be completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) runbook: &'a Runbook,
    pub(super) block: &'a ActionBlock,
    /// Arguments that a person gave.
    pub(super) by_hand: &'a Arguments,
    /// What was approved, when it is about to run.
    pub(super) approved: Option<&'a Arguments>,
}

/// Why a request cannot be completed.
#[derive(Debug)]
pub(super) enum Stop {
    /// The world could not be asked, or it is not the right one.
    Error(AppError),
    /// The world was asked, and the change is not one to make as things are.
    World(String, Vec<String>),
}

impl Stop {
    /// As an error of a proposal.
    pub(super) fn refused(self) -> AppError {
        match self {
            Self::Error(e) => e,
            Self::World(message, hints) => hints.into_iter().fold(AppError::refused(message), AppError::hint),
        }
    }
}

impl From<AppError> for Stop {
    fn from(e: AppError) -> Self {
        Self::Error(e)
    }
}

impl From<Cannot> for Stop {
    fn from(c: Cannot) -> Self {
        match c {
            Cannot::Look(t) => Self::Error(
                AppError::told(ErrorKind::Unknown, format!("the world could not be asked: {t}")).hint("Nothing was changed. Try again."),
            ),
            Cannot::Refused(why) => Self::World(
                why,
                vec!["Nothing was proposed. See how things are now with `blotter collect`, and propose what fits.".to_owned()],
            ),
        }
    }
}

/// Completes the request of an action.
pub(super) async fn resolve(ctx: &Ctx, aws: &Aws, store: &Store, looked: &Looked, asked: &Asked<'_>) -> Result<Prepared, Stop> {
    let Asked { runbook, block, by_hand, approved } = *asked;
    let incident = &looked.incident;
    let place = match block.kind.starts_with("aws.") {
        true => Some(whose(ctx, aws, incident, runbook, block).await?),
        false => None,
    };
    let rest: BTreeMap<&String, &Value> = block.params.iter().filter(|(k, _)| !by_hand.contains_key(*k)).collect();
    let env = |deploy| Env { vars: &incident.vars, results: &looked.results, deploy, incident: Some(incident.number) };
    let fill = |value: &Value, deploy| resolve_value(value, &env(deploy)).map_err(|u| unfilled(&u, block, incident));
    let facts = match &place {
        Some((region, identity)) if rest.values().any(|v| asks_deploys(v)) => {
            let own = |key: &str| match (by_hand.get(key), rest.get(&key.to_owned())) {
                (Some(v), _) => Ok(Some(v.clone())),
                (None, Some(v)) => fill(v, None).map(Some),
                (None, None) => Ok(None),
            };
            match (own("function")?, own("alias")?) {
                (Some(Value::String(f)), Some(Value::String(a))) => Some(record_of(aws, store, region, identity, &f, &a).await?),
                _ => None,
            }
        }
        _ => None,
    };
    let mut params = by_hand.clone();
    for (key, value) in rest {
        params.insert(key.clone(), fill(value, facts.as_ref())?);
    }
    let names: Vec<String> = by_hand.keys().cloned().collect();
    let region = place.as_ref().map(|(r, _)| r.as_str());
    let wanted = Wanted { kind: &block.kind, params: &params, region, by_hand: &names, approved };
    Ok(perform::prepare(aws, place.as_ref().map(|(_, i)| i), &wanted).await?)
}

/// Insists that a change would be made where it was approved for: same account, region and endpoint.
///
/// Another place is our own side's doing, not the world's: the approval still stands.
pub(super) async fn in_place(
    ctx: &Ctx,
    aws: &Aws,
    incident: &Incident,
    runbook: &Runbook,
    block: &ActionBlock,
    approved: &Arguments,
) -> Result<(), AppError> {
    if !block.kind.starts_with("aws.") {
        return Ok(());
    }
    let (region, identity) = whose(ctx, aws, incident, runbook, block).await?;
    let endpoint = perform::endpoint(aws, &block.kind, &region).await.map_err(Cannot::Look).map_err(|c| Stop::from(c).refused())?;
    for (key, now) in [("account", &identity.account), ("region", &region), ("endpoint", &endpoint)] {
        let then = approved.get(key).and_then(Value::as_str).unwrap_or("none");
        if then != now {
            return Err(AppError::refused(format!("another {key} than the approved one: {now}, approved {then}"))
                .hint("Nothing was changed. Use the profile, region and endpoint it was approved for, or propose it anew."));
        }
    }
    Ok(())
}

/// In which region, and as whom: the account that must answer has answered.
async fn whose(ctx: &Ctx, aws: &Aws, incident: &Incident, runbook: &Runbook, block: &ActionBlock) -> Result<(String, Identity), AppError> {
    let region = overriding_region(ctx, incident, runbook).or_else(|| block.region.clone()).or_else(|| runbook.region.clone());
    let region = region.ok_or_else(|| {
        AppError::refused(format!("no region is known for `{}`", block.id))
            .hint("Give `--region`, or set it under `[aws]` in blotter.toml.")
    })?;
    let wanted = ctx.config.aws.account.clone().or_else(|| incident.account.clone()).or_else(|| runbook.account.clone());
    let identity = identity(aws, &region, wanted.as_deref()).await?;
    Ok((region, identity))
}

/// Who STS says we are; insists on the account.
pub(super) async fn identity(aws: &Aws, region: &str, wanted: Option<&str>) -> Result<Identity, AppError> {
    let identity = aws.identity(region).await.map_err(|t| {
        AppError::told(ErrorKind::Unknown, format!("nobody can say whose AWS account this is: {t}"))
            .hint("Nothing was changed. Check the credentials, or name a profile with `--profile`.")
    })?;
    match wanted {
        Some(w) if w != identity.account => {
            Err(AppError::refused(format!("wrong account: {} answered ({}), expected {w}", identity.account, identity.arn))
                .hint("Nothing was changed. Name another profile with `--profile`."))
        }
        _ => Ok(identity),
    }
}

fn asks_deploys(value: &Value) -> bool {
    let is = |k: &PlaceholderKind| matches!(k, PlaceholderKind::DeployCurrent | PlaceholderKind::DeployLastKnownGood);
    placeholders(value).into_iter().flatten().any(|p| is(&p.kind))
}

/// What the deploy record says of an alias, given where it points now.
async fn record_of(aws: &Aws, store: &Store, region: &str, who: &Identity, function: &str, alias: &str) -> Result<DeployFacts, Stop> {
    let live = perform::live_version(aws, region, function, alias).await?;
    let stream = StreamId::deploy(&who.account, region, function, alias);
    let events = store.load(&stream).map_err(AppError::from)?;
    Ok(Deploys::fold(&events).facts(Some(&live)))
}

/// Says which placeholder has nothing to stand for it, and what to type instead.
fn unfilled(u: &Unresolved, block: &ActionBlock, incident: &Incident) -> Stop {
    let key = block.params.iter().find(|(_, v)| v.as_str().is_some_and(|s| s.contains(&u.placeholder))).map(|(k, _)| k.as_str());
    let message = format!("cannot propose `{}`: {u}", block.id);
    let hint = key.map(|k| format!("Give it by hand: `blotter propose {} -i {} --set {k}=…`.", block.id, incident.number));
    let asked = placeholders(&Value::from(u.placeholder.as_str())).into_iter().flatten().next();
    let answered = |id: &str| incident.latest(id).is_some_and(|(_, o)| o.outcome == Outcome::Answered);
    match asked.map(|p| p.kind) {
        Some(PlaceholderKind::Probe { id, .. }) if !answered(&id) => {
            let e = AppError::told(ErrorKind::Unknown, message);
            Stop::Error(hint.into_iter().fold(e, AppError::hint))
        }
        _ => Stop::World(message, hint.into_iter().collect()),
    }
}

/// What differs between what was approved and what the world makes of it now.
pub(super) fn moved(approved: &Arguments, now: &Arguments) -> Vec<String> {
    let brief = |v: Option<&Value>| match v {
        None => "nothing".to_owned(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    };
    let keys = approved.keys().chain(now.keys().filter(|k| !approved.contains_key(*k)));
    keys.filter(|k| approved.get(*k) != now.get(*k))
        .map(|k| format!("{k} was {} and is {}", brief(approved.get(k)), brief(now.get(k))))
        .collect()
}
