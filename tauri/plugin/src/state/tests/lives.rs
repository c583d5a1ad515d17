//! Random lives: whatever comes in whatever order, some things never happen.

use std::collections::{HashMap, HashSet};

use super::*;

/// Numbers that look random and are the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// What is true outside of the reducer.
#[derive(Default)]
struct World {
    /// `Spawn` was asked for and has not been answered.
    spawning: Option<u64>,
    /// The process that there is.
    process: Option<u64>,
    said_ready: Option<u64>,
    said_healthy: Option<u64>,
    told_to_end: bool,
    /// Who waits, and whether for a start.
    waiting: HashMap<Waiter, bool>,
    next_waiter: Waiter,
    quit: bool,
    /// Of the last snapshot that was published.
    revision: u64,
}

impl World {
    /// Carry out what the reducer wants, and check that it may be wanted.
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            assert!(!self.quit, "nothing is done after Quit: {effect:?}");
            match effect {
                Effect::Spawn { generation } => {
                    assert_eq!(
                        (self.process, self.spawning),
                        (None, None),
                        "at most one process"
                    );
                    self.spawning = Some(generation);
                    self.told_to_end = false;
                }
                Effect::Check { generation, .. } => assert_eq!(self.process, Some(generation)),
                Effect::End { generation, .. } => {
                    assert_eq!(
                        self.process,
                        Some(generation),
                        "only a process that is there is ended"
                    );
                    self.told_to_end = true;
                }
                Effect::WaitToRestart { .. } => assert_eq!(self.process, None),
                Effect::Publish(state) => {
                    assert!(state.revision > self.revision, "revisions only grow");
                    self.revision = state.revision;
                    self.check(&state);
                }
                Effect::Answer(waiter, answer) => self.answer(waiter, answer),
                Effect::Quit => {
                    assert_eq!((self.process, self.spawning), (None, None));
                    self.quit = true;
                }
            }
        }
    }

    fn answer(&mut self, waiter: Waiter, answer: Result<SidecarState, SidecarError>) {
        let starts = self.waiting.remove(&waiter).expect("each is answered once");
        let Ok(state) = answer else {
            assert!(starts, "a stop does not fail");
            return;
        };
        let wanted = match starts {
            true => SidecarStatus::Running,
            false => SidecarStatus::Stopped,
        };
        assert_eq!((state.status, state.phase), (wanted, None));
        self.check(&state);
    }

    fn check(&self, state: &SidecarState) {
        assert_eq!(
            state.error.is_some(),
            state.status == SidecarStatus::Errored
        );
        match (state.status, state.phase) {
            (SidecarStatus::Stopped | SidecarStatus::Errored, phase) => {
                assert_eq!(
                    (self.process, phase),
                    (None, None),
                    "it is only gone when its process is"
                );
                assert_eq!((state.pid, state.port, &state.version), (None, None, &None));
            }
            (SidecarStatus::Running, None) => {
                let generation = Some(state.generation);
                assert_eq!(
                    (self.said_ready, self.said_healthy),
                    (generation, generation)
                );
                assert_eq!(self.process, generation);
            }
            (SidecarStatus::Running, phase) => assert_eq!(phase, Some(Phase::Stopping)),
            (SidecarStatus::Starting, phase) => assert!(phase.is_some()),
        }
    }

    /// Something that may happen now, or that is old news, or that makes no sense.
    fn event(&mut self, dice: &mut Dice, core: &Core) -> Input {
        let current = core.generation;
        match dice.roll(10) {
            0 | 1 => self.waiter(true),
            2 => self.waiter(false),
            3 => Input::From(current.wrapping_sub(1 + dice.roll(3)), old_news(dice)),
            _ => match (self.spawning, self.process) {
                (Some(generation), _) => self.spawned(generation, dice.roll(4) != 0),
                (None, Some(generation)) if self.told_to_end && dice.roll(2) == 0 => {
                    self.exit(generation)
                }
                (None, Some(generation)) => self.news_of(generation, dice),
                (None, None) => Input::From(current, News::RestartDue),
            },
        }
    }

    fn spawned(&mut self, generation: u64, well: bool) -> Input {
        self.spawning = None;
        if !well {
            return Input::From(generation, News::NotSpawned(error()));
        }
        self.process = Some(generation);
        Input::From(generation, News::Spawned { pid: 17 })
    }

    fn news_of(&mut self, generation: u64, dice: &mut Dice) -> Input {
        match dice.roll(12) {
            0 => self.exit(generation),
            1..=4 => {
                self.said_ready = Some(generation);
                Input::From(generation, ready())
            }
            5..=8 if self.said_ready == Some(generation) => {
                self.said_healthy = Some(generation);
                Input::From(generation, News::Healthy)
            }
            9 => Input::From(generation, News::Failed(error())),
            _ => Input::From(generation, News::Phase(Phase::Importing)),
        }
    }

    fn exit(&mut self, generation: u64) -> Input {
        self.process = None;
        Input::From(generation, exited())
    }

    fn waiter(&mut self, starts: bool) -> Input {
        self.next_waiter += 1;
        self.waiting.insert(self.next_waiter, starts);
        match starts {
            true => Input::Start(self.next_waiter),
            false => Input::Stop(self.next_waiter),
        }
    }

    /// The app ends: everything comes to rest, and nobody is left waiting.
    fn end(&mut self, core: &mut Core) {
        self.carry_out(tell(core, Input::Shutdown));
        if let Some(generation) = self.spawning {
            let spawned = self.spawned(generation, true);
            self.carry_out(tell(core, spawned));
        }
        if let Some(generation) = self.process {
            assert!(self.told_to_end);
            let exit = self.exit(generation);
            self.carry_out(tell(core, exit));
        }
        assert!(self.quit);
        assert_eq!(core.snapshot().status, SidecarStatus::Stopped);
        assert!(self.waiting.is_empty(), "left waiting: {:?}", self.waiting);
    }
}

