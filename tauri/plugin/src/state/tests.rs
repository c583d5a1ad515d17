//! Every pair of a state and an event, and long random lives.

mod lives;
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
fn crashes_that_are_long_ago_do_not_count() {
    let mut core = running(BUDGET);
    for round in 0..10 {
        let now = round * 40_000;
        let generation = core.generation;
        tell_at(&mut core, now, Input::From(generation, exited()));
        assert_eq!(core.snapshot().phase, Some(Phase::Restarting), "{round}");
        assert!(core.snapshot().restarts <= 2);
        for news in [
            News::RestartDue,
            News::Spawned { pid: 1 },
            ready(),
            News::Healthy,
        ] {
            tell_at(&mut core, now, Input::From(generation + 1, news));
        }
        assert_eq!(core.snapshot().status, SidecarStatus::Running);
    }
}

#[test]
fn a_restart_that_counts_to_the_end_of_the_window_no_longer_counts_there() {
    let mut core = running(Budget {
        restarts: 1,
        window_ms: 100,
    });
    tell_at(&mut core, 0, Input::From(1, exited()));
    for news in [
        News::RestartDue,
        News::Spawned { pid: 1 },
        ready(),
        News::Healthy,
    ] {
        tell_at(&mut core, 0, Input::From(2, news));
    }
    tell_at(&mut core, 100, Input::From(2, exited()));
    assert_eq!(core.snapshot().phase, Some(Phase::Restarting));
    tell_at(&mut core, 100, Input::From(3, News::RestartDue));
    tell_at(&mut core, 100, Input::From(3, News::Spawned { pid: 1 }));
    tell_at(&mut core, 199, Input::From(3, exited()));
    assert_eq!(
        core.snapshot().error.map(|error| error.code),
        Some(ErrorCode::Crashed)
    );
}

#[test]
fn pauses_before_restarts_get_longer_and_not_endless() {
    let mut core = running(Budget {
        restarts: 100,
        window_ms: 60_000,
    });
    let mut pauses = Vec::new();
    for generation in 1..=20 {
        for effect in tell(&mut core, Input::From(generation, exited())) {
            if let Effect::WaitToRestart { ms, .. } = effect {
                pauses.push(ms);
            }
        }
        tell(&mut core, Input::From(generation + 1, News::RestartDue));
        tell(
            &mut core,
            Input::From(generation + 1, News::Spawned { pid: 1 }),
        );
    }
    assert_eq!(pauses[..6], [250, 500, 1_000, 2_000, 4_000, 5_000]);
    assert!(pauses[6..].iter().all(|ms| *ms == 5_000));
}

#[test]
fn a_person_who_starts_again_has_the_whole_budget() {
    let mut core = running(Budget {
        restarts: 0,
        window_ms: 60_000,
    });
    tell(&mut core, Input::From(1, exited()));
    core.budget.restarts = 1;
    core.restarted.push_back(0);
    assert_eq!(core.snapshot().restarts, 1);
    tell(&mut core, Input::Start(2));
    assert_eq!(core.snapshot().restarts, 0);
}

#[test]
fn a_restart_that_finds_the_folder_in_use_is_not_tried_again() {
    let mut core = running(BUDGET);
    tell(&mut core, Input::From(1, exited()));
    tell(&mut core, Input::From(2, News::RestartDue));
    tell(&mut core, Input::From(2, News::Spawned { pid: 1 }));
    let in_use = Exit {
        code: Some(75),
        ..Exit::default()
    };
    tell(&mut core, Input::From(2, News::Exited(in_use)));
    assert_eq!(
        core.snapshot().error.map(|error| error.code),
        Some(ErrorCode::DataFolderInUse)
    );
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
