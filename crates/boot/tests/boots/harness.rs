//! Starts a boot on a function and speaks the server's half of the protocol.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use ebb_boot::{Decoder, FromBoot, InvokeMetadata, LogLevel, Start, StreamHead, ToBoot};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything that works needs, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The id that events have inside functions.
pub(crate) const REQUEST_ID: &str = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0";

/// Files of a function: `(path, text)`.
pub(crate) type Files<'a> = &'a [(&'a str, &'a str)];

/// One interpreter and how it runs its boot.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    /// For messages.
    pub(crate) name: String,
    /// The command line.
    pub(crate) command: Vec<String>,
}

/// The folder `runtimes/` of the repository.
pub(crate) fn runtimes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes").canonicalize().unwrap()
}

/// A program on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A function that is not started yet.
pub(crate) struct Function {
    interpreter: Interpreter,
    folder: TempDir,
    root: PathBuf,
    handler: String,
    env: BTreeMap<String, String>,
    /// How long its boot waits for it.
    comes_after: Duration,
}

impl Function {
    /// A function of these files.
    pub(crate) fn new(interpreter: &Interpreter, handler: &str, files: Files<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let env = [
            ("AWS_LAMBDA_FUNCTION_NAME", "fn"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/fn"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ];
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let root = folder.path().to_owned();
        let (interpreter, handler) = (interpreter.clone(), handler.to_owned());
        Self { interpreter, folder, root, handler, env, comes_after: Duration::ZERO }
    }

    /// A function whose code lies in this folder.
    pub(crate) fn at(root: &Path, interpreter: &Interpreter, handler: &str) -> Self {
        Self { root: root.to_owned(), ..Self::new(interpreter, handler, &[]) }
    }

    /// Sets an environment variable; `$ROOT` in it stands for the function's folder.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("$ROOT", self.folder.path().to_str().unwrap());
        self.env.insert(name.to_owned(), value);
        self
    }

    /// Has the boot wait for it, as those do that are started ahead of need.
    pub(crate) fn comes_after(self, time: Duration) -> Self {
        Self { comes_after: time, ..self }
    }

    /// Boots it and waits until it is ready, has failed or has ended.
    pub(crate) fn start(self) -> Instance {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        // The socket goes in as standard input and moves to 3: std has no safe way to hand over another number.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec \"$@\" 3<&0 </dev/null", "sh"])
            .args(&self.interpreter.command)
            .env_clear()
            .env("EBB_BOOT_FD", "3")
            .env("PATH", "/usr/bin:/bin")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let mut instance = Instance {
            what: self.interpreter.name,
            folder: self.folder,
            child,
            socket: ours,
            decoder: Decoder::default(),
            buffer: BytesMut::new(),
            output: Some((stdout, stderr)),
            logs: Vec::new(),
            init: None,
            next_id: 1,
        };
        let hello = instance.receive();
        assert!(matches!(&hello, Some(FromBoot::Hello(hello)) if hello.protocol == 1), "{hello:?}");
        #[expect(
            clippy::disallowed_methods,
            reason = "there is no async runtime here, and nothing else to do"
        )]
        std::thread::sleep(self.comes_after);
        let root = self.root.to_str().unwrap().to_owned();
        instance.send(ToBoot::Start(Start { handler: self.handler, root, env: self.env }));
        instance.init = Some(match instance.receive_logging() {
            Some(FromBoot::Ready) => Init::Ready,
            Some(FromBoot::InitFailed(error)) => Init::Failed(parsed(&error)),
            None => Init::Ended,
            other => panic!("{}: {other:?} instead of an initialisation", instance.what),
        });
        instance
    }

    /// Boots it, invokes it once and sums up what came of it; see [`Outcome::summary`].
    pub(crate) fn summary(self, event: &str) -> String {
        let mut instance = self.start();
        match instance.init.take().unwrap() {
            Init::Ready => instance.invoke(event).summary(),
            Init::Failed(error) => format!("init {}", error_summary(&error)),
            Init::Ended => format!("init exit {}", instance.end().code),
        }
    }
}

/// How initialisation went.
#[derive(Debug, PartialEq)]
pub(crate) enum Init {
    Ready,
    Failed(Value),
    Ended,
}

/// A running boot.
pub(crate) struct Instance {
    what: String,
    folder: TempDir,
    child: Child,
    socket: UnixStream,
    decoder: Decoder,
    buffer: BytesMut,
    output: Option<(JoinHandle<String>, JoinHandle<String>)>,
    /// Log frames so far: level, event, text.
    pub(crate) logs: Vec<(Option<LogLevel>, u32, String)>,
    /// How initialisation went.
    pub(crate) init: Option<Init>,
    next_id: u32,
}

/// What came of one event.
#[derive(Debug)]
pub(crate) enum Outcome {
    Response(Bytes),
    Failure(Value),
    Stream { head: StreamHead, chunks: Vec<Bytes>, error: Option<Value> },
    Ended,
}

