use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

fn message() -> Message {
    Message {
        content_type: "application/cloudevents+json; charset=utf-8",
        body: r#"{"id": "1"}"#.to_owned(),
    }
}

fn to(url: String, token: Option<&str>) -> Target {
    Target {
        url,
        token: token.map(str::to_owned),
    }
}

/// Reads a request with a body and answers with this; returns what it read, if the connection was good for that.
fn serve(mut stream: impl Read + Write, answer: &str) -> std::io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(br#"{"id": "1"}"#) {
        let mut part = [0; 1024];
        let length = stream.read(&mut part)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&part[..length]);
    }
    stream.write_all(answer.as_bytes())?;
    stream.flush()?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// A receiver on this machine: its port, and the first request that it could read.
fn listen<S: Read + Write>(
    answer: &'static str,
    wrap: impl Fn(TcpStream) -> S + Send + 'static,
) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let mut streams = listener.incoming().flatten();
        let got = streams.find_map(|stream| serve(wrap(stream), answer).ok());
        got.unwrap()
    });
    (port, served)
}

fn plain(answer: &'static str) -> (u16, JoinHandle<String>) {
    listen(answer, |stream| stream)
}

#[tokio::test]
async fn a_message_is_posted_with_its_token() {
    let (port, served) = plain("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    let target = to(format!("http://127.0.0.1:{port}/a/b?c=d"), Some("top"));
    assert_eq!(post(&target, &message(), None).await, Sent::Accepted(202));
    let request = served.join().unwrap().to_ascii_lowercase();
    for wanted in [
        "post /a/b?c=d http/1.1\r\n",
        "content-type: application/cloudevents+json; charset=utf-8\r\n",
        "content-length: 11\r\n",
        "authorization: bearer top\r\n",
        "user-agent: locust-operator/",
    ] {
        assert!(request.contains(wanted), "{wanted} in {request}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_body_is_read() {
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 99999999\r\n\r\n";
    let (port, served) = plain(moved);
    let target = to(format!("http://127.0.0.1:{port}/"), None);
    assert_eq!(post(&target, &message(), None).await, Sent::Refused(307));
    assert!(!served.join().unwrap().contains("authorization"));
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_without_the_path() {
    let target = to("http://127.0.0.77:9/T0/hidden".to_owned(), None);
    let Sent::Unanswered(words) = post(&target, &message(), None).await else {
        panic!("nobody is there");
    };
    assert!(
        words.contains("refused") && !words.contains("hidden"),
        "{words}"
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = to(format!("http://127.0.0.1:{port}/"), None);
    let limit = Duration::from_millis(300);
    let sent = post_within(limit, &target, &message(), None).await;
    let wanted = Sent::Unanswered("no answer within 300ms".to_owned());
    assert_eq!(sent, wanted);
}

/// A server with a certificate of its own, and a file with that.
fn certificate(name: &str) -> (Arc<ServerConfig>, PathBuf) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into());
    let file = std::env::temp_dir().join(format!("sink-{name}-{}", std::process::id()));
    std::fs::write(&file, certified.cert.pem()).unwrap();
    (Arc::new(config.unwrap()), file)
}

#[tokio::test]
async fn https_needs_an_authority_that_is_known() {
    let (config, known) = certificate("known");
    let (_, strange) = certificate("strange");
    let (port, served) = listen("HTTP/1.1 204 No Content\r\n\r\n", move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        StreamOwned::new(connection, stream)
    });
    let target = to(format!("https://localhost:{port}/hidden"), None);
    let refused = post(&target, &message(), Some(&strange)).await;
    let Sent::Unanswered(words) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        words.contains("certificate") && !words.contains("hidden"),
        "{words}"
    );
    let taken = post(&target, &message(), Some(&known)).await;
    assert_eq!(taken, Sent::Accepted(204));
    assert!(served.join().unwrap().starts_with("POST /hidden"));
    std::fs::remove_file(&known).unwrap();
    std::fs::remove_file(&strange).unwrap();
}
