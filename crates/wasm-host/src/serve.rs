//! The server of an instance: boots, is told its function, and serves its requests.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::FromRawFd as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::BytesMut;
use ebb_boot::{Decoder, FromBoot, Hello, PROTOCOL, Start, ToBoot};
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use wasmtime::component::Linker;

use crate::epoch::Epoch;
use crate::failure::Failure;
use crate::loaded::Loaded;
use crate::state::State;
use crate::{engine, output, state};

/// Where requests come: the port of every server.
const PORT: u16 = 8080;
/// Where the machine code of the component is mounted.
const COMPILED: &str = "/var/runtime/component.cwasm";
/// Names the descriptor of the boot's socket.
const BOOT_VARIABLE: &str = "EBB_BOOT_FD";
/// Threads that run components: a second one is for what the first is busy with.
const THREADS: usize = 2;
/// Turns of components between two looks at what is new.
const EVENT_INTERVAL: u32 = 2;

/// Serves until the server on the other end of the boot's socket is gone; see [`crate::SERVE_ARGUMENT`].
#[must_use]
pub fn serve() -> ExitCode {
    // Components that compute for long come back to the queue all the time: what is new must not wait for many of them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(EVENT_INTERVAL)
        .enable_all()
        .build();
    match runtime.map_err(wasmtime::Error::from).and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> wasmtime::Result<()> {
    let mut boot = Boot::of_environment()?;
    let engine = engine::running()?;
    let linker = state::linker(&engine)?;
    let epoch = Epoch::start(&engine)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await?;
    let runtime = format!("wasmtime {}", env!("CARGO_PKG_VERSION"));
    boot.say(FromBoot::Hello(Hello { protocol: PROTOCOL, runtime })).await?;
    let Some(start) = boot.start().await? else { return Ok(()) };
    match load(&linker, start, epoch) {
        Ok(loaded) => {
            // Ends with the process.
            drop(tokio::spawn(accept(listener, Arc::new(loaded))));
            boot.say(FromBoot::Ready).await?;
            boot.until_closed().await
        }
        Err(error) => {
            let failure = Failure::new("Runtime.InitError", format!("{error:#}"));
            Ok(boot.say(FromBoot::InitFailed(failure.object().into())).await?)
        }
    }
}

fn load(linker: &Linker<State>, start: Start, epoch: Epoch) -> wasmtime::Result<Loaded> {
    let (compiled, root) = (Path::new(COMPILED), Path::new(&start.root));
    Loaded::from_file(linker, compiled, root, start.env, epoch, output::process())
}

async fn accept(listener: TcpListener, loaded: Arc<Loaded>) {
    loop {
        match listener.accept().await {
            // Each ends with its connection, or with the process.
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&loaded)))),
            Err(error) => {
                eprintln!("error: a connection could not be accepted: {error}");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn connection(stream: TcpStream, loaded: Arc<Loaded>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let loaded = Arc::clone(&loaded);
        async move {
            // Whole, as the event was: what is left unread of it would hide that the other end has gone.
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(loaded.answer(Request::from_parts(parts, body)).await)
        }
    });
    // It breaks off where nobody waits for an answer any more, or where a component wrote less than it said.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The conversation with the platform.
struct Boot {
    stream: UnixStream,
    buffer: BytesMut,
    decoder: Decoder,
}

impl Boot {
    #[expect(unsafe_code, reason = "an inherited descriptor has no other owner; see the block")]
    fn of_environment() -> io::Result<Self> {
        let number = std::env::var(BOOT_VARIABLE).ok().and_then(|number| number.parse().ok());
        let number: i32 = number.ok_or_else(|| io::Error::other(format!("{BOOT_VARIABLE} is not set")))?;
        // SAFETY: whoever starts this process gives it this descriptor for this use alone, and this is called once.
        let stream = unsafe { StdUnixStream::from_raw_fd(number) };
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        Ok(Self { stream, buffer: BytesMut::new(), decoder: Decoder::default() })
    }

    async fn say(&mut self, message: FromBoot) -> io::Result<()> {
        let mut frame = message.encode().map_err(io::Error::other)?.into_buf();
        self.stream.write_all_buf(&mut frame).await
    }

    /// The function; none where the platform went away before it had one.
    async fn start(&mut self) -> io::Result<Option<Start>> {
        loop {
            match self.hear().await? {
                Some(ToBoot::Start(start)) => return Ok(Some(start)),
                Some(ToBoot::Shutdown) | None => return Ok(None),
                Some(_) => {}
            }
        }
    }

    async fn until_closed(&mut self) -> wasmtime::Result<()> {
        while !matches!(self.hear().await?, Some(ToBoot::Shutdown) | None) {}
        Ok(())
    }

    async fn hear(&mut self) -> io::Result<Option<ToBoot>> {
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.buffer).map_err(io::Error::other)? {
                return ToBoot::try_from(frame).map(Some).map_err(io::Error::other);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
