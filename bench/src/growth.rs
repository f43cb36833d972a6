//! What it costs to have many functions: start, memory, and the latency of one of them.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use tokio::task::JoinSet;
use zip::write::SimpleFileOptions;

use crate::load::{self, Address};
use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{Effort, median, process};

const FEW: usize = 10;
/// Functions that are created at one time.
const AT_ONCE: usize = 16;

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let (few, few_address) = with_functions(FEW).await?;
    let (many, many_address) = with_functions(effort.functions).await?;
    let (mut few_turns, mut many_turns) = (Vec::new(), Vec::new());
    load::run(std::slice::from_ref(&few_address), 1, 1.0).await?;
    load::run(std::slice::from_ref(&many_address), 1, 1.0).await?;
    let p50 = |load: load::Load| load.p50.as_secs_f64() * 1e6;
    for _ in 0..effort.rounds {
        many_turns.push(p50(load::run(std::slice::from_ref(&many_address), 1, effort.seconds).await?));
        few_turns.push(p50(load::run(std::slice::from_ref(&few_address), 1, effort.seconds).await?));
    }
    let memory = process::resident_mb(many.pid()?)?;
    let many = many.restart().await?;
    let start = many.start.as_secs_f64();
    few.stop().await?;
    many.stop().await?;
    let functions = effort.functions;
    Ok(vec![
        Row::at_most(format!("{functions} functions: memory of the server"), "MB", memory, 150.0),
        Row::at_most(format!("{functions} functions: start to ready"), "s", start, 1.0),
        Row::new(
            format!("{functions} functions: warm p50, one connection, against {FEW} functions"),
            "µs",
            median(many_turns.clone()),
            median(few_turns.clone()),
            Target::AtMost(1.05),
        )
        .spread(&many_turns, &few_turns),
    ])
}

/// A server with this many functions, and the address of one in the middle.
async fn with_functions(count: usize) -> Result<(Ebb, Address)> {
    let ebb = Ebb::start("").await?;
    let api = ebb.api()?;
    let mut creating = JoinSet::new();
    for number in 0..count {
        let api = api.clone();
        // Each has code of its own, as functions do.
        let zip = STANDARD.encode(package(number)?);
        creating.spawn(async move { api.create(&format!("function-{number}"), &zip).await });
        if creating.len() >= AT_ONCE {
            creating.join_next().await.context("one is under way")???;
        }
    }
    while let Some(created) = creating.join_next().await {
        created??;
    }
    let host = api.url(&format!("function-{}", count / 2)).await?;
    let name = host.split(':').next().unwrap_or(&host).to_owned();
    let address = ebb.at(&name, "/");
    // Its state has become Active once it answers.
    for _ in 0..100 {
        if load::once(&address).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok((ebb, address))
}

fn package(number: usize) -> Result<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("index.mjs", SimpleFileOptions::default().unix_permissions(0o644))?;
    let source = include_str!("../functions/node/index.mjs");
    write!(writer, "// Function {number}.\n{source}")?;
    Ok(writer.finish()?.into_inner())
}
