//! What goes into the supervisor's thread, and what everybody sees of it.

use tokio::sync::oneshot;

use crate::error::SidecarError;
use crate::handshake::Line;
use crate::models::{QwenConnection, SidecarState};

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<SidecarState, SidecarError>>;

/// What can happen to the thread.
pub(crate) enum Message {
    Start(Reply),
    Stop(Reply),
    Shutdown,
    /// From one of the threads of an engine.
    From(u64, Sign),
}

/// What the threads of an engine see.
pub(crate) enum Sign {
    Said(Line),
    /// One of its pipes has ended.
    Drained,
    /// Its process has ended.
    Gone,
    Health(Result<(), SidecarError>),
    /// Why it is not healthy yet.
    NotYet(String),
}

/// What everybody may see at any time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub state: SidecarState,
    pub connection: Option<QwenConnection>,
}
