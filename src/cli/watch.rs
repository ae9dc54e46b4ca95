//! A page that is drawn again and again, until Ctrl-C.

use std::time::Duration;

use super::error::CliError;
use super::exit::Exit;
use super::text::columns;
use super::ui::{Ui, plain_lines};
use super::{block_on, interrupted};

/// How long a drawn page stands.
const EVERY: Duration = Duration::from_secs(2);

/// Enters the terminal's other screen, so that what stood there comes back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// Draws what `draw` makes, every two seconds, until Ctrl-C; the last page stays on the screen.
///
/// # Errors
/// There is no terminal to draw on, or the first page cannot be made. Later failures are shown and tried again.
pub fn watch(ui: &Ui, mut draw: impl FnMut(&Ui) -> Result<String, CliError>) -> Result<Exit, CliError> {
    if !ui.redraws() {
        return Err(CliError::usage("`--watch` needs a terminal to draw on").hint("Leave it out to print the page once."));
    }
    let mut last = draw(&ui.resized())?;
    block_on(async {
        let mut stop = std::pin::pin!(interrupted());
        ui.bytes(ENTER)?;
        let _back = Back(ui);
        loop {
            let now = ui.resized();
            now.bytes(screen(&last, &now).as_bytes())?;
            tokio::select! {
                () = &mut stop => return Ok::<_, CliError>(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            match draw(&ui.resized()) {
                Ok(page) => last = page,
                // Somebody may be writing right now; the next look will tell.
                Err(e) => {
                    last = format!("{}\n\ncannot look: {}", last.split("\n\ncannot look: ").next().unwrap_or(""), plain_lines(&e.message))
                }
            }
        }
    })??;
    ui.out(&last)?;
    Ok(Exit::Ok)
}

/// Gives the terminal back however the watch ends.
struct Back<'a>(&'a Ui);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        // Nothing is left to try when the terminal has gone.
        drop(self.0.bytes(LEAVE));
    }
}

/// One screen of the page: what does not fit is counted, and what stood there before is cleared.
fn screen(page: &str, ui: &Ui) -> String {
    let page = super::ui::guarded(page);
    let room = ui.rows().saturating_sub(1).max(1);
    let mut out = String::from("\x1b[H");
    let mut used = 0;
    let lines: Vec<&str> = page.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        let tall = columns(line).div_ceil(ui.width.max(1)).max(1);
        let is_last = n + 1 == lines.len();
        if used + tall + usize::from(!is_last) > room {
            out.push_str(&format!("… {} more lines: `blotter show`\x1b[K\n", lines.len() - n));
            break;
        }
        out.push_str(line);
        out.push_str("\x1b[K\n");
        used += tall;
    }
    out.push_str("\x1b[J");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn a_page_longer_than_the_screen_says_how_much_is_missing() {
        let ui = Ui { height: Some(5), ..Ui::new(&Environment::default(), false, false, false) };
        assert_eq!(screen("a\nb", &ui), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
        let cut = screen("1\n2\n3\n4\n5\n6", &ui);
        assert_eq!(cut, "\x1b[H1\x1b[K\n2\x1b[K\n3\x1b[K\n… 3 more lines: `blotter show`\x1b[K\n\x1b[J");
        assert!(!screen("\x1b[2Jevil", &ui).contains("\x1b[2J"));
    }

    #[test]
    fn without_a_terminal_there_is_nothing_to_draw_on() {
        let ui = Ui { out_tty: false, ..Ui::new(&Environment::default(), false, false, false) };
        assert_eq!(watch(&ui, |_| Ok(String::new())).unwrap_err().exit(), Exit::Usage);
    }
}
