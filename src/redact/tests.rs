use std::io::{self, Cursor, Read};

use proptest::prelude::*;
use serde_json::json;

use super::*;

mod words;

/// Built at run time, so that no scanner takes this file for a leak.
fn key_id() -> String {
    format!("AKIA{}", "IOSFODNN7EXAMPLE")
}

fn secret_key() -> String {
    format!("wJalrXUtnFEMI/K7MDENG/{}", "bPxRfiCYEXAMPLEKEY")
}

fn pem(label: &str, lines: usize) -> String {
    let body = format!("{}\n", "MIIEowIBAAKCAQEAx3k9".repeat(3)).repeat(lines);
    format!("-----BEGIN {label}PRIVATE KEY-----\n{body}-----END {label}PRIVATE KEY-----")
}

fn clean(text: &str) -> String {
    Redactor::default().redact_text(text, &mut Counts::new()).into_owned()
}

fn streamed(redactor: &Redactor, bytes: &[u8]) -> (Vec<u8>, Counts) {
    let mut stream = redactor.redact_stream(Cursor::new(bytes));
    let mut out = Vec::new();
    stream.read_to_end(&mut out).unwrap();
    let counts = stream.counts().clone();
    (out, counts)
}

#[test]
fn every_rule_takes_out_what_it_names_and_nothing_else() {
    let cases = [
        (format!("key {} used", key_id()), "key [redacted:aws-access-key] used"),
        (format!("aws_secret_access_key = {} # old", secret_key()), "aws_secret_access_key = [redacted:aws-secret] # old"),
        (format!("the secret key: \"{}\"", secret_key()), "the secret key: \"[redacted:aws-secret]\""),
        ("GET /x?X-Amz-Signature=abcdef01&y=1".into(), "GET /x?X-Amz-Signature=[redacted:aws-signature]&y=1"),
        ("Authorization: Basic dXNlcjpwYXNz status=200".into(), "Authorization: [redacted:authorization] status=200"),
        ("authorization=\"Bearer abc.def\", x=1".into(), "authorization=\"[redacted:authorization]\", x=1"),
        ("sent bearer 0123456789abcdef to it".into(), "sent bearer [redacted:bearer] to it"),
        ("Cookie: sid=1; theme=dark\nnext".into(), "Cookie: [redacted:cookie]\nnext"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_1 end".into(), "jwt [redacted:jwt] end"),
        ("postgres://app:s3cr@t@db:5432/x".into(), "postgres://app:[redacted:basic-auth]@db:5432/x"),
        (
            format!("post https://hooks.slack.com/{} now", "services/T0/B0/abc"),
            "post https://hooks.slack.com/services/[redacted:slack] now",
        ),
        (format!("slack {}", ["xoxb", "123456789012-abc"].join("-")), "slack [redacted:slack]"),
        (format!("git ghp_{}", "a".repeat(36)), "git [redacted:service-token]"),
        ("DB_PASSWORD=hunter2 next".into(), "DB_PASSWORD=[redacted:assignment] next"),
        ("{\"password\":\"a \\\"b\\\" c\",\"n\":1}".into(), "{\"password\":\"[redacted:assignment]\",\"n\":1}"),
        ("{\\\"api_key\\\":\\\"abc\\\",\\\"n\\\":1}".into(), "{\\\"api_key\\\":\\\"[redacted:assignment]\\\",\\\"n\\\":1}"),
        ("x-api-key: abc123".into(), "x-api-key: [redacted:assignment]"),
        ("token = 'a b c'".into(), "token = '[redacted:assignment]'"),
        (format!("a {} b", pem("RSA ", 3)), "a -----BEGIN RSA PRIVATE KEY-----[redacted:private-key] b"),
        (pem("", 2).replace('\n', "\\n"), "-----BEGIN PRIVATE KEY-----[redacted:private-key]"),
    ];
    for (text, wanted) in cases {
        assert_eq!(clean(&text), wanted, "{text}");
        assert_eq!(clean(wanted), wanted, "twice is once: {wanted}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "ERROR 42 tokens used, nextToken=abc123 page_token: xyz",
        "\"nextToken\":\"AQIC\"",
        "token: null, secret=true",
        "bearer authentication is required",
        "mail duck@example.org about https://host:8443/path",
        "arn:aws:secretsmanager:us-east-1:121546003735:secret:prod/db-AbCdEf",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "passwords expired: none; the secretary: Joan is out",
        "Ünïcode — stays ✓",
    ] {
        assert_eq!(clean(text), text);
    }
}

#[test]
fn values_are_cleaned_by_key_and_by_text_and_counted() {
    let mut value = json!({
        "headers": {"set-cookie": "a=b", "X-Api-Key": "k", "date": "today"},
        "credentials": {"user": "u", "pin": 1234, "on": true, "none": null, "empty": ""},
        "events": [{"message": format!("login {} password=x", key_id())}],
        "nextToken": "AQ==",
        (key_id()): 1,
        "tokens": 12
    });
    let counts = Redactor::default().redact_value(&mut value);
    assert_eq!(
        value,
        json!({
            "headers": {"set-cookie": "[redacted:cookie]", "X-Api-Key": "[redacted:assignment]", "date": "today"},
            "credentials": {"user": "[redacted:assignment]", "pin": "[redacted:assignment]", "on": true, "none": null, "empty": ""},
            "events": [{"message": "login [redacted:aws-access-key] password=[redacted:assignment]"}],
            "nextToken": "AQ==",
            "[redacted:aws-access-key]": 1,
            "tokens": 12
        })
    );
    assert_eq!(counts, Counts::from([("cookie".into(), 1), ("assignment".into(), 4), ("aws-access-key".into(), 2)]));
    assert!(Redactor::default().redact_value(&mut value).is_empty(), "twice is once");
}

#[test]
fn own_patterns_join_the_built_in_ones_or_are_refused_with_a_reason() {
    let own = |name: &str, regex: &str| Pattern { name: name.into(), regex: regex.into() };
    let redactor = Redactor::new(&[own("duck", r"duck-(\p{L}+)"), own("all", "^x+$")]).unwrap();
    let mut counts = Counts::new();
    assert_eq!(redactor.redact_text("duck-žofie password=p", &mut counts), "duck-[redacted:duck] password=[redacted:assignment]");
    assert_eq!(counts["duck"], 1);
    assert!(redactor.names().ends_with(&["duck", "all"]));

    assert_eq!(
        Redactor::new(&[own("No", "x")]).unwrap_err().to_string(),
        "`No` is no name for a redaction rule (lower-case letters, digits and dashes)"
    );
    assert!(Redactor::new(&[own("bad", "(")]).unwrap_err().to_string().starts_with("redaction rule `bad`: "));
    assert_eq!(Redactor::new(&[own("any", "x*")]).unwrap_err().to_string(), "redaction rule `any` matches the empty text");
}

#[test]
fn bytes_that_are_no_utf8_are_kept_and_still_searched() {
    let raw = b"\xff\xfe password=abc\xff \x80\n";
    let (out, counts) = streamed(&Redactor::default(), raw);
    assert_eq!(out, b"\xff\xfe password=[redacted:assignment] \x80\n");
    assert_eq!(counts["assignment"], 1);
}

#[test]
fn a_secret_over_a_blocks_edge_is_found_wherever_it_lies() {
    let redactor = Redactor::default();
    let block = 256 << 10;
    let secret = format!("password={}", "s3cret".repeat(20));
    for filler in [b"x ".as_slice(), b"a line of a log\n", b"abcdefgh"] {
        for back in [0, 1, 5, 60, 128, 16 << 10, (16 << 10) + 3] {
            let mut raw: Vec<u8> = filler.iter().copied().cycle().take(block - back).collect();
            raw.push(b' ');
            raw.extend_from_slice(secret.as_bytes());
            raw.push(b' ');
            raw.extend(filler.iter().copied().cycle().take(block));
            let (out, counts) = streamed(&redactor, &raw);
            assert_eq!(counts.get("assignment"), Some(&1), "{back} bytes before the edge");
            assert!(!out.windows(6).any(|w| w == b"s3cret"), "{back} bytes before the edge");
            assert_eq!(out.len(), raw.len() - secret.len() + "password=[redacted:assignment]".len());
        }
    }
}

#[test]
fn a_private_key_over_a_blocks_edge_is_found() {
    let redactor = Redactor::default();
    let key = pem("OPENSSH ", 40);
    for back in [10, 500, 2000] {
        let mut raw = b"a line of a log\n".repeat((256 << 10) / 16);
        raw.truncate(raw.len() - back / 16 * 16);
        raw.extend_from_slice(key.as_bytes());
        raw.extend_from_slice(&b"\nand on it goes\n".repeat(20_000));
        let (out, counts) = streamed(&redactor, &raw);
        assert_eq!(counts.get("private-key"), Some(&1), "{back}");
        assert!(!out.windows(8).any(|w| w == b"MIIEowIB"), "{back}");
        assert!(out.ends_with(b"and on it goes\n"));
    }
}

#[test]
fn a_secret_longer_than_a_block_is_dropped_to_its_end() {
    let raw = [b"a token=".as_slice(), &b"Zq9".repeat(400_000), b" rest\n"].concat();
    let (out, counts) = streamed(&Redactor::default(), &raw);
    assert_eq!(String::from_utf8(out).unwrap(), "a token=[redacted:assignment] rest\n");
    assert_eq!(counts["assignment"], 1);
}

#[test]
fn memory_stays_flat() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = out.len().min(self.0);
            out[..n].fill(b'z');
            self.0 -= n;
            Ok(n)
        }
    }
    let mut stream = Redactor::default().redact_stream(Endless(8 << 20));
    let mut sink = [0; 4096];
    let mut total = 0;
    loop {
        let n = stream.read(&mut sink).unwrap();
        if n == 0 {
            break;
        }
        total += n;
        assert!(stream.held() <= 1 << 20, "{} bytes held", stream.held());
    }
    assert_eq!(total, 8 << 20);
}

