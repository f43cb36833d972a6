//! What the host keeps for one instance of a component: its handles, and what it may use and reach.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime_wasi::filesystem::FsPerms;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::budget::Share;
use crate::outbound::Outbound;
use crate::output::{Lines, Sink};
use crate::spin;

/// The host's side of one instance.
pub(crate) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    spin: Option<Arc<spin::Component>>,
    pub(crate) share: Share,
}

impl State {
    /// Of a component with this environment, whose lines go to `sink`.
    ///
    /// # Errors
    /// Where the files of a Spin component cannot be opened.
    pub(crate) fn new(
        environment: &[(String, String)],
        share: Share,
        sink: &Sink,
        spin: Option<Arc<spin::Component>>,
    ) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(environment).stdout(Lines::new(sink.clone())).stderr(Lines::new(sink.clone()));
        match &spin {
            // What it reaches is the sandbox's business.
            None => wasi.inherit_network().allow_ip_name_lookup(true),
            // It has its list of hosts, which sockets know nothing of.
            Some(component) => match &component.files {
                Some(files) => wasi.preopened_dir(files, "/", FsPerms::ReadOnly)?,
                None => &mut wasi,
            },
        };
        let outbound = Outbound { allowed: spin.as_ref().map(|component| Arc::clone(&component.allowed)) };
        Ok(Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound,
            spin,
            share,
        })
    }

    fn spin(&mut self) -> spin::View<'_> {
        spin::View { component: self.spin.as_ref(), table: &mut self.table }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// A component with all that it imports.
///
/// # Errors
/// Where it imports what the host does not have, or exports no handler.
pub(crate) fn linked(linker: &Linker<State>, component: &Component) -> wasmtime::Result<ProxyPre<State>> {
    let mut linker = linker.clone();
    spin::add_absent(&mut linker, component)?;
    ProxyPre::new(linker.instantiate_pre(component)?)
}

/// Everything that components may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    spin::add_to_linker(&mut linker, State::spin)?;
    Ok(linker)
}
