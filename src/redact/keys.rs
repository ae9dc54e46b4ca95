//! Which names of members, headers and settings say that their value is a secret.

/// Words at the end of a name that make its value a secret, as a regular expression.
pub(super) const SECRET_WORDS: &str = r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|secret[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|access[_-]?key[_-]?id|client[_-]?secret|credentials?)";

/// Each of [`SECRET_WORDS`] has one of these in it.
pub(super) const SECRET_PARTS: [&str; 7] = ["passw", "passphrase", "pwd", "secret", "token", "key", "credential"];

/// Names that end like a secret and are none: positions in a list.
pub(super) const CURSORS: [&str; 7] = ["next", "page", "pagination", "continuation", "previous", "starting", "sync"];

const WORDS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "clientsecret",
    "credentials",
];

/// The rule that a member's name falls under, if its value is a secret whatever it looks like.
pub(super) fn rule_of(key: &str) -> Option<&'static str> {
    // A name that was redacted itself ends like a secret, and says nothing more.
    if key.len() > 128 || key.contains("[redacted:") {
        return None;
    }
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "authorization" | "proxyauthorization" => return Some("authorization"),
        "cookie" | "setcookie" => return Some("cookie"),
        _ => {}
    }
    let word = WORDS.iter().find(|w| plain.ends_with(*w))?;
    let before = &plain[..plain.len() - word.len()];
    (*word != "token" || !CURSORS.iter().any(|c| before.ends_with(c))).then_some("assignment")
}
