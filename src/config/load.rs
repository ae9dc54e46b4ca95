//! Finds and reads the settings files, and lays them over each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{AwsSettings, Config, ConfigError, Environment, File, Overrides, SignSettings, TickSettings, parse_size};

/// Largest attachment unless the settings say otherwise: 2 GiB.
const ATTACH_LIMIT: u64 = 2 << 30;

/// Reads all settings that apply in `env`, under what the command line gave.
///
/// # Errors
/// A file that is named but missing, unreadable, or not what it should be; see [`ConfigError`].
pub fn load(env: &Environment, over: &Overrides) -> Result<Config, ConfigError> {
    let mut config = Config { attach_limit: ATTACH_LIMIT, exports: env.cwd.join("exports"), home: home(env), ..Config::default() };
    let mut store = None;
    let named = over.config.clone().or_else(|| env.get("BLOTTER_CONFIG").map(PathBuf::from));
    let nearest = match named {
        Some(p) => Some(env.cwd.join(p)),
        None => env.cwd.ancestors().map(|d| d.join("blotter.toml")).find(|p| p.is_file()),
    };
    let user = config_home(env).map(|d| d.join("blotter/config.toml")).filter(|p| p.is_file());
    // The farthest first, so that nearer files lie over it.
    for path in user.into_iter().chain(nearest) {
        lay(&mut config, &mut store, &path)?;
        config.files.insert(0, path);
    }
    store = over.store.clone().map(|p| env.cwd.join(p)).or_else(|| env.get("BLOTTER_STORE").map(|p| env.cwd.join(p))).or(store);
    config.store_is_chosen = store.is_some();
    config.store = match store {
        Some(p) => p,
        None => data_home(env).map(|d| d.join("blotter/blotter.db")).ok_or_else(|| {
            ConfigError::Value("no place for the store: neither HOME nor XDG_DATA_HOME is set, and no `--store` was given".to_owned())
        })?,
    };
    let from_env = |flag: &Option<String>, name: &str| flag.clone().or_else(|| env.get(name).map(str::to_owned));
    let aws = AwsSettings {
        profile: from_env(&over.profile, "BLOTTER_PROFILE"),
        region: from_env(&over.region, "BLOTTER_REGION"),
        account: from_env(&over.account, "BLOTTER_ACCOUNT"),
    };
    lay_aws(&mut config.aws, aws);
    let sign = SignSettings { key: env.get("BLOTTER_SIGN_KEY").map(PathBuf::from), ..SignSettings::default() };
    lay_sign(&mut config, sign, &env.cwd);
    for (name, value) in &over.vars {
        config.vars.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(config)
}

fn lay(config: &mut Config, store: &mut Option<PathBuf>, path: &Path) -> Result<(), ConfigError> {
    let file = read(path)?;
    let base = path.parent().unwrap_or(Path::new("."));
    if let Some(s) = file.store {
        *store = Some(base.join(s));
    }
    if let Some(r) = file.runbooks {
        config.runbooks = Some(base.join(r));
    }
    if let Some(e) = file.exports {
        config.exports = base.join(e);
    }
    if file.actor.is_some() {
        config.actor = file.actor;
    }
    config.people.extend(file.people);
    lay_aws(&mut config.aws, file.aws);
    for (name, value) in file.vars {
        let json = serde_json::to_value(value).map_err(|e| ConfigError::Value(format!("`[vars] {name}` in `{}`: {e}", path.display())))?;
        config.vars.insert(name, json);
    }
    if let Some(limit) = file.attach.limit {
        let wrong = || ConfigError::Value(format!("`[attach] limit` in `{}`: `{limit}` is not a size such as \"2GiB\"", path.display()));
        config.attach_limit = parse_size(&limit).ok_or_else(wrong)?;
    }
    if file.tick != TickSettings::default() {
        config.tick = file.tick;
    }
    config.redact.extend(file.redact.patterns);
    lay_sign(config, file.sign, base);
    if let Some(approve) = file.erase.approve {
        let unknown = approve.from.iter().find(|p| !config.people.contains_key(*p));
        if let Some(p) = unknown {
            return Err(ConfigError::Value(format!("`[erase] approve` in `{}`: `{p}` is no person of the settings", path.display())));
        }
        let members = |p: &String| config.people.get(p).filter(|x| x.is_team()).map_or_else(|| vec![p.clone()], |x| x.members.clone());
        config.erase = approve.from.iter().flat_map(members).collect();
    }
    for (id, p) in &config.people {
        if let Some(m) = p.members.iter().find(|m| config.people.get(*m).is_none_or(super::Person::is_team)) {
            return Err(ConfigError::Value(format!("`[people.{id}]` in `{}`: member `{m}` is no person of the settings", path.display())));
        }
    }
    Ok(())
}

fn lay_sign(config: &mut Config, over: SignSettings, base: &Path) {
    let home = config.home.clone();
    let whole = |p: PathBuf| match (p.strip_prefix("~"), &home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => base.join(p),
    };
    // A name alone is looked for on the PATH.
    let program = over.program.map(|p| if p.components().count() > 1 { whole(p) } else { p });
    let under = &mut config.sign;
    under.program = program.or(under.program.take());
    under.key = over.key.map(&whole).or(under.key.take());
    under.allowed_signers = over.allowed_signers.map(&whole).or(under.allowed_signers.take());
}

fn lay_aws(under: &mut AwsSettings, over: AwsSettings) {
    under.profile = over.profile.or(under.profile.take());
    under.region = over.region.or(under.region.take());
    under.account = over.account.or(under.account.take());
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.display().to_string(), source })?;
    toml::from_str(&text).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start).min(text.len());
        let before = text.get(..at).unwrap_or("");
        ConfigError::Parse {
            path: path.display().to_string(),
            line: before.matches('\n').count() + 1,
            col: before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1,
            message: e.message().to_owned(),
        }
    })
}

fn home(env: &Environment) -> Option<PathBuf> {
    env.get("HOME").map(PathBuf::from).filter(|p| p.is_absolute())
}

fn config_home(env: &Environment) -> Option<PathBuf> {
    env.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute()).or_else(|| home(env).map(|h| h.join(".config")))
}

fn data_home(env: &Environment) -> Option<PathBuf> {
    env.get("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute()).or_else(|| home(env).map(|h| h.join(".local/share")))
}

/// What git calls this user, asked only when nothing nearer says who acts.
pub(super) fn git_email(env: &Environment) -> Option<String> {
    let vars: BTreeMap<_, _> = env.vars.iter().filter(|(k, _)| matches!(k.as_str(), "PATH" | "HOME" | "XDG_CONFIG_HOME")).collect();
    let out = Command::new("git")
        .args(["config", "--get", "user.email"])
        .current_dir(&env.cwd)
        .env_clear()
        .envs(vars)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let email = String::from_utf8(out.stdout).ok()?.trim().to_owned();
    (out.status.success() && !email.is_empty()).then_some(email)
}
