//! Any text is an expectation or a fault at a place inside it; what compiles gives the same verdict twice.

#![no_main]

use blotter::runbook::expect::{Subject, compile, warnings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    match compile(text) {
        Err(fault) => assert!(fault.offset <= text.len(), "{fault:?}"),
        Ok(test) => {
            let _ = warnings(&test);
            let seen = json!({
                "status": 502, "text": "502 Bad Gateway", "none": null, "body": {"agents": {"alive": 0, "dead": 5}, "ok": false},
                "events": [{"timestamp": "2026-03-22T02:13:00Z", "message": "ERROR"}, {"timestamp": 1_774_145_580_000_i64}],
            });
            let at = "2026-03-22T02:15:00Z".parse().ok();
            for truncated in [false, true] {
                let subject = Subject::new(&seen, at, truncated);
                let first = subject.check(&test);
                assert_eq!(first.verdict, subject.check(&test).verdict);
            }
        }
    }
});
