//! The states of an instance's runtime and extensions, as the Runtime API and the Extensions API see them.
//!
//! Pure: it is told what happened and says what that means. [`crate::core`] shares it between the tasks of an
//! instance and wakes whoever waits.

use std::fmt;
use std::sync::Arc;

use ebb_invoker::Event;
use ebb_model::Timestamp;
use uuid::Uuid;

/// Extensions of one instance. Source: the Lambda developer guide, "Lambda quotas" (layers and extensions).
pub(crate) const MAX_EXTENSIONS: usize = 10;

/// Where the runtime is in its loop. The names are those that error messages of the Runtime API use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuntimeState {
    /// Initialising.
    Started,
    /// Reported that it cannot initialise.
    InitError,
    /// Has asked for an event.
    Ready,
    /// Has an event.
    Running,
    /// Is sending an answer.
    InvocationResponse,
    /// Is sending an error.
    InvocationErrorResponse,
    /// Has sent its answer, has not asked for the next event.
    ResponseSent,
}

impl fmt::Display for RuntimeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InvocationResponse => "InvocationResponse",
            Self::InvocationErrorResponse => "InvocationErrorResponse",
            Self::ResponseSent => "RuntimeResponseSentState",
        })
    }
}

/// Where an extension is in its loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtensionState {
    /// Its process was started.
    Started,
    /// It has registered.
    Registered,
    /// It waits for an event.
    Ready,
    /// It has an event.
    Running,
    /// It reported that it cannot initialise.
    InitError,
    /// It reported that it must end.
    ExitError,
}

impl fmt::Display for ExtensionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One extension.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// What it is called: its file name, or the name that an internal one registered with.
    pub(crate) name: String,
    /// How it names itself in requests.
    pub(crate) id: Uuid,
    /// A process of its own, rather than a part of the runtime's.
    pub(crate) external: bool,
    /// Wants to hear of each event.
    pub(crate) invoke: bool,
    /// Wants to hear of the end.
    pub(crate) shutdown: bool,
    /// Where it is.
    pub(crate) state: ExtensionState,
    /// The last event that it was given.
    seen: u32,
}

/// What an extension gets from `event/next`.
#[derive(Debug, Clone)]
pub(crate) enum ExtensionEvent {
    /// The runtime has this event.
    Invoke(Arc<Event>),
    /// The instance ends.
    Shutdown(Shutdown),
}

/// How an answer names the event that it is for.
#[derive(Debug)]
pub(crate) enum EventName<'a> {
    /// By the id that the function sees.
    RequestId(&'a str),
    /// By its number in this instance.
    Number(u32),
}

/// The end of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// `spindown`, `timeout` or `failure`.
    pub(crate) reason: &'static str,
    /// When everything is killed.
    pub(crate) deadline: Timestamp,
}

/// A request that does not fit the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The request id is not that of the current event.
    #[error("Invalid request ID")]
    InvalidRequestId,
    /// The runtime is not where it would have to be.
    #[error(
        "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
    )]
    RuntimeTransition { from: RuntimeState, to: RuntimeState },
    /// The extension is not where it would have to be.
    #[error(
        "State transition from {from} to {to} failed for extension {extension}. Error: State transition is not allowed"
    )]
    ExtensionTransition { extension: String, from: ExtensionState, to: ExtensionState },
    /// No such extension.
    #[error("Unknown extension {0}")]
    UnknownExtension(Uuid),
    /// Internal extensions register while the runtime initialises.
    #[error("Extension registration closed already")]
    RegistrationClosed,
    /// Another extension has this name.
    #[error("Extension with this name already registered")]
    NameTaken,
    /// There are too many.
    #[error("Extension limit ({MAX_EXTENSIONS}) reached")]
    TooManyExtensions,
    /// Not an event of the API, or not one for this kind of extension.
    #[error("{event}: {why}")]
    InvalidEvent { event: String, why: &'static str },
}

/// The state of one instance.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    runtime: RuntimeState,
    extensions: Vec<Extension>,
    /// The event that the runtime has, or had last.
    event: Option<Arc<Event>>,
    /// Counts events; the first is 1.
    number: u32,
    shutdown: Option<Shutdown>,
    /// The runtime takes several events at a time: it is ready for another while it has some.
    shared: bool,
}

