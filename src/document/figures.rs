//! The figures of a ledger as one HTML page, each with the definition it uses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::html::text;
use super::html;
use crate::record::stats::Stats;
use crate::record::time::human_span;

/// Makes the page; `about` says which incidents were looked at, e.g. `INC-001 since 2026-01-01`.
pub fn page(stats: &Stats, about: &str) -> String {
    let mut out = format!("<h1>Figures</h1>\n<p>Incidents {}: {}.</p>\n", text(about), stats.incidents);
    out.push_str("<h2>Durations</h2>\n<table>\n<thead>\n<tr><th scope=\"col\">Span</th><th scope=\"col\">Median</th><th scope=\"col\">Nine of ten within</th><th scope=\"col\">Measured</th><th scope=\"col\">Left out</th><th scope=\"col\">Definition</th></tr>\n</thead>\n<tbody>\n");
    for s in &stats.spans {
        let span = |ms: Option<i64>| ms.map_or_else(|| "none".to_owned(), human_span);
        let cells = [
            ("Median", span(s.median_ms)),
            ("Nine of ten within", span(s.p90_ms)),
            ("Measured", s.n.to_string()),
            ("Left out", s.without.to_string()),
            ("Definition", s.definition.to_owned()),
        ];
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", text(s.name));
        for (label, value) in cells {
            let _ = write!(out, "<td data-label=\"{label}\">{}</td>", text(&value));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    for (title, counts) in [("By runbook", &stats.by_runbook), ("By severity", &stats.by_severity), ("By status", &stats.by_status)] {
        bars(&mut out, title, counts);
    }
    out.push_str("<h2>Counts</h2>\n<table class=\"kv\">\n<tbody>\n");
    for c in &stats.counts {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{} <span class=\"dim\">{}</span></td></tr>",
            text(c.name),
            c.n,
            text(c.definition)
        );
    }
    out.push_str("</tbody>\n</table>\n");
    html::shell("Figures", &out)
}

fn bars(out: &mut String, title: &str, counts: &BTreeMap<String, u64>) {
    let most = counts.values().copied().max().unwrap_or(0).max(1);
    let _ = writeln!(out, "<h2>{title}</h2>\n<table class=\"kv\">\n<tbody>");
    for (name, n) in counts {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{} ({n})</th><td><span class=\"bar\" style=\"width:{}%\"></span></td></tr>",
            text(name),
            n * 100 / most
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::brief::Brief;
    use crate::record::stats::Tally;
    use crate::record::testing::Story;

    #[test]
    fn every_figure_stands_with_its_definition_and_nothing_outside_is_obeyed() {
        let s = Story::dead_lambda();
        let mut b = Brief::begin(&s.events[0]).unwrap();
        s.events[1..].iter().for_each(|e| b.apply(e));
        b.runbook = "<script>".to_owned();
        let mut t = Tally::default();
        t.brief(&b);
        let stats = t.finish();
        let got = page(&stats, "all <b>");
        for text in stats.spans.iter().map(|s| s.definition).chain(stats.counts.iter().map(|c| c.definition)) {
            assert!(got.contains(&html_text(text)), "{text}");
        }
        assert!(got.contains("4m 56s") && got.contains("all &lt;b&gt;") && !got.contains("<script"));
        assert!(html::is_sealed(&got));
    }

    fn html_text(raw: &str) -> String {
        text(raw)
    }
}
