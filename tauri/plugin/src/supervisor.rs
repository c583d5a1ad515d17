//! The one thread that owns the engine: it takes in what happens, asks the reducer what to do about it, and does that.
//! It decides nothing itself, and nothing that it does may wait for another thread of the app.

mod engine;
mod folder;
mod message;

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::config::Launch;
use crate::failure;
use crate::handshake::Line;
use crate::ladder::{self, Rung};
use crate::log::{self, Log};
use crate::models::{SidecarState, SidecarStatus};
use crate::state::{self, At, Budget, Core, Effect, Event, Input, News};
use crate::timers::Timers;
use engine::Engine;
pub(crate) use message::{Message, Reply, Seen, Sign};

/// What is due at a time.
enum Due {
    TooLate,
    Rung(Rung),
    /// The pipes of an engine that is gone have had long enough to end.
    Drained,
    Restart,
}

/// A process that has left the group may hold the pipes for ever; the last lines of the others come at once.
const DRAINING: Duration = Duration::from_millis(500);
/// When the app ends, nobody reads the last lines any more, and it has little time.
const DRAINING_AT_THE_END: Duration = Duration::from_millis(100);

pub(crate) struct Supervisor {
    launch: Launch,
    core: Core,
    engine: Option<Engine>,
    timers: Timers<Due>,
    waiters: HashMap<state::Waiter, Reply>,
    next_waiter: state::Waiter,
    log: Arc<Log>,
    seen: watch::Sender<Seen>,
    on_change: Box<dyn Fn(&SidecarState) + Send>,
    /// For the threads of an engine.
    sender: Sender<Message>,
    began: Instant,
    ending: bool,
}

impl Supervisor {
    pub(crate) fn new(
        launch: Launch,
        log: Arc<Log>,
        sender: Sender<Message>,
        on_change: Box<dyn Fn(&SidecarState) + Send>,
    ) -> (Self, watch::Receiver<Seen>) {
        let began = Instant::now();
        let budget = Budget {
            restarts: launch.restarts as usize,
            window_ms: u64::try_from(launch.restart_window.as_millis()).unwrap_or(u64::MAX),
        };
        let core = Core::new(budget, now(began));
        let (seen, receiver) = watch::channel(Seen {
            state: core.snapshot(),
            connection: None,
        });
        let supervisor = Self {
            launch,
            core,
            engine: None,
            timers: Timers::new(),
            waiters: HashMap::new(),
            next_waiter: 0,
            log,
            seen,
            on_change,
            sender,
            began,
            ending: false,
        };
        (supervisor, receiver)
    }

