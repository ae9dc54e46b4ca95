//! `aws.ses.account`: GetAccount, with how much of the quota is used and when it frees up.

use aws_sdk_sesv2::operation::get_account::GetAccountOutput;
use aws_sdk_sesv2::types::{AccountDetails, SendQuota};
use aws_sdk_sesv2::{Client, config};
use serde_json::{Map, Value, json};

use super::json::put;
use super::{Asking, Found, NoAnswer};
use crate::aws::{Seen, trouble};
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;

const DAY_MS: i64 = 86_400_000;

pub(super) async fn account(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    asking.sent("ses", json!({"operation": "GetAccount"}));
    let sdk = asking.world.aws.sdk(asking.region).await?;
    let client = Client::from_conf(config::Builder::from(&sdk).interceptor(asking.witness.clone()).build());
    let answer = client.get_account().send().await.map_err(|e| trouble(&e))?;
    let Some(quota) = answer.send_quota() else {
        return Err(NoAnswer::new(Outcome::Malformed, "GetAccount answered without a SendQuota"));
    };
    let mut result = account_json(&answer, &asking.witness.seen());
    result.extend(estimate(quota, asking.now()));
    Ok(Value::Object(result).into())
}

/// GetAccount in its own names. What the answer did not say is left out, not `false`.
fn account_json(answer: &GetAccountOutput, seen: &Seen) -> Map<String, Value> {
    let said = |name: &str, value: bool| seen.has(name).then_some(value);
    let mut result = Map::new();
    put(&mut result, "SendingEnabled", said("SendingEnabled", answer.sending_enabled()));
    put(&mut result, "ProductionAccessEnabled", said("ProductionAccessEnabled", answer.production_access_enabled()));
    put(&mut result, "EnforcementStatus", answer.enforcement_status());
    let warmup = answer.dedicated_ip_auto_warmup_enabled();
    put(&mut result, "DedicatedIpAutoWarmupEnabled", said("DedicatedIpAutoWarmupEnabled", warmup));
    if let Some(quota) = answer.send_quota() {
        let quota = json!({"Max24HourSend": quota.max24_hour_send(), "MaxSendRate": quota.max_send_rate(),
            "SentLast24Hours": quota.sent_last24_hours()});
        result.insert("SendQuota".to_owned(), quota);
    }
    if let Some(suppression) = answer.suppression_attributes() {
        let reasons: Vec<&str> = suppression.suppressed_reasons().iter().map(|r| r.as_str()).collect();
        result.insert("SuppressionAttributes".to_owned(), json!({ "SuppressedReasons": reasons }));
    }
    put(&mut result, "Details", answer.details().map(details_json));
    result
}

fn details_json(details: &AccountDetails) -> Value {
    let mut members = Map::new();
    put(&mut members, "MailType", details.mail_type().map(|m| m.as_str()));
    put(&mut members, "WebsiteURL", details.website_url());
    put(&mut members, "ContactLanguage", details.contact_language().map(|c| c.as_str()));
    put(&mut members, "UseCaseDescription", details.use_case_description());
    if let Some(review) = details.review_details() {
        let mut inner = Map::new();
        put(&mut inner, "Status", review.status().map(|s| s.as_str()));
        put(&mut inner, "CaseId", review.case_id());
        members.insert("ReviewDetails".to_owned(), Value::Object(inner));
    }
    Value::Object(members)
}

/// `percent`, `quota_frees_at` and `quota_basis`: GetAccount does not say when the mails of the last day were sent.
fn estimate(quota: &SendQuota, now: Timestamp) -> Map<String, Value> {
    let (max, sent) = (quota.max24_hour_send(), quota.sent_last24_hours());
    // AWS writes -1 for "unlimited".
    let percent = (max > 0.0).then(|| (sent / max * 10_000.0).round() / 100.0);
    let frees_at = (max > 0.0 && sent > 0.0).then(|| now.plus_millis(DAY_MS));
    let basis = match (max, frees_at) {
        (m, _) if m < 0.0 => "no quota: Max24HourSend is unlimited".to_owned(),
        (0.0, _) => "Max24HourSend is 0: nothing may be sent".to_owned(),
        (_, None) => "nothing was sent in the last 24 hours".to_owned(),
        (_, Some(_)) => format!(
            "estimate: the quota counts a rolling 24 hours, so each mail counted at {} UTC is out of it 24 hours after it was sent, at the latest then; part of it frees up earlier",
            now.to_seconds()
        ),
    };
    let mut members = Map::new();
    members.insert("percent".to_owned(), json!(percent));
    members.insert("quota_frees_at".to_owned(), json!(frees_at));
    members.insert("quota_basis".to_owned(), json!(basis));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_says_what_it_rests_on() {
        let now: Timestamp = "2026-11-24T02:13:07Z".parse().unwrap();
        let of = |max: f64, sent: f64| estimate(&SendQuota::builder().max24_hour_send(max).sent_last24_hours(sent).build(), now);
        let near = of(200.0, 191.0);
        assert_eq!(near["percent"], 95.5);
        assert_eq!(near["quota_frees_at"], "2026-11-25T02:13:07.000Z");
        assert!(near["quota_basis"].as_str().unwrap().starts_with("estimate: "));
        for (max, sent) in [(-1.0, 5.0), (0.0, 0.0)] {
            assert_eq!((&of(max, sent)["percent"], &of(max, sent)["quota_frees_at"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(of(200.0, 0.0)["percent"], 0.0);
        assert_eq!(of(200.0, 0.0)["quota_frees_at"], Value::Null);
    }
}
