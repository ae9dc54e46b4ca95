//! Checkpoints that somebody kept elsewhere, found in whatever text they were kept in.
//!
//! A file that `checkpoint` printed, the small file beside a store, a mail that quotes either, a rendered document. What
//! is found is only read here: whether it is true is for the store to say.

use super::chain::Checkpoint;
use super::id::Hash;

/// A checkpoint as some text states it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stated {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The ledger it is about; `None` where the text does not say.
    pub ledger: Option<String>,
    /// How many events it covers; at least 1.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The armoured signature that follows it.
    pub signature: Option<String>,
}

impl Stated {
    /// The text that was signed, if it is of the ledger `id`.
    pub fn text(&self, id: &str) -> String {
        Checkpoint::stating(id, self.size, self.root).text
    }
}

/// Finds every checkpoint in `text`, in order: as `checkpoint` prints it, with or without `--json`, indented or quoted
/// or not, and as rendered documents print it.
pub fn find(text: &str) -> Vec<Stated> {
    if let Some(found) = from_json(text) {
        return found;
    }
    // What mail programs and tickets put before a line belongs to them.
    let lines: Vec<&str> = text.lines().map(|l| l.trim_start_matches(['>', '|', ' ', '\t']).trim_end()).collect();
    let mut found = Vec::new();
    let mut ledger = None;
    for (n, line) in lines.iter().enumerate() {
        if let Some(id) = line.split_once(" of ledger ").and_then(|(_, rest)| word(rest)) {
            ledger = Some(id);
        }
        if let Some(stated) = as_printed(&lines[n..], n + 1) {
            found.push(stated);
        } else if let Some((size, root)) = as_rendered(line) {
            found.push(Stated { line: n + 1, ledger: ledger.clone(), size, root, signature: None });
        }
    }
    found
}

fn from_json(text: &str) -> Option<Vec<Stated>> {
    let doc: serde_json::Value = serde_json::from_str(text).ok()?;
    let part = |name: &str| doc.get(name)?.as_str();
    Some(find(&format!("{}{}", part("text")?, part("signature").unwrap_or_default())))
}

fn as_printed(lines: &[&str], line: usize) -> Option<Stated> {
    let [origin, size, root, rest @ ..] = lines else { return None };
    let ledger = origin.strip_prefix("blotter/")?;
    let Checkpoint { size, root, .. } = Checkpoint::parse(ledger, &format!("{origin}\n{size}\n{root}\n"))?;
    let signature = match rest.first() {
        Some(begin) if begin.starts_with("-----BEGIN ") => {
            let end = rest.iter().position(|l| l.starts_with("-----END ")).map_or(rest.len(), |n| n + 1);
            Some(rest[..end].iter().map(|l| format!("{l}\n")).collect())
        }
        _ => None,
    };
    (size > 0).then(|| Stated { line, ledger: Some(ledger.to_owned()), size, root, signature })
}

/// `… checkpoint over it: 40 events, root …`.
fn as_rendered(line: &str) -> Option<(u64, Hash)> {
    let (_, rest) = line.split_once("heckpoint over it: ")?;
    let (size, rest) = rest.split_once(" events, root ")?;
    let (size, root) = (size.parse().ok()?, word(rest)?.parse().ok()?);
    (size > 0).then_some((size, root))
}

/// The first word, out of what Markdown or HTML put around it.
fn word(text: &str) -> Option<String> {
    let text = text.strip_prefix("<code>").unwrap_or(text).trim_start_matches('`');
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "32c8e44fe7c5cbfe55a258d31033e623d1756090de839e5b61beb4b70d5f1e4e";

    fn root() -> Hash {
        ROOT.parse().unwrap()
    }

    fn printed() -> String {
        format!("{}-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", Checkpoint::stating("7f-3", 29, root()).text)
    }

    #[test]
    fn a_checkpoint_is_found_however_it_was_kept() {
        let text = printed();
        let quoted = |mark: &str| text.lines().map(|l| format!("{mark}{l}\r\n")).collect::<String>();
        let json = serde_json::json!({"v": 1, "text": Checkpoint::stating("7f-3", 29, root()).text, "signature": text[text.find("---").unwrap()..]});
        for (how, kept, line) in [
            ("as printed", text.clone(), 1),
            ("in a mail", format!("Josh, keep this:\n\n{}\nThanks", quoted("> > ")), 3),
            ("in a ticket", quoted("    "), 1),
            ("as JSON", json.to_string(), 1),
        ] {
            let found = find(&kept);
            assert_eq!(found.len(), 1, "{how}: {found:?}");
            let s = &found[0];
            assert_eq!((s.ledger.as_deref(), s.size, s.root, s.line), (Some("7f-3"), 29, root(), line), "{how}");
            assert_eq!(s.text("7f-3") + s.signature.as_deref().unwrap(), text, "{how}");
        }
    }

    #[test]
    fn rendered_documents_state_one_for_each_entry() {
        let entry = |of: &str, n: u64| {
            format!("- Stream `incident/1` of ledger {of}, head `7.1`\n- First checkpoint over it: {n} events, root `{ROOT}`\n\n")
        };
        let found = find(&(entry("`7f`", 3) + &entry("<code>8a</code>", 40)));
        let told: Vec<_> = found.iter().map(|s| (s.ledger.as_deref(), s.size, s.line, s.signature.is_some())).collect();
        assert_eq!(told, [(Some("7f"), 3, 2, false), (Some("8a"), 40, 5, false)]);
    }

    #[test]
    fn what_states_nothing_is_not_found() {
        let bad = printed();
        for text in
            ["", "blotter/7f\n3\n", &bad.replace("29", "029"), &bad.replace("29", "0"), "First checkpoint over it: 3 events, root `abc`"]
        {
            assert_eq!(find(text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "(blotter/|-----BEGIN |of ledger |over it: 3 events, root |[0-9a-f]{64}|\\PC|\n|`|<code>){0,40}") {
            find(&text);
        }
    }
}
