//! Who acts, and whether those whom the runbooks name can be reached and may approve.

use super::{Check, State, named};
use crate::app::Ctx;
use crate::runbook::model::Runbook;

pub(super) fn checks(ctx: &Ctx, runbooks: &[&Runbook]) -> Vec<Check> {
    let mut out = vec![actor(ctx)];
    for (name, what) in named(runbooks) {
        let person = ctx.config.people.get(&name);
        let mut roles = Vec::new();
        if !what.approves.is_empty() {
            roles.push(format!("approves {}", what.approves.join(", ")));
        }
        if !what.told.is_empty() {
            roles.push(format!("told by {}", what.told.join(", ")));
        }
        let roles = roles.join("; ");
        out.push(match person {
            None => {
                // Whoever is told can still be found by a person; an approval by nobody cannot be given.
                let state = if what.approves.is_empty() { State::Warn } else { State::Fail };
                Check::new("people", &name, state, format!("not in [people]; {roles}"))
                    .advise(format!("Add `[people.{name}]` to blotter.toml, or name somebody else in the runbook."))
            }
            Some(p) if p.is_team() && !what.approves.is_empty() => {
                Check::new("people", &name, State::Fail, format!("a team, and teams do not approve; {roles}"))
                    .advise("Name its people in the runbook's `approve`.")
            }
            Some(p) if p.contact.is_none() && !p.members.iter().any(|m| has_contact(ctx, m)) => {
                Check::new("people", &name, State::Warn, format!("no contact; {roles}"))
                    .advise(format!("Say under `[people.{name}]` how to reach them at 3 a.m.: `contact = \"…\"`."))
            }
            Some(_) => Check::new("people", &name, State::Ok, format!("{}; {roles}", ctx.config.reach(&name))),
        });
    }
    out
}

fn has_contact(ctx: &Ctx, name: &str) -> bool {
    ctx.config.people.get(name).is_some_and(|p| p.contact.is_some())
}

fn actor(ctx: &Ctx) -> Check {
    let who = &ctx.actor;
    if who.is_person {
        return Check::new("people", "you", State::Ok, format!("{} (known by: {})", who.name, who.via));
    }
    Check::new(
        "people",
        "you",
        State::Warn,
        format!("`{}` is nobody in [people]; you may open and look, not propose, approve or execute", who.name),
    )
    .advise(format!("Add `os-users = [\"{}\"]` to your entry in blotter.toml, or say who you are with `--as`.", who.name))
}
