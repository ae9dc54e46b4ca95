//! Runs `ssh-keygen -Y sign`: agents, passphrases and security keys come with it.
//!
//! Started with its arguments, never through a shell. What it says is handed on while it waits for a person.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// How long a person has for a passphrase or a touch.
pub const WITHIN: Duration = Duration::from_secs(120);

/// Of what it writes, at most this is read, in bytes.
const MOST: u64 = 64 * 1024;

/// How to sign.
#[derive(Clone, Debug)]
pub struct Keygen {
    /// The program: a name on the PATH, or a path.
    pub program: PathBuf,
    /// The private key, or the public half of one that an agent holds.
    pub key: PathBuf,
    /// What it may take.
    pub within: Duration,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum KeygenError {
    /// The program is not there, or may not be run.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its output could not be read.
    #[error("`{program}`: {source}")]
    Pipe {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody answered it.
    #[error("`{program}` took longer than {seconds} s and was ended")]
    Slow {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// It did not sign.
    #[error("`{program}` did not sign ({status}): {said}")]
    Refused {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// Its last words.
        said: String,
    },
    /// It printed something else than a signature.
    #[error("`{program}` printed no signature")]
    Output {
        /// The program.
        program: String,
    },
}

impl Keygen {
    /// The arguments that sign `file` in `namespace`; without a file, standard input.
    pub fn arguments(&self, namespace: &str, file: Option<&Path>) -> Vec<String> {
        let key = self.key.display().to_string();
        let mut out: Vec<String> = ["-Y", "sign", "-f", &key, "-n", namespace].map(str::to_owned).to_vec();
        out.extend(file.map(|f| f.display().to_string()));
        out
    }

    /// Signs `text`; gives the armored signature. `tell` hears each line that the program says meanwhile.
    ///
    /// # Errors
    /// See [`KeygenError`].
    pub async fn sign(&self, text: &str, namespace: &str, tell: &(dyn Fn(&str) + Sync)) -> Result<String, KeygenError> {
        let program = self.program.display().to_string();
        let mut child = tokio::process::Command::new(&self.program)
            .args(["-Y", "sign", "-f"])
            .arg(&self.key)
            .args(["-n", namespace])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| KeygenError::Start { program: program.clone(), source })?;
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // One that ends early says why on its own.
                drop(stdin.write_all(text.as_bytes()).await);
                drop(stdin.shutdown().await);
            }
        };
        let run = async {
            let (_, printed, said) = tokio::join!(feed, whole(out), lines(err, tell));
            Ok::<_, std::io::Error>((child.wait().await?, printed?, said?))
        };
        let slow = || KeygenError::Slow { program: program.clone(), seconds: self.within.as_secs() };
        let ended = tokio::time::timeout(self.within, run).await.map_err(|_| slow())?;
        let (status, printed, said) = ended.map_err(|source| KeygenError::Pipe { program: program.clone(), source })?;
        if !status.success() {
            let said = said.unwrap_or_else(|| "it gave no reason".to_owned());
            return Err(KeygenError::Refused { program, status: status.to_string(), said });
        }
        match String::from_utf8(printed) {
            Ok(text) if text.starts_with("-----BEGIN SSH SIGNATURE-----") => Ok(text),
            _ => Err(KeygenError::Output { program }),
        }
    }
}

async fn whole(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(MOST).read_to_end(&mut out).await?;
        // What is beyond is read and dropped, so that the program can end.
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(out)
}

/// Hands lines on as they come; gives the last one that says something.
async fn lines(from: Option<impl AsyncRead + Unpin>, tell: &(dyn Fn(&str) + Sync)) -> std::io::Result<Option<String>> {
    let (mut last, mut held, mut seen) = (None, Vec::new(), 0);
    let Some(mut from) = from else { return Ok(None) };
    let mut buffer = [0; 1024];
    loop {
        let n = from.read(&mut buffer).await?;
        seen += n as u64;
        let is_over = n == 0;
        if seen <= MOST {
            held.extend_from_slice(&buffer[..n]);
        }
        while let Some(end) = held.iter().position(|b| *b == b'\n').or_else(|| (is_over && !held.is_empty()).then_some(held.len())) {
            let line = String::from_utf8_lossy(&held[..end]).trim().chars().take(300).collect::<String>();
            held.drain(..held.len().min(end + 1));
            if !line.is_empty() && line != "Signing data on standard input" {
                tell(&line);
                last = Some(line);
            }
        }
        if is_over {
            return Ok(last);
        }
    }
}

#[cfg(test)]
mod tests;
