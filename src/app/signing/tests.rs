//! Who is whom, and which key is taken.

use super::*;
use crate::app::Clock;
use crate::config::{Environment, Overrides, load};
use crate::record::actor::Actor;
use crate::sign::testing::{key, line};

/// A context with these settings in `dir`, whose home folder is `dir` too.
fn ctx(dir: &Path, settings: &str) -> Ctx {
    fs::write(dir.join("blotter.toml"), settings).unwrap();
    let env = Environment { cwd: dir.to_owned(), vars: [("HOME".to_owned(), dir.display().to_string())].into() };
    let config = load(&env, &Overrides::default()).unwrap();
    let clock = Clock::system();
    let aws = crate::aws::Settings::new(clock.as_fn());
    let actor = Actor { name: "T-ADA".to_owned(), is_person: true, via: "flag".to_owned() };
    Ctx { config, clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() }
}

#[test]
fn paths_are_relative_to_the_file_that_says_them() {
    let dir = tempfile::tempdir().unwrap();
    let plain = ctx(dir.path(), "");
    assert_eq!((program(&plain.config), signers_path(&plain)), ("ssh-keygen".into(), Some(dir.path().join("allowed_signers"))));
    let said = ctx(dir.path(), "[sign]\nprogram = \"bin/sign\"\nkey = \"~/.ssh/mine\"\nallowed-signers = \"keys/list\"\n");
    assert_eq!((program(&said.config), signers_path(&said)), (dir.path().join("bin/sign"), Some(dir.path().join("keys/list"))));
    assert!(matches!(tool(&said, None, "T-ADA").unwrap(), Tool::Program(k) if k.key == dir.path().join(".ssh/mine")));
    assert!(matches!(tool(&said, Some(Path::new("/k")), "T-ADA").unwrap(), Tool::Program(k) if k.key == Path::new("/k")));
}

#[test]
fn a_list_with_a_fault_is_not_used_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let c = ctx(dir.path(), "");
    assert!(listed(&c).unwrap_err().to_string().contains("cannot be read"));
    fs::write(dir.path().join("allowed_signers"), format!("{}* x\n", line("T-ADA", &key(1).key()))).unwrap();
    let e = listed(&c).unwrap_err();
    assert_eq!((e.kind(), e.to_string().contains("allowed_signers:2:1: `*` is a pattern")), (ErrorKind::Config, true), "{e}");
}

#[test]
fn the_key_of_the_home_folder_that_is_listed_signs() {
    let dir = tempfile::tempdir().unwrap();
    let ssh = dir.path().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let c = ctx(dir.path(), "");
    assert!(tool(&c, None, "T-ADA").unwrap_err().to_string().starts_with("no key of `T-ADA`"));
    for (name, seed) in [("a", 1), ("b", 2)] {
        fs::write(ssh.join(format!("{name}.pub")), key(seed).key().line()).unwrap();
    }
    fs::write(ssh.join("b"), "the private half").unwrap();
    assert!(tool(&c, None, "T-ADA").unwrap_err().to_string().starts_with("several keys could sign for `T-ADA`"));
    for (seed, file) in [(1, "a.pub"), (2, "b")] {
        fs::write(dir.path().join("allowed_signers"), line("T-ADA", &key(seed).key())).unwrap();
        assert!(matches!(tool(&c, None, "T-ADA").unwrap(), Tool::Program(k) if k.key == ssh.join(file)));
    }
}

#[test]
fn a_person_with_two_ids_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let c = ctx(
        dir.path(),
        "[people.T-ADA]\nemails = [\"ada@example.com\"]\n[people.T-ADA2]\nemails = [\"Ada@example.com\"]\nos-users = [\"ada\"]\n\
         [people.T-ADA3]\nos-users = [\"ada\"]\n[people.T-ADA4]\nprincipal = \"T-ADA3\"\n[people.T-BEA]\n[people.T-EVE]\n",
    );
    let (signers, _) = Signers::parse(&(line("T-BEA", &key(2).key()) + &line("T-EVE", &key(2).key()) + &line("T-ADA", &key(1).key())));
    let same = |k: u8, id: &str| same_person(&c.config, &signers, Some(&key(k).key()), id).into_iter().collect::<Vec<_>>();
    assert_eq!(same(1, "T-ADA4"), ["T-ADA", "T-ADA2", "T-ADA3", "T-ADA4"]);
    assert_eq!(same(2, "T-BEA"), ["T-BEA", "T-EVE"], "who holds the key of both is both");
}

#[test]
fn a_drill_makes_its_own_keys_and_leaves_the_home_folder_alone() {
    let dir = tempfile::tempdir().unwrap();
    let c = Ctx { drill: true, ..ctx(dir.path(), "store = \"drill.db\"\n[sign]\nkey = \"~/.ssh/mine\"\n") };
    let made = |who: &str| match tool(&c, None, who).unwrap() {
        Tool::Throwaway(k) => k.key(),
        Tool::Program(_) => panic!("a real key"),
    };
    let (a, b) = (made("T-ADA"), made("../T-BEA"));
    assert_ne!(a, b);
    assert_eq!((made("T-ADA"), listed(&c).unwrap().signers.lines.len()), (a, 2), "the same one next time");
    assert!(!dir.path().join(".ssh").exists());
}
