//! Plain HTTP, as a test needs it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// Long for a loopback address, short for the web UI of a busy Locust.
const LIMIT: Duration = Duration::from_secs(10);

/// An answer of an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The body.
    pub body: String,
}

/// GET of a path.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    ask(address, "GET", path, "")
}

/// POST of a form, as browsers send it; the values must need no escapes.
pub fn post_form(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    ask(address, "POST", path, &pairs.join("&"))
}

fn ask(address: SocketAddr, method: &str, path: &str, form: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let content = if method == "GET" {
        String::new()
    } else {
        let length = form.len();
        format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n")
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{content}\r\n{form}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow!("no HTTP answer: {text:?}"))?;
    let code = head.split(' ').nth(1).unwrap_or_default();
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    Ok(Answer {
        code: code
            .parse()
            .with_context(|| format!("no status code in {head:?}"))?,
        body: if is_chunked {
            joined(body)?
        } else {
            body.to_owned()
        },
    })
}

/// The content of chunks, each after a line with its length in bytes.
fn joined(mut chunks: &str) -> Result<String> {
    let mut content = String::new();
    loop {
        let cut = || anyhow!("chunks that end early: {chunks:?}");
        let (length, rest) = chunks.split_once("\r\n").ok_or_else(cut)?;
        let length = usize::from_str_radix(length.trim(), 16)?;
        if length == 0 {
            return Ok(content);
        }
        content += rest.get(..length).ok_or_else(cut)?;
        chunks = rest[length..].strip_prefix("\r\n").ok_or_else(cut)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(
            joined("5\r\nhello\r\nB\r\n, my\r\nworld\r\n0\r\n\r\n").unwrap(),
            "hello, my\r\nworld"
        );
        assert!(joined("5\r\nhe").is_err());
    }
}
