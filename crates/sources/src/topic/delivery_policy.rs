//! How often and when deliveries over HTTP are tried again.
//!
//! Source: Amazon SNS developer guide, "Creating an Amazon SNS delivery policy" (2026-11).

use serde_json::{Value, json};

/// The longest that retries may take altogether, in seconds.
const LONGEST: u64 = 3600;

/// What the policy of a subscription may say. Sick endpoints and guarantees are read and do nothing, as on the service.
const MEMBERS: [&str; 5] =
    ["healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"];

/// What a topic or a subscription says of deliveries over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DeliveryPolicy {
    pub(super) retry: Option<HealthyRetry>,
    pub(super) disable_overrides: bool,
    pub(super) max_receives_per_second: Option<u64>,
    pub(super) content_type: Option<String>,
}

/// Retries in four phases: at once, at the shortest pause, with growing pauses, at the longest pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HealthyRetry {
    retries: u32,
    no_delay: u32,
    min_delay_retries: u32,
    max_delay_retries: u32,
    min_delay: u32,
    max_delay: u32,
    backoff: Backoff,
}

/// How pauses grow in the third phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backoff {
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// What holds where nothing is set.
pub(super) const DEFAULT: HealthyRetry = HealthyRetry {
    retries: 3,
    no_delay: 0,
    min_delay_retries: 0,
    max_delay_retries: 0,
    min_delay: 20,
    max_delay: 20,
    backoff: Backoff::Linear,
};

impl DeliveryPolicy {
    /// Reads that of a topic.
    pub(super) fn of_topic(text: &str) -> Result<Self, String> {
        let document = object(text)?;
        let http = document.get("http").ok_or_else(|| wrong("it has no \"http\""))?;
        let policy = Self {
            retry: retry(&http["defaultHealthyRetryPolicy"])?,
            disable_overrides: http["disableSubscriptionOverrides"].as_bool().unwrap_or(false),
            max_receives_per_second: throttle(&http["defaultThrottlePolicy"])?,
            content_type: content_type(&http["defaultRequestPolicy"]),
        };
        Ok(policy)
    }

    /// Reads that of a subscription.
    pub(super) fn of_subscription(text: &str) -> Result<Self, String> {
        let document = object(text)?;
        for name in document.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !MEMBERS.contains(&name.as_str()) {
                return Err(wrong(&format!("{name} is unknown")));
            }
        }
        Ok(Self {
            retry: retry(&document["healthyRetryPolicy"])?,
            disable_overrides: false,
            max_receives_per_second: throttle(&document["throttlePolicy"])?,
            content_type: content_type(&document["requestPolicy"]),
        })
    }
}

impl HealthyRetry {
    fn check(self) -> Result<Self, String> {
        if self.retries > 100 {
            return Err(wrong("numRetries must be at most 100"));
        }
        if self.min_delay == 0 || self.min_delay > self.max_delay {
            return Err(wrong("minDelayTarget must be at least 1 and at most maxDelayTarget"));
        }
        if u64::from(self.max_delay) > LONGEST {
            return Err(wrong("maxDelayTarget must be at most 3600"));
        }
        let fixed = self.no_delay + self.min_delay_retries + self.max_delay_retries;
        if fixed > self.retries {
            return Err(wrong("the retries of the phases must be at most numRetries"));
        }
        if self.waits().iter().map(|wait| u64::from(*wait)).sum::<u64>() > LONGEST {
            return Err(wrong("all retries together must take at most 3600 seconds"));
        }
        Ok(self)
    }

    /// The pause before each retry, in seconds.
    pub(super) fn waits(self) -> Vec<u32> {
        let growing = self.retries - self.no_delay - self.min_delay_retries - self.max_delay_retries;
        let repeat = |wait: u32, times: u32| std::iter::repeat_n(wait, times as usize);
        let mut waits: Vec<u32> = repeat(0, self.no_delay).collect();
        waits.extend(repeat(self.min_delay, self.min_delay_retries));
        waits.extend((1..=growing).map(|at| self.backoff_wait(at, growing)));
        waits.extend(repeat(self.max_delay, self.max_delay_retries));
        waits
    }

    /// The pause before the retry of this number, of so many: the shortest at the first, the longest at the last.
    fn backoff_wait(self, at: u32, of: u32) -> u32 {
        let (low, high) = (f64::from(self.min_delay), f64::from(self.max_delay));
        if of < 2 || self.min_delay == self.max_delay {
            return self.min_delay;
        }
        let share = f64::from(at - 1) / f64::from(of - 1);
        let wait = match self.backoff {
            Backoff::Linear => low + (high - low) * share,
            // The pause grows by ever more.
            Backoff::Arithmetic => low + (high - low) * share * (f64::from(at) / f64::from(of)),
            Backoff::Geometric => low * (high / low).powf(share),
            Backoff::Exponential => {
                let doubled = low * 2_f64.powi(i32::try_from(at - 1).unwrap_or(i32::MAX));
                if at == of { high } else { doubled.min(high) }
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between two u32"
        )]
        let wait = wait.round() as u32;
        wait
    }

    /// As the service shows it.
    pub(super) fn shown(self) -> Value {
        let backoff = match self.backoff {
            Backoff::Linear => "linear",
            Backoff::Arithmetic => "arithmetic",
            Backoff::Geometric => "geometric",
            Backoff::Exponential => "exponential",
        };
        json!({
            "minDelayTarget": self.min_delay,
            "maxDelayTarget": self.max_delay,
            "numRetries": self.retries,
            "numMaxDelayRetries": self.max_delay_retries,
            "numNoDelayRetries": self.no_delay,
            "numMinDelayRetries": self.min_delay_retries,
            "backoffFunction": backoff,
        })
    }
}

fn object(text: &str) -> Result<Value, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| wrong(&format!("it is not JSON: {error}")))?;
    if document.is_object() { Ok(document) } else { Err(wrong("it is not an object")) }
}

fn retry(policy: &Value) -> Result<Option<HealthyRetry>, String> {
    if policy.is_null() {
        return Ok(None);
    }
    let number = |name: &str, default: u32| match &policy[name] {
        Value::Null => Ok(default),
        value => value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number <= 3600)
            .ok_or_else(|| wrong(&format!("{name} must be a whole number of at most 3600"))),
    };
    let backoff = match policy["backoffFunction"].as_str() {
        None | Some("linear") => Backoff::Linear,
        Some("arithmetic") => Backoff::Arithmetic,
        Some("geometric") => Backoff::Geometric,
        Some("exponential") => Backoff::Exponential,
        Some(other) => return Err(wrong(&format!("backoffFunction {other} is unknown"))),
    };
    let read = HealthyRetry {
        retries: number("numRetries", DEFAULT.retries)?,
        no_delay: number("numNoDelayRetries", 0)?,
        min_delay_retries: number("numMinDelayRetries", 0)?,
        max_delay_retries: number("numMaxDelayRetries", 0)?,
        min_delay: number("minDelayTarget", DEFAULT.min_delay)?,
        max_delay: number("maxDelayTarget", DEFAULT.max_delay)?,
        backoff,
    };
    read.check().map(Some)
}

fn throttle(policy: &Value) -> Result<Option<u64>, String> {
    match &policy["maxReceivesPerSecond"] {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(number) if number > 0 => Ok(Some(number)),
            _ => Err(wrong("maxReceivesPerSecond must be a number of at least 1")),
        },
    }
}

fn content_type(policy: &Value) -> Option<String> {
    policy["headerContentType"].as_str().map(str::to_owned)
}

fn wrong(reason: &str) -> String {
    format!("DeliveryPolicy: {reason}")
}
