//! Memory of the operator beside kube-controller-manager's, in the same cluster and state.

use anyhow::Result;
use e2e_tests::Operator;

use crate::cluster::Cluster;
use crate::proc::{self, Memory};

/// Both, at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Memories {
    /// kube-controller-manager.
    pub controller_manager: Memory,
    /// The operator.
    pub ours: Memory,
}

/// Looks at both, once they have come to rest.
pub fn measure(cluster: &Cluster, operator: &Operator) -> Result<Memories> {
    Ok(Memories {
        controller_manager: proc::memory(cluster.controller_manager()?)?,
        ours: proc::memory(operator.pid())?,
    })
}
