//! What the engine is doing, and what is to be done about it: a reducer without processes, threads and clocks. Events
//! go in with the time at which they happened, effects come out; `supervisor` carries them out.

mod step;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::error::SidecarError;
use crate::failure::Exit;
use crate::models::{Phase, SidecarState, SidecarStatus};

pub(crate) use step::step;

/// Somebody who waits for an answer.
pub(crate) type Waiter = u64;

/// When something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    /// Unix time in milliseconds; for people.
    pub unix_ms: u64,
    /// Milliseconds of a clock that nobody sets; for differences.
    pub steady_ms: u64,
}

/// What happened, and when.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub at: At,
    pub input: Input,
}

/// What happened. What an engine does carries the number of its start, because it may be old news.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Somebody wants it to run.
    Start(Waiter),
    /// Somebody wants it to be gone.
    Stop(Waiter),
    /// The app ends; nothing is started any more.
    Shutdown,
    /// From an engine, or about it.
    From(u64, News),
}

/// What happened to an engine.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// There is a process.
    Spawned { pid: u32 },
    /// There is none.
    NotSpawned(SidecarError),
    /// It goes on with its start.
    Phase(Phase),
    /// It says that it takes requests.
    Ready { port: u16, version: Option<String> },
    /// It does take requests.
    Healthy,
    /// Its start has failed, and the process is still there.
    Failed(SidecarError),
    /// The process is gone and has been waited for.
    Exited(Exit),
    /// The pause before a restart is over.
    RestartDue,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Make a process; `Spawned` or `NotSpawned` follows. The time to get ready begins.
    Spawn { generation: u64 },
    /// Ask it whether it takes requests; `Healthy` or `Failed` follows.
    Check { generation: u64, port: u16 },
    /// End it, quickly if the app ends; `Exited` follows.
    End { generation: u64, hurried: bool },
    /// `RestartDue` in so many milliseconds.
    WaitToRestart { generation: u64, ms: u64 },
    /// Tell everybody.
    Publish(SidecarState),
    /// Tell one who waits.
    Answer(Waiter, Result<SidecarState, SidecarError>),
    /// Nothing will ever be done again.
    Quit,
}

/// How often a crashed engine is started again by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub restarts: usize,
    pub window_ms: u64,
}

/// Everything that is remembered from event to event.
#[derive(Debug)]
pub(crate) struct Core {
    budget: Budget,
    state: State,
    generation: u64,
    revision: u64,
    since_ms: u64,
    pid: Option<u32>,
    port: Option<u16>,
    version: Option<String>,
    /// When it was restarted by itself, within the window.
    restarted: VecDeque<u64>,
    /// How often it was restarted by itself since somebody started it, also longer ago than the window.
    restarts: u32,
    /// The app ends.
    closed: bool,
}

/// Where a start has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// `Spawned` or `NotSpawned` has not come yet.
    Spawning,
    /// There is a process, in this phase.
    Process(Phase),
    /// It has said that it is ready, and is being asked.
    Checking,
}

/// What is being done, and who waits for it.
#[derive(Debug)]
enum State {
    Stopped,
    Errored(SidecarError),
    /// It has crashed, and is started again after a pause.
    Pausing {
        starters: Vec<Waiter>,
    },
    Starting {
        step: Step,
        /// After a crash, not because somebody asked.
        by_itself: bool,
        starters: Vec<Waiter>,
    },
    Running,
    Stopping(Stopping),
}

/// A process that is on its way out.
#[derive(Debug)]
struct Stopping {
    /// What it was; that is what is shown until it is gone.
    was: SidecarStatus,
    /// False while `Spawned` or `NotSpawned` has not come yet.
    spawned: bool,
    /// Why, if its start has failed, and who waited for that start.
    failure: Option<(SidecarError, Vec<Waiter>)>,
    stoppers: Vec<Waiter>,
    /// Who wants it to run again after that.
    starters: Vec<Waiter>,
}

impl Core {
    pub(crate) fn new(budget: Budget, at: At) -> Self {
        Self {
            budget,
            state: State::Stopped,
            generation: 0,
            revision: 0,
            since_ms: at.unix_ms,
            pid: None,
            port: None,
            version: None,
            restarted: VecDeque::new(),
            restarts: 0,
            closed: false,
        }
    }

    /// How things are.
    pub(crate) fn snapshot(&self) -> SidecarState {
        let (status, phase) = match &self.state {
            State::Stopped => (SidecarStatus::Stopped, None),
            State::Errored(_) => (SidecarStatus::Errored, None),
            State::Pausing { .. } => (SidecarStatus::Starting, Some(Phase::Restarting)),
            State::Starting { step, .. } => {
                let phase = match step {
                    Step::Spawning => Phase::Spawning,
                    Step::Process(phase) => *phase,
                    Step::Checking => Phase::Checking,
                };
                (SidecarStatus::Starting, Some(phase))
            }
            State::Running => (SidecarStatus::Running, None),
            State::Stopping(stopping) => (stopping.was, Some(Phase::Stopping)),
        };
        SidecarState {
            status,
            phase,
            generation: self.generation,
            revision: self.revision,
            since_ms: self.since_ms,
            pid: self.pid,
            port: self.port,
            version: self.version.clone(),
            restarts: self.restarts,
            error: match &self.state {
                State::Errored(error) => Some(error.clone()),
                _ => None,
            },
        }
    }
}
