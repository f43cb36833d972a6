//! The whole way of an invocation, against a runtime without processes and mostly on paused time.

mod asynchronous;
mod concurrency;
mod failures;
mod lifecycle;
mod logging;
mod provisioned;
mod restored;
mod shared;
mod spare;
mod stateful;
mod stress;
mod waiting;
mod world;
