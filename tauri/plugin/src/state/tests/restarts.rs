//! Crashes: which of them count, and what follows.

use super::*;

#[test]
fn crashes_that_are_long_ago_do_not_count() {
    let mut core = running(BUDGET);
    for round in 0..10 {
        let now = round * 40_000;
        let generation = core.generation;
        tell_at(&mut core, now, Input::From(generation, exited()));
        assert_eq!(core.snapshot().phase, Some(Phase::Restarting), "{round}");
        assert_eq!(u64::from(core.snapshot().restarts), round + 1);
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
        restarts: 1,
        window_ms: 60_000,
    });
    for crashes in 0..2 {
        let before = core.generation;
        tell(&mut core, Input::From(before, exited()));
        assert_eq!(core.snapshot().phase, Some(Phase::Restarting));
        assert_eq!(core.snapshot().restarts, 1);
        tell(&mut core, Input::From(before + 1, News::RestartDue));
        tell(&mut core, Input::From(before + 1, News::Spawned { pid: 1 }));
        tell(&mut core, Input::From(before + 1, exited()));
        assert_eq!(core.snapshot().status, SidecarStatus::Errored);
        assert_eq!(core.snapshot().restarts, 1);

        tell(&mut core, Input::Start(2 + crashes));
        assert_eq!(core.snapshot().restarts, 0);
        for news in [News::Spawned { pid: 1 }, ready(), News::Healthy] {
            tell(&mut core, Input::From(before + 2, news));
        }
    }
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
