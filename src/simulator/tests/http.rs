//! The HTTP API, and what is sent over the wire as such.

use reqwest::Client;
use serde_json::{Value, json};

use super::super::*;
use super::{bakery, broken, noon, seed};
use crate::simulator::world::Health;

async fn get(simulator: &Simulator, path: &str) -> reqwest::Response {
    Client::new().get(format!("{}{path}", simulator.url())).send().await.unwrap()
}

#[tokio::test]
async fn status_and_audit_are_served_by_a_healthy_version() {
    let simulator = seed();
    let answer = get(&simulator, "/prod/beak/system/status").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["date"], "Tue, 24 Nov 2026 12:00:00 GMT");
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    let status: Value = answer.json().await.unwrap();
    assert_eq!(status["database"], json!({ "ducklings": 1240, "birth_certificates": 1238 }));
    assert_eq!(status["agents"], json!({ "alive": 5, "dead": 0, "total_bonded": 5 }));
    assert_eq!(status["peck_protocol"]["failure_breakdown"]["callback_error"], 3);
    assert_eq!(status["ses"], json!({ "sandbox": true, "daily_quota": 200, "sent_last_24h": 48 }));
    let audit = Client::new().post(format!("{}/beak/audit", simulator.api_url())).json(&json!({})).send().await.unwrap();
    let audit: Value = audit.json().await.unwrap();
    let times: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|e| e["timestamp"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 500);
    assert!(times.is_sorted_by(|a, b| a >= b) && times[0] <= "2026-11-24T12:00:00.000Z");
    assert_eq!(get(&simulator, "/prod/elsewhere").await.status(), 403);
    assert_eq!(simulator.count("http/POST /prod/beak/audit"), 1);
}

#[tokio::test]
async fn a_broken_version_gives_502_until_the_alias_is_rolled_back() {
    let simulator = broken("inc-001");
    let answer = get(&simulator, "/prod/beak/system/status").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "message": "Internal server error" }));
    let lambda = aws_sdk_lambda::Client::new(&super::sdk::config(&simulator, "us-east-1").await);
    lambda.update_alias().function_name("mission-control-api").name("prod").function_version("41").send().await.unwrap();
    assert_eq!(get(&simulator, "/prod/beak/system/status").await.status(), 200);
}

#[tokio::test]
async fn a_weighted_alias_fails_now_and_then() {
    let simulator = seed();
    simulator.edit(|world| {
        let function = world.functions.get_mut("mission-control-api").unwrap();
        function.versions.get_mut(&42).unwrap().health = Health::Crashes;
        function.aliases.get_mut("prod").unwrap().weights.insert("42".to_owned(), 0.25);
    });
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(get(&simulator, "/prod/beak/system/status").await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 502, 200, 200, 200, 502]);
}

#[tokio::test]
async fn a_second_stack_has_its_own_names() {
    let simulator = Simulator::start(World::living(bakery(vec![7, 8]), noon())).unwrap();
    assert_eq!(get(&simulator, "/v1/shop/system/status").await.status(), 200);
    assert_eq!(get(&simulator, "/prod/beak/system/status").await.status(), 403);
    simulator.edit(|world| scenario::break_it("INC-001", world)).unwrap();
    assert_eq!(get(&simulator, "/v1/shop/system/status").await.status(), 502);
    assert_eq!(simulator.edit(|w| w.functions["oven"].aliases["live"].version.clone()), "8");
    let printed = simulator.edit(|w| format!("{:?}", (&w.names, &w.functions, &w.caller)));
    assert!(!printed.contains("mission-control") && !printed.contains("121546003735"));
}

#[tokio::test]
async fn nobody_gets_far_without_a_signature() {
    let simulator = seed();
    let answer = get(&simulator, "/2015-03-31/functions/mission-control-api/aliases/prod").await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    let answer =
        Client::new().post(simulator.url()).header("x-amz-target", "AWSStepFunctions.StopExecution").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["__type"], "MissingAuthenticationTokenException");
    assert!(simulator.calls().iter().all(|call| !call.applied));
}

#[test]
fn it_stops_when_dropped() {
    let simulator = seed();
    let address = simulator.url().trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(simulator);
    assert!(std::net::TcpStream::connect(&address).is_err());
}
