//! Functions as targets: the message is the event of an asynchronous invocation.

use bytes::Bytes;
use ebb_invoker::{Boxed, InvokeError, Invoker};
use ebb_model::{FunctionReference, Invocation, ServiceCaller, TraceHeader, Trigger};

use super::{Delivery, Sender, Target, Undelivered};

/// Delivers to functions.
pub struct FunctionTarget {
    invoker: Invoker,
}

impl FunctionTarget {
    /// To the functions of this invoker.
    #[must_use]
    pub fn new(invoker: Invoker) -> Self {
        Self { invoker }
    }

    fn granted(&self, function: &FunctionReference, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let granted = self.invoker.catalog().granted(function, caller);
        granted.map_err(|error| Undelivered::refused("NO_PERMISSIONS", error.to_string()))
    }

    async fn accept(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let function = read(&delivery.target)?;
        if let Sender::Service(caller) = &delivery.from {
            self.granted(&function, caller)?;
        }
        let payload = Bytes::copy_from_slice(delivery.message.body.as_bytes());
        let invocation = Invocation::new(function, payload, Trigger::Asynchronous);
        let trace = delivery.message.trace.clone().map_or(invocation.trace, TraceHeader);
        let invocation = Invocation { id: delivery.id, trace, ..invocation };
        self.invoker.accept(invocation).await.map(drop).map_err(|error| {
            let message = error.to_string();
            match error {
                InvokeError::NotFound(_) => Undelivered::refused("RESOURCE_NOT_FOUND", message),
                error if error.retryable() => Undelivered::for_now("SDK_CLIENT_ERROR", message),
                _ => Undelivered::refused("SDK_CLIENT_ERROR", message),
            }
        })
    }
}

fn read(arn: &str) -> Result<FunctionReference, Undelivered> {
    FunctionReference::parse(arn)
        .map_err(|error| Undelivered::refused("RESOURCE_NOT_FOUND", error.to_string()))
}

impl Target for FunctionTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.accept(delivery))
    }

    fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        self.granted(&read(target)?, caller)
    }
}
