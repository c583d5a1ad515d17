//! Real processes: engines that crash, that do not listen, and that leave others behind.

#![cfg(unix)]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{
    alive, ask, eventually, fake, group_alive, manager, number_in, start, stop, until, wait,
    Folder, FAKE,
};
use tauri_plugin_qwen_tts::{ErrorCode, Phase, SidecarStatus};

#[test]
fn a_crash_without_a_budget_is_an_error() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--crash"]));
    start(&sidecar).unwrap();
    assert_eq!(ask(&sidecar, "/health"), Some(200));
    assert_eq!(ask(&sidecar, "/crash"), None);
    let state = until(&sidecar, |state| state.status == SidecarStatus::Errored);
    let error = state.error.unwrap();
    assert_eq!(
        (error.code, error.detail.as_str()),
        (ErrorCode::Crashed, "exit code 9")
    );
    assert_eq!(start(&sidecar).unwrap().generation, 2);
}

#[test]
fn a_killed_engine_is_started_again_as_often_as_allowed() {
    let folder = Folder::new();
    let mut launch = fake(&folder, &[]);
    launch.restarts = 2;
    launch.restart_window = Duration::from_secs(3600);
    let sidecar = manager(launch);
    let mut state = start(&sidecar).unwrap();
    for restarts in 1..=2 {
        common::signal(state.pid.unwrap(), libc::SIGKILL);
        state = until(&sidecar, |new| {
            new.status == SidecarStatus::Running && new.generation > state.generation
        });
        assert_eq!(state.restarts, restarts);
        assert_eq!(ask(&sidecar, "/health"), Some(200));
    }
    common::signal(state.pid.unwrap(), libc::SIGKILL);
    let error = until(&sidecar, |state| state.status == SidecarStatus::Errored)
        .error
        .unwrap();
    assert_eq!(
        (error.code, error.detail.as_str()),
        (ErrorCode::Crashed, "signal 9")
    );
    assert!(error.message.contains("2 times"), "{}", error.message);
}

#[test]
fn a_stop_cancels_a_restart() {
    let folder = Folder::new();
    let mut launch = fake(&folder, &[]);
    launch.restarts = 1;
    let sidecar = manager(launch);
    let state = start(&sidecar).unwrap();
    common::signal(state.pid.unwrap(), libc::SIGKILL);
    until(&sidecar, |state| state.phase == Some(Phase::Restarting));
    let stopped = stop(&sidecar).unwrap();
    assert_eq!(stopped.status, SidecarStatus::Stopped);
    // The restart would have been the second; so the next start is the third, and nothing came between.
    assert_eq!(start(&sidecar).unwrap().generation, 3);
}

#[test]
fn an_engine_that_does_not_listen_is_killed() {
    for args in [
        &["--ignore-end"][..],
        &["--ignore-sigterm"],
        &["--ignore-end", "--ignore-sigterm"],
        &["--ignore-end", "--ignore-sigterm", "--never-ready"],
    ] {
        let folder = Folder::new();
        let mut launch = fake(&folder, args);
        launch.stop_timeout = Duration::from_millis(400);
        let sidecar = manager(launch);
        let pid = wait(async {
            let starting = sidecar.start();
            let ready = sidecar.wait_for(|state| state.phase.is_none() && state.pid.is_some());
            let imports = sidecar.wait_for(|state| state.phase == Some(Phase::Importing));
            tokio::select! {
                state = starting => state.unwrap(),
                state = ready => state.unwrap(),
                state = imports, if args.contains(&"--never-ready") => state.unwrap(),
            }
        })
        .pid
        .unwrap();
        assert_eq!(
            stop(&sidecar).unwrap().status,
            SidecarStatus::Stopped,
            "{args:?}"
        );
        assert!(!alive(pid), "{args:?}");
    }
}

