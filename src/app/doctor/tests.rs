use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::app::Clock;
use crate::app::drill::Drill;
use crate::app::init::init;
use crate::config::{self, Overrides};
use crate::record::observation::{Observation, Source};
use crate::record::verdict::Outcome;

fn env(dir: &Path) -> Environment {
    let path = std::env::var("PATH").unwrap_or_default();
    Environment {
        cwd: dir.to_owned(),
        vars: [("HOME", dir.join("nobody").display().to_string()), ("PATH", path), ("USER", "ada".to_owned())]
            .map(|(k, v)| (k.to_owned(), v))
            .into(),
    }
}

fn ctx(env: &Environment) -> Ctx {
    let config = config::load(env, &Overrides::default()).unwrap();
    let clock = Clock::system();
    let actor = config.actor(None, env);
    let aws = crate::aws::Settings::new(clock.as_fn());
    Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() }
}

fn of<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no `{name}` in {checks:#?}"))
}

#[test]
fn a_fresh_folder_lacks_only_what_people_have_to_say() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), Some("ada")).unwrap();
    let env = env(dir.path());
    let checks = here(&ctx(&env), &env).unwrap();
    assert_eq!(of(&checks, "you").state, State::Ok);
    assert_eq!(of(&checks, "ledger").state, State::Ok, "{checks:#?}");
    assert!(!dir.path().join(".blotter").exists(), "nothing was made");
    assert!(checks.iter().filter(|c| c.area == "runbooks").all(|c| c.state == State::Ok), "{checks:#?}");
    let wanting: Vec<_> = checks.iter().filter(|c| c.state == State::Fail && c.area != "signing").collect();
    assert!(wanting.is_empty(), "{wanting:#?}");
    assert!(checks.iter().any(|c| c.area == "signing" && c.detail.contains("has no key")), "{checks:#?}");
    assert!(checks.iter().filter(|c| c.state == State::Fail).all(|c| c.advice.is_some()), "{checks:#?}");
}

#[test]
fn a_ledger_that_others_can_write_or_that_is_none_fails() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), Some("ada")).unwrap();
    let env = env(dir.path());
    let c = ctx(&env);
    drop(c.append_or_create().unwrap());
    assert_eq!(of(&disk::ledger(&c), "mode").state, State::Ok);
    let whole = disk::ledger(&c);
    assert!(of(&whole, "ledger").detail.ends_with("all whole"), "{whole:#?}");
    for (mode, state) in [(0o640, State::Warn), (0o660, State::Fail)] {
        std::fs::set_permissions(&c.config.store, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(of(&disk::ledger(&c), "mode").state, state, "{mode:o}");
    }
    std::fs::write(&c.config.store, "not a ledger").unwrap();
    assert_eq!(of(&disk::ledger(&c), "ledger").state, State::Fail);
}

#[test]
fn an_approver_without_an_entry_or_a_key_fails_and_one_with_both_does_not() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), Some("ada")).unwrap();
    let env = env(dir.path());
    let mut c = ctx(&env);
    let entries = library::all(&c.config).unwrap();
    let runbooks: Vec<_> = entries.iter().filter_map(|e| e.runbook.as_ref()).collect();
    let approver = runbooks.iter().flat_map(|r| &r.actions).flat_map(|a| &a.approve.from).next().unwrap().clone();
    assert_eq!(of(&people::checks(&c, &runbooks), &approver).state, State::Warn, "no contact");
    c.config.people.get_mut(&approver).unwrap().contact = Some("+1 555 0100".to_owned());
    assert_eq!(of(&people::checks(&c, &runbooks), &approver).state, State::Ok);
    let list = |line: String| std::fs::write(dir.path().join("allowed_signers"), format!("# keys\n{line}\n")).unwrap();
    let key = crate::sign::testing::key(1).key();
    list(crate::sign::testing::line(&format!("{approver},x"), &key));
    assert!(signing::signers(&c, &runbooks).iter().all(|k| k.name != approver));
    list(format!("{approver} namespaces=\"git\" {}", key.line()));
    assert!(of(&signing::signers(&c, &runbooks), &approver).detail.contains("has no key in"));
    list(format!("{approver} namespaces=\"approval@blotter\",valid-before=\"20200101Z\" {}", key.line()));
    assert!(of(&signing::signers(&c, &runbooks), &approver).detail.contains("has no key that is valid now"));
    list(format!("{approver} {}", key.line()));
    let fault = signing::signers(&c, &runbooks);
    assert_eq!((fault.len(), fault[0].state), (1, State::Fail), "{fault:?}");
    assert!(fault[0].detail.contains("allowed_signers:2:"), "{fault:?}");
    c.config.people.remove(&approver);
    assert_eq!(of(&people::checks(&c, &runbooks), &approver).state, State::Fail);
}

