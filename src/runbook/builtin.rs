//! The runbooks that come with the program. Nothing else in the source knows the stack they are written for.

/// In the order of their ids.
const ALL: [(&str, &str); 5] = [
    ("INC-001-dead-lambda.md", include_str!("../../runbooks/INC-001-dead-lambda.md")),
    ("INC-002-cert-pipeline-stall.md", include_str!("../../runbooks/INC-002-cert-pipeline-stall.md")),
    ("INC-003-agent-fleet-dead.md", include_str!("../../runbooks/INC-003-agent-fleet-dead.md")),
    ("INC-004-peck-callback-errors.md", include_str!("../../runbooks/INC-004-peck-callback-errors.md")),
    ("INC-005-ses-quota.md", include_str!("../../runbooks/INC-005-ses-quota.md")),
];

/// File name and text of every built-in runbook.
pub fn all() -> [(&'static str, &'static str); 5] {
    ALL
}

#[cfg(test)]
mod tests;
