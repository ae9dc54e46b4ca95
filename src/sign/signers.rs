//! Reads `allowed_signers`, OpenSSH's list of whose key signs what, more strictly than OpenSSH does.
//!
//! A line that could mean more than it says (a pattern, a certificate authority, a time without a zone, an option that
//! this build does not know) is a fault, and a file with a fault is not used at all.

use std::collections::BTreeSet;
use std::fmt;

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use super::sshsig::Key;
use crate::record::time::Timestamp;

/// A file longer than this is none that a person reviews, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// One line: a key, and for whom, for what and when it signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    /// 1-based line of the file.
    pub line: usize,
    /// Whose key it is; several names are the same person's.
    pub principals: Vec<String>,
    /// What it may sign.
    pub namespaces: Vec<String>,
    /// Good from this instant on.
    pub valid_after: Option<Timestamp>,
    /// Good up to this instant.
    pub valid_before: Option<Timestamp>,
    /// The key.
    pub key: Key,
}

impl Signer {
    /// True when the line is about `namespace`.
    pub fn is_for(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|n| n == namespace)
    }

    /// True when the line holds at `at`; both ends count, as they do for OpenSSH.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        self.valid_after.is_none_or(|t| at >= t) && self.valid_before.is_none_or(|t| at <= t)
    }
}

/// Why a key does not speak for somebody.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotListed {
    /// The principal stands nowhere.
    #[error("`{principal}` has no key in allowed_signers")]
    Principal {
        /// Who.
        principal: String,
    },
    /// The principal is listed with other keys.
    #[error("the key {key} is not one of `{principal}` in allowed_signers")]
    Key {
        /// Fingerprint.
        key: String,
        /// Who.
        principal: String,
    },
    /// The key is listed, for other uses.
    #[error("line {line} of allowed_signers lists the key {key} of `{principal}`, and not for `{namespace}`")]
    Namespace {
        /// 1-based line.
        line: usize,
        /// Fingerprint.
        key: String,
        /// Who.
        principal: String,
        /// What it was wanted for.
        namespace: String,
    },
    /// The key was not good then, or is not any more.
    #[error("line {line} of allowed_signers: the key {key} of `{principal}` is not valid at {at}")]
    Window {
        /// 1-based line.
        line: usize,
        /// Fingerprint.
        key: String,
        /// Who.
        principal: String,
        /// When it was wanted.
        at: Timestamp,
    },
}

/// A fault of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The whole file.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Signers {
    /// Its lines in order.
    pub lines: Vec<Signer>,
}

impl Signers {
    /// Reads a file; what is well formed is returned beside every fault.
    pub fn parse(text: &str) -> (Self, Vec<Fault>) {
        let (mut lines, mut faults) = (Vec::new(), Vec::new());
        if text.len() > LONGEST {
            let message = format!("the file is longer than {LONGEST} bytes");
            return (Self::default(), vec![Fault { line: 1, column: 1, message }]);
        }
        for (n, line) in text.lines().enumerate() {
            let body = line.trim_matches([' ', '\t']);
            if body.is_empty() || body.starts_with('#') {
                continue;
            }
            let start = line.len() - line.trim_start_matches([' ', '\t']).len();
            let read = Line { text: body, at: 0 };
            match read.read(n + 1) {
                Ok(signer) => lines.push(signer),
                Err((at, message)) => {
                    let column = line.get(..start + at).map_or(1, |s| s.chars().count() + 1);
                    faults.push(Fault { line: n + 1, column, message });
                }
            }
        }
        (Self { lines }, faults)
    }

    /// True when `principal` has any key for `namespace`.
    pub fn knows(&self, principal: &str, namespace: &str) -> bool {
        self.lines.iter().any(|s| s.is_for(namespace) && s.principals.iter().any(|p| p == principal))
    }

    /// The keys that sign for `principal` in `namespace` at `at`.
    pub fn keys(&self, principal: &str, namespace: &str, at: Timestamp) -> impl Iterator<Item = &Key> {
        let wanted = move |s: &&Signer| s.is_for(namespace) && s.is_valid(at) && s.principals.iter().any(|p| p == principal);
        self.lines.iter().filter(wanted).map(|s| &s.key)
    }

