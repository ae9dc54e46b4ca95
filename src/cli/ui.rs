//! The terminal: the only place that prints.
//!
//! Data goes to standard output, everything else to standard error. Outside text passes through
//! [`plain`] before it reaches either.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Effects, Style};

use super::pager::{self, Pager};
use crate::config::Environment;
use crate::record::verdict::Verdict;

pub use super::text::{fold, guarded, json_plain, plain, plain_lines};

/// What the person asked for and what the terminal can do.
#[derive(Clone, Debug)]
pub struct Ui {
    /// One JSON document on standard output.
    pub json: bool,
    /// No progress and no remarks.
    pub quiet: bool,
    /// `--yes`: skips convenience questions; never an approval.
    pub yes: bool,
    /// Colour on standard output.
    pub colour: bool,
    /// Standard output is a terminal.
    pub out_tty: bool,
    /// Standard error is a terminal.
    pub err_tty: bool,
    /// Standard input is a terminal.
    pub in_tty: bool,
    /// Columns to fill at most.
    pub width: usize,
    /// Rows of the terminal, where there is one.
    pub height: Option<usize>,
    /// The terminal can be drawn over.
    pub can_redraw: bool,
    /// Long lines are broken between words: a person reads them here.
    pub folds: bool,
    /// What long pages are shown with.
    pub pager: Option<Pager>,
    /// What would be data goes to standard error: something else is the data.
    pub aside: bool,
}

/// What a piece of text means; colours follow from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// All is well.
    Good,
    /// It is as bad as it looks.
    Bad,
    /// Look twice.
    Warn,
    /// Less important.
    Dim,
    /// A heading.
    Strong,
}

impl Ui {
    /// Looks at the terminal and the environment.
    pub fn new(env: &Environment, json: bool, quiet: bool, yes: bool) -> Self {
        let (out_tty, err_tty, in_tty) = (io::stdout().is_terminal(), io::stderr().is_terminal(), io::stdin().is_terminal());
        let colour = !json && wants_colour(env, out_tty);
        let asked = env.get("COLUMNS").and_then(|c| c.parse().ok());
        let folds = out_tty || asked.is_some();
        let width = asked.or_else(|| if out_tty { size().map(|(columns, _)| columns) } else { None }).unwrap_or(100).clamp(40, 200);
        let height = if out_tty { size().map(|(_, rows)| rows) } else { None };
        let can_redraw = env.get("TERM").is_some_and(|t| t != "dumb");
        Self {
            json,
            quiet,
            yes,
            colour,
            out_tty,
            err_tty,
            in_tty,
            width,
            height,
            can_redraw,
            folds,
            pager: pager::choose(env),
            aside: false,
        }
    }

    /// The same, for the size that the terminal has now.
    #[must_use]
    pub fn resized(&self) -> Self {
        match size() {
            Some((columns, rows)) if self.out_tty => Self { width: columns.clamp(40, 200), height: Some(rows), ..self.clone() },
            _ => self.clone(),
        }
    }

    /// True when a page may be drawn over and over.
    pub fn redraws(&self) -> bool {
        self.out_tty && self.can_redraw && !self.json && !self.aside
    }

    /// Rows to fill at most.
    pub fn rows(&self) -> usize {
        self.height.unwrap_or(24)
    }

