//! Inside an instance: starts workerd, gives it its worker, and kills it when its event loop no longer turns.
//!
//! workerd waits on its standard input for the configuration, which has the code in it: so it can be started before it is
//! known what for. This process is a boot ([`ebb_boot`]): it is told the function, puts the values of its variables into
//! the configuration (`values.rs`), and says when workerd listens.
//!
//! workerd enforces no limit on processor time, and while one request loops for ever all others of the process wait.
//! So the loop is asked, again and again, whether it turns (a port of the server that does nothing else). While it
//! does not answer, the processor time that the server uses is one request's; when that exceeds the limit, the server
//! is killed, and with it this process and the instance.
//!
//! Runs as a process of its own inside the sandbox: the binary executes itself again. Time in which the instance is
//! frozen uses no processor time, and so does not count.

mod values;

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use ebb_boot::{Decoder, FromBoot, Hello, PROTOCOL, Start, ToBoot};
use ebb_model::worker_package::CPU_LIMIT;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::Deserialize;

use crate::plan::BOOT_VARIABLE;

/// The first argument that makes the binary this process.
pub const ARGUMENT: &str = "watch-loop";

/// How often the loop is asked.
const PERIOD: Duration = Duration::from_millis(100);
/// The unit of the kernel's accounts of processor time: 100 a second on every architecture that ebb runs on.
const TICK_MS: u64 = 10;
/// How it ends when it has killed the server.
const KILLED: u8 = 137;
/// The sockets that every configuration has: requests and events.
const SOCKETS: usize = 2;
/// What is read from the boot's socket at a time.
const READ_BYTES: usize = 4096;

const USAGE: &str = "use: watch-loop PROBE_PORT CONFIGURATION WORKERD";

/// Starts workerd, gives it its worker and watches it, to its end. Ends as it does.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match watch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch(mut arguments: impl Iterator<Item = OsString>) -> io::Result<ExitCode> {
    let usage = || io::Error::other(USAGE);
    let port = arguments.next().and_then(|port| port.to_str()?.parse().ok()).ok_or_else(usage)?;
    let configuration = PathBuf::from(arguments.next().ok_or_else(usage)?);
    let program = arguments.next().ok_or_else(usage)?;
    let mut boot = Boot::of_environment()?;
    let Server { mut child, input, control } = Server::start(program)?;
    boot.say(FromBoot::Hello(Hello { protocol: PROTOCOL, runtime: "workerd".into() }))?;
    let Some(start) = boot.start()? else { return Ok(ExitCode::SUCCESS) };
    let configuration = fs::read(configuration)?;
    let configuration = values::fill_in(&configuration, |name| start.env.get(name).cloned())?;
    // Where it takes no more it is ending, which is seen below.
    let _ = { input }.write_all(&configuration);
    if listens(control)? {
        boot.say(FromBoot::Ready)?;
    }
    watch_loop(&mut child, port, limit_ms(&start.root)?)
}

/// How much processor time one request may use.
fn limit_ms(root: &str) -> io::Result<u64> {
    let path = Path::new(root).join(CPU_LIMIT);
    let text = fs::read_to_string(&path)?;
    text.trim().parse().map_err(|_| io::Error::other(format!("{} holds no number", path.display())))
}

fn watch_loop(child: &mut Child, port: u16, limit_ms: u64) -> io::Result<ExitCode> {
    let mut loop_state = Loop::default();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(as_it_ended(status));
        }
        let answered = answers(port);
        if loop_state.exceeds(answered, cpu_ms(child), limit_ms) {
            eprintln!("Worker exceeded CPU time limit: one request used more than {limit_ms} ms");
            child.kill()?;
            child.wait()?;
            return Ok(ExitCode::from(KILLED));
        }
        if answered {
            pause(PERIOD);
        }
    }
}

/// workerd without a worker.
struct Server {
    child: Child,
    /// Where it waits for its configuration.
    input: ChildStdin,
    /// Where it says that it listens.
    control: PipeReader,
}