    /// The principals that `key` is listed for in `namespace`, whenever: whoever holds it is all of them.
    pub fn principals_of(&self, key: &Key, namespace: &str) -> BTreeSet<&str> {
        let lines = self.lines.iter().filter(|s| s.key == *key && s.is_for(namespace));
        lines.flat_map(|s| s.principals.iter().map(String::as_str)).collect()
    }

    /// Says whether `key` signs for `principal` in `namespace` at `at`.
    ///
    /// # Errors
    /// Why not, naming the line that comes nearest.
    pub fn allows(&self, key: &Key, principal: &str, namespace: &str, at: Timestamp) -> Result<&Signer, NotListed> {
        let of: Vec<_> = self.lines.iter().filter(|s| s.principals.iter().any(|p| p == principal)).collect();
        let text = principal.to_owned();
        if of.is_empty() {
            return Err(NotListed::Principal { principal: text });
        }
        let own: Vec<_> = of.into_iter().filter(|s| s.key == *key).collect();
        let Some(first) = own.first() else {
            return Err(NotListed::Key { key: key.fingerprint(), principal: text });
        };
        let key = key.fingerprint();
        let Some(fit) = own.iter().find(|s| s.is_for(namespace)) else {
            return Err(NotListed::Namespace { line: first.line, key, principal: text, namespace: namespace.to_owned() });
        };
        match own.iter().find(|s| s.is_for(namespace) && s.is_valid(at)) {
            Some(s) => Ok(s),
            None => Err(NotListed::Window { line: fit.line, key, principal: text, at }),
        }
    }
}

/// A fault at a byte of the line.
type At<T> = Result<T, (usize, String)>;

