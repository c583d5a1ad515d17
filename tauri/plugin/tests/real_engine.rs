//! The same life with the engine that `QWEN_TTS_TEST_BINARY` names: the one in a folder, or the one in a single file.

#![cfg(unix)]

mod common;

use common::{
    alive, eventually, group_alive, launch, manager, real_engine, start, stop, until, Folder,
};
use tauri_plugin_qwen_tts::{ErrorCode, SidecarStatus};

#[test]
fn a_real_engine_starts_answers_and_stops() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let sidecar = manager(launch(&engine, &folder));
    for generation in 1..=3 {
        let state = start(&sidecar).unwrap();
        assert_eq!(
            (state.status, state.generation),
            (SidecarStatus::Running, generation)
        );
        assert!(state.version.is_some());
        let connection = sidecar.connection().unwrap();
        let request = ureq::get(format!("{}/health", connection.base_url));
        let answer = request
            .header("Authorization", format!("Bearer {}", connection.token))
            .call();
        assert_eq!(answer.unwrap().status(), 200);
        assert!(!sidecar
            .logs()
            .iter()
            .any(|line| line.contains(&connection.token)));
        let pid = state.pid.unwrap();
        assert_eq!(stop(&sidecar).unwrap().status, SidecarStatus::Stopped);
        eventually("all of it is gone", || !alive(pid) && !group_alive(pid));
    }
}

#[test]
fn a_real_engine_says_that_its_folder_is_in_use() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let first = manager(launch(&engine, &folder));
    start(&first).unwrap();
    let second = manager(launch(&engine, &folder));
    let error = start(&second).unwrap_err();
    assert_eq!(error.code, ErrorCode::DataFolderInUse, "{error:?}");
    stop(&first).unwrap();
    assert_eq!(start(&second).unwrap().status, SidecarStatus::Running);
}

#[test]
fn a_real_engine_says_that_its_port_is_taken_or_its_model_not_known() {
    let Some(engine) = real_engine() else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let mut busy = launch(&engine, &folder);
    busy.port = taken.local_addr().unwrap().port();
    let error = start(&manager(busy)).unwrap_err();
    assert_eq!(error.code, ErrorCode::PortTaken, "{error:?}");

    let mut unknown = launch(&engine, &folder);
    unknown.model = Some("no-such-model".into());
    let error = start(&manager(unknown)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Config, "{error:?}");
}

#[test]
fn a_real_engine_that_is_killed_is_started_again() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let mut launch = launch(&engine, &folder);
    launch.restarts = 1;
    let sidecar = manager(launch);
    let first = start(&sidecar).unwrap();
    common::signal(first.pid.unwrap(), libc::SIGKILL);
    let second = until(&sidecar, |state| {
        state.status == SidecarStatus::Running && state.generation == 2
    });
    assert_eq!(second.restarts, 1);
    assert!(!group_alive(first.pid.unwrap()));
}

#[test]
fn a_real_engine_is_started_once_however_often_it_is_asked_for() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let sidecar = manager(launch(&engine, &folder));
    let both = common::wait(async { tokio::join!(sidecar.start(), sidecar.start()) });
    let (one, other) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!((one.pid, one.generation), (other.pid, 1));
    assert_eq!(start(&sidecar).unwrap().pid, one.pid);
}

#[test]
fn a_real_engine_that_is_stopped_while_it_starts_is_gone() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let sidecar = manager(launch(&engine, &folder));
    common::wait(async {
        let stop_in_between = async {
            let begun = sidecar.wait_for(|state| state.pid.is_some()).await;
            let pid = begun.unwrap().pid.unwrap();
            (pid, sidecar.stop().await.unwrap())
        };
        let (started, (pid, stopped)) = tokio::join!(sidecar.start(), stop_in_between);
        assert_eq!(started.unwrap_err().code, ErrorCode::Stopped);
        assert_eq!(stopped.status, SidecarStatus::Stopped);
        eventually("all of it is gone", || !alive(pid) && !group_alive(pid));
    });
    assert_eq!(start(&sidecar).unwrap().status, SidecarStatus::Running);
}

#[test]
fn a_real_engine_that_crashes_for_good_leaves_its_last_lines() {
    let Some(engine) = real_engine() else { return };
    let folder = Folder::new();
    let sidecar = manager(launch(&engine, &folder));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    common::signal(pid, libc::SIGKILL);
    let state = until(&sidecar, |state| state.status == SidecarStatus::Errored);
    let error = state.error.unwrap();
    assert_eq!(error.code, ErrorCode::Crashed);
    assert!(
        error.log_tail.iter().any(|line| line.contains("ready in")),
        "{error:?}"
    );
    assert!(!group_alive(pid));
}

/// A single file unpacks itself each time, so it has fewer rounds.
#[test]
fn many_rounds_of_a_real_engine_leave_no_process() {
    let Some(engine) = real_engine() else { return };
    let in_a_folder = engine.with_file_name("_internal").is_dir();
    let folder = Folder::new();
    let sidecar = manager(launch(&engine, &folder));
    let rounds = if in_a_folder { 50 } else { 10 };
    for generation in 1..=rounds {
        let state = start(&sidecar).unwrap();
        assert_eq!(state.generation, generation);
        let pid = state.pid.unwrap();
        stop(&sidecar).unwrap();
        eventually("all of it is gone", || !alive(pid) && !group_alive(pid));
    }
}
