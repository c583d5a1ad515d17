//! Every pair of a state and an event, and long random lives.

mod lives;
mod restarts;
mod table;

use super::*;
use crate::error::ErrorCode;
use crate::failure;

const BUDGET: Budget = Budget {
    restarts: 2,
    window_ms: 60_000,
};

fn core(budget: Budget) -> Core {
    Core::new(budget, At::default())
}

/// Tell the reducer something that happens at this time.
fn tell_at(core: &mut Core, ms: u64, input: Input) -> Vec<Effect> {
    let at = At {
        unix_ms: 1_700_000_000_000 + ms,
        steady_ms: ms,
    };
    step(core, Event { at, input })
}

fn tell(core: &mut Core, input: Input) -> Vec<Effect> {
    tell_at(core, 0, input)
}

fn ready() -> News {
    News::Ready {
        port: 5123,
        version: Some("0.1.0".into()),
    }
}

fn exited() -> News {
    News::Exited(Exit {
        code: Some(9),
        ..Exit::default()
    })
}

fn error() -> SidecarError {
    SidecarError::new(ErrorCode::StartTimedOut, "too late", "")
}

/// A reducer whose first engine runs.
fn running(budget: Budget) -> Core {
    let mut core = core(budget);
    for input in [
        Input::Start(1),
        Input::From(1, News::Spawned { pid: 17 }),
        Input::From(1, ready()),
        Input::From(1, News::Healthy),
    ] {
        tell(&mut core, input);
    }
    assert_eq!(core.snapshot().status, SidecarStatus::Running);
    core
}

#[test]
fn a_snapshot_says_when_it_changed_and_what_is_known() {
    let mut core = core(BUDGET);
    tell_at(&mut core, 5, Input::Start(1));
    tell_at(&mut core, 6, Input::From(1, News::Spawned { pid: 17 }));
    tell_at(&mut core, 7, Input::From(1, ready()));
    let state = core.snapshot();
    assert_eq!(state.since_ms, 1_700_000_000_007);
    assert_eq!((state.pid, state.port), (Some(17), Some(5123)));
    assert_eq!(state.version.as_deref(), Some("0.1.0"));
}

#[test]
fn an_engine_of_before_changes_nothing() {
    let mut core = running(BUDGET);
    tell(&mut core, Input::Stop(2));
    tell(&mut core, Input::From(1, exited()));
    tell(&mut core, Input::Start(3));
    let before = core.snapshot();
    for generation in [0, 1, 3] {
        for news in [
            News::Spawned { pid: 1 },
            News::NotSpawned(error()),
            News::Phase(Phase::Importing),
            ready(),
            News::Healthy,
            News::Failed(error()),
            exited(),
            News::RestartDue,
        ] {
            assert_eq!(tell(&mut core, Input::From(generation, news)), []);
            assert_eq!(core.snapshot(), before);
        }
    }
}

#[test]
fn what_waits_for_a_stop_hears_of_it_before_the_next_start() {
    let mut core = running(BUDGET);
    tell(&mut core, Input::Stop(2));
    tell(&mut core, Input::Start(3));
    let effects = tell(&mut core, Input::From(1, exited()));
    let [Effect::Publish(stopped), Effect::Answer(2, Ok(answer)), Effect::Publish(starting), Effect::Spawn { generation: 2 }] =
        &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(stopped, answer);
    assert_eq!(stopped.status, SidecarStatus::Stopped);
    assert_eq!(starting.status, SidecarStatus::Starting);
}

#[test]
fn who_waits_for_a_start_when_the_app_ends_is_told_that_it_does() {
    let mut starting = core(BUDGET);
    tell(&mut starting, Input::Start(1));
    let mut queued = running(BUDGET);
    tell(&mut queued, Input::Stop(2));
    tell(&mut queued, Input::Start(1));
    let mut pausing = running(BUDGET);
    tell(&mut pausing, Input::From(1, exited()));
    tell(&mut pausing, Input::Start(1));
    for mut core in [starting, queued, pausing] {
        let effects = tell(&mut core, Input::Shutdown);
        let refused = effects.iter().find_map(|effect| match effect {
            Effect::Answer(1, Err(error)) => Some(error),
            _ => None,
        });
        let message = &refused.expect("an answer").message;
        assert!(message.contains("app is ending"), "{message}");
    }
}

#[test]
fn errors_are_only_shown_while_they_last() {
    let mut core = core(BUDGET);
    tell(&mut core, Input::Start(1));
    tell(
        &mut core,
        Input::From(1, News::NotSpawned(failure::internal("x"))),
    );
    assert!(core.snapshot().error.is_some());
    tell(&mut core, Input::Start(2));
    assert!(core.snapshot().error.is_none());
}