    /// The same, for what is told beside the data: it goes to standard error.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { aside: true, colour: self.colour && self.err_tty, pager: None, ..self.clone() }
    }

    /// True when a question may be put to a person.
    pub fn may_ask(&self) -> bool {
        self.in_tty && self.err_tty && !self.json
    }

    /// Dresses `text` for standard output.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Tone::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())).effects(Effects::BOLD),
            Tone::Warn => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Dim => Style::new().effects(Effects::DIMMED),
            Tone::Strong => Style::new().effects(Effects::BOLD),
        };
        format!("{style}{text}{style:#}")
    }

    /// Writes data to standard output. A closed pipe is not an error.
    ///
    /// # Errors
    /// Any other failure to write.
    pub fn out(&self, text: &str) -> io::Result<()> {
        match (self.aside, self.out_tty) {
            (true, _) => self.warn(text.strip_suffix('\n').unwrap_or(text)),
            (false, true) => return self.bytes(guarded(text).as_bytes()),
            (false, false) => return self.bytes(text.as_bytes()),
        }
        Ok(())
    }

    /// Writes a page: through the pager when it is longer than the terminal is high.
    ///
    /// # Errors
    /// See [`Ui::out`].
    pub fn page(&self, text: &str) -> io::Result<()> {
        match &self.pager {
            Some(p) if self.out_tty && !self.json && !self.aside && self.height.is_some_and(|rows| text.lines().count() >= rows) => {
                pager::show(p, &guarded(text)).or_else(|_| self.out(text))
            }
            _ => self.out(text),
        }
    }

    /// Writes bytes as they are. A closed pipe is not an error.
    ///
    /// # Errors
    /// Any other failure to write.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        delivered(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Writes one line of data; under `--json` a document, in which what could move a terminal is written as `\uXXXX`.
    ///
    /// # Errors
    /// See [`Ui::out`].
    pub fn line(&self, text: &str) -> io::Result<()> {
        if self.json { self.out(&format!("{}\n", json_plain(text))) } else { self.out(&format!("{text}\n")) }
    }

    /// Tells the person something that is not data. Silent under `--quiet`.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Tells the person something that must not be missed.
    pub fn warn(&self, text: &str) {
        // Nothing is left to try when standard error is gone.
        let text = if self.err_tty { guarded(text) } else { Cow::Borrowed(text) };
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Shows a prompt on standard error.
    ///
    /// # Errors
    /// Failure to write.
    pub fn prompt(&self, text: &str) -> io::Result<()> {
        let mut err = io::stderr().lock();
        write!(err, "{}", guarded(text))?;
        err.flush()
    }

    /// Asks a question on standard error and reads one line; `None` when the input ends.
    ///
    /// # Errors
    /// Failure to read or write.
    pub fn ask(&self, question: &str) -> io::Result<Option<String>> {
        let mut err = io::stderr().lock();
        write!(err, "{} ", guarded(question))?;
        err.flush()?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer)? == 0 {
            return Ok(None);
        }
        Ok(Some(answer.trim().to_owned()))
    }

    /// Pads `text` to `width` columns; a longer one stays whole.
    pub fn pad(text: &str, width: usize) -> String {
        let have = super::text::columns(text);
        format!("{text}{}", " ".repeat(width.saturating_sub(have)))
    }

    /// Breaks long lines where a person reads them; what is piped keeps one line each.
    pub fn folded(&self, text: &str, hang: usize) -> String {
        if self.folds { fold(text, self.width, hang) } else { text.to_owned() }
    }

    /// Cuts or pads `text` to `width` columns, saying with `…` that it was cut.
    pub fn fit(text: &str, width: usize) -> String {
        use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
        let have = text.width();
        if have <= width {
            return format!("{text}{}", " ".repeat(width - have));
        }
        let mut out = String::new();
        let mut used = 0;
        for c in text.chars() {
            let w = c.width().unwrap_or(0);
            if used + w + 1 > width {
                break;
            }
            out.push(c);
            used += w;
        }
        out.push('…');
        format!("{out}{}", " ".repeat(width.saturating_sub(used + 1)))
    }
}

/// The word for a verdict in a list: upper case when something is wrong.
pub fn verdict_word(v: Option<Verdict>) -> (&'static str, Tone) {
    match v {
        Some(Verdict::Met) => ("met", Tone::Good),
        Some(Verdict::Unmet) => ("UNMET", Tone::Bad),
        Some(Verdict::Unknown) => ("UNKNOWN", Tone::Warn),
        None => ("seen", Tone::Dim),
    }
}

/// Whether to dress text: `NO_COLOR` beats `CLICOLOR_FORCE`, which beats `CLICOLOR=0`, `TERM=dumb` and a pipe.
fn wants_colour(env: &Environment, tty: bool) -> bool {
    if env.get("NO_COLOR").is_some() {
        return false;
    }
    if env.get("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
        return true;
    }
    tty && env.get("TERM") != Some("dumb") && env.get("CLICOLOR") != Some("0")
}

/// Columns and rows of the terminal behind standard output.
fn size() -> Option<(usize, usize)> {
    let seen = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (seen.ws_col > 0 && seen.ws_row > 0).then(|| (usize::from(seen.ws_col), usize::from(seen.ws_row)))
}

/// A reader that has gone is no error.
fn delivered(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_customary_variables() {
        for (vars, tty, want) in [
            (&[][..], true, true),
            (&[], false, false),
            (&[("NO_COLOR", "1")], true, false),
            (&[("NO_COLOR", "")], true, true),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true, false),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("CLICOLOR", "0")], true, false),
            (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true, true),
            (&[("TERM", "dumb")], true, false),
        ] {
            let vars: std::collections::BTreeMap<_, _> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(wants_colour(&Environment { cwd: ".".into(), vars: vars.clone() }, tty), want, "{vars:?} {tty}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        assert!(delivered(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(delivered(Err(io::ErrorKind::StorageFull.into())).is_err());
    }

    #[test]
    fn fitting_says_that_it_cut() {
        assert_eq!(Ui::fit("abcdef", 4), "abc…");
        assert_eq!(Ui::fit("ab", 4), "ab  ");
        assert_eq!(Ui::fit("鴨鴨鴨", 4), "鴨… ");
    }
}
