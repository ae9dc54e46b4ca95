//! The deploy record: which version stood behind an alias, and which is known to work.

use super::{AppError, Ctx, library};
use crate::document::deploy_log::{Defaults, import};
use crate::record::deploy::{DeployRow, Deploys};
use crate::record::event::{DeployRecorded, DeployStatus, Event};
use crate::record::id::StreamId;
use crate::record::time::Timestamp;
use crate::store::Store;

/// What a person records about a deploy.
#[derive(Clone, Debug)]
pub struct RecordRequest {
    /// Lambda function; left out, the only one that is known.
    pub function: Option<String>,
    /// Alias; left out, the only one that is known.
    pub alias: Option<String>,
    /// Version.
    pub version: String,
    /// Version before.
    pub from: Option<String>,
    /// Whether it works.
    pub status: DeployStatus,
    /// Source revision.
    pub commit: Option<String>,
    /// What a person says about it.
    pub note: Option<String>,
    /// Who deployed.
    pub by: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// Only the status of an earlier deploy is stated.
    pub status_only: bool,
}

/// A Lambda function's alias in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    account: String,
    region: String,
    function: String,
    alias: String,
}

/// Records one deploy.
///
/// # Errors
/// It is not clear which alias is meant, or the ledger cannot be written.
pub fn record(ctx: &Ctx, request: RecordRequest) -> Result<Vec<Event>, AppError> {
    let place = place(ctx, request.function.as_deref(), request.alias.as_deref())?;
    let mut store = ctx.append_or_create()?;
    let stream = StreamId::deploy(&place.account, &place.region, &place.function, &place.alias);
    Ok(store.append(|tx| {
        let history = Deploys::fold(&tx.load(&stream)?);
        let from =
            request.from.clone().or_else(|| history.current().filter(|c| *c != request.version && !request.status_only).map(str::to_owned));
        let facts = DeployRecorded {
            function: place.function,
            alias: place.alias,
            from,
            to: request.version,
            status: request.status,
            commit: request.commit,
            note: request.note,
            by: request.by,
            source: "recorded".to_owned(),
            occurred_at: request.at,
            status_only: request.status_only,
        };
        Ok::<_, AppError>(vec![ctx.event(stream.clone(), facts, None)?])
    })?)
}

/// Every deploy, the newest first.
///
/// # Errors
/// The ledger cannot be read.
pub fn list(store: &Store) -> Result<Vec<DeployRow>, AppError> {
    let mut rows = Vec::new();
    for stream in store.streams("deploy/")? {
        rows.extend(Deploys::fold(&store.load(&stream)?).rows());
    }
    rows.sort_by_key(|r| std::cmp::Reverse(r.at));
    Ok(rows)
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// Rows that were recorded.
    pub recorded: usize,
    /// Rows that the ledger had already.
    pub known: usize,
    /// Lines that could not be read, with why.
    pub unreadable: Vec<(usize, String, String)>,
}

/// Records what a hand-written log says; what cannot be read is listed, nothing is guessed.
///
/// # Errors
/// The ledger cannot be written.
pub fn import_log(ctx: &Ctx, name: &str, text: &str) -> Result<Imported, AppError> {
    let only = place(ctx, None, None).ok();
    let defaults = Defaults { function: only.as_ref().map(|p| p.function.clone()), alias: only.map(|p| p.alias) };
    let read = import(text, &defaults);
    let mut done = Imported { unreadable: read.unreadable.into_iter().map(|u| (u.line, u.text, u.why)).collect(), ..Imported::default() };
    let mut placed = Vec::new();
    // Logs are often kept newest first; the record is kept in the order of time.
    let mut rows = read.rows;
    rows.sort_by_key(|r| r.at);
    for row in rows {
        match place(ctx, Some(&row.function), Some(&row.alias)) {
            Ok(p) => placed.push((p, row)),
            Err(e) => done.unreadable.push((row.line, format!("{}:{} {}", row.function, row.alias, row.to), e.to_string())),
        }
    }
    if placed.is_empty() {
        return Ok(done);
    }
    let mut store = ctx.append_or_create()?;
    let (mut recorded, mut known) = (0, 0);
    store.append(|tx| {
        let mut new = Vec::new();
        for (p, row) in placed {
            let stream = StreamId::deploy(&p.account, &p.region, &p.function, &p.alias);
            let facts = row.facts(name);
            let is_same = |f: &DeployRecorded| {
                f.to == facts.to && f.from == facts.from && f.occurred_at == facts.occurred_at && f.status == facts.status
            };
            if Deploys::fold(&tx.load(&stream)?).all().iter().any(|d| is_same(&d.facts)) {
                known += 1;
                continue;
            }
            recorded += 1;
            new.push(ctx.event(stream, facts, None)?);
        }
        Ok::<_, AppError>(new)
    })?;
    (done.recorded, done.known) = (recorded, known);
    done.unreadable.sort_by_key(|u| u.0);
    Ok(done)
}

/// Where a function's alias lives: the settings, or else the runbook that names it.
fn place(ctx: &Ctx, function: Option<&str>, alias: Option<&str>) -> Result<Place, AppError> {
    let mut known: Vec<Place> = Vec::new();
    for r in library::all(&ctx.config)?.into_iter().filter_map(|e| e.runbook) {
        let vars = super::page::effective_vars(ctx, &r);
        let text = |k: &str| vars.get(k).and_then(|v| v.as_str()).map(str::to_owned);
        let (Some(f), Some(a)) = (text("function"), text("alias")) else { continue };
        let account = ctx.config.aws.account.clone().or(r.account);
        let region = ctx.config.aws.region.clone().or(r.region);
        let (Some(account), Some(region)) = (account, region) else { continue };
        let p = Place { account, region, function: f, alias: a };
        if !known.contains(&p) {
            known.push(p);
        }
    }
    let fits = |p: &&Place| function.is_none_or(|f| p.function == f) && alias.is_none_or(|a| p.alias == a);
    let fitting: Vec<_> = known.iter().filter(fits).collect();
    if let [one] = fitting.as_slice() {
        return Ok((*one).clone());
    }
    match (function, alias, &ctx.config.aws.account, &ctx.config.aws.region) {
        (Some(f), Some(a), Some(account), Some(region)) => {
            Ok(Place { account: account.clone(), region: region.clone(), function: f.to_owned(), alias: a.to_owned() })
        }
        (Some(f), Some(a), _, _) => Err(AppError::usage(format!("it is not known in which account and region `{f}:{a}` runs"))
            .hint("Give `--account` and `--region`, or set them under `[aws]` in blotter.toml.")),
        _ => Err(AppError::usage("it is not clear which function and alias are meant").hint("Give `--function` and `--alias`.")),
    }
}
