use super::*;

fn env(dir: &Path, vars: &[(&str, &str)]) -> Environment {
    let mut vars: BTreeMap<String, String> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    vars.entry("HOME".to_owned()).or_insert_with(|| dir.join("home").display().to_string());
    Environment { cwd: dir.join("ops/deep"), vars }
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("ops/deep")).unwrap();
    std::fs::create_dir_all(dir.path().join("home/.config/blotter")).unwrap();
    dir
}

#[test]
fn nearer_settings_lie_over_farther_ones() {
    let dir = folder();
    let user = "actor = \"T-USER\"\n[vars]\napi = \"user\"\nkept = \"user\"\n[aws]\nregion = \"eu-west-1\"\nprofile = \"u\"\n";
    std::fs::write(dir.path().join("home/.config/blotter/config.toml"), user).unwrap();
    std::fs::write(dir.path().join("ops/blotter.toml"), "store = \"led.db\"\n[vars]\napi = \"ops\"\n[aws]\nregion = \"us-east-1\"\n")
        .unwrap();
    let c = load(&env(dir.path(), &[]), &Overrides::default()).unwrap();
    assert_eq!(c.store, dir.path().join("ops/led.db"));
    assert_eq!((c.vars["api"].as_str(), c.vars["kept"].as_str()), (Some("ops"), Some("user")));
    assert_eq!((c.aws.region.as_deref(), c.aws.profile.as_deref()), (Some("us-east-1"), Some("u")));
    assert_eq!(c.actor.as_deref(), Some("T-USER"));
    let over = Overrides {
        store: Some("x.db".into()),
        region: Some("r".into()),
        vars: vec![("api".into(), "flag".into())],
        ..Overrides::default()
    };
    let c = load(&env(dir.path(), &[("BLOTTER_STORE", "/env.db")]), &over).unwrap();
    assert_eq!(c.store, dir.path().join("ops/deep/x.db"));
    assert_eq!((c.vars["api"].as_str(), c.aws.region.as_deref()), (Some("flag"), Some("r")));
}

#[test]
fn a_fault_names_file_line_and_column() {
    let dir = folder();
    std::fs::write(dir.path().join("ops/blotter.toml"), "store = \"a\"\nstorre = \"b\"\n").unwrap();
    let e = load(&env(dir.path(), &[]), &Overrides::default()).unwrap_err().to_string();
    assert!(e.contains("blotter.toml:2:1: unknown field `storre`"), "{e}");
}

#[test]
fn people_are_found_by_id_email_and_account() {
    let dir = folder();
    let text = "[people.T-JOSH]\nemails = [\"Josh@example.com\"]\ncontact = \"+1 555 0100\"\n[people.T-OPS]\nos-users = [\"ops\"]\n[people.bots]\nmembers = [\"T-OPS\"]\n";
    std::fs::write(dir.path().join("ops/blotter.toml"), text).unwrap();
    let e = env(dir.path(), &[("USER", "ops")]);
    let c = load(&e, &Overrides::default()).unwrap();
    assert_eq!(c.actor(Some("josh@EXAMPLE.com"), &e).to_string(), "T-JOSH via flag");
    assert_eq!(c.actor(None, &e).to_string(), "T-OPS via os-user");
    assert_eq!(c.actor(Some("bots"), &e).to_string(), "~bots via flag");
    assert_eq!(c.reach("T-JOSH"), "T-JOSH (+1 555 0100)");
}

#[test]
fn sizes() {
    assert_eq!(parse_size("2GiB"), Some(2 << 30));
    assert_eq!(parse_size("10 MB"), Some(10_000_000));
    assert_eq!(parse_size("12"), Some(12));
    assert_eq!(parse_size("2 parsecs"), None);
}
