//! SES v2: the account's quota, and the request to leave the sandbox. REST with JSON.

use serde_json::{Value, json};

use super::reply::{Answer, Failure, Reply};
use super::request::Request;
use super::world::World;

pub(super) fn answer(world: &mut World, request: &Request) -> Answer {
    match request.operation.as_str() {
        "GetAccount" => Ok(Reply::json(200, account(world))),
        "PutAccountDetails" => put_details(world, request),
        _ => Err(Failure::unknown_operation(request)),
    }
}

fn account(world: &World) -> Value {
    let ses = &world.ses;
    // A day's mails are far below 2^53.
    let sent = ses.sent_last_24_hours(world.now()) as f64;
    let mut document = json!({
        "DedicatedIpAutoWarmupEnabled": false,
        "EnforcementStatus": ses.enforcement,
        "ProductionAccessEnabled": ses.production,
        "SendQuota": { "Max24HourSend": ses.max_24_hours, "MaxSendRate": ses.max_rate, "SentLast24Hours": sent },
        "SendingEnabled": ses.sending_enabled,
        "SuppressionAttributes": { "SuppressedReasons": ["BOUNCE", "COMPLAINT"] },
        "VdmAttributes": { "VdmEnabled": "DISABLED" },
    });
    if let Some(details) = &ses.details {
        document["Details"] = Value::Object(details.clone());
    }
    document
}

/// Takes the request for review; a second one while the first is pending is a conflict, as AWS has it.
fn put_details(world: &mut World, request: &Request) -> Answer {
    let Some(Value::Object(mut details)) = request.json() else {
        return Err(Failure::new(400, "BadRequestException", "the body is not a JSON object"));
    };
    let mail_type = details.get("MailType").and_then(Value::as_str).unwrap_or_default();
    if !["TRANSACTIONAL", "MARKETING"].contains(&mail_type) {
        return Err(Failure::new(400, "BadRequestException", "MailType must be TRANSACTIONAL or MARKETING"));
    }
    let website = details.get("WebsiteURL").and_then(Value::as_str).unwrap_or_default();
    if !(website.starts_with("http://") || website.starts_with("https://")) {
        return Err(Failure::new(400, "BadRequestException", "WebsiteURL must begin with http:// or https://"));
    }
    let pending = world.ses.details.as_ref().is_some_and(|d| d.get("ReviewDetails").is_some_and(|r| r["Status"] == "PENDING"));
    if pending {
        return Err(Failure::new(409, "ConflictException", "there is already a pending review of this account"));
    }
    details.remove("ProductionAccessEnabled");
    details.entry("ContactLanguage").or_insert(json!("EN"));
    details.insert("ReviewDetails".to_owned(), json!({ "Status": "PENDING", "CaseId": "176432100001" }));
    world.ses.details = Some(details);
    Ok(Reply::json(200, json!({})))
}
