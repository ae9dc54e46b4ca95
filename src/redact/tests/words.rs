//! The words by which a short text is passed over: no rule may match a text that has none of its words.

use std::collections::BTreeSet;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::*;

type Texts = BTreeSet<String>;

/// Whether whatever `hir` matches has one of `words` in it.
fn always_has(hir: &Hir, words: &[&str]) -> bool {
    let one_in_each = |texts: &Texts| texts.iter().all(|t| words.iter().any(|w| t.contains(w)));
    match hir.kind() {
        HirKind::Capture(group) => always_has(&group.sub, words),
        HirKind::Repetition(times) => times.min > 0 && always_has(&times.sub, words),
        HirKind::Alternation(all) => all.iter().all(|h| always_has(h, words)),
        HirKind::Concat(parts) => {
            // What stands side by side makes words together, as far as it stands for few texts.
            let mut run = Texts::from([String::new()]);
            parts.iter().any(|part| {
                run = few(part).and_then(|next| joined(&run, &next)).unwrap_or_else(|| Texts::from([String::new()]));
                one_in_each(&run) || always_has(part, words)
            })
        }
        _ => few(hir).is_some_and(|texts| one_in_each(&texts)),
    }
}

/// All texts that `hir` matches, in small letters, if they are few.
fn few(hir: &Hir) -> Option<Texts> {
    let texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Texts::from([String::new()]),
        HirKind::Literal(text) => Texts::from([String::from_utf8(text.0.to_vec()).ok()?.to_ascii_lowercase()]),
        HirKind::Class(Class::Bytes(class)) => {
            let letters: Texts =
                class.iter().flat_map(|r| r.start()..=r.end()).map(|b| char::from(b).to_ascii_lowercase().into()).collect();
            if letters.len() > 8 { None? } else { letters }
        }
        HirKind::Class(Class::Unicode(_)) => None?,
        HirKind::Repetition(times) if times.max == Some(1) && times.min == 0 => {
            let mut texts = few(&times.sub)?;
            texts.insert(String::new());
            texts
        }
        HirKind::Repetition(_) => None?,
        HirKind::Capture(group) => few(&group.sub)?,
        HirKind::Alternation(all) => all.iter().map(few).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect(),
        HirKind::Concat(parts) => parts.iter().try_fold(Texts::from([String::new()]), |run, part| joined(&run, &few(part)?))?,
    };
    Some(texts)
}

fn joined(run: &Texts, next: &Texts) -> Option<Texts> {
    let all = run.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}")));
    (run.len() * next.len() <= 256).then(|| all.collect())
}

fn parsed(text: &str) -> Hir {
    ParserBuilder::new().unicode(false).utf8(false).build().parse(text).unwrap()
}

#[test]
fn no_rule_matches_without_one_of_its_words() {
    for rule in rules::built_in() {
        assert!(!rule.words.is_empty(), "{}", rule.name);
        assert!(rule.words.iter().all(|w| *w == w.to_ascii_lowercase()), "{}", rule.name);
        assert!(always_has(&parsed(&rule.text), rule.words), "{}: {}", rule.name, rule.text);
    }
    for (text, words) in [("(?i)a?bc|bcd", ["bc"]), ("x(?:ab|[aA]b)+", ["ab"]), ("[ab]c.*(de)", ["de"])] {
        assert!(always_has(&parsed(text), &words), "{text}");
    }
    for (text, words) in [("ab|c", ["ab"]), ("(?:ab)*", ["ab"]), ("a.b", ["ab"]), ("[^a]b", ["ab"]), ("a(?:bc|d)", ["ab"])] {
        assert!(!always_has(&parsed(text), &words), "{text}");
    }
}

#[test]
fn a_note_without_a_word_needs_no_set_and_every_other_text_does() {
    let looked = |redactor: &Redactor, text: &[u8]| {
        redactor.redact_bytes(text, &mut Counts::new());
        redactor.0.set.get().is_some()
    };
    let fresh = || Redactor::with(rules::built_in());
    assert!(!looked(&fresh(), "Josh says: deploy out at 01:50, tiles red – see a = b".as_bytes()));
    assert!(looked(&fresh(), b"the TOKEN is not said"));
    assert!(looked(&fresh(), b"no UTF-8: \xff"));
    assert!(!looked(&fresh(), "x".repeat(SHORT).as_bytes()));
    assert!(looked(&fresh(), "x".repeat(SHORT + 1).as_bytes()));
    let answer = fresh();
    answer.redact_value(&mut json!({"status": "ok"}));
    assert!(answer.0.set.get().is_some(), "an answer has many texts");
    let mut own = rules::built_in();
    own.push(super::own(&Pattern { name: "ticket".to_owned(), regex: "T-[0-9]+".to_owned() }).unwrap());
    assert!(looked(&Redactor::with(own), b"a person's own rule may match anything"));
}

proptest! {
    #[test]
    fn what_is_passed_over_is_what_the_set_finds_nothing_in(text in fragments()) {
        let redactor = Redactor::default();
        if redactor.has_no_word(text.as_bytes()) {
            prop_assert!(!redactor.may_hold_secrets(text.as_bytes()), "{text:?}");
        }
    }
}
