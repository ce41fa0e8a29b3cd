//! Who reaches the ports of a master.

/// Those of workers, of the web UI, and of the plugin.
const PORTS: [u16; 3] = [5557, 8089, 9646];

/// A Python program that prints a line for each port of a master at this address: `5557 open` or `5557 closed`.
pub fn probe(address: &str) -> String {
    format!(
        "import socket
for port in {PORTS:?}:
    try:
        socket.create_connection((\"{address}\", port), 3).close()
        print(port, \"open\")
    except OSError:
        print(port, \"closed\")
"
    )
}