fn fragments() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "password=".to_owned(),
        "\"secret\": \"".to_owned(),
        "token: ".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "cookie: ".to_owned(),
        "[redacted:".to_owned(),
        "[redacted:jwt]".to_owned(),
        "]".to_owned(),
        "\n".to_owned(),
        "\"".to_owned(),
        "\\\"".to_owned(),
        " ".to_owned(),
        "https://u:".to_owned(),
        "\x1b[36m".to_owned(),
        " --password ".to_owned(),
        "@host".to_owned(),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "-----END PRIVATE KEY-----".to_owned(),
        key_id(),
        "eyJhbGciOiJI.eyJzdWIiOiIx.x".to_owned(),
    ]);
    prop::collection::vec(prop_oneof![known, "[a-z0-9/+=._-]{1,12}", "\\PC{0,4}"], 0..14).prop_map(|v| v.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn twice_is_once(text in fragments()) {
        let once = clean(&text);
        prop_assert_eq!(clean(&once), once.clone(), "from {:?}", text);
    }

    #[test]
    fn a_stream_says_what_the_whole_says(text in fragments()) {
        let (out, _) = streamed(&Redactor::default(), text.as_bytes());
        prop_assert_eq!(String::from_utf8(out).unwrap(), clean(&text));
    }

    #[test]
    fn text_stays_text(text in fragments()) {
        let mut counts = Counts::new();
        let out = Redactor::default().redact_bytes(text.as_bytes(), &mut counts).into_owned();
        prop_assert!(String::from_utf8(out).is_ok());
    }
}