impl Lifecycle {
    /// An instance whose runtime initialises, with these external extensions.
    pub(crate) fn new(external: impl IntoIterator<Item = String>, shared: bool) -> Self {
        let extensions = external.into_iter().map(|name| Extension::new(name, true)).collect();
        Self { runtime: RuntimeState::Started, extensions, event: None, number: 0, shutdown: None, shared }
    }

    /// Its extensions.
    pub(crate) fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The runtime asks for an event. Asking again, for the same event even, is allowed.
    pub(crate) fn runtime_asks(&mut self) -> Result<(), Refused> {
        match self.runtime {
            RuntimeState::Started | RuntimeState::ResponseSent => self.runtime = RuntimeState::Ready,
            RuntimeState::Ready | RuntimeState::Running => {}
            from => return Err(Refused::RuntimeTransition { from, to: RuntimeState::Ready }),
        }
        Ok(())
    }

    /// The event that the runtime now has to answer.
    pub(crate) fn runtime_event(&self) -> Option<Arc<Event>> {
        if self.runtime == RuntimeState::Running { self.event.clone() } else { None }
    }

    /// Gives the runtime and the extensions an event, which gets a number; none where the runtime has not asked.
    pub(crate) fn begin(&mut self, event: Arc<Event>) -> Option<u32> {
        if self.runtime != RuntimeState::Ready {
            return None;
        }
        if !self.shared {
            self.runtime = RuntimeState::Running;
        }
        self.event = Some(event);
        self.number += 1;
        Some(self.number)
    }

    /// The runtime starts to send the answer to this event (or the error, where `failed`).
    ///
    /// A runtime that takes several events stays as it is, and may answer any: whoever waits for answers knows which.
    pub(crate) fn runtime_answers(&mut self, name: &EventName<'_>, failed: bool) -> Result<(), Refused> {
        let to =
            if failed { RuntimeState::InvocationErrorResponse } else { RuntimeState::InvocationResponse };
        if self.shared && self.runtime == RuntimeState::Ready {
            return Ok(());
        }
        let current = self.event.as_ref().is_some_and(|event| match name {
            EventName::RequestId(id) => event.id.to_string() == *id,
            EventName::Number(number) => self.number == *number,
        });
        if !current {
            return Err(Refused::InvalidRequestId);
        }
        if self.runtime != RuntimeState::Running {
            return Err(Refused::RuntimeTransition { from: self.runtime, to });
        }
        self.runtime = to;
        Ok(())
    }

    /// The number of the event that was given last.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The answer is sent.
    pub(crate) fn runtime_answered(&mut self) {
        if self.answering() {
            self.runtime = RuntimeState::ResponseSent;
        }
    }

    /// Whether an answer is being sent.
    pub(crate) fn answering(&self) -> bool {
        matches!(self.runtime, RuntimeState::InvocationResponse | RuntimeState::InvocationErrorResponse)
    }

    /// The runtime cannot initialise.
    pub(crate) fn runtime_init_error(&mut self) -> Result<(), Refused> {
        if self.runtime != RuntimeState::Started {
            return Err(Refused::RuntimeTransition { from: self.runtime, to: RuntimeState::InitError });
        }
        self.runtime = RuntimeState::InitError;
        Ok(())
    }

    /// Whether every external extension has registered, so that the runtime may start.
    pub(crate) fn all_registered(&self) -> bool {
        !self.extensions.iter().any(|extension| extension.state == ExtensionState::Started)
    }

    /// Whether the runtime and every extension wait for an event.
    pub(crate) fn idle(&self) -> bool {
        self.runtime == RuntimeState::Ready
            && self.extensions.iter().all(|extension| {
                extension.state == ExtensionState::Ready
                    && (!extension.invoke || extension.seen == self.number)
            })
    }

