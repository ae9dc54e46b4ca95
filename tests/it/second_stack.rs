//! Another team's stack: other names, another account and region, two of every resource, a runbook of their own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blotter::record::time::Timestamp;
use blotter::simulator::world::{Execution, Machine};
use blotter::simulator::{Names, World};
use serde_json::{Value, json};

use crate::harness::{House, real_clock};

const RUNBOOK: &str = include_str!("../fixtures/runbooks/STORE-7-checkout-failing.md");

const SETTINGS: &str = r#"
store = "ledger/blotter.db"
runbooks = "runbooks"

[people.T-OPS]

[people.KIM]
contact = "kim@tandem.example"

[people.ROS]

[people.payments-team]
members = ["KIM", "ROS"]
"#;

const ACCOUNT: &str = "490211837766";

fn names() -> Names {
    Names {
        account: ACCOUNT.to_owned(),
        region: "eu-west-1".to_owned(),
        function: "tandem-orders".to_owned(),
        alias: "live".to_owned(),
        versions: vec![7, 8],
        state_machine: "checkout".to_owned(),
        api: "/v2".to_owned(),
        user: "kim".to_owned(),
    }
}

/// Two functions, of which the orders fail since version 8; two workflows, of which the checkout hangs.
fn broken() -> World {
    let mut world = World::new(names(), real_clock());
    let now = world.now();
    let ago = |minutes: i64| now.plus_millis(-minutes * 60_000);
    world.point_alias("tandem-orders", "live", 8);
    world.add_function("tandem-payments", &[3, 4]);
    world.add_alias("tandem-payments", "live", 4);
    for (stream, minutes, line) in
        [("live-a", 9, "ERROR basket is not a number"), ("live-b", 8, "Exception in checkout"), ("live-a", 7, "INFO nothing to see")]
    {
        world.log("/aws/lambda/tandem-orders", stream, ago(minutes), line);
    }
    world.log("/aws/lambda/tandem-payments", "live-a", ago(5), "ERROR of the other function");
    let hangs = |name: &str, started: Timestamp| Execution { name: name.to_owned(), started, end: None, input: json!({}) };
    if let Some(machine) = world.machines.get_mut("checkout") {
        machine.executions = vec![hangs("order-1", ago(90)), hangs("order-2", ago(45)), hangs("order-3", ago(3))];
    }
    world.machines.insert("refund".to_owned(), Machine { created: ago(90_000), executions: vec![hangs("refund-1", ago(70))] });
    world
}