/// A reader that hands out as little as it likes.
struct Crumbs<'a> {
    left: &'a [u8],
    sizes: Vec<usize>,
    n: usize,
}

impl Read for Crumbs<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.n % self.sizes.len()].min(out.len()).min(self.left.len());
        self.n += 1;
        out[..size].copy_from_slice(&self.left[..size]);
        self.left = &self.left[size..];
        Ok(size)
    }
}

/// A secret, and the text by which it is known as one.
fn planted() -> impl Strategy<Value = (String, String)> {
    let around = |before: &'static str, secret: &'static str, after: &'static str| {
        proptest::string::string_regex(secret).unwrap().prop_map(move |s| (s.clone(), format!("{before}{s}{after}")))
    };
    prop_oneof![
        proptest::string::string_regex("[A-Z0-9]{16}").unwrap().prop_map(|s| (s.clone(), format!("AKIA{s}"))),
        around("aws_secret_access_key = ", "[A-Za-z0-9/+]{40}", ""),
        around("Authorization: Bearer ", "[A-Za-z0-9._~-]{16,60}", ""),
        around("Authorization: Basic ", "[A-Za-z0-9]{16,40}==", ""),
        around("{\"Authorization\":\"Token ", "[A-Za-z0-9]{16,40}", "\"}"),
        around("sent bearer ", "[a-z]{6}[0-9][A-Za-z0-9]{12,30}", " on"),
        around("jwt=eyJ", "[A-Za-z0-9_-]{12,40}\\.[A-Za-z0-9_-]{12,40}\\.[A-Za-z0-9_-]{8,40}", ""),
        around("got eyJ", "[A-Za-z0-9_-]{12,40}\\.[A-Za-z0-9_-]{12,40}\\.[A-Za-z0-9_-]{8,40}", " ok"),
        around("postgres://app:", "[A-Za-z0-9!*._~-]{6,24}", "@db:5432/x"),
        around("https://u:", "[A-Za-z0-9!*._~-]{6,24}", "@host/path?x=1"),
        around("password=", "[A-Za-z0-9!#*._~-]{6,24}", ""),
        around("\"client_secret\": \"", "[A-Za-z0-9 !#*._~-]{6,24}z", "\""),
        around("{\\\"api_key\\\":\\\"", "[A-Za-z0-9]{6,24}", "\\\"}"),
        around("\x1b[36mpassword\x1b[0m=", "[A-Za-z0-9]{6,24}", ""),
        around("\x1b[36mtoken=\x1b[0m\x1b[1m", "[A-Za-z0-9]{6,24}", "\x1b[0m"),
        around("curl --api-token ", "[a-z]{3}[0-9][A-Za-z0-9]{6,24}", " https://x"),
        around("[\"--password\", \"", "[a-z]{3}[0-9][A-Za-z0-9]{6,24}", "\"]"),
        around("GET /x?X-Amz-Security-Token=", "[A-Za-z0-9%]{20,80}", "&y=1"),
        around("Set-Cookie: sid=", "[A-Za-z0-9]{12,40}", "; Path=/\n"),
    ]
}

