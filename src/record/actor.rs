//! Who acts, and how that was known.

use std::fmt;
use std::str::FromStr;

/// The name an event is recorded under, with how it was known.
///
/// Written into the header as `T-OPS via flag` for a person of the config, `~root via os-user` for a name
/// that the config does not know. It is what the operator's account says, not an authenticated identity.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Actor {
    /// Person id from the config, or the bare name when no person matched.
    pub name: String,
    /// True when `name` is a person of the config.
    pub is_person: bool,
    /// `flag`, `environment`, `config`, `git`, `os-user` or `blotter` (the tool's own doing).
    pub via: String,
}

impl Actor {
    /// The tool itself, for what no person asked for (a rule that fired, a ledger that was made).
    pub fn tool() -> Self {
        Self { name: "blotter".to_owned(), is_person: false, via: "blotter".to_owned() }
    }

    /// True when nobody acted: a rule fired, the tool did it.
    pub fn is_tool(&self) -> bool {
        *self == Self::tool()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} via {}", if self.is_person { "" } else { "~" }, self.name, self.via)
    }
}

impl FromStr for Actor {
    type Err = std::convert::Infallible;

    /// Never fails: a text of another form is a name nobody vouches for.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (name, via) = s.rsplit_once(" via ").unwrap_or((s, "unstated"));
        let (name, is_person) = match name.strip_prefix('~') {
            Some(n) => (n, false),
            None => (name, via != "unstated"),
        };
        Ok(Self { name: name.to_owned(), is_person, via: via.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_read_back() {
        for s in ["T-OPS via flag", "~root via os-user", "~a via b via git"] {
            let a: Actor = s.parse().unwrap();
            assert_eq!(a.to_string(), s);
        }
        let a: Actor = "somebody".parse().unwrap();
        assert!(!a.is_person);
    }
}
