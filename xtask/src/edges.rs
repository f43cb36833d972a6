//! Which crate may use which: the architecture as data.

/// A crate of the workspace, by its folder under `crates/`, with the crates that it may depend on.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) layer: u8,
    pub(crate) may_use: &'static [&'static str],
}

/// Bottom up. An edge goes only to a strictly lower layer.
pub(crate) const CRATES: &[Crate] = &[
    Crate { name: "model", layer: 0, may_use: &[] },
    Crate { name: "store", layer: 1, may_use: &["model"] },
    Crate { name: "boot", layer: 1, may_use: &["model"] },
    Crate { name: "sandbox", layer: 1, may_use: &["model"] },
    Crate { name: "invoker", layer: 2, may_use: &["model", "store"] },
    Crate { name: "wasm-host", layer: 2, may_use: &["boot"] },
    Crate { name: "runtime", layer: 3, may_use: &["model", "invoker", "sandbox", "boot"] },
    Crate { name: "sources", layer: 3, may_use: &["model", "store", "invoker"] },
    Crate { name: "gateway", layer: 4, may_use: &["model", "invoker", "sources"] },
    Crate { name: "aws", layer: 4, may_use: &["model", "store", "invoker", "sources"] },
    Crate { name: "app", layer: 4, may_use: &["model", "store", "invoker", "sources"] },
    Crate { name: "console", layer: 4, may_use: &["model", "store", "invoker", "sources"] },
    Crate {
        name: "ebb",
        layer: 5,
        may_use: &[
            "model",
            "store",
            "boot",
            "sandbox",
            "invoker",
            "runtime",
            "sources",
            "gateway",
            "aws",
            "app",
            "console",
            "wasm-host",
        ],
    },
];