/// Anything an engine of before may still say.
fn old_news(dice: &mut Dice) -> News {
    match dice.roll(6) {
        0 => News::Spawned { pid: 99 },
        1 => ready(),
        2 => News::Healthy,
        3 => News::Failed(error()),
        4 => exited(),
        _ => News::RestartDue,
    }
}

/// Live for so many events, looking at each snapshot.
fn live(seed: u64, longest: u64, mut look: impl FnMut(SidecarState)) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut core = core(BUDGET);
    let mut world = World::default();
    for ms in 0..dice.roll(longest) {
        let generation = core.generation;
        let input = world.event(&mut dice, &core);
        world.carry_out(tell_at(&mut core, ms * 500, input));
        assert!(core.generation >= generation, "generations only grow");
        world.check(&core.snapshot());
        look(core.snapshot());
    }
    world.end(&mut core);
}

#[test]
fn whatever_happens_some_things_never_do() {
    for seed in 1..=3_000 {
        live(seed, 120, |_| {});
    }
}

#[test]
fn the_random_lives_come_everywhere() {
    let mut seen = HashSet::new();
    for seed in 1..=300 {
        live(seed, 240, |state| {
            seen.insert((
                state.status,
                state.phase,
                state.error.map(|error| error.code),
            ));
        });
    }
    use SidecarStatus::*;
    for wanted in [
        (Stopped, None, None),
        (Starting, Some(Phase::Spawning), None),
        (Starting, Some(Phase::Importing), None),
        (Starting, Some(Phase::Checking), None),
        (Starting, Some(Phase::Restarting), None),
        (Starting, Some(Phase::Stopping), None),
        (Running, None, None),
        (Running, Some(Phase::Stopping), None),
        (Errored, None, Some(ErrorCode::Crashed)),
        (Errored, None, Some(ErrorCode::StartTimedOut)),
        (Errored, None, Some(ErrorCode::ExitedEarly)),
    ] {
        assert!(seen.contains(&wanted), "{wanted:?}");
    }
}
