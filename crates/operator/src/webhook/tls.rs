//! TLS connections for axum, with a certificate that can change.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// A client that does not finish its handshake by then is none.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, as when file descriptors have run out.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

type Connection = (TlsStream<TcpStream>, SocketAddr);

/// Connections whose handshake is done.
pub(super) struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<Connection>,
}

impl TlsListener {
    /// Accepts on `tcp` until told to stop, each connection with the certificate of its moment.
    pub fn start(
        tcp: TcpListener,
        certificate: watch::Receiver<Option<Arc<ServerConfig>>>,
        stop: &CancellationToken,
    ) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (done, connections) = mpsc::channel(16);
        let stop = stop.clone();
        tokio::spawn(async move {
            let accept = accept_all(&tcp, &certificate, &done);
            let _ = stop.run_until_cancelled(accept).await;
        });
        Ok(Self {
            address,
            connections,
        })
    }
}

async fn accept_all(
    tcp: &TcpListener,
    certificate: &watch::Receiver<Option<Arc<ServerConfig>>>,
    done: &mpsc::Sender<Connection>,
) {
    loop {
        let (stream, address) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the webhook server");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        // Without a certificate nobody can be answered: the caller sees a closed connection.
        let Some(config) = certificate.borrow().clone() else {
            continue;
        };
        let done = done.clone();
        // One slow client must not keep others waiting.
        tokio::spawn(async move {
            let handshake = TlsAcceptor::from(config).accept(stream);
            match tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await {
                Ok(Ok(stream)) => drop(done.send((stream, address)).await),
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "a TLS handshake failed");
                }
                Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
            }
        });
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        match self.connections.recv().await {
            Some(connection) => connection,
            // Stopped: the server is told so itself.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
