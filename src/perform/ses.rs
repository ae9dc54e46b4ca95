//! `aws.ses.request-production-access`: asks AWS to move the account out of the SES sandbox.

use std::time::Duration;

use aws_sdk_sesv2::operation::get_account::GetAccountOutput;
use aws_sdk_sesv2::types::{ContactLanguage, MailType};
use aws_sdk_sesv2::{Client, config};
use serde_json::{Value, json};

use super::{Arguments, Cannot, Ended, Halt, Prepared, Wanted, bounded, optional, said, source, text, texts};
use crate::aws::{Aws, Trouble, Witness, trouble};

async fn client(aws: &Aws, region: &str, endpoint: Option<&str>) -> Result<(Client, Witness), Trouble> {
    let witness = aws.witness();
    let mut builder = config::Builder::from(&aws.once(region).await?).interceptor(witness.clone());
    // Unless a place was approved, it is where the AWS chain says.
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Ok((Client::from_conf(builder.build()), witness))
}

/// A call that is stopped before it leaves: all it does is to find out where it would go.
pub(super) async fn unsent(aws: &Aws, region: &str) -> Result<Witness, Trouble> {
    let witness = aws.witness();
    let config = config::Builder::from(&aws.once(region).await?).interceptor(witness.clone()).interceptor(Halt).build();
    // It always fails; the witness has seen what was wanted.
    let _stopped = Client::from_conf(config).get_account().send().await;
    Ok(witness)
}

/// What of the account tells whether it asked: production access, and the review of the last request.
fn account_json(a: &GetAccountOutput) -> Value {
    let review = a.details().and_then(|d| d.review_details());
    json!({
        "ProductionAccessEnabled": a.production_access_enabled(),
        "WebsiteURL": a.details().and_then(|d| d.website_url()),
        "ReviewStatus": review.and_then(|r| r.status()).map(|s| s.as_str()),
        "CaseId": review.and_then(|r| r.case_id()),
    })
}

async fn read(client: &Client) -> Result<Value, Trouble> {
    client.get_account().send().await.map(|a| account_json(&a)).map_err(|e| trouble(&e))
}

/// `case 1764…` where AWS named one.
fn case(account: &Value) -> String {
    account["CaseId"].as_str().map_or(String::new(), |c| format!(", case {c}"))
}

pub(super) async fn prepare(aws: &Aws, wanted: &Wanted<'_>) -> Result<Prepared, Cannot> {
    let p = wanted.params;
    let (mail, website) = (text(p, "mail-type")?, text(p, "website")?);
    let (client, witness) = client(aws, wanted.region.unwrap_or_default(), None).await?;
    let before = read(&client).await?;
    if before["ProductionAccessEnabled"] == json!(true) {
        return Err(Cannot::Refused("the account has production access already".to_owned()));
    }
    if before["ReviewStatus"] == json!("PENDING") {
        return Err(Cannot::Refused(format!("a request is under review already{}", case(&before))));
    }
    let mut arguments =
        Arguments::from_iter([("mail-type".to_owned(), Value::from(mail.as_str())), ("website".to_owned(), Value::from(website.as_str()))]);
    for key in ["use-case", "contact-language"] {
        if let Some(v) = optional(p, key)? {
            arguments.insert(key.to_owned(), Value::from(v));
        }
    }
    let emails = texts(p, "additional-emails")?;
    if !emails.is_empty() {
        arguments.insert("additional-emails".to_owned(), json!(emails));
    }
    let text = format!("Ask AWS for SES production access, {} mail for {website}", mail.to_lowercase());
    Ok(Prepared { arguments, text, before, source: source(&witness) })
}

pub(super) async fn perform(aws: &Aws, arguments: &Arguments, _before: &Value, within: Duration) -> Ended {
    let (client, _) = match client(aws, said(arguments, "region"), Some(said(arguments, "endpoint"))).await {
        Ok(c) => c,
        Err(t) => return Ended::Failed { result: Value::Null, error: t.reason },
    };
    let optional = |key: &str| arguments.get(key).and_then(Value::as_str);
    let emails = texts(arguments, "additional-emails").unwrap_or_default();
    let call = client
        .put_account_details()
        .mail_type(MailType::from(said(arguments, "mail-type")))
        .website_url(said(arguments, "website"))
        .set_use_case_description(optional("use-case").map(str::to_owned))
        .set_contact_language(optional("contact-language").map(ContactLanguage::from))
        .set_additional_contact_email_addresses((!emails.is_empty()).then_some(emails))
        .production_access_enabled(true);
    if let Err(ended) = bounded(within, call.send()).await {
        return ended;
    }
    // The call itself answers with nothing; what AWS made of it is worth a look, and no more than that.
    let after = tokio::time::timeout(within, read(&client)).await.ok().and_then(Result::ok).unwrap_or(Value::Null);
    let status = after["ReviewStatus"].as_str().map_or(String::new(), |s| format!(", the review is {s}"));
    Ended::Done { text: format!("AWS took the request for production access{status}{}", case(&after)), result: after }
}

pub(super) async fn reconcile(aws: &Aws, arguments: &Arguments, before: &Value) -> Result<Ended, Trouble> {
    let (client, _) = client(aws, said(arguments, "region"), Some(said(arguments, "endpoint"))).await?;
    let now = read(&client).await?;
    let is_there = now["ProductionAccessEnabled"] == json!(true) || ["PENDING", "GRANTED"].iter().any(|s| now["ReviewStatus"] == json!(s));
    Ok(if is_there && now != *before {
        Ended::Done { text: format!("AWS has the request for production access{}", case(&now)), result: now }
    } else {
        Ended::Failed { error: "it was not made: AWS has no new request for production access".to_owned(), result: now }
    })
}
