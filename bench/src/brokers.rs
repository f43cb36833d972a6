//! Message brokers that people run themselves, where Debian's packages of them are installed, and the little of their
//! protocols that sends a batch and waits for a message.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::packages::free_port;
use crate::peers;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Streams of `redis-server`.
    Redis,
    /// `JetStream` of `nats-server`.
    Nats,
}

impl Kind {
    /// Its name, and when it calls `fsync`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis streams, `appendfsync always`",
            // Debian's 2.9 has no setting for it.
            Self::Nats => "NATS JetStream, which writes to the disk every two minutes",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
        }
    }
}

/// A broker that runs, with one stream.
pub(crate) struct Broker {
    kind: Kind,
    port: u16,
    _process: Child,
    _folder: TempDir,
}

impl Broker {
    /// Starts one on an empty folder.
    ///
    /// # Errors
    /// Where it is not installed, or does not come up.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let file = folder.path().join("configuration");
        std::fs::write(&file, configuration(kind, port, folder.path()))?;
        let mut command = peers::clean("env");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").arg(kind.program());
        match kind {
            Kind::Redis => command.arg(&file),
            Kind::Nats => command.arg("-c").arg(&file),
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = process.try_wait()? {
                bail!("{} ended ({status}); install Debian's package {0}", kind.program());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let broker = Self { kind, port, _process: process, _folder: folder };
        broker.client().await?.make_stream().await?;
        Ok(broker)
    }

    /// A connection of its own.
    pub(crate) async fn client(&self) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let inbox = format!("inbox.{}", stream.local_addr()?.port());
        let mut client = Client { kind: self.kind, stream: BufReader::new(stream), inbox };
        if self.kind == Kind::Nats {
            // Its greeting.
            client.line().await?;
            client.write(&format!("CONNECT {{\"verbose\":false}}\r\nSUB {} 1\r\n", client.inbox)).await?;
        }
        Ok(client)
    }
}

fn configuration(kind: Kind, port: u16, folder: &Path) -> String {
    let folder = folder.display();
    match kind {
        Kind::Redis => format!(
            "bind 127.0.0.1\nport {port}\ndir {folder}\nappendonly yes\nappendfsync always\nsave \"\"\n"
        ),
        Kind::Nats => {
            format!("host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{folder}\" }}\n")
        }
    }
}

/// One connection.
pub(crate) struct Client {
    kind: Kind,
    stream: BufReader<TcpStream>,
    /// Where NATS sends what is for this client.
    inbox: String,
}

impl Client {
    /// Sends these at once, and waits until the broker has acknowledged each.
    pub(crate) async fn send(&mut self, bodies: &[String]) -> Result<()> {
        let text: String = bodies.iter().map(|body| self.sending(body)).collect();
        self.write(&text).await?;
        for _ in bodies {
            self.message().await?;
        }
        Ok(())
    }

    /// Has the broker hand out what comes from now on.
    pub(crate) async fn listen(&mut self) -> Result<()> {
        if self.kind == Kind::Nats {
            let consumer = format!(
                r#"{{"stream_name":"events","config":{{"deliver_subject":"{}","deliver_policy":"new","ack_policy":"none"}}}}"#,
                self.inbox
            );
            self.request("$JS.API.CONSUMER.CREATE.events", &consumer).await?;
        }
        Ok(())
    }

    /// Waits for the next message; its body.
    pub(crate) async fn next(&mut self) -> Result<String> {
        if self.kind == Kind::Redis {
            self.write("XREAD BLOCK 0 STREAMS events $\r\n").await?;
        }
        self.message().await
    }

    async fn make_stream(&mut self) -> Result<()> {
        if self.kind == Kind::Nats {
            self.request("$JS.API.STREAM.CREATE.events", r#"{"name":"events","subjects":["events"]}"#)
                .await?;
        }
        Ok(())
    }

    fn sending(&self, body: &str) -> String {
        let length = body.len();
        match self.kind {
            Kind::Redis => {
                format!(
                    "*5\r\n$4\r\nXADD\r\n$6\r\nevents\r\n$1\r\n*\r\n$4\r\nbody\r\n${length}\r\n{body}\r\n"
                )
            }
            Kind::Nats => format!("PUB events {} {length}\r\n{body}\r\n", self.inbox),
        }
    }

    /// A request to JetStream itself.
    async fn request(&mut self, subject: &str, body: &str) -> Result<()> {
        self.write(&format!("PUB {subject} {} {}\r\n{body}\r\n", self.inbox, body.len())).await?;
        let answer = self.message().await?;
        if answer.contains("\"error\"") {
            bail!("{subject}: {answer}");
        }
        Ok(())
    }

    /// The next message of NATS, or the next answer of redis, of which the last string counts.
    async fn message(&mut self) -> Result<String> {
        match self.kind {
            Kind::Redis => self.redis_answer().await,
            Kind::Nats => self.nats_message().await,
        }
    }

    /// Source: redis.io, "Redis serialization protocol specification".
    async fn redis_answer(&mut self) -> Result<String> {
        let (mut open, mut last) = (1_usize, String::new());
        while open > 0 {
            open -= 1;
            let line = self.line().await?;
            let (kind, rest) = line.split_at_checked(1).context("an empty line from redis")?;
            match kind {
                "*" => open += rest.parse::<usize>()?,
                "$" => last = self.bytes(rest.parse()?).await?,
                _ => bail!("redis says {line}"),
            }
        }
        Ok(last)
    }

    /// Source: docs.nats.io, "Client Protocol".
    async fn nats_message(&mut self) -> Result<String> {
        loop {
            let line = self.line().await?;
            match line.split(' ').next() {
                Some("MSG") => return self.bytes(line.rsplit(' ').next().unwrap_or_default().parse()?).await,
                Some("PING") => self.write("PONG\r\n").await?,
                _ => bail!("NATS says {line}"),
            }
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }

    /// So many bytes and the line's end after them.
    async fn bytes(&mut self, length: usize) -> Result<String> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        Ok(String::from_utf8(bytes)?)
    }

    async fn write(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }
}
