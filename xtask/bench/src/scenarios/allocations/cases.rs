//! The workloads, each with its yardstick and its goals.

use crate::load::wrk::{OrderIds, Workload};
use crate::stores::store::Engine;
use crate::yardsticks::yardstick::{Method, Yardstick};

/// A workload on a database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) engine: Engine,
    pub(super) name: &'static str,
    pub(super) workload: Workload,
    pub(super) method: Method,
    /// Goal: the least ratio of the throughput to the yardstick's.
    pub(super) throughput: Option<f64>,
    /// Goal: the greatest 99th percentile of the latency, in milliseconds, and no errors.
    pub(super) p99: Option<f64>,
    /// Goal: the greatest ratio of the median latency to the yardstick's median transaction.
    pub(super) latency: Option<f64>,
    /// Whether a quick run includes it.
    pub(super) quick: bool,
}

impl Case {
    const fn new(engine: Engine, name: &'static str, products: u32, connections: u32, method: Method) -> Self {
        Self {
            engine,
            name,
            workload: Workload::allocations(products, connections),
            method,
            throughput: None,
            p99: None,
            latency: None,
            quick: true,
        }
    }

    const fn throughput(mut self, ratio: f64) -> Self {
        self.throughput = Some(ratio);
        self
    }

    const fn p99(mut self) -> Self {
        self.p99 = Some(20.0);
        self
    }

    const fn latency(mut self) -> Self {
        self.latency = Some(2.0);
        self
    }

    const fn random_ids(mut self) -> Self {
        self.workload.order_ids = OrderIds::Random;
        self
    }

    const fn not_quick(mut self) -> Self {
        self.quick = false;
        self
    }

    /// All cases, in the order in which they run.
    pub(super) const ALL: [Self; 10] = {
        use Engine::{Postgres, Sqlite};
        const SET: Method = Method::SET_BASED;
        const FUNCTION: Method = Method::ServerFunction { clients: 8 };
        const STATEMENTS: Method = Method::Statements;
        const RANDOM: &str = "1,000 SKUs, 64, random ids";
        [
            Self::new(Postgres, "1,000 SKUs, 64", 1_000, 64, SET)
                .throughput(0.5)
                .p99(),
            Self::new(Postgres, "one hot SKU, 64", 1, 64, SET).throughput(0.6).p99(),
            Self::new(Postgres, "1,000 SKUs, 256", 1_000, 256, SET)
                .throughput(0.7)
                .not_quick(),
            Self::new(Postgres, RANDOM, 1_000, 64, SET).random_ids().not_quick(),
            Self::new(Postgres, "1,000 SKUs, 8", 1_000, 8, FUNCTION)
                .throughput(0.6)
                .not_quick(),
            Self::new(Postgres, "1,000 SKUs, 1", 1_000, 1, STATEMENTS).latency(),
            Self::new(Sqlite, "1,000 SKUs, 64", 1_000, 64, SET)
                .throughput(0.5)
                .p99(),
            Self::new(Sqlite, "one hot SKU, 64", 1, 64, SET)
                .throughput(0.5)
                .p99()
                .not_quick(),
            Self::new(Sqlite, RANDOM, 1_000, 64, SET)
                .random_ids()
                .throughput(0.5)
                .not_quick(),
            Self::new(Sqlite, "1,000 SKUs, 1", 1_000, 1, STATEMENTS)
                .latency()
                .not_quick(),
        ]
    };

    /// The yardstick on the same products, with the same kind of order ids.
    pub(super) const fn yardstick(&self) -> Yardstick {
        Yardstick {
            method: self.method,
            products: self.workload.products,
            order_ids: self.workload.order_ids,
        }
    }
}
