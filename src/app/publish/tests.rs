//! Documents on disk: what is written, what is left alone, and what is found out.

use std::sync::Arc;

use uuid::Uuid;

use super::audit::audit;
use super::tables::tables;
use super::*;
use crate::app::Clock;
use crate::app::history::{self, Wanted, overdue};
use crate::config::Config;
use crate::document::table::Format;
use crate::record::actor::Actor;
use crate::record::event::{EventCorrected, FollowupDone, IncidentReopened, NoteAdded};
use crate::record::id::EventId;
use crate::record::observation::BlobRef;
use crate::record::testing::{LEDGER, Story, note};
use crate::store::{NewEvent, Prepared};

/// A ledger in a folder of its own, with the story of a dead Lambda in it.
struct Bench {
    _folder: tempfile::TempDir,
    ctx: Ctx,
    store: Store,
    stream: StreamId,
    count: u128,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-04-02T00:00:00Z".parse().unwrap();
        let clock = Clock::simulated(Arc::new(move || now), Arc::new(|_| {}));
        let config = Config { store: folder.path().join("l.db"), exports: folder.path().join("exports"), ..Config::default() };
        let actor = Actor { name: "T-OPS".to_owned(), is_person: true, via: "flag".to_owned() };
        let aws = crate::aws::Settings::new(clock.as_fn());
        let ctx = Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
        let story = Story::dead_lambda();
        let first = crate::record::event::LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None };
        let begun = ctx.event(StreamId::ledger(), first, None).unwrap();
        let store = Store::create(&ctx.config.store, begun).unwrap();
        let mut bench = Self { _folder: folder, ctx, store, stream: story.events[0].header.stream.clone(), count: 0 };
        for e in story.events {
            bench.append(e.header.at, e.actor, e.facts);
        }
        bench
    }

    fn append(&mut self, at: crate::record::time::Timestamp, actor: Actor, mut facts: crate::record::event::Facts) -> u64 {
        use crate::record::event::Facts;
        self.count += 1;
        // The evidence of the story names bytes that nobody has: each gets some of its own.
        let bytes = Prepared::new(format!("answer {}", self.count).as_bytes()).unwrap();
        let own = |blob: &mut BlobRef| *blob = bytes.blob().clone();
        match &mut facts {
            Facts::EvidenceCaptured(x) => x.observation.blob.iter_mut().for_each(own),
            Facts::EvidenceAttached(x) => own(&mut x.blob),
            _ => {}
        }
        let id = EventId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0001_0000_0000 + self.count));
        let new = NewEvent { stream: self.stream.clone(), id, at, actor, cause: None, facts, salt: [1; 16] };
        let done = self.store.append(|tx| {
            tx.put_blob(&bytes)?;
            Ok::<_, crate::store::StoreError>(vec![new])
        });
        done.unwrap()[0].header.seq
    }

    fn add(&mut self, facts: impl Into<crate::record::event::Facts>) -> u64 {
        self.append(self.ctx.now(), self.ctx.actor.clone(), facts.into())
    }

    fn brief(&self) -> Brief {
        self.store.by_number(7).unwrap().unwrap()
    }

    fn render(&self, request: RenderRequest) -> Vec<Rendered> {
        render(&self.ctx, &self.store, request).unwrap()
    }

    /// Renders, and gives the names of the files that needed it.
    fn written(&self) -> Vec<String> {
        let done = self.render(RenderRequest::default());
        assert!(done.iter().all(|d| d.faults.is_empty()), "{done:?}");
        let written = done.iter().filter(|d| d.is_stale());
        written.map(|d| d.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.ctx.export_path(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{name} lacks {from}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    fn audited(&self) -> Vec<String> {
        let found = audit(&self.ctx, &self.store).unwrap();
        found.into_iter().map(|u| format!("{}:{}: {}", u.path.file_name().unwrap().to_string_lossy(), u.line, u.why)).collect()
    }
}

const MD: &str = "postmortems/0007-INC-001.md";
const HTML: &str = "postmortems/0007-INC-001.html";
const PLACE: &str = "<!-- What you write here is kept. -->";

#[test]
fn render_writes_the_postmortems_of_resolved_incidents_and_only_what_is_stale() {
    let mut b = Bench::new();
    assert_eq!(b.written(), ["GOVERNANCE-LOG.md", "0007-INC-001.md", "0007-INC-001.html", "0007-INC-001.svg"]);
    assert_eq!(b.written(), [] as [&str; 0]);
    b.add(NoteAdded { section: Some("lucky".to_owned()), ..note("somebody was awake") });
    let check = b.render(RenderRequest { check: true, ..RenderRequest::default() });
    assert_eq!(check.iter().filter(|d| d.is_stale()).count(), 3);
    assert_eq!(b.written(), ["GOVERNANCE-LOG.md", "0007-INC-001.md", "0007-INC-001.html"]);
    assert!(b.text(HTML).contains("somebody was awake"));
    b.add(IncidentReopened { reason: "again".to_owned() });
    assert_eq!(b.written().len(), 4, "a postmortem that exists follows its incident");
}

#[test]
fn an_incident_that_goes_on_has_a_postmortem_only_when_asked_for() {
    let mut b = Bench::new();
    b.add(IncidentReopened { reason: "again".to_owned() });
    assert_eq!(b.written(), ["GOVERNANCE-LOG.md"]);
    let done = postmortem::one(&b.ctx, &b.store, &b.brief(), RenderRequest::default()).unwrap();
    assert_eq!(done.iter().filter(|d| d.is_stale()).count(), 3);
}

#[test]
fn what_a_person_wrote_is_never_lost() {
    let b = Bench::new();
    b.written();
    b.edit(MD, PLACE, "It was <b>dark</b>.\n\n<!-- What you write here is kept. -->");
    assert_eq!(b.written(), ["0007-INC-001.html"]);
    assert!(b.text(HTML).contains("It was &lt;b&gt;dark&lt;/b&gt;."));
    b.edit(MD, "Harm was being done", "No harm was done");
    let (markdown, html) = (b.text(MD), b.text(HTML));
    let done = b.render(RenderRequest::default());
    b.edit(HTML, "<main>", "<main>My own words");
    let html = html.replacen("<main>", "<main>My own words", 1);
    assert!(done.iter().any(|d| matches!(d.faults[..], [Fault::Edited { .. }])));
    assert_eq!((b.text(MD), b.text(HTML)), (markdown, html));
    b.render(RenderRequest { force: true, ..RenderRequest::default() });
    assert!(b.text(MD).contains("It was <b>dark</b>.") && b.text(MD).contains("Harm was being done"));
    assert!(!b.text(HTML).contains("My own words"));
}

#[test]
fn a_page_that_was_edited_is_left_alone() {
    let mut b = Bench::new();
    b.written();
    b.edit(HTML, "<main>", "<main>My own words");
    b.add(note("more"));
    let done = b.render(RenderRequest::default());
    assert!(done.iter().any(|d| matches!(&d.faults[..], [Fault::Derived { name }] if name.ends_with(".html"))));
    assert!(b.text(HTML).contains("My own words"));
}

#[test]
fn a_file_with_windows_line_ends_keeps_them() {
    let mut b = Bench::new();
    b.written();
    fs::write(b.path(MD), b.text(MD).replace('\n', "\r\n")).unwrap();
    b.add(note("more"));
    b.written();
    let text = b.text(MD);
    assert!(text.contains("note: more") && !text.replace("\r\n", "").contains('\n'));
    assert_eq!(b.audited(), [] as [&str; 0]);
}

#[test]
fn an_unfinished_merge_leaves_the_file_as_it_is() {
    let mut b = Bench::new();
    b.written();
    b.edit(MD, PLACE, "<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs");
    let before = b.text(MD);
    b.add(note("more"));
    let done = b.render(RenderRequest::default());
    assert!(done.iter().any(|d| d.faults.iter().any(|f| matches!(f, Fault::Conflict { .. }))));
    assert_eq!(b.text(MD), before);
    assert!(b.audited().iter().any(|l| l.contains("unresolved merge conflict")));
}

#[test]
fn true_documents_pass_also_when_the_record_has_grown() {
    let mut b = Bench::new();
    b.written();
    assert_eq!(b.audited(), [] as [&str; 0]);
    b.add(note("more"));
    assert_eq!(b.audited(), [] as [&str; 0]);
}

#[test]
fn a_line_that_the_record_does_not_support_is_named() {
    for (name, from, to) in [
        ("GOVERNANCE-LOG.md", "approved by T-JOSH", "approved by T-ANA"),
        (MD, "every /beak/ route answered 502 for 5 minutes", "nobody noticed"),
        (MD, "T-JOSH: a1 approved", "T-ANA: a1 approved"),
        ("GOVERNANCE-LOG.md", "- Summary:", "- Summary: it went well `7.12`\n- Summary:"),
    ] {
        let b = Bench::new();
        b.written();
        b.edit(name, from, to);
        let line = b.text(name).lines().position(|l| l.contains(to.lines().next().unwrap())).unwrap() + 1;
        let file = name.rsplit('/').next().unwrap();
        let found = b.audited();
        assert!(found.iter().any(|l| l.starts_with(&format!("{file}:{line}: the record does not say this"))), "{to}: {found:?}");
    }
}

#[test]
fn a_marker_that_lies_is_found_out() {
    let edits = [
        ("at=18 ", "at=19 ", "the record has 18"),
        ("incident/0195bb2c", "incident/0195bb2d", "the record has no"),
        ("- Summary:", "", "does not say this"),
    ];
    for (from, to, says) in edits {
        let b = Bench::new();
        b.written();
        let text = b.text("GOVERNANCE-LOG.md").replace(from, to);
        fs::write(b.path("GOVERNANCE-LOG.md"), text).unwrap();
        assert!(b.audited().iter().any(|l| l.contains(says)), "{from}: {:?}", b.audited());
    }
}

#[test]
fn a_line_that_was_taken_out_is_missed() {
    let b = Bench::new();
    b.written();
    let text: String = b.text("GOVERNANCE-LOG.md").lines().filter(|l| !l.contains("Left out: ask")).map(|l| format!("{l}\n")).collect();
    fs::write(b.path("GOVERNANCE-LOG.md"), text).unwrap();
    assert!(b.audited()[0].contains("a line is missing: - Left out: ask"), "{:?}", b.audited());
}

#[test]
fn prose_may_name_only_what_exists() {
    let b = Bench::new();
    b.written();
    let first = b.text("GOVERNANCE-LOG.md");
    fs::write(
        b.path("GOVERNANCE-LOG.md"),
        format!("See `7.12` and `7.e1`, version `1.5`.\nNot `7.99`, not `7.a2`.\n- claimed `9.1`\n{first}"),
    )
    .unwrap();
    let lines: Vec<String> = b.audited().iter().map(|l| l.split(", which").next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        ["GOVERNANCE-LOG.md:2: it names `7.99`", "GOVERNANCE-LOG.md:2: it names `7.a2`", "GOVERNANCE-LOG.md:3: it names `9.1`"]
    );
}

#[test]
fn a_page_that_its_markdown_does_not_make_is_found() {
    let b = Bench::new();
    b.written();
    b.edit(HTML, "every /beak/ route", "no /beak/ route");
    assert!(b.audited().iter().any(|l| l.starts_with("0007-INC-001.html:") && l.contains("not what the Markdown")));
}

#[test]
fn tables_have_a_row_for_each() {
    let b = Bench::new();
    let folder = b.path("tables");
    let rows = |format| tables(&b.store, &folder, format).unwrap().into_iter().map(|t| t.rows).collect::<Vec<_>>();
    assert_eq!(rows(Format::Csv), [1, 1, 1, 1]);
    assert_eq!(rows(Format::JsonLines), [1, 1, 1, 1]);
    let incidents = b.text("tables/incidents.csv");
    assert!(incidents.starts_with("incident,id,runbook,") && incidents.lines().count() == 2, "{incidents}");
    let action: serde_json::Value = serde_json::from_str(&b.text("tables/actions.jsonl")).unwrap();
    for (key, value) in [("action", "7.a1"), ("outcome", "succeeded"), ("verification", "met"), ("proposer", "T-OPS"), ("event", "7.8")] {
        assert_eq!(action[key], value, "{key}");
    }
    let approval: serde_json::Value = serde_json::from_str(&b.text("tables/approvals.jsonl")).unwrap();
    assert_eq!((approval["approver"].as_str(), approval["signed"].as_bool()), (Some("T-JOSH"), Some(true)));
    assert_eq!(b.text("tables/readings.csv").lines().nth(1).unwrap().split(',').next_back(), Some("502.5"));
}

#[test]
fn stats_and_search_look_only_at_what_is_wanted() {
    let b = Bench::new();
    let stats = |w: Wanted| history::stats(&b.store, &w).unwrap();
    let all = stats(Wanted::default());
    let spans: Vec<_> = all.spans.iter().map(|s| (s.n, s.median_ms)).collect();
    assert_eq!(spans, [(1, Some(140_000)), (1, Some(296_000)), (1, Some(716_000)), (1, Some(75_000))]);
    assert_eq!(stats(Wanted { since: Some(b.ctx.now()), ..Wanted::default() }).incidents, 0);
    assert_eq!(stats(Wanted { runbook: Some("INC-002".to_owned()), ..Wanted::default() }).incidents, 0);
    let find = |w: &Wanted, person| {
        history::search(&b.store, "channel", w, person, 9).unwrap().into_iter().map(|h| h.found.seq).collect::<Vec<_>>()
    };
    assert_eq!(find(&Wanted::default(), None), [18]);
    assert_eq!(find(&Wanted::default(), Some("T-JOSH")), [] as [u64; 0]);
    for other in [
        Wanted { severity: Some("P0".to_owned()), ..Wanted::default() },
        Wanted { status: Some(crate::record::incident::Status::Open), ..Wanted::default() },
        Wanted { runbook: Some("INC-002".to_owned()), ..Wanted::default() },
    ] {
        assert_eq!(find(&other, None), [] as [u64; 0]);
    }
}

#[test]
fn a_follow_up_is_overdue_from_the_day_after_until_it_is_done() {
    let mut b = Bench::new();
    let late = |b: &Bench, now: &str| overdue(&b.store, None, now.parse().unwrap()).unwrap();
    assert!(late(&b, "2026-03-29T23:59:59Z").is_empty());
    let found = late(&b, "2026-03-30T00:00:00Z");
    assert_eq!((found[0].incident, found[0].followup.n), (7, 1));
    b.add(EventCorrected { seq: 15, text: "ask who moved prod".to_owned(), reason: "shorter".to_owned() });
    assert_eq!(late(&b, "2026-04-02T00:00:00Z")[0].followup.text, "ask who moved prod");
    assert!(overdue(&b.store, Some("INC-002"), b.ctx.now()).unwrap().is_empty());
    b.add(FollowupDone { n: 1, note: None });
    assert!(late(&b, "2026-04-02T00:00:00Z").is_empty());
}
