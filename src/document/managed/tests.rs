use proptest::prelude::*;

use super::*;

fn entry(n: u64, body: &str) -> Entry {
    Entry { id: format!("incident/{n}"), order: n, at: 1, body: Some(body.to_owned()) }
}

fn merged(existing: Option<&str>, entries: &[Entry]) -> Merged {
    merge(existing, "# Log\n", entries, false).unwrap()
}

fn faults(text: &str, entries: &[Entry]) -> Vec<String> {
    let faults = merge(Some(text), "", entries, false).unwrap_err();
    faults
        .iter()
        .map(|f| {
            assert!(f.hint().ends_with('.'));
            f.to_string()
        })
        .collect()
}

fn three() -> (String, Vec<Entry>) {
    let entries = vec![entry(1, "one\n"), entry(2, "two\n"), entry(3, "three\n")];
    (merged(None, &entries).text, entries)
}

#[test]
fn a_new_file_literally() {
    let m = merged(None, &[entry(1, "one"), entry(2, "two\n\nlines\n")]);
    let two = Hash::of(&[b"two\n\nlines\n"]);
    assert_eq!(
        m.text,
        format!(
            "# Log\n\n\
             <!-- blotter:begin incident/2 at=1 sha256={two} -->\ntwo\n\nlines\n<!-- blotter:end incident/2 -->\n\n\
             <!-- blotter:begin incident/1 at=1 sha256=2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806 -->\n\
             one\n<!-- blotter:end incident/1 -->\n"
        )
    );
    assert_eq!(Hash::of(&[b"one\n"]).to_string(), "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806");
    assert_eq!(m.added, ["incident/2", "incident/1"]);
    assert!(m.is_changed());
}

#[test]
fn nothing_changes_when_nothing_changed() {
    let (text, entries) = three();
    let m = merged(Some(&text), &entries);
    assert_eq!(m.text, text);
    assert!(!m.is_changed());
    let unread: Vec<_> = entries.iter().map(|e| Entry { body: None, ..e.clone() }).collect();
    assert_eq!(merged(Some(&text), &unread).text, text);
}

#[test]
fn one_entry_changes_and_the_rest_keeps_its_bytes() {
    let (text, mut entries) = three();
    let text = text.replace("# Log\n", "# Our log\r\n\tprose  \n") + "\nafter all, no newline";
    entries[1] = Entry { at: 2, ..entry(2, "zwei\n") };
    let m = merged(Some(&text), &entries);
    assert_eq!(m.changed, ["incident/2"]);
    let old = block(&entry(2, "two\n"), "two\n", false);
    let new = block(&entries[1], "zwei\n", false);
    assert_eq!(m.text, text.replace(&old, &new));
}

#[test]
fn new_entries_take_their_place_and_prose_stays() {
    let text = merged(None, &[entry(1, "one\n"), entry(3, "three\n")]).text + "\nour own words\n";
    let all = [entry(1, "one\n"), entry(2, "two\n"), entry(3, "three\n"), entry(4, "four\n")];
    let m = merged(Some(&text), &all);
    assert_eq!(m.added, ["incident/4", "incident/2"]);
    let order: Vec<_> = scan(&m.text).unwrap().found().map(|f| f.id.clone()).collect();
    assert_eq!(order, ["incident/4", "incident/3", "incident/2", "incident/1"]);
    assert_eq!(m.text, merged(None, &all).text + "\nour own words\n");
    let older = merged(Some(&text), &[entry(0, "zero\n"), entry(1, "one\n"), entry(3, "three\n")]);
    assert!(older.text.ends_with("-->\n\nour own words\n"), "{}", older.text);
    assert_eq!(scan(&older.text).unwrap().found().last().unwrap().id, "incident/0");
}

#[test]
fn a_file_of_prose_keeps_every_byte_and_gets_entries_at_its_end() {
    for prose in ["", "words", "words\n", "words\n\n", "words\r\nmore\r\n", "\u{feff}# BOM\n"] {
        let m = merged(Some(prose), &[entry(1, "one\n")]);
        assert!(m.text.starts_with(prose), "{prose:?}");
        assert_eq!(scan(&m.text).unwrap().found().count(), 1);
        assert_eq!(merged(Some(&m.text), &[entry(1, "one\n")]).text, m.text);
    }
}

#[test]
fn an_entry_that_somebody_edited_is_not_overwritten() {
    let (text, mut entries) = three();
    let edited = text.replace("\ntwo\n", "\ntwo, and my words\n");
    assert_eq!(faults(&edited, &entries), ["line 7: entry `incident/2` was edited by hand"]);
    assert!(scan(&edited).unwrap().found().nth(1).unwrap().edited);
    let forced = merge(Some(&edited), "", &entries, true).unwrap();
    assert_eq!((forced.text, forced.changed), (text.clone(), vec!["incident/2".to_owned()]));
    entries[1].body = None;
    assert_eq!(merge(Some(&edited), "", &entries, true).unwrap_err().len(), 1, "nothing to replace it with");
    entries[1] = entry(2, "two, and my words\n");
    assert_eq!(merged(Some(&edited), &entries).changed, ["incident/2"], "the record says the same by now");
}

