//! A real Kubernetes on a plain Linux machine, for the demo and the tests.
//!
//! Two profiles share their parts:
//!
//! * the **node** ([`node`]): an unmodified Kubernetes with containerd running
//!   real containers, one per machine;
//! * the **API server** ([`ApiServer`]): etcd, kube-apiserver and
//!   kube-controller-manager only, as many at once as tests want.
//!
//! Everything either of them keeps is below one directory, see [`Layout`].

#[cfg(not(target_os = "linux"))]
compile_error!("the node needs Linux: build and run this in a Linux virtual machine");

mod api_server;
mod audit;
mod control_plane;
mod digest;
mod exec;
pub mod images;
mod interrupt;
mod kubeconfig;
pub mod lasting;
mod layout;
mod log_file;
mod mounts;
pub mod node;
mod pki;
mod ports;
pub mod prepare;
mod process;
pub mod report;

pub use api_server::{API_SERVER, ApiServer, CONTROLLERS, ETCD, down as api_down};
pub use interrupt::watch_signals;
pub use layout::Layout;
