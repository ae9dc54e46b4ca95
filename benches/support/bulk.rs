//! Much text at once: an attachment of a gibibyte from a pipe against `zstd`, and redaction against one pass of its patterns.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use blotter::redact::Redactor;
use regex::bytes::RegexSetBuilder;

use super::{Done, Sample, Table, peak_of};
use crate::{begin, time};

const MIB: usize = 1 << 20;

/// Lines of a service's log, the same on every run; no two blocks within the reach of the compressor are alike.
fn corpus(bytes: usize) -> Vec<u8> {
    let mut random = 0x10C5_u64;
    let mut next = move || {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        random >> 33
    };
    let levels = ["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
    let routes = ["/beak/system/status", "/beak/agents", "/beak/certs/issue", "/beak/peck/callback"];
    let mut text = Vec::with_capacity(bytes + 256);
    while text.len() < bytes {
        let (a, b, c) = (next(), next(), next());
        let _ = writeln!(
            text,
            "2026-03-22T02:{:02}:{:02}.{:03}Z {} request={:08x}-{:04x} route={} status={} duration_ms={} bytes={}",
            a % 60,
            b % 60,
            c % 1000,
            levels[(a % 6) as usize],
            a,
            b & 0xffff,
            routes[(b % 4) as usize],
            [200, 200, 200, 404, 502][(c % 5) as usize],
            c % 4000,
            b % 90_000
        );
    }
    text.truncate(bytes);
    text
}

/// A gibibyte from a pipe, kept and flushed, against `zstd -3 -T1` that writes the same to a file, flushed.
pub(crate) fn attaching(table: &mut Table, dir: &Path) -> Done<()> {
    const BLOCKS: usize = 64;
    let dir = dir.join("attach");
    drop(begin(&dir.join("ledger.db"))?);
    let block = corpus(16 * MIB);
    let (mut theirs, mut ours, mut ratio, mut memory) = (Sample::default(), Sample::default(), Sample::default(), Sample::default());
    for _ in 0..3 {
        let mut packer = Command::new("/bin/sh");
        packer.args(["-ec", "zstd -3 -T1 -q -f -o packed.zst && sync packed.zst"]).current_dir(&dir);
        let peer = match fed(packer, &block, BLOCKS) {
            Ok(seconds) => seconds,
            Err(why) => {
                println!("no `zstd` here, so nothing is attached: {why}");
                return Ok(());
            }
        };
        let report = dir.join("peak");
        let mut attach = Command::new("/usr/bin/time");
        attach.args(["-f", "%M", "-o"]).arg(&report).arg(env!("CARGO_BIN_EXE_blotter"));
        attach.args(["attach", "-", "--name", "gateway.log", "--as", "T-OPS", "--incident", "1", "--store", "ledger.db"]);
        attach.env_clear().env("HOME", &dir).current_dir(&dir);
        let own = fed(attach, &block, BLOCKS)?;
        memory.add(peak_of(&report)?);
        theirs.add(peer);
        ours.add(own);
        ratio.add(peer / own);
    }
    table.sample("1 GiB of log through `zstd -3 -T1`, flushed", "s", &theirs, None);
    table.sample("`attach` of the same from a pipe, whole process", "s", &ours, None);
    table.sample("`attach` of 1 GiB, bytes a second", "x zstd", &ratio, Some((">=", 0.5)));
    table.sample("`attach` of 1 GiB, its peak memory", "MiB", &memory, Some(("<=", 64.0)));
    Ok(())
}

/// Seconds that `command` takes with `block` so many times on its standard input.
fn fed(mut command: Command, block: &[u8], times: usize) -> Done<f64> {
    let (seconds, status) = time(|| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut pipe = child.stdin.take().ok_or("a pipe")?;
        for _ in 0..times {
            pipe.write_all(block)?;
        }
        drop(pipe);
        Ok(child.wait()?)
    })?;
    if status.success() { Ok(seconds) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// 16 MB of log without secrets, and with one in a hundred lines, against asking a `RegexSet` of the same patterns line by line.
pub(crate) fn redacting(table: &mut Table, _: &Path) -> Done<()> {
    let clean = corpus(16_000_000);
    let mut telling = Vec::with_capacity(clean.len() + (1 << 20));
    for (n, line) in clean.split_inclusive(|c| *c == b'\n').enumerate() {
        if n % 100 == 0 {
            telling.extend_from_slice(b"login with password=hunter2hunter2 ");
        }
        telling.extend_from_slice(line);
    }
    let redactor = Redactor::default();
    let texts = redactor.patterns().into_iter().map(|p| format!("(?-u:{p})"));
    let set = RegexSetBuilder::new(texts).size_limit(64 << 20).build()?;
    for (name, text) in [("without secrets", &clean), ("a secret in every 100th line", &telling)] {
        let (mut speed, mut ratio) = (Sample::default(), Sample::default());
        for round in 0..6 {
            let (once, found) = time(|| Ok(text.split(|c| *c == b'\n').filter(|l| set.is_match(l)).count()))?;
            let (all, left) = time(|| {
                let mut out = Vec::with_capacity(text.len());
                redactor.redact_stream(text.as_slice()).read_to_end(&mut out)?;
                Ok(out)
            })?;
            if (found == 0) != (left == **text) {
                return Err("what the patterns find is not what is taken out".into());
            }
            if round > 0 {
                speed.add(text.len() as f64 / 1e6 / all);
                ratio.add(once / all);
            }
        }
        table.sample(&format!("redaction of a 16 MB log, {name}"), "MB/s", &speed, None);
        table.sample(&format!("redaction of a 16 MB log, {name}"), "x RegexSet", &ratio, None);
    }
    Ok(())
}
