//! Reads Rust source as far as the layering rules need it: which paths a file names outside comments, strings and tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One file as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// `collect::http::body`; empty for the crate's root.
    pub(crate) module: Vec<String>,
    /// As it lies below the repository's root.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// The text without test code.
    pub(crate) shipped: String,
    /// The text without test code, comments and the insides of strings.
    pub(crate) code: String,
}

impl Source {
    /// Reads `text` as the file `path` (`src/collect/http.rs`).
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = match inside {
            "lib" | "main" => Vec::new(),
            other => other.split('/').map(str::to_owned).collect(),
        };
        let marked = without_tests(&bare(text));
        let shipped = text.chars().zip(marked.chars()).filter(|(_, mark)| *mark != TEST).map(|(c, _)| c).collect();
        Self { module, path: path.to_owned(), text: text.to_owned(), shipped, code: marked.replace(TEST, " ") }
    }

    /// The room that the file belongs to; empty for the crate's root.
    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    /// Every path that the code names, absolute where it leads into this crate (`crate::store::Filter`), as it stands
    /// otherwise (`std::fs::read`).
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        let (uses, rest) = split_uses(&self.code);
        let mut found: BTreeSet<String> = uses.iter().flat_map(|u| expand(u)).collect();
        found.extend(path_like(&rest));
        found.into_iter().filter_map(|p| self.absolute(&p)).collect()
    }

    fn absolute(&self, path: &str) -> Option<String> {
        let mut at = self.module.clone();
        let mut rest = path;
        let mut relative = false;
        while let Some(r) = rest.strip_prefix("super::") {
            at.pop()?;
            rest = r;
            relative = true;
        }
        if let Some(r) = rest.strip_prefix("self::") {
            rest = r;
            relative = true;
        }
        if !relative {
            return Some(path.to_owned());
        }
        at.insert(0, "crate".to_owned());
        at.push(rest.to_owned());
        Some(at.join("::"))
    }
}

/// All of `src/`, without the files that only tests compile.
pub(crate) fn read_all(root: &Path) -> Vec<Source> {
    let mut files = BTreeMap::new();
    walk(&root.join("src"), &mut |path| {
        let text = std::fs::read_to_string(path).expect("source is UTF-8");
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        files.insert(name.clone(), Source::new(&name, &text));
    });
    let tests: Vec<String> = files.values().flat_map(test_files).collect();
    let is_test = |path: &str| tests.iter().any(|t| path == format!("{t}.rs") || path.starts_with(&format!("{t}/")));
    files.into_values().filter(|f| !is_test(&f.path)).collect()
}

fn walk(dir: &Path, each: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).expect("a folder of source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, each);
        } else if path.extension().is_some_and(|e| e == "rs") {
            each(&path);
        }
    }
}

/// The files, without `.rs`, that `#[cfg(test)] mod name;` names.
fn test_files(file: &Source) -> Vec<String> {
    let mut folder: Vec<String> = file.module.clone();
    folder.insert(0, "src".to_owned());
    let code = bare(&file.text);
    let declared = code.match_indices("#[cfg(").filter_map(|(at, _)| {
        let end = at + code[at..].find(']')?;
        is_test_cfg(&code[at..end]).then_some(())?;
        let item = after_attributes(&code[end + 1..]);
        let (head, _) = item.split_once(';')?;
        head.split_whitespace().last().filter(|_| head.split_whitespace().any(|w| w == "mod") && !head.contains('{'))
    });
    declared.map(|name| format!("{}/{name}", folder.join("/"))).collect()
}

fn is_test_cfg(attribute: &str) -> bool {
    attribute.contains("test") && !attribute.contains("not(test")
}

/// Skips white space and further attributes.
fn after_attributes(code: &str) -> &str {
    let mut rest = code.trim_start();
    while rest.starts_with("#[") {
        rest = rest[balanced(rest, '[', ']')..].trim_start();
    }
    rest
}

/// Length of `text` up to and with the bracket that closes the first one.
fn balanced(text: &str, open: char, close: char) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
    }
    text.len()
}

