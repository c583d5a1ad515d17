//! The reducer itself: from one state to the next. Every pair of a state and an event is decided here and in `hear`,
//! and nowhere else.

mod hear;

use std::mem;

use super::{At, Core, Effect, Event, Input, State, Step, Stopping, Waiter};
use crate::error::SidecarError;
use crate::failure::{self, Exit};
use crate::models::SidecarStatus;
use hear::hear;

/// The pause before the first restart; it doubles with each.
const PAUSE_MS: u64 = 250;
const LONGEST_PAUSE_MS: u64 = 5_000;

/// Take in one event, and say what is to be done.
pub(crate) fn step(core: &mut Core, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    let at = event.at;
    match event.input {
        Input::Start(waiter) => start(core, at, waiter, &mut effects),
        Input::Stop(waiter) => stop(core, at, Some(waiter), &mut effects),
        Input::Shutdown => {
            core.closed = true;
            stop(core, at, None, &mut effects);
        }
        // An engine of before: whatever it says, it is not about this one.
        Input::From(generation, _) if generation != core.generation => {}
        Input::From(_, news) => hear(core, at, news, &mut effects),
    }
    effects
}

fn start(core: &mut Core, at: At, waiter: Waiter, effects: &mut Vec<Effect>) {
    if core.closed {
        let error = failure::ending("nothing is started any more");
        effects.push(Effect::Answer(waiter, Err(error)));
        return;
    }
    match &mut core.state {
        State::Stopped | State::Errored(_) => {
            core.forget_crashes();
            core.generation += 1;
            begin(core, at, vec![waiter], false, effects);
        }
        State::Pausing { starters } | State::Starting { starters, .. } => starters.push(waiter),
        State::Stopping(stopping) => stopping.starters.push(waiter),
        State::Running => effects.push(Effect::Answer(waiter, Ok(core.snapshot()))),
    }
}

fn stop(core: &mut Core, at: At, waiter: Option<Waiter>, effects: &mut Vec<Effect>) {
    let hurried = core.closed;
    match mem::replace(&mut core.state, State::Stopped) {
        State::Stopped => at_rest(core, waiter, effects),
        State::Errored(_) => {
            publish(core, at, effects);
            at_rest(core, waiter, effects);
        }
        State::Pausing { starters } => {
            publish(core, at, effects);
            refuse(core.closed, starters, effects);
            at_rest(core, waiter, effects);
        }
        State::Starting { step, starters, .. } => {
            let spawned = step != Step::Spawning;
            refuse(core.closed, starters, effects);
            let was = SidecarStatus::Starting;
            end(core, at, Stopping::of(was, spawned, waiter), effects);
        }
        State::Running => {
            let was = SidecarStatus::Running;
            end(core, at, Stopping::of(was, true, waiter), effects);
        }
        State::Stopping(mut stopping) => {
            // The last word counts: who wanted it to run again after this does not get it.
            refuse(core.closed, mem::take(&mut stopping.starters), effects);
            if let Some((error, failed)) = stopping.failure.take() {
                for waiter in failed {
                    effects.push(Effect::Answer(waiter, Err(error.clone())));
                }
            }
            stopping.stoppers.extend(waiter);
            if hurried && stopping.spawned {
                let generation = core.generation;
                effects.push(Effect::End {
                    generation,
                    hurried,
                });
            }
            core.state = State::Stopping(stopping);
        }
    }
}

/// There is no process: answer who waits for that.
fn at_rest(core: &Core, waiter: Option<Waiter>, effects: &mut Vec<Effect>) {
    if let Some(waiter) = waiter {
        effects.push(Effect::Answer(waiter, Ok(core.snapshot())));
    }
    if core.closed {
        effects.push(Effect::Quit);
    }
}

