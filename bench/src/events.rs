//! Events: how many messages are kept a second, how soon one starts a function, and what many messages and many rules
//! cost.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::brokers::{Broker, Client, Kind};
use crate::functions::{App, EVENTS};
use crate::ours::Ebb;
use crate::queue::{BATCH, BODY_BYTES, CLIENTS, Queue, Work, total};
use crate::row::{Row, Target};
use crate::{Effort, median};

/// What is aimed for.
const KEPT_A_SECOND: f64 = 20_000.0;
/// What is aimed for.
const DELAY_MS: f64 = 5.0;
/// Between one message and the next where their delay is measured: nothing waits behind another.
const PAUSE: Duration = Duration::from_millis(15);
/// Messages whose function starts its instance.
const FIRST: usize = 20;

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let brokers = installed_brokers().await;
    let mut rows = kept(&brokers, effort).await?;
    rows.extend(delays(&brokers, effort).await?);
    rows.extend(long_queue(effort).await?);
    rows.push(many_rules(effort).await?);
    Ok(rows)
}

/// What is not here is left out, and said.
async fn installed_brokers() -> Vec<(Kind, Broker)> {
    let mut brokers = Vec::new();
    for kind in [Kind::Redis, Kind::Nats] {
        match Broker::start(kind).await {
            Ok(broker) => brokers.push((kind, broker)),
            Err(error) => eprintln!("not measured: {}: {error:#}", kind.name()),
        }
    }
    brokers
}

/// Messages that are kept a second.
async fn kept(brokers: &[(Kind, Broker)], effort: Effort) -> Result<Vec<Row>> {
    let ebb = Ebb::start("").await?;
    let queue = Queue::create(&ebb.api()?, "kept").await?;
    let (mut ours, mut others) = (Vec::new(), vec![Vec::new(); brokers.len()]);
    for _ in 0..effort.rounds {
        ours.push(queue.rate(Work::Send, effort.seconds).await?);
        for ((_, broker), rates) in brokers.iter().zip(&mut others) {
            rates.push(broker_rate(broker, effort.seconds).await?);
        }
    }
    ebb.stop().await?;
    let what = format!("messages kept, sent in tens by {CLIENTS} clients, `fsync` before each answer");
    let mut rows = vec![Row::at_least(what.clone(), "/s", median(ours.clone()), KEPT_A_SECOND)];
    for ((kind, _), rates) in brokers.iter().zip(others) {
        let what = format!("{what}, against {}", kind.name());
        let row = Row::new(what, "/s", median(ours.clone()), median(rates.clone()), Target::None);
        rows.push(row.spread(&ours, &rates));
    }
    Ok(rows)
}

async fn broker_rate(broker: &Broker, seconds: f64) -> Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(broker.client().await?);
    }
    let (start, mut sending) = (Instant::now(), JoinSet::new());
    let end = start + Duration::from_secs_f64(seconds);
    for mut client in clients {
        sending.spawn(async move {
            let (bodies, mut sent) = (vec!["x".repeat(BODY_BYTES); BATCH], 0);
            while Instant::now() < end {
                client.send(&bodies).await?;
                sent += BATCH;
            }
            Ok(sent)
        });
    }
    total(sending).await.map(|sent| sent as f64 / start.elapsed().as_secs_f64())
}

/// From the moment before a message is sent to the first line of the function that it starts; for the others, to the
/// moment at which a client that waits for it has it.
async fn delays(brokers: &[(Kind, Broker)], effort: Effort) -> Result<Vec<Row>> {
    let count = effort.cold_starts;
    let ours = median(our_delays(count).await?);
    let what = "from a message's sending to the start of a warm function, p50";
    let mut rows = vec![Row::at_most(what, "ms", ours, DELAY_MS)];
    for (kind, broker) in brokers {
        let other = median(broker_delays(broker, count).await?);
        let what = format!("{what}, against the receipt of a client that waits at {}", kind.name());
        rows.push(Row::new(what, "ms", ours, other, Target::None));
    }
    Ok(rows)
}

async fn our_delays(count: usize) -> Result<Vec<f64>> {
    let ebb = Ebb::start("").await?;
    let api = ebb.api()?;
    let app = App::new("events").several(EVENTS, 1);
    ebb.deploy(&app).await?;
    let function = app.function(EVENTS, 0);
    let queue = Queue::create(&api, "delays").await?;
    api.map_queue(&queue.arn().await?, &function).await?;
    for _ in 0..FIRST + count {
        tokio::time::sleep(PAUSE).await;
        queue.send(&now().to_string()).await?;
    }
    let delays = printed_delays(&api, &function, FIRST + count).await?.split_off(FIRST);
    ebb.stop().await?;
    Ok(delays)
}

