//! Measures how long a whole sandbox takes: created, one program started and ended, destroyed; beside a bare spawn.
//!
//! `cargo run --release -p ebb-sandbox --example spawn [ROUNDS] [PROGRAM ARGUMENT...]`
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ebb_sandbox::{
    Command, Launcher, LauncherOptions, Limits, Network, SandboxError, SandboxSpec, base_system_mounts,
};

fn main() -> Result<(), SandboxError> {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some(Launcher::ARGUMENT) {
        Launcher::run();
    }
    let rounds = first.and_then(|text| text.parse().ok()).unwrap_or(200);
    let program = args.next().unwrap_or("/bin/true".into());
    let args: Vec<String> = args.collect();
    let launcher =
        Launcher::start_with(&LauncherOptions { disk: Some(std::env::temp_dir()), outbound: true })?;
    println!("{:#?}", launcher.support()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime =
        runtime.map_err(|source| SandboxError::System { action: "start a runtime".into(), source })?;
    let mut bare = Vec::new();
    let mut stages = vec![Vec::new(); 5];
    for _ in 0..rounds {
        let start = Instant::now();
        drop(
            std::process::Command::new(&program)
                .args(&args)
                .env_clear()
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .status(),
        );
        bare.push(start.elapsed());
        let times = runtime.block_on(once(&launcher, &program, &args))?;
        stages.iter_mut().zip(times).for_each(|(stage, time)| stage.push(time));
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(2)).await });
    }
    print("bare spawn", &mut bare);
    for (name, stage) in ["create", "spawn", "exit", "create+spawn+exit", "destroy"].iter().zip(&mut stages) {
        print(name, stage);
    }
    Ok(())
}

async fn once(launcher: &Launcher, program: &str, args: &[String]) -> Result<[Duration; 5], SandboxError> {
    let spec = SandboxSpec {
        name: "measured".into(),
        mounts: base_system_mounts(),
        tmp_bytes: 64 << 20,
        limits: Limits { memory_bytes: 512 << 20, cpu_millis: None, processes: 256, open_files: 1024 },
        network: Network::Outbound,
        listen: vec![9001],
    };
    let start = Instant::now();
    let sandbox = launcher.create(spec).await?;
    let created = start.elapsed();
    let process = sandbox
        .spawn(Command {
            program: PathBuf::from(program),
            args: args.to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            directory: "/tmp".into(),
            descriptors: Vec::new(),
        })
        .await?;
    let spawned = start.elapsed();
    process.wait().await;
    let ended = start.elapsed();
    sandbox.destroy().await;
    let destroyed = start.elapsed();
    Ok([created, spawned - created, ended - spawned, ended, destroyed - ended])
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    println!("{what:>20}: min {:>9.1?}  p50 {:>9.1?}  p95 {:>9.1?}", at(0), at(50), at(95));
}