/// A new process, for which the generation has been counted already.
fn begin(
    core: &mut Core,
    at: At,
    starters: Vec<Waiter>,
    by_itself: bool,
    effects: &mut Vec<Effect>,
) {
    let step = Step::Spawning;
    core.state = State::Starting {
        step,
        by_itself,
        starters,
    };
    publish(core, at, effects);
    let generation = core.generation;
    effects.push(Effect::Spawn { generation });
}

/// The process is to go.
fn end(core: &mut Core, at: At, stopping: Stopping, effects: &mut Vec<Effect>) {
    let spawned = stopping.spawned;
    core.state = State::Stopping(stopping);
    publish(core, at, effects);
    if spawned {
        let (generation, hurried) = (core.generation, core.closed);
        effects.push(Effect::End {
            generation,
            hurried,
        });
    }
}

/// The process that was to go is gone.
fn gone(core: &mut Core, at: At, stopping: Stopping, effects: &mut Vec<Effect>) {
    core.forget_process();
    match stopping.failure {
        Some((error, failed)) => fail(core, at, error, failed, effects),
        None => {
            core.state = State::Stopped;
            publish(core, at, effects);
        }
    }
    for waiter in stopping.stoppers {
        effects.push(Effect::Answer(waiter, Ok(core.snapshot())));
    }
    if core.closed {
        effects.push(Effect::Quit);
    } else if !stopping.starters.is_empty() {
        core.forget_crashes();
        core.generation += 1;
        begin(core, at, stopping.starters, false, effects);
    }
}

/// The process is gone, although it was not to go.
fn crash(core: &mut Core, at: At, exit: &Exit, starters: Vec<Waiter>, effects: &mut Vec<Effect>) {
    let now = at.steady_ms;
    while core
        .restarted
        .front()
        .is_some_and(|then| now.saturating_sub(*then) >= core.budget.window_ms)
    {
        core.restarted.pop_front();
    }
    let before = core.restarted.len();
    if before >= core.budget.restarts {
        fail(core, at, failure::crashed(exit, before), starters, effects);
        return;
    }
    core.restarted.push_back(now);
    core.restarts = core.restarts.saturating_add(1);
    core.forget_process();
    // Counted now and not after the pause: from here on the old engine's words are old.
    core.generation += 1;
    core.state = State::Pausing { starters };
    publish(core, at, effects);
    let ms = PAUSE_MS
        .saturating_mul(1 << before.min(10))
        .min(LONGEST_PAUSE_MS);
    let generation = core.generation;
    effects.push(Effect::WaitToRestart { generation, ms });
}

/// There is no process, and somebody has to do something about it.
fn fail(
    core: &mut Core,
    at: At,
    error: SidecarError,
    starters: Vec<Waiter>,
    effects: &mut Vec<Effect>,
) {
    core.forget_process();
    core.state = State::Errored(error.clone());
    publish(core, at, effects);
    for waiter in starters {
        effects.push(Effect::Answer(waiter, Err(error.clone())));
    }
}

fn refuse(closed: bool, starters: Vec<Waiter>, effects: &mut Vec<Effect>) {
    let why = "it was stopped before it was ready";
    for waiter in starters {
        let error = match closed {
            true => failure::ending(why),
            false => failure::stopped(why),
        };
        effects.push(Effect::Answer(waiter, Err(error)));
    }
}

fn publish(core: &mut Core, at: At, effects: &mut Vec<Effect>) {
    core.since_ms = at.unix_ms;
    core.revision += 1;
    effects.push(Effect::Publish(core.snapshot()));
}

impl Core {
    /// A person has decided anew, so the crashes of before do not count.
    fn forget_crashes(&mut self) {
        self.restarted.clear();
        self.restarts = 0;
    }

    fn forget_process(&mut self) {
        self.pid = None;
        self.port = None;
        self.version = None;
    }
}

impl Stopping {
    fn of(was: SidecarStatus, spawned: bool, waiter: Option<Waiter>) -> Self {
        Self {
            was,
            spawned,
            failure: None,
            stoppers: waiter.into_iter().collect(),
            starters: Vec::new(),
        }
    }
}
