//! The built-in rules, in the order in which they give a place its name.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::Rule;
use super::keys::{CURSORS, SECRET_PARTS, SECRET_WORDS};

/// A match, as a rule's second thought sees it.
pub(super) struct Hit<'a> {
    /// The whole text.
    pub(super) text: &'a [u8],
    /// Where the match begins.
    pub(super) from: usize,
    /// What would be taken out.
    pub(super) secret: &'a [u8],
}

/// A quote as it stands in text, in JSON, and in JSON within JSON.
const QUOTE: &str = r#"\\{0,3}["']"#;

/// Colours of a log that was written for a terminal may stand around the sign that joins name and value.
const PAINT: &str = r"(?:\x1b\[[0-9;?]*[A-Za-z])*";

/// No rule crosses a line, except the one for private keys.
pub(super) fn built_in() -> Vec<Rule> {
    let assigned = format!(r#"(?:{QUOTE})?{PAINT}[ \t]*(?::|=>|=)[ \t]*{PAINT}"#);
    let argument = format!(
        r#"(?i)(?:^|[\s"'\[,])--?(?:[a-z0-9]+[_-])*{SECRET_WORDS}["']?,?[ \t]+["']?([^\s"'\\,;&<>()\[\]{{}}\x1b-][^\s"'\\,;&<>)\]}}]{{5,}})"#
    );
    let assignment = format!(
        r#"(?i){SECRET_WORDS}{assigned}(?:"((?:[^"\\\r\n]|\\.)+)"|'([^'\r\n]+)'|\\{{1,3}}"([^"\\\r\n]+)|["']?([^\s"'\\,;&<>()\[\]{{}}\x1b][^\s"'\\,;&<>)\]}}]*))"#
    );
    let authorization = format!(
        r#"(?i)\b(?:proxy-)?authorization{assigned}(?:{QUOTE})?(AWS4-[^"'\\\r\n]*Signature=[0-9a-f]+|(?:(?:basic|bearer|digest|negotiate|token|apikey)[ \t]+)?[^\s"'\\,;]+)"#
    );
    let cookie = format!(r#"(?i)\b(?:set-)?cookie{assigned}(?:{QUOTE})?([^"'\\\r\n]+)"#);
    let private_key = concat!(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----((?:[^-]|-[^-])*-----END [A-Z0-9 ]*PRIVATE KEY-----)",
        r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----([A-Za-z0-9+/=\s\\]+)"
    );
    vec![
        rule("private-key", &["private key-----"], private_key, |_| true),
        rule("aws-access-key", &["akia", "asia"], r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", |_| true),
        rule("aws-secret", &["secret"], aws_secret(), |_| true),
        rule("aws-signature", &["x-amz-s"], r#"(?i)x-amz-(?:signature|security-token)=([^&\s"'\\]+)"#, |_| true),
        rule("authorization", &["authorization"], authorization, |_| true),
        rule("cookie", &["cookie"], cookie, |_| true),
        rule("bearer", &["bearer"], r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/=-]{12,})", |hit| hit.secret.iter().any(u8::is_ascii_digit)),
        rule("jwt", &["eyj"], r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?", |_| true),
        rule("basic-auth", &["://"], r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"']*:([^\s/"'\\]+)@"#, |_| true),
        rule(
            "slack",
            &["hooks.slack.com/", "xox", "xapp-"],
            r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]+)|\bxox[abceoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}",
            |_| true,
        ),
        rule(
            "service-token",
            &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "k_live_", "aiza"],
            r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|\b[sr]k_live_[A-Za-z0-9]{16,}|\bAIza[A-Za-z0-9_-]{35}",
            |_| true,
        ),
        rule("assignment", &SECRET_PARTS, assignment, is_assignment),
        // Words follow such names in a manual; values mostly have digits in them.
        rule("argument", &SECRET_PARTS, argument, |hit| hit.secret.iter().any(u8::is_ascii_digit)),
    ]
}

/// Forty characters of base64 that are introduced as a secret.
fn aws_secret() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            r#"(?i)secret[a-z_ -]{{0,30}}(?:{QUOTE})?[ \t]*(?::|=>|=|[ \t])[ \t]*(?:{QUOTE})?([A-Za-z0-9/+]{{40}})(?:[^A-Za-z0-9/+=]|$)"#
        )
    })
}

fn rule(name: &'static str, words: &'static [&'static str], text: impl Into<Cow<'static, str>>, accept: fn(&Hit<'_>) -> bool) -> Rule {
    Rule { name: Cow::Borrowed(name), words, text: text.into(), unicode: false, accept, regex: OnceLock::new() }
}

/// `nextToken=…` is a position in a list, and `token: null` says nothing.
fn is_assignment(hit: &Hit<'_>) -> bool {
    const NOTHING: [&[u8]; 6] = [b"null", b"none", b"nil", b"true", b"false", b"undefined"];
    let lower = hit.secret.to_ascii_lowercase();
    if NOTHING.contains(&lower.as_slice()) || hit.secret.iter().all(|c| *c == b'*') {
        return false;
    }
    // The name of a secret, as in `arn:aws:secretsmanager:…:secret:NAME`, is none.
    if hit.from > 0 && hit.text[hit.from - 1] == b':' && hit.text[hit.from..].starts_with(b"secret:") {
        return false;
    }
    let match_is_token = hit.text[hit.from..].get(..5).is_some_and(|w| w.eq_ignore_ascii_case(b"token"));
    if !match_is_token {
        return true;
    }
    let before = &hit.text[hit.from.saturating_sub(16)..hit.from];
    let before: Vec<u8> = before.iter().filter(|c| c.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    !CURSORS.iter().any(|c| before.ends_with(c.as_bytes()))
}
