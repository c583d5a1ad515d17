//! What goes wrong, as apps and pages see it. It knows the codes, not their causes: `failure` makes the errors.

use serde::Serialize;

/// What kind of failure it was. Stable: a page may switch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The engine's file was not found.
    BinaryMissing,
    /// The engine's file is there, but may not be executed.
    NotExecutable,
    /// The engine's file is for another processor, another system or another C library.
    WrongArchitecture,
    /// The system refuses to run the engine (quarantine, a policy, a virus scanner).
    BlockedBySystem,
    /// Another program listens on the port.
    PortTaken,
    /// Another engine uses the data folder.
    DataFolderInUse,
    /// The data folder cannot be made, read or written.
    DataFolderUnusable,
    /// A newer engine wrote the data folder.
    DataFolderTooNew,
    /// The engine was not ready in time.
    StartTimedOut,
    /// The engine does not speak the protocol of this plugin.
    ProtocolMismatch,
    /// The engine ended before it was ready.
    ExitedEarly,
    /// The engine ended although nobody told it to.
    Crashed,
    /// What the engine was told is not usable.
    Config,
    /// The engine is stopped, or was stopped before it was ready.
    Stopped,
    /// The engine or the plugin failed on itself.
    Internal,
}

impl ErrorCode {
    /// Whether the same start may go well at another time, or after a person has put something right.
    pub fn retryable(self) -> bool {
        use ErrorCode::*;
        match self {
            PortTaken | DataFolderInUse | DataFolderUnusable | StartTimedOut | ExitedEarly
            | Crashed | Stopped | Internal => true,
            BinaryMissing | NotExecutable | WrongArchitecture | BlockedBySystem
            | DataFolderTooNew | ProtocolMismatch | Config => false,
        }
    }
}

/// Why the engine does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct SidecarError {
    /// What kind of failure it was.
    pub code: ErrorCode,
    /// For a person: what is wrong, and what to do.
    pub message: String,
    /// For a developer: the path, the exit code or signal, the system's words.
    pub detail: String,
    /// The last lines that the engine wrote, without the token.
    pub log_tail: Vec<String>,
    /// Whether it makes sense to try again.
    pub retryable: bool,
}

impl SidecarError {
    /// An error of this kind; whether it can be tried again follows from the kind.
    pub fn new(code: ErrorCode, message: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: detail.into(),
            log_tail: Vec::new(),
            retryable: code.retryable(),
        }
    }

    /// The same error, with the engine's last lines.
    pub(crate) fn with_log(mut self, lines: Vec<String>) -> Self {
        self.log_tail = lines;
        self
    }
}
