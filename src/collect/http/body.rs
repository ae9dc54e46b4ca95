//! The bytes of a body, and what they are: JSON, text, or neither; nothing is lost on the way.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

use super::super::NoAnswer;
use super::fault;

/// The bytes that have arrived, for whoever comes to an end first: the reader or the time limit.
#[derive(Clone, Default)]
pub(super) struct Arrived(Arc<Mutex<Vec<u8>>>);

impl Arrived {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    /// Takes them out.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How reading ended.
pub(super) struct Raw {
    /// There was more than the cap.
    pub(super) over: bool,
    /// It stopped before its end.
    pub(super) fault: Option<NoAnswer>,
}

/// Reads up to `max` bytes into `arrived`, and no further.
pub(super) async fn read(mut response: Response, max: usize, arrived: &Arrived) -> Raw {
    let mut got = 0;
    loop {
        match response.chunk().await {
            Ok(None) => return Raw { over: false, fault: None },
            Ok(Some(chunk)) => {
                let fits = chunk.len().min(max - got);
                arrived.add(&chunk[..fits]);
                got += fits;
                if chunk.len() > fits {
                    return Raw { over: true, fault: None };
                }
            }
            Err(error) => return Raw { over: false, fault: Some(fault::cut(error, got)) },
        }
    }
}

/// A body as the result keeps it.
pub(super) struct Body {
    /// JSON, or a text.
    pub(super) value: Value,
    /// How the text stands for the bytes where it is not simply them: `escaped` or `base64`.
    pub(super) encoding: Option<&'static str>,
    /// What a person should know about it.
    pub(super) note: Option<String>,
    /// It calls itself JSON and is not.
    pub(super) false_json: bool,
    /// Unpacked, it is larger than the cap.
    pub(super) over: bool,
}

impl Body {
    /// Unpacks, and reads as JSON what calls itself so or looks so; what is not `whole` is text.
    pub(super) fn decode(bytes: Vec<u8>, headers: &HeaderMap, max: usize, whole: bool) -> Self {
        let packing = headers.get(CONTENT_ENCODING).and_then(|e| e.to_str().ok()).unwrap_or("identity").to_ascii_lowercase();
        let (mut bytes, over, packed) = match unpack(&bytes, packing.trim(), max, whole) {
            Ok(Some((unpacked, over))) => (unpacked, over, None),
            Ok(None) => (bytes, false, None),
            Err(why) => (bytes, false, Some(format!("the body is packed with `{packing}` and kept packed: {why}"))),
        };
        let whole = whole && !over;
        if !whole {
            drop_half_a_letter(&mut bytes);
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|t| t.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let calls_itself_json = kind.ends_with("/json") || kind.ends_with("+json");
        let mut body = Self { over, ..Self::read(&bytes, calls_itself_json && whole, !whole || kind.contains("html")) };
        if let Some(why) = packed {
            body.note = Some(body.note.map_or_else(|| why.clone(), |n| format!("{why}; {n}")));
        }
        body
    }

    fn read(bytes: &[u8], calls_itself_json: bool, only_text: bool) -> Self {
        let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let looks_json = matches!(plain.trim_ascii_start().first(), Some(b'{' | b'['));
        let mut wrong = None;
        if !plain.is_empty() && (calls_itself_json || (looks_json && !only_text)) {
            match serde_json::from_slice(plain) {
                Ok(value) => return Self { value, encoding: None, note: None, false_json: false, over: false },
                Err(e) if e.to_string().starts_with("recursion limit") => {
                    wrong = Some("the body is JSON nested too deep to read: kept as text".to_owned());
                }
                Err(e) if calls_itself_json => wrong = Some(format!("the body calls itself JSON and is not: {e}")),
                Err(_) => {}
            }
        }
        let false_json = wrong.is_some() && calls_itself_json;
        let (value, encoding, odd) = text(bytes);
        let note = match (wrong, odd) {
            (Some(w), Some(o)) => Some(format!("{w}; {o}")),
            (w, o) => w.or(o),
        };
        Self { value, encoding, note, false_json, over: false }
    }
}

/// A cap may have cut a letter in two.
fn drop_half_a_letter(bytes: &mut Vec<u8>) {
    if let Err(e) = std::str::from_utf8(bytes)
        && e.error_len().is_none()
    {
        bytes.truncate(e.valid_up_to());
    }
}

/// Text where it is text; else with each odd byte written `\xNN` (and `\` doubled), or base64 where most is odd.
fn text(bytes: &[u8]) -> (Value, Option<&'static str>, Option<String>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (json!(text), None, None);
    }
    let odd: usize = bytes.utf8_chunks().map(|c| c.invalid().len()).sum();
    if odd > bytes.len() / 8 {
        let note = format!("the body is not text: kept as base64 ({} bytes)", bytes.len());
        return (json!(STANDARD.encode(bytes)), Some("base64"), Some(note));
    }
    let mut escaped = String::with_capacity(bytes.len() + odd * 3);
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    let note = format!("the body is not UTF-8: {odd} bytes are written as \\xNN, and \\ as \\\\");
    (json!(escaped), Some("escaped"), Some(note))
}

/// Unpacks up to `max` bytes; `None` where nothing is packed.
fn unpack(bytes: &[u8], packing: &str, max: usize, whole: bool) -> Result<Option<(Vec<u8>, bool)>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut reader: Box<dyn Read + '_> = match packing {
        "" | "identity" => return Ok(None),
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(bytes)),
        // Servers send both forms under this name.
        "deflate" if bytes[0] & 0x0f == 8 => Box::new(ZlibDecoder::new(bytes)),
        "deflate" => Box::new(DeflateDecoder::new(bytes)),
        _ => return Err("this packing is not known".to_owned()),
    };
    let mut unpacked = Vec::new();
    let cap = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let ended = reader.as_mut().take(cap).read_to_end(&mut unpacked);
    let over = unpacked.len() > max;
    unpacked.truncate(max);
    match ended {
        Err(e) if whole && !over => Err(e.to_string()),
        _ => Ok(Some((unpacked, over))),
    }
}
