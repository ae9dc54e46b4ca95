//! Every kind of probe, by name.

use super::{Asking, Found, NoAnswer, cloudwatch, http, lambda, logs, question, ses, sfn};

/// The kinds that [`super::ask`] knows.
pub fn kinds() -> &'static [&'static str] {
    &[
        "http",
        "aws.lambda.alias",
        "aws.lambda.versions",
        "aws.logs.filter",
        "aws.cloudwatch.metric",
        "aws.sfn.executions",
        "aws.ses.account",
        "ask",
    ]
}

/// Asks with the kind's own file.
pub(super) async fn ask(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    match asking.request.kind.as_str() {
        "http" => http::ask(asking).await,
        "aws.lambda.alias" => lambda::alias(asking).await,
        "aws.lambda.versions" => lambda::versions(asking).await,
        "aws.logs.filter" => logs::filter(asking).await,
        "aws.cloudwatch.metric" => cloudwatch::metric(asking).await,
        "aws.sfn.executions" => sfn::executions(asking).await,
        "aws.ses.account" => ses::account(asking).await,
        "ask" => question::unanswered(asking),
        unknown => Err(NoAnswer::skipped(format!("no probe of kind `{unknown}` is known"))),
    }
}