/// The shop: `/checkout/health` and `/orders/search`, as well as it is at that moment. Returns its address.
fn shop(is_well: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut part = [0; 1024];
            let whole = |r: &[u8]| r.windows(4).any(|w| w == b"\r\n\r\n") && (!r.starts_with(b"POST") || r.ends_with(b"}"));
            while !whole(&request) {
                match stream.read(&mut part) {
                    Ok(n) if n > 0 => request.extend_from_slice(&part[..n]),
                    _ => break,
                }
            }
            let ok = is_well.load(Ordering::SeqCst);
            let body = if request.starts_with(b"POST /orders/search") {
                json!({"complete": true, "orders": [{"id": "o-1", "since": "2026-01-01T00:00:00Z"}]})
            } else {
                json!({"payable": ok, "orders": {"paid_total": 4100}, "baskets": {"filled_total": 9000}})
            }
            .to_string();
            let status = if ok { "200 OK" } else { "503 Service Unavailable" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // Whoever hangs up early has seen enough.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    url
}

/// What each probe came to: its verdict and what was observed.
fn seen(document: &Value) -> Vec<(String, String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let all = document["evidence"].as_array().expect("evidence");
    all.iter().map(|e| (text(&e["probe"]), text(&e["verdict"]), text(&e["observed"]))).collect()
}

#[test]
fn another_stack_is_looked_at_and_mended_by_its_own_names() {
    let is_well = Arc::new(AtomicBool::new(false));
    let shop = shop(Arc::clone(&is_well));
    let house = House::beside_world(broken());
    house.write("blotter.toml", format!("{SETTINGS}\n[vars]\nshop = \"{shop}\"\nadmin = \"{shop}\"\n"));
    // Quick rounds; everything else as written.
    let quick = RUNBOOK.replace("every = \"30s\"\nwithin = \"10m\"", "every = \"1s\"\nwithin = \"8s\"");
    assert_ne!(quick, RUNBOOK);
    house.write("runbooks/STORE-7-checkout-failing.md", quick);
    house.ok("runbook check runbooks/STORE-7-checkout-failing.md");
    house.ok(&format!(
        "deploy record --function tandem-orders --alias live --account {ACCOUNT} --region eu-west-1 --version 7 --status good"
    ));

    let page = house.json("open STORE-7");
    assert_eq!(page["incident"]["severity"], "P1");
    let looked = seen(&page);
    let verdict = |probe: &str| looked.iter().find(|s| s.0 == probe).map(|s| (s.1.as_str(), s.2.as_str())).unwrap_or_default();
    assert_eq!(verdict("checkout").0, "unmet", "{looked:#?}");
    assert_eq!(verdict("orders-log"), ("unmet", "2 events in 30m, expected none"), "of one function and two streams\n{looked:#?}");
    assert_eq!(verdict("orders-version"), ("unmet", "live -> 8, the deploy record says 7"), "{looked:#?}");
    assert_eq!(verdict("payments-version").0, "unknown", "nobody recorded a deploy of it\n{looked:#?}");
    assert_eq!(verdict("payments-errors").0, "unknown", "no data is never zero\n{looked:#?}");
    assert_eq!(verdict("checkout-hanging"), ("unmet", "2 hanging, expected none"), "the third is young\n{looked:#?}");
    assert_eq!(verdict("refund-failed").0, "met", "{looked:#?}");
    for e in page["evidence"].as_array().expect("evidence").iter().filter(|e| e["kind"].as_str().is_some_and(|k| k.starts_with("aws."))) {
        let kept = house.json(&format!("show {}", e["ref"].as_str().expect("a ref")));
        let from = &kept["evidence"][0]["source"];
        if from["account"].is_string() {
            assert_eq!(from["account"], ACCOUNT, "{kept:#}");
        }
    }

    let triage = house.run("triage --json");
    assert_eq!(triage.code, 10, "{triage}");
    let found = triage.json();
    let first = &found["matches"][0];
    assert_eq!((&first["runbook"], &first["matched"][0]["signal"]), (&"STORE-7".into(), &"checkout-fails".into()), "{found:#}");

    let decided = house.ok("decide cause bad-deploy");
    assert!(!decided.stdout.is_empty(), "{decided}");
    let plan = house.json("propose stop-hanging");
    let text = plan["actions"][0]["text"].as_str().expect("a text");
    for word in ["order-1", "order-2", "checkout", ACCOUNT, "eu-west-1"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!text.contains("order-3") && !text.contains("refund"), "{text}");
    house.approve("a1", "KIM");
    house.run("execute a1").fails(12, &["1 of 2"]);
    house.approve("a1", "ROS");
    let done = house.json("execute a1");
    assert_eq!(done["actions"][0]["status"], "succeeded", "{done:#}");
    {
        let stack = house.stack.as_ref().expect("a stack");
        let world = stack.world();
        let world = world.lock().expect("nobody failed");
        let ended = |machine: &str| -> Vec<String> {
            world.machines[machine].executions.iter().filter(|e| e.end.is_some()).map(|e| e.name.clone()).collect()
        };
        assert_eq!((ended("checkout"), ended("refund")), (vec!["order-1".to_owned(), "order-2".to_owned()], Vec::new()));
    }

    house.ok("propose back");
    house.approve("a2", "ROS");
    is_well.store(true, Ordering::SeqCst);
    {
        let world = house.stack.as_ref().expect("a stack").world();
        world.lock().expect("nobody failed").log_groups.get_mut("/aws/lambda/tandem-orders").expect("its log").streams.clear();
    }
    let moved = house.run("execute a2 --json");
    // A person has to say that a test order went through, and nobody is at this terminal.
    assert!(matches!(moved.code, 10 | 11), "{moved}");
    let world = house.stack.as_ref().expect("a stack").world();
    let world = world.lock().expect("nobody failed");
    let live = |function: &str| world.functions[function].aliases["live"].version.clone();
    assert_eq!((live("tandem-orders"), live("tandem-payments")), ("7".to_owned(), "4".to_owned()));
    drop(world);

    house.run("resolve --summary back --impact few").fails(12, &["lost-orders"]);
    house.ok("collect --answer lost-orders=17 --answer paid-again=yes");
    house.ok("resolve --summary 'back on 7' --impact '17 orders were lost'");
    house.ok("render");
    let log = std::fs::read_to_string(house.path("exports/DEPLOY-LOG.md")).expect("a deploy log");
    assert!(log.contains("tandem-orders:live"), "{log}");
    house.ok("verify");
}
