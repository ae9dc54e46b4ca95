//! The stack's own HTTP API behind an API Gateway: the status document and the audit feed. It works as
//! well as the version that the alias points to.

use serde_json::{Value, json};

use super::reply::{Answer, Failure, Reply};
use super::request::Request;
use super::world::{AuditEntry, Health, World};

pub(super) fn answer(world: &mut World, request: &Request) -> Answer {
    let rest = request.path.strip_prefix(world.names.api.as_str());
    let operation = match (request.method.as_str(), rest) {
        ("GET" | "HEAD", Some("/system/status")) => status,
        ("POST", Some("/audit")) => audit,
        _ => return Err(Failure::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")),
    };
    if serving_health(world) == Some(Health::Works) {
        return Ok(operation(world));
    }
    Err(Failure::new(502, "InternalServerErrorException", "Internal server error"))
}

/// Health of the version that takes this call; with a weighted alias, every so many calls go to the other one.
fn serving_health(world: &mut World) -> Option<Health> {
    let function = world.functions.get(&world.names.function)?;
    let alias = function.aliases.get(&world.names.alias)?;
    let mut version = alias.version.as_str();
    if let Some((other, weight)) = alias.weights.iter().next() {
        world.shifted += weight;
        if world.shifted >= 1.0 {
            world.shifted -= 1.0;
            version = other;
        }
    }
    function.find(version).map(|v| v.health)
}

fn status(world: &World) -> Reply {
    Reply::json(200, world.status_at(world.now()))
}

fn audit(world: &World) -> Reply {
    let entries: Vec<_> = world.audit_at(world.now()).into_iter().map(shown).collect();
    Reply::json(200, json!({ "count": entries.len(), "entries": entries }))
}

fn shown(entry: &AuditEntry) -> Value {
    let mut shown = json!({ "event_type": entry.event_type, "timestamp": entry.at.to_string() });
    for (key, value) in &entry.fields {
        shown[key.as_str()] = value.clone();
    }
    shown
}
