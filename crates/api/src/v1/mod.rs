//! `locust.io/v1`: the version of the first Locust operators, deprecated and never stored.

mod locust_test;

pub use locust_test::{
    Affinity, LocustTest, LocustTestSpec, NodeAffinity, PerRole, TaintEffect, Toleration,
    TolerationOperator,
};
