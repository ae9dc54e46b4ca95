//! Long pages go through the person's pager; on a terminal only, and never through a shell.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::line;
use crate::config::Environment;

/// A program that shows long pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pager {
    argv: Vec<String>,
    /// What it is told beyond the person's own environment.
    told: Vec<(&'static str, &'static str)>,
}

/// What git tells `less` and `lv` too, unless the person told them otherwise.
const DEFAULTS: [(&str, &str); 2] = [("LESS", "FRX"), ("LV", "-c")];

/// The pager to use: `BLOTTER_PAGER`, `PAGER`, or `less -FRX`. Empty and `cat` mean none.
pub fn choose(env: &Environment) -> Option<Pager> {
    if env.get("TERM") == Some("dumb") {
        return None;
    }
    let set = ["BLOTTER_PAGER", "PAGER"].iter().find_map(|name| env.vars.get(*name));
    let argv = match set {
        Some(text) => line::split(text).ok()?,
        None => ["less", "-FRX"].map(str::to_owned).to_vec(),
    };
    let told = DEFAULTS.into_iter().filter(|(name, _)| !env.vars.contains_key(*name)).collect();
    argv.first().is_some_and(|w| w != "cat").then_some(Pager { argv, told })
}

/// Shows `text` in the pager and waits until the person is done with it.
///
/// # Errors
/// The pager cannot be started; nothing was shown then.
pub fn show(pager: &Pager, text: &str) -> io::Result<()> {
    let Some((program, args)) = pager.argv.split_first() else { return Err(io::Error::from(io::ErrorKind::NotFound)) };
    let mut command = Command::new(program);
    command.args(args).envs(pager.told.iter().copied()).stdin(Stdio::piped());
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Ctrl-C is the pager's while it runs: without a listener it would end us and leave the pager behind.
    let _listener = {
        let _inside = rt.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?
    };
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        match pipe.write_all(text.as_bytes()) {
            // The person saw enough.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(e),
            _ => {}
        }
    }
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)]) -> Option<String> {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        choose(&Environment { cwd: ".".into(), vars }).map(|p| p.argv.join("|"))
    }

    #[test]
    fn the_persons_own_pager_comes_first_and_can_be_none() {
        for (vars, want) in [
            (&[][..], Some("less|-FRX")),
            (&[("PAGER", "more -s")], Some("more|-s")),
            (&[("PAGER", "more"), ("BLOTTER_PAGER", "less \"-P a b\"")], Some("less|-P a b")),
            (&[("PAGER", "more"), ("BLOTTER_PAGER", "")], None),
            (&[("PAGER", "cat")], None),
            (&[("TERM", "dumb"), ("PAGER", "less")], None),
        ] {
            assert_eq!(chosen(vars).as_deref(), want, "{vars:?}");
        }
    }

    #[test]
    fn a_pager_that_is_not_there_says_so_before_anything_is_lost() {
        for argv in [vec!["no-such-pager-anywhere".to_owned()], Vec::new()] {
            assert!(show(&Pager { argv, told: Vec::new() }, "text").is_err());
        }
    }
}
