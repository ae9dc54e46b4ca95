//! One typed line as a command, for the prompt of a drill.

use super::error::CliError;
use super::exit::Exit;
use super::parse;
use super::ui::Ui;
use crate::app::Ctx;
use crate::config::Environment;

/// Splits a line into words the way a shell would, without anything being expanded.
///
/// # Errors
/// A quote that is not closed.
pub fn split(text: &str) -> Result<Vec<String>, CliError> {
    let (mut words, mut word, mut is_word, mut quote) = (Vec::new(), String::new(), false, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"') | None, '\\') => {
                is_word = true;
                word.extend(chars.next());
            }
            (None, '"' | '\'') => {
                is_word = true;
                quote = Some(c);
            }
            (None, c) if c.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                    is_word = false;
                }
            }
            (_, c) => {
                is_word = true;
                word.push(c);
            }
        }
    }
    if let Some(q) = quote {
        return Err(CliError::usage(format!("a {q} is not closed")));
    }
    if is_word {
        words.push(word);
    }
    Ok(words)
}

/// Puts words together so that [`split`] takes them apart again.
pub fn join(words: &[String]) -> String {
    let quoted = words.iter().map(|w| {
        let is_plain = !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || "-_./:=@,…".contains(c));
        if is_plain { w.clone() } else { format!("\"{}\"", w.replace('\\', "\\\\").replace('"', "\\\"")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs one command in the given context; `--as` and the options of output are heeded, settings are not read again.
pub fn run(ui: &Ui, ctx: &Ctx, words: &[String]) -> Exit {
    let args: Vec<&str> = std::iter::once("blotter").chain(words.iter().map(String::as_str)).collect();
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(e) => {
            ui.warn(e.render().to_string().trim_end());
            return if e.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let mut ctx = ctx.clone();
    let env = Environment::default();
    if let Some(name) = &cli.global.actor {
        ctx.actor = ctx.config.actor(Some(name), &env);
    }
    let ui = Ui { json: cli.global.json, quiet: ui.quiet || cli.global.quiet, pager: None, ..ui.clone() };
    match cli.command.run(&ui, &ctx, &env) {
        Ok(exit) => exit,
        Err(e) => e.print(&ui),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_apart_and_together() {
        for (text, words) in [
            ("note \"told T-JOSH\"", vec!["note", "told T-JOSH"]),
            ("a  'b c' \"\" d\\ e", vec!["a", "b c", "", "d e"]),
            ("x\"y z\"w", vec!["xy zw"]),
        ] {
            let split_words = split(text).unwrap();
            assert_eq!(split_words, words);
            assert_eq!(split(&join(&split_words)).unwrap(), words);
        }
        assert!(split("note \"open").is_err());
    }
}
