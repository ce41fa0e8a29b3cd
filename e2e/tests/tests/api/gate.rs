//! A way to the API server that can be shut at once, to stop an operator
//! between two of its requests.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Every request is held for this long, so that the audit log shows one before the next gets through.
const HOLD: Duration = Duration::from_millis(80);

/// Passes bytes on until it is shut.
#[derive(Clone)]
pub struct Gate {
    address: SocketAddr,
    server: SocketAddr,
    shut: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Gate {
    /// A gate to the API server at this URL.
    pub fn open(url: &str) -> Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let gate = Self {
            address: socket.local_addr()?,
            server: url.trim_start_matches("https://").parse()?,
            shut: Arc::default(),
            streams: Arc::default(),
        };
        let keeper = gate.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                // A connection that fails is the operator's matter.
                let _ = keeper.connect(stream);
            }
        });
        Ok(gate)
    }

    /// A copy of a kubeconfig that leads through the gate.
    pub fn kubeconfig(&self, original: &Path, copy: PathBuf) -> Result<PathBuf> {
        let mut config: Value = serde_json::from_str(&fs::read_to_string(original)?)
            .context("the kubeconfig is not JSON")?;
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://{}", self.address));
        fs::write(&copy, config.to_string())?;
        Ok(copy)
    }

    /// From now on nothing gets through, not even what was on its way.
    pub fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.iter() {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(&self, client: TcpStream) -> Result<()> {
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([client.try_clone()?, server.try_clone()?]);
        self.pass(client.try_clone()?, server.try_clone()?, HOLD);
        self.pass(server, client, Duration::ZERO);
        Ok(())
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, hold: Duration) {
        let shut = self.shut.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(length) = from.read(&mut buffer) {
                std::thread::sleep(hold);
                if length == 0
                    || shut.load(Ordering::SeqCst)
                    || to.write_all(&buffer[..length]).is_err()
                {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