/// What stands around a secret: words, and what is meant to break whoever reads it.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let nasty: Vec<&[u8]> = vec![
        b"\x1b[2J",
        b"\x1b]0;t\x07",
        b"\xff\xfe",
        b"\x80",
        b"\0",
        "\u{202e}".as_bytes(),
        "\u{200b}".as_bytes(),
        b"\r\n",
        b"]",
        b"{",
        b"\\",
        b"=",
        b":",
    ];
    let piece = prop_oneof![prop::sample::select(nasty).prop_map(<[u8]>::to_vec), "[a-z ]{0,12}".prop_map(String::into_bytes)];
    prop::collection::vec(piece, 0..10).prop_map(|v| v.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_planted_secret_comes_out_however_it_is_read(
        before in hostile(),
        (secret, known_by) in planted(),
        after in hostile(),
        sizes in prop::collection::vec(1usize..64, 1..6),
    ) {
        let text = [before.as_slice(), b" \n", known_by.as_bytes(), b"\n ", &after].concat();
        let mut out = Vec::new();
        let mut stream = Redactor::default().redact_stream(Crumbs { left: &text, sizes, n: 0 });
        // A reader that ended early would pass for an empty one.
        stream.read_to_end(&mut out).unwrap();
        prop_assert!(!out.windows(secret.len()).any(|w| w == secret.as_bytes()), "{:?} came out of {:?}", secret, String::from_utf8_lossy(&text));
        prop_assert!(stream.counts().values().sum::<u64>() >= 1);
    }
}

#[test]
fn a_secret_in_one_huge_line_is_found_at_its_blocks_edges() {
    let secret = format!("eyJhbGciOiJIUzI1NiJ9.{}.sig", "eyJzdWIiOiIxMjM0In0");
    for back in [20, 45] {
        let mut line = vec![b'.'; (256 << 10) - back];
        line.push(b' ');
        line.extend_from_slice(secret.as_bytes());
        line.push(b' ');
        line.extend(std::iter::repeat_n(b'.', 300 << 10));
        let (out, counts) = streamed(&Redactor::default(), &line);
        assert_eq!(counts.get("jwt"), Some(&1), "{back} bytes before the edge");
        assert!(!out.windows(secret.len()).any(|w| w == secret.as_bytes()));
    }
}

#[test]
fn addresses_go_only_where_the_settings_say_so() {
    let email = Pattern { name: "email".into(), regex: r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+".into() };
    let text = "mail from ada@example.org";
    assert_eq!(clean(text), text);
    let own = Redactor::new(&[email]).unwrap();
    assert_eq!(own.redact_text(text, &mut Counts::new()), "mail from [redacted:email]");
}
