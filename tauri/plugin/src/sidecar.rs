//! The engine as an app sees it: start it, stop it, ask how it is. A handle; the work is done by a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::{oneshot, watch};

use crate::config::Launch;
use crate::error::SidecarError;
use crate::failure;
use crate::log::Log;
use crate::models::{Phase, QwenConnection, SidecarState, SidecarStatus};
use crate::supervisor::{Message, Reply, Seen, Supervisor};

/// An app that is quitting does not wait longer than this for its engine.
const PATIENCE: Duration = Duration::from_millis(3_000);

/// The one engine of an app. It is in Tauri's state: `app.state::<SidecarManager>()`.
///
/// No method but [`shutdown_blocking`](Self::shutdown_blocking) blocks. The engine is only ever started by
/// [`start`](Self::start).
#[derive(Debug)]
pub struct SidecarManager {
    inbox: Sender<Message>,
    seen: watch::Receiver<Seen>,
    log: Arc<Log>,
    /// `shutdown_blocking` was called.
    ending: AtomicBool,
    ended: Arc<Ended>,
}

/// Whether the thread has ended.
#[derive(Debug, Default)]
struct Ended {
    yes: Mutex<bool>,
    changed: Condvar,
}

impl SidecarManager {
    /// A manager without Tauri, for an app whose engine is not described by its configuration. `on_change` is called
    /// with each new snapshot, in the one thread of the manager; it must not wait, least of all for
    /// [`start`](Self::start) or [`stop`](Self::stop), which this thread has to answer.
    pub fn new(
        launch: Launch,
        on_change: impl Fn(&SidecarState) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, inbox) = mpsc::channel();
        let log = Arc::new(Log::default());
        let (supervisor, seen) = Supervisor::new(
            launch.with_absolute_paths(),
            Arc::clone(&log),
            sender.clone(),
            Box::new(on_change),
        );
        let ended = Arc::new(Ended::default());
        let end = SetOnDrop(Arc::clone(&ended));
        thread::Builder::new()
            .name("qwen-tts".into())
            .spawn(move || {
                let _end = end;
                supervisor.run(&inbox);
            })?;
        Ok(Self {
            inbox: sender,
            seen,
            log,
            ending: AtomicBool::new(false),
            ended,
        })
    }

    /// Start the engine and wait until it runs. Joins a start that is under way; follows a stop that is.
    pub async fn start(&self) -> Result<SidecarState, SidecarError> {
        self.ask(Message::Start).await
    }

    /// Stop the engine and wait until its process is gone. Whoever waits for its start gets `STOPPED`.
    pub async fn stop(&self) -> Result<SidecarState, SidecarError> {
        self.ask(Message::Stop).await
    }

    async fn ask(
        &self,
        message: impl FnOnce(Reply) -> Message,
    ) -> Result<SidecarState, SidecarError> {
        let (reply, answer) = oneshot::channel();
        let gone = || failure::ending("the thread of the engine is gone");
        self.inbox.send(message(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// How the engine is.
    pub fn state(&self) -> SidecarState {
        self.seen.borrow().state.clone()
    }

    /// How to reach the engine; an error if it does not run.
    pub fn connection(&self) -> Result<QwenConnection, SidecarError> {
        let seen = self.seen.borrow();
        match (&seen.connection, &seen.state.error) {
            (Some(connection), _) => Ok(connection.clone()),
            _ if self.ending.load(Ordering::Relaxed) => {
                Err(failure::ending("the engine is not started any more"))
            }
            (None, Some(error)) => Err(error.clone()),
            (None, None) => {
                let detail = match (seen.state.status, seen.state.phase) {
                    (_, Some(Phase::Stopping)) => "it is being stopped",
                    (SidecarStatus::Starting, _) => "it is being started",
                    (SidecarStatus::Running, _) => "its process has just ended",
                    (SidecarStatus::Stopped | SidecarStatus::Errored, _) => "it was not started",
                };
                Err(failure::stopped(detail))
            }
        }
    }

    /// The last lines that the engine wrote, without tokens; also those of engines before this one.
    pub fn logs(&self) -> Vec<String> {
        self.log.all()
    }

    /// Wait until a snapshot fits, and give it; an error when the manager ends before.
    pub async fn wait_for(
        &self,
        fits: impl Fn(&SidecarState) -> bool,
    ) -> Result<SidecarState, SidecarError> {
        let mut seen = self.seen.clone();
        let found = seen.wait_for(|seen| fits(&seen.state)).await;
        found
            .map(|seen| seen.state.clone())
            .map_err(|_| failure::ending("the thread of the engine is gone"))
    }

    /// End the engine within 3 seconds, by force if need be, and start none any more. The plugin does this
    /// when the app exits; call it yourself before something that ends the app without `RunEvent::Exit`, such as an
    /// updater's `on_before_exit` or `AppHandle::restart` on the main thread. False if the engine was not seen to end in this time.
    pub fn shutdown_blocking(&self) -> bool {
        self.ending.store(true, Ordering::Relaxed);
        // It fails when the thread has ended, which is what is wanted.
        let _ = self.inbox.send(Message::Shutdown);
        let ended = self
            .ended
            .yes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .ended
            .changed
            .wait_timeout_while(ended, PATIENCE, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for SidecarManager {
    fn drop(&mut self) {
        self.shutdown_blocking();
    }
}

/// Says that the thread has ended, also if it panics.
struct SetOnDrop(Arc<Ended>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        *self.0.yes.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}
