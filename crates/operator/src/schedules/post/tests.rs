use std::{path::PathBuf, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

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

/// Reads a request with a body and answers with this; returns what it read.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(br#"{"id": "1"}"#) {
        let mut part = [0; 1024];
        let length = stream.read(&mut part).await.unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&part[..length]);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    String::from_utf8(read).unwrap()
}

async fn listen(answer: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served =
        tokio::spawn(async move { serve(listener.accept().await.unwrap().0, answer).await });
    (port, served)
}

#[tokio::test]
async fn a_message_is_posted_with_its_token() {
    let (port, served) = listen("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    let target = to(format!("http://127.0.0.1:{port}/a/b?c=d"), Some("top"));
    assert_eq!(post(&target, &message(), None).await, Sent::Accepted(202));
    let request = served.await.unwrap().to_ascii_lowercase();
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
    let (port, served) = listen(moved).await;
    let target = to(format!("http://127.0.0.1:{port}/"), None);
    assert_eq!(post(&target, &message(), None).await, Sent::Refused(307));
    assert!(!served.await.unwrap().contains("authorization"));
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = to(format!("http://127.0.0.1:{port}/"), None);
    let limit = Duration::from_millis(300);
    let sent = post_within(limit, &target, &message(), None).await;
    assert_eq!(sent, Sent::Unanswered("no answer within 300ms".to_owned()));
}

/// A server with a certificate of its own, and a file with that.
fn certificate() -> (Arc<rustls::ServerConfig>, PathBuf) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into());
    let file = std::env::temp_dir().join(format!("sink-ca-{}", std::process::id()));
    std::fs::write(&file, certified.cert.pem()).unwrap();
    (Arc::new(config.unwrap()), file)
}

#[tokio::test]
async fn https_needs_an_authority_that_is_known() {
    let (config, file) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let served = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                return serve(stream, "HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    });
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let strange = file.with_extension("other");
    std::fs::write(&strange, other.cert.pem()).unwrap();
    let target = to(format!("https://localhost:{port}/hidden"), None);
    let refused = post(&target, &message(), Some(&strange)).await;
    let Sent::Unanswered(words) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        words.contains("certificate") && !words.contains("hidden"),
        "{words}"
    );
    assert_eq!(
        post(&target, &message(), Some(&file)).await,
        Sent::Accepted(204)
    );
    assert!(served.await.unwrap().starts_with("POST /hidden"));
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(&strange).unwrap();
}