/// What the function has printed, once it has printed so much.
async fn printed_delays(api: &Api, function: &str, count: usize) -> Result<Vec<f64>> {
    for _ in 0..100 {
        let lines = api.printed(function, "started").await?;
        if lines.len() >= count {
            let delay = |line: &String| line.split(' ').nth(2).and_then(|delay| delay.parse().ok());
            return lines.iter().map(delay).collect::<Option<_>>().context("a line without a number");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{function} did not get its {count} messages")
}

async fn broker_delays(broker: &Broker, count: usize) -> Result<Vec<f64>> {
    let (mut sender, mut receiver) = (broker.client().await?, broker.client().await?);
    receiver.listen().await?;
    let receiving = tokio::spawn(async move { receive(&mut receiver, count).await });
    for _ in 0..count {
        tokio::time::sleep(PAUSE).await;
        sender.send(&[now().to_string()]).await?;
    }
    receiving.await?
}

async fn receive(client: &mut Client, count: usize) -> Result<Vec<f64>> {
    let mut delays = Vec::new();
    while delays.len() < count {
        let sent: f64 = client.next().await?.parse()?;
        delays.push(now() - sent);
    }
    Ok(delays)
}

/// Milliseconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64() * 1e3)
}

/// What a queue with many messages is slower than one with few.
async fn long_queue(effort: Effort) -> Result<Vec<Row>> {
    let ebb = Ebb::start("").await?;
    let long = Queue::create(&ebb.api()?, "long").await?;
    long.fill(effort.queued).await?;
    let short = Queue::create(&ebb.api()?, "short").await?;
    let mut rows = Vec::new();
    for (what, work) in [("sent", Work::Send), ("received and deleted", Work::Receive)] {
        let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            of_long.push(long.rate(work, effort.seconds).await?);
            of_short.push(short.rate(work, effort.seconds).await?);
        }
        let what = format!("messages {what}, of a queue of {} against one of few", effort.queued);
        let target = Target::AtLeast(0.9);
        let row = Row::new(what, "/s", median(of_long.clone()), median(of_short.clone()), target);
        rows.push(row.spread(&of_long, &of_short));
    }
    ebb.stop().await?;
    Ok(rows)
}

/// What a bus with many rules that do not match is slower than one with few.
async fn many_rules(effort: Effort) -> Result<Row> {
    const FEW: usize = 10;
    let ebb = Ebb::start("").await?;
    let api = ebb.api()?;
    for (bus, rules) in [("few", FEW), ("many", effort.rules)] {
        api.target("events", "AWSEvents.CreateEventBus", &json!({"Name": bus})).await?;
        for number in 0..rules {
            let pattern =
                json!({"source": ["shop"], "detail": {"order": [{"prefix": format!("{number}-")}]}});
            let rule = json!({"Name": format!("rule-{number}"), "EventBusName": bus, "EventPattern": pattern.to_string()});
            api.target("events", "AWSEvents.PutRule", &rule).await?;
        }
    }
    let (mut many, mut few) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        many.push(put_rate(&api, "many", effort.seconds).await?);
        few.push(put_rate(&api, "few", effort.seconds).await?);
    }
    ebb.stop().await?;
    let what = format!("events put to a bus with {} rules that do not match, against {FEW}", effort.rules);
    Ok(Row::new(what, "/s", median(many.clone()), median(few.clone()), Target::AtLeast(0.9))
        .spread(&many, &few))
}

async fn put_rate(api: &Api, bus: &str, seconds: f64) -> Result<f64> {
    let (start, mut tasks) = (Instant::now(), JoinSet::new());
    let end = start + Duration::from_secs_f64(seconds);
    let entry = json!({"EventBusName": bus, "Source": "shop", "DetailType": "sold", "Detail": "{\"order\": \"none\"}"});
    let body = json!({"Entries": vec![entry; BATCH]});
    for _ in 0..CLIENTS {
        let (api, body) = (api.clone(), body.clone());
        tasks.spawn(async move {
            let mut put = 0;
            while Instant::now() < end {
                let answer = api.target("events", "AWSEvents.PutEvents", &body).await?;
                if answer["FailedEntryCount"] != 0 {
                    bail!("events were refused: {answer}");
                }
                put += BATCH;
            }
            Ok(put)
        });
    }
    total(tasks).await.map(|put| put as f64 / start.elapsed().as_secs_f64())
}