    /// Until the app ends.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let step = match self.timers.take_due(Instant::now()) {
                Some((generation, due)) => self.on_due(generation, due),
                None => match self.receive(inbox) {
                    Some(message) => self.on_message(message),
                    None => continue,
                },
            };
            if step == Step::Quit {
                return;
            }
        }
    }

    fn receive(&self, inbox: &Receiver<Message>) -> Option<Message> {
        let Some(next) = self.timers.next() else {
            // This thread has a sender itself, so it does not come to an end by itself.
            return inbox.recv().ok();
        };
        // What is due by now is looked at next.
        inbox
            .recv_timeout(next.saturating_duration_since(Instant::now()))
            .ok()
    }

    fn on_message(&mut self, message: Message) -> Step {
        match message {
            Message::Start(reply) => {
                let waiter = self.wait(reply);
                self.happened(Input::Start(waiter))
            }
            Message::Stop(reply) => {
                let waiter = self.wait(reply);
                self.happened(Input::Stop(waiter))
            }
            Message::Shutdown => {
                self.ending = true;
                self.happened(Input::Shutdown)
            }
            Message::From(generation, sign) => match &mut self.engine {
                Some(engine) if engine.generation == generation => self.on_sign(generation, sign),
                _ => Step::GoOn,
            },
        }
    }

    fn wait(&mut self, reply: Reply) -> state::Waiter {
        self.next_waiter += 1;
        self.waiters.insert(self.next_waiter, reply);
        self.next_waiter
    }

    fn on_sign(&mut self, generation: u64, sign: Sign) -> Step {
        let Some(engine) = &mut self.engine else {
            return Step::GoOn;
        };
        let news = match sign {
            Sign::Said(Line::Phase(phase)) => News::Phase(phase),
            Sign::Said(Line::Ready { port, pid, version }) => {
                engine.inner_pid = pid;
                let version = version.map(|version| log::clean(version.as_bytes(), &engine.token));
                News::Ready { port, version }
            }
            Sign::Said(Line::Failed(why)) => {
                engine.report = Some(log::clean(why.as_bytes(), &engine.token));
                return Step::GoOn;
            }
            Sign::Said(Line::Foreign(why)) => {
                News::Failed(failure::foreign(why).with_log(self.log.of(generation)))
            }
            Sign::Said(Line::Unknown | Line::Text) => return Step::GoOn,
            Sign::Health(Ok(())) => News::Healthy,
            Sign::Health(Err(error)) => News::Failed(error.with_log(self.log.of(generation))),
            Sign::NotYet(why) => {
                engine.last_seen = why;
                return Step::GoOn;
            }
            Sign::Gone => {
                engine.reap();
                // Its port may be another program's from now on, which must not be given the token.
                self.seen.send_modify(|seen| seen.connection = None);
                let draining = match self.ending {
                    true => DRAINING_AT_THE_END,
                    false => DRAINING,
                };
                self.remind(draining, generation, Due::Drained);
                return self.exit_if_drained();
            }
            Sign::Drained => {
                engine.open_pipes -= 1;
                return self.exit_if_drained();
            }
        };
        self.happened(Input::From(generation, news))
    }

    /// A time that is too far away for the system's clock never comes.
    fn remind(&mut self, after: Duration, generation: u64, due: Due) {
        if let Some(when) = Instant::now().checked_add(after) {
            self.timers.set(when, generation, due);
        }
    }

    fn exit_if_drained(&mut self) -> Step {
        match &self.engine {
            Some(engine) if engine.is_reaped() && engine.open_pipes == 0 => self.exit(),
            _ => Step::GoOn,
        }
    }

    /// The process is gone and its last lines are here.
    fn exit(&mut self) -> Step {
        let Some(engine) = self.engine.take() else {
            return Step::GoOn;
        };
        let generation = engine.generation;
        self.timers.forget(generation);
        let exit = engine.exit(self.log.of(generation));
        self.happened(Input::From(generation, News::Exited(exit)))
    }

    fn on_due(&mut self, generation: u64, due: Due) -> Step {
        match (due, &self.engine) {
            (Due::Restart, _) => self.happened(Input::From(generation, News::RestartDue)),
            (Due::TooLate, Some(engine)) => {
                let error = failure::timed_out(self.launch.start_timeout, &engine.last_seen);
                let error = error.with_log(self.log.of(generation));
                self.happened(Input::From(generation, News::Failed(error)))
            }
            (Due::Rung(rung), Some(engine)) => {
                engine.climb(rung);
                Step::GoOn
            }
            (Due::Drained, Some(_)) => self.exit(),
            (_, None) => Step::GoOn,
        }
    }

    /// Tell the reducer, and do what it says; what comes of that is told to it before anything else.
    fn happened(&mut self, input: Input) -> Step {
        let mut next = Some(input);
        let mut result = Step::GoOn;
        while let Some(input) = next.take() {
            let at = now(self.began);
            for effect in state::step(&mut self.core, Event { at, input }) {
                match effect {
                    Effect::Spawn { generation } => next = Some(self.spawn(generation)),
                    Effect::Check { port, .. } => {
                        if let Some(engine) = &self.engine {
                            engine.check(port, self.sender.clone());
                        }
                    }
                    Effect::End {
                        generation,
                        hurried,
                    } => self.end(generation, hurried),
                    Effect::WaitToRestart { generation, ms } => {
                        self.remind(Duration::from_millis(ms), generation, Due::Restart);
                    }
                    Effect::Publish(state) => self.publish(state),
                    Effect::Answer(waiter, answer) => {
                        if let Some(reply) = self.waiters.remove(&waiter) {
                            // Nobody listens any more if the page is gone.
                            let _ = reply.send(answer);
                        }
                    }
                    Effect::Quit => result = Step::Quit,
                }
            }
        }
        result
    }

    fn spawn(&mut self, generation: u64) -> Input {
        let news = match Engine::spawn(&self.launch, generation, &self.log, &self.sender) {
            Ok(engine) => {
                let pid = engine.pid();
                self.engine = Some(engine);
                self.remind(self.launch.start_timeout, generation, Due::TooLate);
                News::Spawned { pid }
            }
            Err(error) => News::NotSpawned(error),
        };
        Input::From(generation, news)
    }

    fn end(&mut self, generation: u64, hurried: bool) {
        let total = match hurried {
            true => self.launch.stop_timeout.min(ladder::HURRY),
            false => self.launch.stop_timeout,
        };
        // An engine that is being ended may be hurried up: the steps of the new plan come before those of the old one.
        for (after, rung) in ladder::rungs(total) {
            self.remind(after, generation, Due::Rung(rung));
        }
    }

    fn publish(&mut self, state: SidecarState) {
        let running = state.status == SidecarStatus::Running && state.phase.is_none();
        let connection = match (&self.engine, state.port) {
            (Some(engine), Some(port)) if running && !engine.is_reaped() => {
                Some(engine.connection(port))
            }
            _ => None,
        };
        self.seen.send_replace(Seen {
            state: state.clone(),
            connection,
        });
        // The app's main thread may be waiting for this one by now; it must not be waited for in turn.
        if !self.ending {
            // What the app does with it is not a reason to lose the engine.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| (self.on_change)(&state)));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    GoOn,
    Quit,
}

fn now(began: Instant) -> At {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    At {
        unix_ms: ms(unix),
        steady_ms: ms(began.elapsed()),
    }
}