#[test]
fn files_with_crlf_keep_it() {
    let (text, mut entries) = three();
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(merged(Some(&crlf), &entries).text, crlf);
    entries[1] = entry(2, "zwei\n");
    entries.push(entry(4, "four\n"));
    let m = merged(Some(&crlf), &entries);
    assert_eq!(m.text.matches('\n').count(), m.text.matches("\r\n").count());
    assert_eq!(m.text.replace("\r\n", "\n"), merged(Some(&text), &entries).text);
}

#[test]
fn conflicts_and_broken_markers_are_named_by_line_and_nothing_is_written() {
    let (text, entries) = three();
    let conflict = text.replace("\ntwo\n", "\n<<<<<<< HEAD\ntwo\n=======\n2\n>>>>>>> other\n");
    assert_eq!(faults(&conflict, &entries), ["line 8: unresolved merge conflict", "line 12: unresolved merge conflict"]);
    let no_end = text.replace("<!-- blotter:end incident/2 -->\n", "");
    assert_eq!(faults(&no_end, &entries), ["line 7: entry `incident/2` begins and does not end"]);
    let begin = text.lines().nth(6).unwrap().to_owned() + "\n";
    assert_eq!(faults(&text.replace(&begin, ""), &entries), ["line 8: entry `incident/2` ends and does not begin"]);
    let twice = text.clone() + &block(&entry(2, "two\n"), "two\n", false);
    assert_eq!(faults(&twice, &entries), ["line 14: entry `incident/2` stands on line 7 already"]);
    let odd = text.replace("at=1 sha256=", "at=one sha256=");
    assert!(faults(&odd, &entries)[0].starts_with("line 3: not a marker of blotter's: `<!-- blotter:begin incident/3"));
    let last = text.replace("<!-- blotter:end incident/1 -->\n", "");
    assert_eq!(faults(&last, &entries), ["line 11: entry `incident/1` begins and does not end"]);
    let all = scan(&(last + "<<<<<<< a\n<!-- blotter:what -->\n")).err().unwrap();
    assert_eq!(all.len(), 3, "all faults at once");
}

#[test]
fn entries_of_another_ledger_are_left_alone() {
    let (text, entries) = three();
    let m = merged(Some(&text), &entries[..2]);
    assert_eq!((m.text.as_str(), m.unknown.as_slice()), (text.as_str(), ["incident/3".to_owned()].as_slice()));
    let edited = text.replace("\nthree\n", "\n3\n");
    assert_eq!(merged(Some(&edited), &entries[..2]).text, edited);
}

#[test]
fn an_entry_deleted_with_its_markers_comes_back() {
    let (text, entries) = three();
    let two = block(&entries[1], "two\n", false) + "\n";
    assert_eq!(merged(Some(&text.replace(&two, "")), &entries).text, text);
    let unread = [Entry { body: None, ..entry(9, "") }];
    assert_eq!(faults(&text, &unread), ["entry `incident/9` is not in the file"]);
}

#[test]
fn ids_cannot_break_out_of_their_marker() {
    for id in ["deploy/1/us-east-1/a b:c", "x-->y", "--", "%", "deploy/1/r/fn:prod", "é"] {
        let word = marker_id(id);
        assert!(!word.contains("--") && !word.contains([' ', '>']), "{word}");
        assert_eq!(read_id(&word).as_deref(), Some(id));
    }
    assert_eq!(read_id("%zz"), None);
    assert_eq!(read_id("%41"), None, "one form only");
}

#[test]
fn many_entries_cost_as_much_as_the_file_is_long() {
    let entries: Vec<_> = (1..=3000).map(|n| entry(n, "body\n")).collect();
    let text = merged(None, &entries).text;
    let mut changed = entries.clone();
    changed[7] = entry(8, "other\n");
    let m = merged(Some(&text), &changed);
    assert_eq!(m.changed, ["incident/8"]);
    assert_eq!(m.text.len(), text.len() + 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prose_is_never_lost(before in "[a-z# \n\r]{0,30}", between in "[a-z# \n\r]{0,30}", after in "[a-z# \n\r]{0,30}") {
        let (one, two) = (entry(1, "one\n"), entry(2, "two\n"));
        let sep = |s: &str| if s.is_empty() || s.ends_with('\n') { s.to_owned() } else { format!("{s}\n") };
        let (before, between) = (sep(&before), sep(&between));
        let text = format!("{before}{}{between}{}{after}", block(&two, "two\n", false), block(&one, "one\n", false));
        prop_assert_eq!(&merged(Some(&text), &[one.clone(), two.clone()]).text, &text);
        let m = merged(Some(&text), &[entry(1, "eins\n"), two, entry(3, "drei\n")]);
        prop_assert!(m.text.starts_with(&before));
        prop_assert!(m.text.contains(&between));
        prop_assert!(m.text.ends_with(&after));
        prop_assert_eq!(&merged(Some(&m.text), &[entry(1, "eins\n"), entry(2, "two\n"), entry(3, "drei\n")]).text, &m.text);
    }
}