/// Blanks comments and the insides of strings and characters; every character stays where it is.
pub(crate) fn bare(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, s: &str| s.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    while let Some(&c) = chars.get(at) {
        let before_is_name = at.checked_sub(1).and_then(|b| chars.get(b)).is_some_and(|b| b.is_alphanumeric() || *b == '_');
        let end = if starts(at, "//") {
            (at..chars.len()).find(|n| chars[*n] == '\n').unwrap_or(chars.len())
        } else if starts(at, "/*") {
            let (mut depth, mut n) = (1, at + 2);
            while n < chars.len() && depth > 0 {
                let step = if starts(n, "/*") {
                    1
                } else if starts(n, "*/") {
                    -1
                } else {
                    0
                };
                depth += step;
                n += if step == 0 { 1 } else { 2 };
            }
            n
        } else if let Some(hashes) = raw_string(&chars, at).filter(|_| !before_is_name) {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = (at..chars.len()).find(|n| chars[*n] == '"').map_or(chars.len(), |n| n + 1);
            (body..chars.len()).find(|n| starts(*n, &close)).map_or(chars.len(), |n| n + 1 + hashes)
        } else if c == '"' {
            past_quote(&chars, at + 1, '"')
        } else if c == '\'' && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'')) {
            past_quote(&chars, at + 1, '\'')
        } else {
            out.push(c);
            at += 1;
            continue;
        };
        let end = end.min(chars.len());
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Number of hashes when a raw string begins at `at`.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let mut n = at;
    while matches!(chars.get(n), Some('b' | 'c')) {
        n += 1;
    }
    (chars.get(n) == Some(&'r')).then_some(())?;
    let hashes = chars[n + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(n + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn past_quote(chars: &[char], mut at: usize, quote: char) -> usize {
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            c if *c == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Stands for every character of test code.
const TEST: char = '\0';

/// Puts [`TEST`] in place of what `#[cfg(test)]` stands before; every character stays where it is.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(") {
        let end = at + balanced(&rest[at..], '[', ']');
        if !is_test_cfg(&rest[at..end]) {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let item = after_attributes(&rest[end..]);
        let skipped = rest.len() - item.len();
        let length = match item.find(['{', ';']) {
            Some(n) if item[n..].starts_with('{') => n + balanced(&item[n..], '{', '}'),
            Some(n) => n + 1,
            None => item.len(),
        };
        out.push_str(&rest[..at]);
        out.extend(rest[at..skipped + length].chars().map(|_| TEST));
        rest = &rest[skipped + length..];
    }
    out + rest
}

/// The insides of all `use …;`, and the code without them.
fn split_uses(code: &str) -> (Vec<String>, String) {
    let (mut uses, mut rest) = (Vec::new(), String::new());
    let mut left = code;
    while let Some(at) = find_word(left, "use") {
        let end = left[at..].find(';').map_or(left.len(), |n| at + n);
        rest.push_str(&left[..at]);
        uses.push(left[at + 3..end].split_whitespace().collect::<Vec<_>>().join(" "));
        left = &left[end..];
    }
    rest.push_str(left);
    (uses, rest)
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].chars().next_back().is_some_and(is_name) && text[at + word.len()..].starts_with(char::is_whitespace))
}

/// `a::{b, c::{d as e}}` → `a::b`, `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim().trim_start_matches("::");
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let (head, body) = (&tree[..open], &tree[open..]);
    let body = &body[1..balanced(body, '{', '}') - 1];
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in body.chars() {
        match c {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        parts.last_mut().expect("never empty").push(c);
    }
    parts.iter().flat_map(|p| expand(p)).map(|p| format!("{}{p}", head.trim_start_matches("::"))).collect()
}

/// Everything of the form `a::b` that no other path goes before.
fn path_like(code: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut name = String::new();
    let mut chars = code.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        if is_name(c) {
            name.push(c);
        } else if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            if chars.peek().is_some_and(|n| is_name(*n)) && (!name.is_empty() || last != '>') {
                name.push_str("::");
            } else {
                found.push(std::mem::take(&mut name));
            }
        } else {
            found.push(std::mem::take(&mut name));
        }
        last = c;
    }
    found.push(name);
    found.iter().map(|p| p.trim_start_matches("::").to_owned()).filter(|p| p.contains("::")).collect()
}

#[test]
fn comments_strings_and_tests_are_no_code() {
    let file = Source::new(
        "src/collect/http.rs",
        r##"
        // use crate::store;
        /* crate::store::X /* nested */ crate::store::Y */
        const A: &str = "crate::store::Z \" crate::store"; const B: &str = r#"use crate::store"; "#; const C: char = '"';
        fn life<'a>(x: &'a str) { super::params::read(x) }
        #[cfg(test)]
        mod tests { use crate::store; fn f() { if true {} } }
        #[cfg(all(unix, not(test)))]
        use crate::{aws::{Aws, Settings as S}, redact};
        #[cfg(test)]
        use crate::perform;
        "##,
    );
    let paths: Vec<_> = file.paths().into_iter().collect();
    assert_eq!(paths, ["crate::aws::Aws", "crate::aws::Settings", "crate::collect::params::read", "crate::redact"]);
}

#[test]
fn files_of_tests_are_known_by_their_declaration() {
    let file = Source::new(
        "src/store.rs",
        "mod read;\n#[cfg(test)]\nmod tests;\n#[cfg(any(test, feature = \"testing\"))]\n#[path = \"x\"]\npub mod given;",
    );
    assert_eq!(test_files(&file), ["src/store/tests", "src/store/given"]);
}