/// What is left of an instance that ended.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Instance {
    /// Sends the event and waits for the end of the answer.
    pub(crate) fn invoke(&mut self, event: &str) -> Outcome {
        self.invoke_with(event, |_| {})
    }

    /// The same with metadata changed by `change`.
    pub(crate) fn invoke_with(&mut self, event: &str, change: impl FnOnce(&mut InvokeMetadata)) -> Outcome {
        let id = self.begin(event, change);
        self.outcome(id)
    }

    /// Sends the event; returns its id.
    pub(crate) fn begin(&mut self, event: &str, change: impl FnOnce(&mut InvokeMetadata)) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut metadata = InvokeMetadata {
            request_id: REQUEST_ID.to_owned(),
            deadline_ms: i64::try_from(now).unwrap() + 10_000,
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:fn:live".to_owned(),
            trace_id: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
            ..InvokeMetadata::default()
        };
        change(&mut metadata);
        self.send(ToBoot::Invoke { id, metadata, event: Bytes::copy_from_slice(event.as_bytes()) });
        id
    }

    /// Waits for the end of the answer to this event.
    pub(crate) fn outcome(&mut self, event: u32) -> Outcome {
        let mut stream: Option<(StreamHead, Vec<Bytes>)> = None;
        loop {
            match (self.receive_logging(), &mut stream) {
                (Some(FromBoot::Response { id, body }), None) if id == event => {
                    return Outcome::Response(body);
                }
                (Some(FromBoot::Failure { id, error }), None) if id == event => {
                    return Outcome::Failure(parsed(&error));
                }
                (Some(FromBoot::StreamHead { id, head }), None) if id == event => {
                    stream = Some((head, Vec::new()));
                }
                (Some(FromBoot::StreamChunk { id, chunk }), Some((_, chunks))) if id == event => {
                    chunks.push(chunk);
                }
                (Some(FromBoot::StreamEnd { id, error }), Some(_)) if id == event => {
                    let (head, chunks) = stream.take().unwrap();
                    return Outcome::Stream { head, chunks, error: error.map(|error| parsed(&error)) };
                }
                (None, _) => return Outcome::Ended,
                (other, _) => panic!("{}: {other:?} instead of an answer", self.what),
            }
        }
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: ToBoot) {
        let encoded = message.encode().unwrap();
        // A boot that has ended shows in what is received.
        let _ = self.socket.write_all(&encoded.head).and_then(|()| self.socket.write_all(&encoded.payload));
    }

    /// The next message; none when the boot has ended.
    pub(crate) fn receive(&mut self) -> Option<FromBoot> {
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.buffer).unwrap() {
                return Some(FromBoot::try_from(frame).unwrap());
            }
            let mut piece = [0; 64 * 1024];
            match self.socket.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{}: {error}", self.what),
            }
        }
    }

    /// The next message that is no log, which is kept.
    fn receive_logging(&mut self) -> Option<FromBoot> {
        loop {
            match self.receive() {
                Some(FromBoot::Log { id, level, message, .. }) => {
                    self.logs.push((level, id, String::from_utf8(message.to_vec()).unwrap()));
                }
                other => return other,
            }
        }
    }

    /// Waits until the function has made this file in its folder.
    pub(crate) fn wait_for_file(&self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.folder.path().join(name).exists() {
            assert!(Instant::now() < deadline, "{}: no file {name}", self.what);
            std::thread::yield_now();
        }
    }

    /// Makes a file in the function's folder.
    pub(crate) fn make_file(&self, name: &str) {
        std::fs::write(self.folder.path().join(name), "").unwrap();
    }

    /// The texts of the log frames so far.
    pub(crate) fn log_texts(&self) -> Vec<&str> {
        self.logs.iter().map(|(_, _, text)| text.as_str()).collect()
    }

    /// Asks it to end, unless it has, and returns what is left.
    pub(crate) fn end(mut self) -> Remains {
        self.send(ToBoot::Shutdown);
        while self.receive().is_some() {}
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let (stdout, stderr) = self.output.take().unwrap();
        Remains { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// One line: `= JSON` for an answer, `! type: message` for a failure, `~ text` for a stream (then `!` and its
    /// error), `exit` where the process ended.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Response(body) => format!("= {}", String::from_utf8_lossy(body)),
            Self::Failure(error) => error_summary(error),
            Self::Stream { chunks, error, .. } => {
                let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
                match error {
                    Some(error) => format!("~ {text} {}", error_summary(error)),
                    None => format!("~ {text}"),
                }
            }
            Self::Ended => "exit".to_owned(),
        }
    }

    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Response(body) => parsed(body),
            other => panic!("{} instead of an answer", other.summary()),
        }
    }

    /// The error object.
    pub(crate) fn error(&self) -> &Value {
        match self {
            Self::Failure(error) => error,
            other => panic!("{} instead of a failure", other.summary()),
        }
    }
}

fn error_summary(error: &Value) -> String {
    let text = |key: &str| error[key].as_str().unwrap_or("<none>").to_owned();
    format!("! {}: {}", text("errorType"), text("errorMessage"))
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    })
}