#[test]
fn without_a_program_to_sign_with_nothing_can_be_approved() {
    let none = Environment { cwd: ".".into(), vars: [("PATH".to_owned(), "/nowhere".to_owned())].into() };
    assert_eq!(signing::program(&none, Path::new("ssh-keygen")).state, State::Fail);
}

fn observation(kind: &str, outcome: Outcome, reason: Option<&str>, doubt: Option<&str>) -> Observation {
    Observation {
        probe: "p".to_owned(),
        step: None,
        kind: kind.to_owned(),
        request: serde_json::json!({"operation": "GetAlias", "method": "GET", "url": "https://x/"}),
        outcome,
        reason: reason.map(str::to_owned),
        doubt: doubt.map(str::to_owned),
        verdict: None,
        observed: String::new(),
        expectations: Vec::new(),
        readings: Vec::new(),
        shown: serde_json::Value::Null,
        started_at: crate::record::time::Timestamp::from_millis(0).unwrap(),
        duration_ms: 7,
        source: Source::default(),
        blob: None,
        truncated: false,
        redactions: BTreeMap::new(),
    }
}

#[test]
fn could_not_look_is_neither_fine_nor_a_failure() {
    use Outcome::{Answered, Denied, Malformed, NoCredentials, Skipped, Throttled, Timeout, Unreachable};
    for (kind, outcome, status, doubt, cut, want) in [
        ("aws.lambda.alias", Answered, None, None, false, State::Ok),
        ("aws.lambda.alias", Answered, None, Some("wrong account"), false, State::Fail),
        ("aws.lambda.alias", Denied, None, None, false, State::Fail),
        ("aws.lambda.alias", NoCredentials, None, None, false, State::Skipped),
        ("aws.lambda.alias", Throttled, None, None, false, State::Unknown),
        ("aws.lambda.alias", Skipped, None, None, false, State::Skipped),
        ("aws.lambda.alias", Skipped, None, None, true, State::Unknown),
        ("http", Answered, Some(502), None, false, State::Ok),
        ("http", Answered, Some(403), None, false, State::Warn),
        ("http", Timeout, None, None, false, State::Unknown),
        ("http", Unreachable, None, None, false, State::Unknown),
        ("http", Malformed, None, None, false, State::Unknown),
    ] {
        let o = observation(kind, outcome, None, doubt);
        let checks = world::answers(&[world::Seen { runbook: "INC-1", observation: &o, status }], cut);
        assert_eq!(checks[0].state, want, "{kind} {outcome} {status:?} {doubt:?}");
        assert!(checks[0].detail.ends_with("[INC-1 p]"), "{checks:?}");
    }
}

#[test]
fn one_permission_is_one_line_and_its_gravest_answer_counts() {
    let (fine, denied) = (
        observation("aws.lambda.alias", Outcome::Answered, None, None),
        observation("aws.lambda.alias", Outcome::Denied, Some("access denied"), None),
    );
    let seen = [&fine, &denied, &fine].map(|observation| world::Seen { runbook: "R", observation, status: None });
    let checks = world::answers(&seen, false);
    assert_eq!(checks.len(), 1);
    assert_eq!((checks[0].name.as_str(), checks[0].state), ("lambda:GetAlias", State::Fail));
    assert_eq!(checks[0].detail, "access denied [R p, R p, R p]");
}

#[test]
fn the_clock_is_judged_by_what_most_servers_say() {
    for (skews, want) in [
        (vec![], State::Skipped),
        (vec![0, 1000], State::Ok),
        (vec![0, 0, 3_600_000], State::Ok),
        (vec![-30_000], State::Warn),
        (vec![600_000, 600_000, 0], State::Fail),
    ] {
        assert_eq!(world::clock(skews.clone()).state, want, "{skews:?}");
    }
}

#[test]
fn the_runbooks_own_questions_are_asked_and_nothing_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let env = env(dir.path());
    let drill = Drill::start(&ctx(&env), "INC-001", None, Some(dir.path().join("drill.db"))).unwrap();
    let before = drill.ctx.read().unwrap().verify(&mut |_| {}).unwrap().events;
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checks = rt.block_on(world(&drill.ctx, &|_| {}, std::future::pending())).unwrap();
    assert_eq!(of(&checks, "identity").state, State::Ok, "{checks:#?}");
    assert_eq!(of(&checks, "lambda:GetAlias").state, State::Ok, "{checks:#?}");
    assert!(checks.iter().any(|c| c.area == "http" && c.state == State::Ok), "{checks:#?}");
    assert!(checks.iter().all(|c| c.state < State::Unknown), "{checks:#?}");
    assert_eq!(drill.ctx.read().unwrap().verify(&mut |_| {}).unwrap().events, before);
}
