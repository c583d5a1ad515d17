//! What the plugin tells about the engine: the snapshot, and how to reach it. Only data.

use std::fmt;

use serde::Serialize;

use crate::error::SidecarError;

/// Whether there is an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum SidecarStatus {
    /// There is no process.
    Stopped,
    /// A process is being started, or will be after a crash.
    Starting,
    /// The engine takes requests.
    Running,
    /// There is no process, because something failed.
    Errored,
}

/// What is being done at the moment; more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// The process is being made, or has not said anything yet.
    Spawning,
    /// The engine loads its libraries.
    Importing,
    /// The engine says that it is ready; the plugin asks it whether that is so.
    Checking,
    /// The engine was told to stop, and its process is not gone yet.
    Stopping,
    /// The engine has crashed, and will be started again in a moment.
    Restarting,
}

/// All there is to know about the engine at one moment. Always a full snapshot, never a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SidecarState {
    /// Whether there is an engine.
    pub status: SidecarStatus,
    /// What is being done at the moment.
    pub phase: Option<Phase>,
    /// Counts the starts.
    pub generation: u64,
    /// Counts the snapshots, over all starts: of two, the one with the higher number is newer.
    pub revision: u64,
    /// When this last changed, in milliseconds of Unix time.
    pub since_ms: u64,
    /// The process, while there is one.
    pub pid: Option<u32>,
    /// The port on 127.0.0.1, once the engine has said it.
    pub port: Option<u16>,
    /// The engine's version, once it has said it.
    pub version: Option<String>,
    /// How often it has been started again by itself since somebody last started it.
    pub restarts: u32,
    /// Why it failed; only while `status` is `Errored`.
    pub error: Option<SidecarError>,
}

/// How to reach the engine that runs. Who has the token may do everything that the engine can do.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QwenConnection {
    /// `http://127.0.0.1:<port>/v1`.
    pub base_url: String,
    /// For `Authorization: Bearer <token>`. Each start has another.
    pub token: String,
    /// The start that it belongs to.
    pub generation: u64,
}

impl fmt::Debug for QwenConnection {
    /// Without the token: what is debugged ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QwenConnection")
            .field("base_url", &self.base_url)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
