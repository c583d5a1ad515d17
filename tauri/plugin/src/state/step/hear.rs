//! What an engine does, and what follows from it.

use std::mem;

use super::{begin, crash, end, fail, gone, publish};
use crate::error::ErrorCode;
use crate::failure;
use crate::models::{Phase, SidecarStatus};
use crate::state::{At, Core, Effect, News, State, Step, Stopping};

/// Take in the news of the engine that there is.
pub(super) fn hear(core: &mut Core, at: At, news: News, effects: &mut Vec<Effect>) {
    let generation = core.generation;
    match (mem::replace(&mut core.state, State::Stopped), news) {
        (State::Pausing { starters }, News::RestartDue) => begin(core, at, starters, true, effects),

        (
            State::Starting {
                step: Step::Spawning,
                by_itself,
                starters,
            },
            News::Spawned { pid },
        ) => {
            core.pid = Some(pid);
            let step = Step::Process(Phase::Spawning);
            core.state = State::Starting {
                step,
                by_itself,
                starters,
            };
            publish(core, at, effects);
        }
        (
            State::Starting {
                step: Step::Spawning,
                starters,
                ..
            },
            News::NotSpawned(error),
        ) => {
            fail(core, at, error, starters, effects);
        }
        (
            State::Starting {
                step: Step::Process(_),
                by_itself,
                starters,
            },
            News::Phase(phase),
        ) => {
            let step = Step::Process(phase);
            core.state = State::Starting {
                step,
                by_itself,
                starters,
            };
            publish(core, at, effects);
        }
        (
            State::Starting {
                step: Step::Process(_),
                by_itself,
                starters,
            },
            News::Ready { port, version },
        ) => {
            core.port = Some(port);
            core.version = version;
            core.state = State::Starting {
                step: Step::Checking,
                by_itself,
                starters,
            };
            publish(core, at, effects);
            effects.push(Effect::Check { generation, port });
        }
        (
            State::Starting {
                step: Step::Checking,
                starters,
                ..
            },
            News::Healthy,
        ) => {
            core.state = State::Running;
            publish(core, at, effects);
            for waiter in starters {
                effects.push(Effect::Answer(waiter, Ok(core.snapshot())));
            }
        }
        (
            State::Starting {
                step: Step::Process(_) | Step::Checking,
                starters,
                ..
            },
            News::Failed(error),
        ) => {
            let mut stopping = Stopping::of(SidecarStatus::Starting, true, None);
            stopping.failure = Some((error, starters));
            end(core, at, stopping, effects);
        }
        (
            State::Starting {
                by_itself,
                starters,
                ..
            },
            News::Exited(exit),
        ) => {
            let error = failure::ended_early(&exit, std::env::consts::OS);
            // A restart that ends early is one more crash; a taken port or folder is not going to free itself.
            if by_itself && error.code == ErrorCode::ExitedEarly {
                crash(core, at, &exit, starters, effects);
            } else {
                fail(core, at, error, starters, effects);
            }
        }

        (State::Running, News::Exited(exit)) => crash(core, at, &exit, Vec::new(), effects),

        (State::Stopping(mut stopping), News::Spawned { pid }) if !stopping.spawned => {
            core.pid = Some(pid);
            stopping.spawned = true;
            end(core, at, stopping, effects);
        }
        (State::Stopping(stopping), News::NotSpawned(_)) if !stopping.spawned => {
            gone(core, at, stopping, effects);
        }
        (State::Stopping(stopping), News::Exited(_)) => gone(core, at, stopping, effects),

        // Everything else comes too late, twice, or out of order, and changes nothing.
        (state, _) => core.state = state,
    }
}