#[test]
fn what_the_engine_has_started_ends_with_it() {
    let folder = Folder::new();
    let file = folder.file("grandchild");
    let sidecar = manager(fake(
        &folder,
        &[&format!("--grandchild={}", file.display())],
    ));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    let grandchild = number_in(&file);
    assert!(alive(grandchild));
    stop(&sidecar).unwrap();
    eventually("the group is gone", || {
        !group_alive(pid) && !alive(grandchild)
    });
}

#[test]
fn what_a_crashed_engine_has_started_ends_with_it() {
    let folder = Folder::new();
    let file = folder.file("grandchild");
    let sidecar = manager(fake(
        &folder,
        &["--crash", &format!("--grandchild={}", file.display())],
    ));
    start(&sidecar).unwrap();
    let grandchild = number_in(&file);
    assert_eq!(ask(&sidecar, "/crash"), None);
    until(&sidecar, |state| state.status == SidecarStatus::Errored);
    eventually("the grandchild is gone", || !alive(grandchild));
}

#[test]
fn a_process_that_has_left_the_group_does_not_hold_up_the_stop() {
    let folder = Folder::new();
    let file = folder.file("escaped");
    let sidecar = manager(fake(&folder, &[&format!("--escaped={}", file.display())]));
    start(&sidecar).unwrap();
    let escaped = number_in(&file);
    assert_eq!(stop(&sidecar).unwrap().status, SidecarStatus::Stopped);
    assert!(alive(escaped));
    common::signal(escaped, libc::SIGKILL);
}

#[test]
fn what_holds_the_pipes_of_an_engine_of_before_is_nothing_to_the_next() {
    let folder = Folder::new();
    let file = folder.file("escaped");
    let sidecar = manager(fake(
        &folder,
        &["--crash", &format!("--escaped={}", file.display())],
    ));
    start(&sidecar).unwrap();
    let escaped = number_in(&file);
    stop(&sidecar).unwrap();
    start(&sidecar).unwrap();

    // Now the pipes of the first engine end, which is not an end of the second one's.
    common::signal(escaped, libc::SIGKILL);
    eventually("it is gone", || !alive(escaped));
    assert_eq!(ask(&sidecar, "/crash"), None);
    until(&sidecar, |state| state.status == SidecarStatus::Errored);
    assert_eq!(start(&sidecar).unwrap().generation, 3);
}

#[test]
fn an_engine_that_is_gone_cannot_be_reached_although_another_process_holds_its_pipes() {
    let folder = Folder::new();
    let file = folder.file("escaped");
    let escaped = format!("--escaped={}", file.display());
    let sidecar = manager(fake(&folder, &["--crash", &escaped]));
    start(&sidecar).unwrap();
    let escaped = number_in(&file);
    assert_eq!(ask(&sidecar, "/crash"), None);
    let error = loop {
        match sidecar.connection() {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    // It is not said to have crashed yet: its last lines may still come.
    assert_eq!(error.code, ErrorCode::Stopped);
    until(&sidecar, |state| state.status == SidecarStatus::Errored);
    common::signal(escaped, libc::SIGKILL);
}

#[test]
fn only_a_process_of_its_own_group_is_killed_when_the_engine_names_it() {
    let folder = Folder::new();
    let mut stranger = Command::new(FAKE).arg("--hold").spawn().unwrap();
    let named = format!("--pid={}", stranger.id());
    let mut launch = fake(&folder, &["--ignore-end", "--ignore-sigterm", &named]);
    launch.stop_timeout = Duration::from_millis(400);
    let sidecar = manager(launch);
    start(&sidecar).unwrap();
    stop(&sidecar).unwrap();
    assert_eq!(stranger.try_wait().unwrap(), None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn times_that_never_come_are_no_times() {
    let folder = Folder::new();
    let mut launch = fake(&folder, &[]);
    launch.start_timeout = Duration::MAX;
    launch.stop_timeout = Duration::MAX;
    launch.restart_window = Duration::MAX;
    let sidecar = manager(launch);
    assert_eq!(start(&sidecar).unwrap().status, SidecarStatus::Running);
    assert_eq!(stop(&sidecar).unwrap().status, SidecarStatus::Stopped);
}