/// One line as it is read.
struct Line<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Line<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn fault<T>(&self, message: impl Into<String>) -> At<T> {
        Err((self.at, message.into()))
    }

    /// A word in double quotes, in which a backslash stands before a quote.
    fn quoted(&mut self) -> At<String> {
        let start = self.at;
        let Some(body) = self.rest().strip_prefix('"') else { return self.fault("expected a value in double quotes") };
        let mut out = String::new();
        let mut chars = body.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 2;
                    return Ok(out);
                }
                '\\' if body[i..].starts_with("\\\"") => {
                    chars.next();
                    out.push('"');
                }
                c if c.is_control() => return self.fault("a control character"),
                c => out.push(c),
            }
        }
        Err((start, "the quote is not closed".to_owned()))
    }

    fn read(mut self, line: usize) -> At<Signer> {
        let principals = self.principals()?;
        self.skip_blanks();
        let mut signer = Signer { line, principals, namespaces: Vec::new(), valid_after: None, valid_before: None, key: Key::none() };
        if !self.is_at_key() {
            self.options(&mut signer)?;
            self.skip_blanks();
        }
        if signer.namespaces.is_empty() {
            return self.fault("no `namespaces=\"…\"`: without it the key would sign anything");
        }
        signer.key = self.key()?;
        if let (Some(after), Some(before)) = (signer.valid_after, signer.valid_before)
            && after > before
        {
            return Err((0, "`valid-after` is later than `valid-before`, so the key is never good".to_owned()));
        }
        Ok(signer)
    }

    fn principals(&mut self) -> At<Vec<String>> {
        let list = if self.rest().starts_with('"') {
            let list = self.quoted()?;
            if !self.rest().starts_with([' ', '\t']) {
                return self.fault("expected a blank after the principals");
            }
            list
        } else {
            let end = self.rest().find([' ', '\t']).unwrap_or(self.rest().len());
            let list = self.rest()[..end].to_owned();
            if let Some(i) = list.find('"') {
                return Err((self.at + i, "a quote inside of a principal".to_owned()));
            }
            self.at += end;
            list
        };
        exact(&list, "principal").map_err(|m| (0, m))
    }

    /// What begins with the name of a kind of key is the key, not an option.
    fn is_at_key(&self) -> bool {
        let word = self.rest().split([' ', '\t']).next().unwrap_or_default();
        ["ssh-", "ecdsa-", "sk-"].iter().any(|p| word.starts_with(p)) && !word.contains(['=', ',', '"'])
    }

    fn options(&mut self, signer: &mut Signer) -> At<()> {
        loop {
            let start = self.at;
            let end = self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(self.rest().len());
            let name = &self.rest()[..end];
            let known = ["namespaces", "valid-after", "valid-before"];
            match name {
                "" => return self.fault("expected an option or a key"),
                "cert-authority" => return self.fault("`cert-authority` is not taken: each approver's own key stands here"),
                name if !known.contains(&name) => return self.fault(format!("unknown option `{name}`")),
                _ => {}
            }
            self.at += end;
            if !self.rest().starts_with('=') {
                return self.fault(format!("expected `=` after `{name}`"));
            }
            self.at += 1;
            let value_at = self.at;
            let value = self.quoted()?;
            let twice = || Err((start, format!("`{name}` stands twice")));
            match name {
                "namespaces" if !signer.namespaces.is_empty() => return twice(),
                "namespaces" => signer.namespaces = exact(&value, "namespace").map_err(|m| (value_at, m))?,
                _ => {
                    let slot = if name == "valid-after" { &mut signer.valid_after } else { &mut signer.valid_before };
                    if slot.is_some() {
                        return twice();
                    }
                    *slot = Some(instant(&value).map_err(|m| (value_at, m))?);
                }
            }
            match self.rest().chars().next() {
                Some(',') => self.at += 1,
                Some(' ' | '\t') => return Ok(()),
                Some(_) => return self.fault("expected `,` or a blank after the value"),
                None => return self.fault("no key on this line"),
            }
        }
    }

    fn key(&mut self) -> At<Key> {
        if self.rest().is_empty() {
            return self.fault("no key on this line");
        }
        let Ok(key) = PublicKey::from_openssh(self.rest()) else {
            return self.fault("not a public key that this build can read");
        };
        Key::supported(key.key_data().clone()).map_err(|m| (self.at, m))
    }
}

/// The members of a list that means exactly what it says.
fn exact(list: &str, what: &str) -> Result<Vec<String>, String> {
    let mut out: Vec<String> = Vec::new();
    for member in list.split(',') {
        if member.is_empty() {
            return Err(format!("an empty {what}"));
        }
        if member.contains(['*', '?', '!']) {
            return Err(format!("`{member}` is a pattern; each {what} is written out"));
        }
        if member.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("a blank or a control character in a {what}"));
        }
        if out.iter().any(|o| o == member) {
            return Err(format!("{what} `{member}` stands twice"));
        }
        out.push(member.to_owned());
    }
    Ok(out)
}

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`. Without the `Z`, OpenSSH takes the machine's own time zone.
fn instant(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is not a time such as 20260131Z or 202601312359Z");
    let digits = match text.strip_suffix('Z') {
        Some(d) => d,
        None if text.chars().all(|c| c.is_ascii_digit()) => {
            return Err(format!("`{text}` has no `Z`: it would mean another instant on another machine"));
        }
        None => return Err(wrong()),
    };
    let is_fit = matches!(digits.len(), 8 | 12 | 14) && digits.chars().all(|c| c.is_ascii_digit());
    if !is_fit {
        return Err(wrong());
    }
    let full = format!("{digits:0<14}");
    let part = |a: usize, b: usize| full.get(a..b).unwrap_or_default();
    let rfc = format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14));
    rfc.parse().map_err(|_| wrong())
}

/// Reads one public key, as a `.pub` file holds it.
pub fn public_key(text: &str) -> Option<Key> {
    PublicKey::from_openssh(text.trim()).ok().map(|k| KeyData::clone(k.key_data())).and_then(|k| Key::supported(k).ok())
}

#[cfg(test)]
mod tests;
