//! Tells people outside: a command of the team's choosing, and a webhook.
//!
//! Changes nothing of what is being watched, and keeps no record of its own.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// How long a command or a webhook may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `argv` with `event` as JSON on its standard input. Ok with what it printed, cut to one short line.
///
/// # Errors
/// It cannot be started, fails, or takes longer than 20 seconds.
pub async fn command(argv: &[String], event: &Value) -> Result<String, String> {
    let Some((program, args)) = argv.split_first() else { return Err("no command is configured".to_owned()) };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("`{program}` cannot be started: {e}"))?;
    let stdin = child.stdin.take();
    let run = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read its input is its own business.
            drop(stdin.write_all(event.to_string().as_bytes()).await);
            drop(stdin.shutdown().await);
        }
        child.wait_with_output().await
    };
    let out = tokio::time::timeout(LIMIT, run)
        .await
        .map_err(|_| format!("`{program}` took longer than {} s and was ended", LIMIT.as_secs()))?
        .map_err(|e| format!("`{program}`: {e}"))?;
    if out.status.success() {
        Ok(short(&out.stdout))
    } else {
        Err(format!("`{program}` ended with {}: {}", out.status, short(&out.stderr)))
    }
}

/// Posts a Slack-compatible message.
///
/// # Errors
/// It cannot be sent, or the answer is not a success. The URL, which may hold a secret, is in no message.
pub async fn webhook(url: &str, text: &str) -> Result<String, String> {
    let client = reqwest::Client::builder().timeout(LIMIT).build().map_err(|e| e.without_url().to_string())?;
    let body = json!({ "text": text }).to_string();
    let sent =
        client.post(url).header("content-type", "application/json").body(body).send().await.map_err(|e| e.without_url().to_string())?;
    let status = sent.status();
    if status.is_success() { Ok(format!("HTTP {}", status.as_u16())) } else { Err(format!("HTTP {}", status.as_u16())) }
}

fn short(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or("");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn a_command_reads_the_event_and_its_failure_is_told() {
        assert_eq!(command(&argv("cat"), &json!({"a": 1})).await, Ok("{\"a\":1}".to_owned()));
        let e = command(&argv("echo no pager >&2; exit 3"), &json!({})).await.unwrap_err();
        assert!(e.contains("exit status: 3") && e.contains("no pager"), "{e}");
        assert!(command(&["/nonexistent/pager".to_owned()], &json!({})).await.unwrap_err().contains("cannot be started"));
    }
}