    /// An extension registers, for these events.
    pub(crate) fn register(&mut self, name: &str, events: &[String]) -> Result<Uuid, Refused> {
        let known = self.extensions.iter().position(|extension| extension.name == name);
        let external = known.is_some_and(|index| self.extensions[index].external);
        check_events(events, external, self.shared)?;
        let index = match known {
            Some(index) if external => index,
            Some(_) => return Err(Refused::NameTaken),
            None if self.runtime != RuntimeState::Started => return Err(Refused::RegistrationClosed),
            None if self.extensions.len() >= MAX_EXTENSIONS => return Err(Refused::TooManyExtensions),
            None => {
                self.extensions.push(Extension::new(name.to_owned(), false));
                self.extensions.len() - 1
            }
        };
        let extension = &mut self.extensions[index];
        if extension.state != ExtensionState::Started {
            return Err(extension.refuse(ExtensionState::Registered));
        }
        extension.state = ExtensionState::Registered;
        extension.invoke = events.iter().any(|event| event == "INVOKE");
        extension.shutdown = events.iter().any(|event| event == "SHUTDOWN");
        Ok(extension.id)
    }

    /// An extension asks for its next event.
    pub(crate) fn extension_asks(&mut self, id: Uuid) -> Result<(), Refused> {
        let extension = self.extension(id)?;
        match extension.state {
            ExtensionState::Registered | ExtensionState::Running | ExtensionState::Ready => {
                extension.state = ExtensionState::Ready;
                Ok(())
            }
            _ => Err(extension.refuse(ExtensionState::Ready)),
        }
    }

    /// The event that the extension waits for, where it has come; it then has it.
    pub(crate) fn extension_event(&mut self, id: Uuid) -> Result<Option<ExtensionEvent>, Refused> {
        let (shutdown, number, event) = (self.shutdown, self.number, self.event.clone());
        let extension = self.extension(id)?;
        let found = match (shutdown, event) {
            (Some(shutdown), _) if extension.shutdown => Some(ExtensionEvent::Shutdown(shutdown)),
            (None, Some(event)) if extension.invoke && extension.seen < number => {
                extension.seen = number;
                Some(ExtensionEvent::Invoke(event))
            }
            _ => None,
        };
        if found.is_some() {
            extension.state = ExtensionState::Running;
        }
        Ok(found)
    }

    /// An extension reports that it cannot initialise, or (`exit`) that it must end; gives its name.
    pub(crate) fn extension_error(&mut self, id: Uuid, exit: bool) -> Result<String, Refused> {
        let extension = self.extension(id)?;
        let to = if exit { ExtensionState::ExitError } else { ExtensionState::InitError };
        let allowed = match extension.state {
            ExtensionState::Registered => true,
            ExtensionState::Ready | ExtensionState::Running => exit,
            state => state == to,
        };
        if !allowed {
            return Err(extension.refuse(to));
        }
        extension.state = to;
        Ok(extension.name.clone())
    }

    /// The instance ends: extensions that asked to hear of it do.
    pub(crate) fn shut_down(&mut self, shutdown: Shutdown) {
        self.shutdown = Some(shutdown);
    }

    fn extension(&mut self, id: Uuid) -> Result<&mut Extension, Refused> {
        self.extensions
            .iter_mut()
            .find(|extension| extension.id == id && extension.state != ExtensionState::Started)
            .ok_or(Refused::UnknownExtension(id))
    }
}

impl Extension {
    fn new(name: String, external: bool) -> Self {
        let state = ExtensionState::Started;
        Self { name, id: Uuid::new_v4(), external, invoke: false, shutdown: false, state, seen: 0 }
    }

    fn refuse(&self, to: ExtensionState) -> Refused {
        Refused::ExtensionTransition { extension: self.name.clone(), from: self.state, to }
    }
}

fn check_events(events: &[String], external: bool, shared: bool) -> Result<(), Refused> {
    for event in events {
        let why = match event.as_str() {
            // An instance waits for its extensions after each event; with several at a time there is no such moment.
            "INVOKE" if shared => "InvokeEventNotSupportedWithInstanceConcurrency",
            "INVOKE" => continue,
            "SHUTDOWN" if external => continue,
            "SHUTDOWN" => "ShutdownEventNotSupportedForInternalExtension",
            _ => "InvalidEventType",
        };
        return Err(Refused::InvalidEvent { event: event.clone(), why });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
