//! The terminal: the only place that prints.
//!
//! Data goes to standard output, everything else to standard error. Outside text passes through
//! [`plain`] before it reaches either.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Effects, Style};

use crate::config::Environment;
use crate::record::verdict::Verdict;

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
        let dumb = env.get("TERM") == Some("dumb");
        let colour = !json && env.get("NO_COLOR").is_none() && (env.get("CLICOLOR_FORCE").is_some_and(|v| v != "0") || (out_tty && !dumb));
        let asked = env.get("COLUMNS").and_then(|c| c.parse().ok());
        let seen = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|w| usize::from(w.ws_col)).filter(|w| *w > 0);
        let width = asked.or_else(|| if out_tty { seen() } else { None }).unwrap_or(100).clamp(40, 200);
        Self { json, quiet, yes, colour, out_tty, err_tty, in_tty, width }
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
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are. A closed pipe is not an error.
    ///
    /// # Errors
    /// Any other failure to write.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// See [`Ui::out`].
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.out(&format!("{text}\n"))
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
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Shows a prompt on standard error.
    ///
    /// # Errors
    /// Failure to write.
    pub fn prompt(&self, text: &str) -> io::Result<()> {
        let mut err = io::stderr().lock();
        write!(err, "{text}")?;
        err.flush()
    }

    /// Asks a question on standard error and reads one line; `None` when the input ends.
    ///
    /// # Errors
    /// Failure to read or write.
    pub fn ask(&self, question: &str) -> io::Result<Option<String>> {
        let mut err = io::stderr().lock();
        write!(err, "{question} ")?;
        err.flush()?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer)? == 0 {
            return Ok(None);
        }
        Ok(Some(answer.trim().to_owned()))
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

/// Makes outside text safe for a terminal: one line, no control, format or bidirectional characters.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// [`plain`], keeping line breaks.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0x00AD | 0x061C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x2069 | 0xFEFF | 0xFFF9..=0xFFFB | 0xE0000..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_cannot_move_the_cursor_or_turn_the_line_round() {
        assert_eq!(plain("a\x1b[2Jb\u{202e}c\r\nd"), "a\\u{1b}[2Jb\\u{202e}c  d");
        assert_eq!(plain("łódź 🦆"), "łódź 🦆");
    }

    #[test]
    fn fitting_says_that_it_cut() {
        assert_eq!(Ui::fit("abcdef", 4), "abc…");
        assert_eq!(Ui::fit("ab", 4), "ab  ");
        assert_eq!(Ui::fit("鴨鴨鴨", 4), "鴨… ");
    }
}
