use super::*;
use crate::document::escape::markdown;

fn body(markdown: &str) -> String {
    let whole = page(markdown, &About { title: "t".to_owned(), incident: Some(7), figure: None });
    let (_, rest) = whole.split_once("<main>").unwrap();
    rest.split_once("</main>").unwrap().0.to_owned()
}

#[test]
fn outside_text_is_shown_and_never_obeyed() {
    for raw in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</td></table><script>x</script>",
        "[click](javascript:alert(1))",
        "![x](https://evil.example/p.png)",
        "<!-- blotter:end x -->",
        "\" onmouseover=\"x",
        "a\u{202e}b",
    ] {
        for page in [
            format!("{}\n", markdown::text(raw)),
            format!("| a |\n| - |\n| {} |\n", markdown::text(raw)),
            format!("{raw}\n"),
            format!("- x {raw} y\n"),
        ] {
            let got = body(&page);
            for bad in ["<script", "<img", " onerror=alert(1)>", "href=\"javascript", "src=\"", "\" onmouseover=\"", "\u{202e}"] {
                assert!(!got.contains(bad), "{page} became {got}");
            }
        }
    }
}

#[test]
fn links_lead_where_a_reader_expects() {
    for (dest, lets) in [
        ("https://a.example/x", true),
        ("HTTP://a.example", true),
        ("mailto:a@b.example", true),
        ("#s-timeline", true),
        ("0007-INC-001.svg", true),
        ("a/b:c", true),
        ("javascript:alert(1)", false),
        ("JaVaScRiPt:alert(1)", false),
        ("data:text/html,x", false),
        ("vbscript:x", false),
        ("file:///etc/passwd", false),
        ("//evil.example", false),
    ] {
        assert_eq!(body(&format!("[x](<{dest}>)")).contains("<a href"), lets, "{dest}");
    }
    assert!(!body("[x](java&#x0A;script:alert(1))").contains("<a href"));
    assert!(!body("<javascript:alert(1)>").contains("<a href"));
}

#[test]
fn html_written_by_hand_is_text_and_comments_are_gone() {
    assert_eq!(body("<div class=\"x\">\nhello\n</div>\n").trim(), "<p>&lt;div class=&quot;x&quot;&gt;\nhello\n&lt;/div&gt;</p>");
    assert_eq!(body("a <b>c</b> <!-- d --> e\n").trim(), "<p>a &lt;b&gt;c&lt;/b&gt;  e</p>");
    assert_eq!(body("<!-- one -->\n\ntext\n").trim(), "<p>text</p>");
    assert_eq!(body("a<br>b <code>c\n\nd\n").trim(), "<p>a<br>b <code>c</code></p>\n<p>d</p>");
}

#[test]
fn names_of_events_lead_to_the_timeline() {
    let got = body(
        "# T\n\nSee `7.2` and `8.2`, `7.e1`.\n\n## Timeline\n\n| Source |\n| - |\n| `7.2` |\n\n## Evidence index\n\n- `7.e1` from `7.2`\n",
    );
    assert!(got.contains("See <a class=\"ref\" href=\"#r-2\"><code>7.2</code></a> and <code>8.2</code>"));
    assert!(got.contains("<td data-label=\"Source\"><code id=\"r-2\">7.2</code></td>"));
    assert!(got.contains("<code id=\"r-e1\">7.e1</code> from <a class=\"ref\" href=\"#r-2\">"));
    assert_eq!(got.matches("id=\"r-2\"").count(), 1);
}

#[test]
fn a_table_without_headings_has_named_rows() {
    assert_eq!(
        body("| | |\n| - | - |\n| a | b |\n").trim(),
        "<table class=\"kv\">\n<tbody>\n<tr><th scope=\"row\">a</th><td>b</td></tr>\n</tbody>\n</table>"
    );
}

#[test]
fn the_picture_stands_where_its_file_is_named() {
    let figure = Figure { name: "p.svg".to_owned(), drawn: ["<svg class=\"w\"></svg>".to_owned(), "<svg class=\"n\"></svg>".to_owned()] };
    let whole = page("a\n\n![alt](p.svg)\n\n![other](q.svg)\n", &About { title: "t".to_owned(), incident: None, figure: Some(figure) });
    assert!(whole.contains("<figure>\n<svg class=\"w\"></svg><svg class=\"n\"></svg></figure>"));
    assert!(whole.contains("<em>[picture: other <code>q.svg</code>]</em>"));
    assert!(!whole.contains("<p></p>"));
}

#[test]
fn a_page_that_was_edited_is_noticed() {
    let whole = shell("t <b>", "<p>x</p>\n");
    assert!(whole.contains("<title>t &lt;b&gt;</title>"));
    assert!(is_sealed(&whole));
    for edited in [whole.replace("<p>x", "<p>y"), whole.replace("sha256=", "sha256=0"), format!("{whole}x"), "no page".to_owned()] {
        assert!(!is_sealed(&edited));
    }
}

#[test]
fn a_page_asks_nothing_of_anybody() {
    let whole = page("# T\n\n[x](https://a.example) text\n", &About::default());
    for bad in ["<script", "<link", "@import", "url(http", "<iframe", " src="] {
        assert!(!whole.contains(bad), "{bad}");
    }
    assert!(whole.contains("default-src 'none'"));
}