impl Server {
    fn start(program: OsString) -> io::Result<Self> {
        let (control, writer) = io::pipe()?;
        inherited(&writer, true)?;
        let mut child = Command::new(program)
            .args(["serve", "--experimental", "--binary", "-"])
            .arg(format!("--control-fd={}", writer.as_raw_fd()))
            .stdin(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or_else(|| io::Error::other("it has no standard input"))?;
        Ok(Self { child, input, control })
    }
}

/// Whether programs that are started have this descriptor, too.
fn inherited(descriptor: impl AsFd, inherited: bool) -> io::Result<()> {
    let flag = if inherited { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(descriptor, FcntlArg::F_SETFD(flag))?;
    Ok(())
}

/// What workerd says over its control descriptor.
#[derive(Debug, Deserialize)]
struct Said {
    event: String,
}

/// Waits until it listens on all its sockets; false where it has ended instead.
fn listens(control: PipeReader) -> io::Result<bool> {
    let mut listening = 0;
    for line in BufReader::new(control).lines() {
        let said: Said = serde_json::from_str(&line?)?;
        listening += usize::from(said.event == "listen");
        if listening == SOCKETS {
            return Ok(true);
        }
    }
    Ok(false)
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
        let stream = unsafe { UnixStream::from_raw_fd(number) };
        inherited(&stream, false)?;
        Ok(Self { stream, buffer: BytesMut::new(), decoder: Decoder::default() })
    }

    fn say(&mut self, message: FromBoot) -> io::Result<()> {
        let frame = message.encode().map_err(io::Error::other)?;
        io::copy(&mut bytes::Buf::reader(frame.into_buf()), &mut self.stream).map(|_| ())
    }

    /// The function; none where the platform went away before it had one.
    fn start(&mut self) -> io::Result<Option<Start>> {
        let mut read = [0; READ_BYTES];
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.buffer).map_err(io::Error::other)? {
                match ToBoot::try_from(frame).map_err(io::Error::other)? {
                    ToBoot::Start(start) => return Ok(Some(start)),
                    ToBoot::Shutdown => return Ok(None),
                    _ => continue,
                }
            }
            match self.stream.read(&mut read)? {
                0 => return Ok(None),
                count => self.buffer.extend_from_slice(&read[..count]),
            }
        }
    }
}

/// What is known of the loop.
#[derive(Debug, Default)]
struct Loop {
    /// Whether it has ever turned: until then the server is starting.
    turned: bool,
    /// The server's processor time when it turned last.
    used_ms: u64,
}

impl Loop {
    /// Whether what it does now has used more than `limit_ms`.
    fn exceeds(&mut self, answered: bool, used_ms: u64, limit_ms: u64) -> bool {
        if answered || !self.turned {
            self.turned |= answered;
            self.used_ms = used_ms;
            return false;
        }
        used_ms.saturating_sub(self.used_ms) > limit_ms
    }
}

/// Whether the loop answers within a period.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, PERIOD)?;
        stream.set_read_timeout(Some(PERIOD))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")?;
        Ok(stream.read(&mut [0; 16])? > 0)
    };
    let answered = ask();
    if answered.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        // It does not listen yet: nothing has waited until now.
        pause(PERIOD / 10);
    }
    answered.unwrap_or(false)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a process of its own, with one thread and nothing else to do"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The processor time that a process has used; 0 where it has ended.
fn cpu_ms(child: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    cpu_ticks(&stat).unwrap_or_default() * TICK_MS
}

/// Source: proc_pid_stat(5), fields 14 (utime) and 15 (stime). The name before them may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

fn as_it_ended(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_exceeds_its_limit_only_by_what_one_turn_uses() {
        let check = |seen: &[(bool, u64)], expected: bool| {
            let mut state = Loop::default();
            let exceeded = seen.iter().any(|&(answered, used)| state.exceeds(answered, used, 500));
            assert_eq!(exceeded, expected, "{seen:?}");
        };
        // Starting may take what it takes.
        check(&[(false, 0), (false, 9_000), (true, 9_100)], false);
        // Many turns that use little each.
        check(&[(true, 100), (true, 500), (true, 900), (true, 1_300)], false);
        // One long turn, within the limit and beyond.
        check(&[(true, 100), (false, 400), (false, 600), (true, 650)], false);
        check(&[(true, 100), (false, 400), (false, 601)], true);
        // Not scheduled, or frozen: no time is used.
        check(&[(true, 100), (false, 100), (false, 100), (false, 100)], false);
    }

    #[test]
    fn processor_time_is_read_whatever_the_process_is_called() {
        let stat = |name: &str| format!("7 ({name}) S 1 7 7 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 1 0 99 1 1");
        for name in ["workerd", "a b", "x) S 1 (y"] {
            assert_eq!(cpu_ticks(&stat(name)), Some(300), "{name}");
        }
        assert_eq!(cpu_ticks(""), None);
    }
}
