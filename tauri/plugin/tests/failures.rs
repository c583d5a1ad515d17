//! Real processes: every way in which a start fails, and what may come out of an engine without doing harm.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{assert_no_zombies, fake, launch, manager, start, stop, wait, Folder, FAKE, HOST};
use tauri_plugin_qwen_tts::{ErrorCode, SidecarError, SidecarStatus};

fn error_of(args: &[&str]) -> SidecarError {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, args));
    let error = start(&sidecar).expect_err("a start that fails");
    let state = sidecar.state();
    assert_eq!(state.status, SidecarStatus::Errored);
    assert_eq!(state.error.as_ref(), Some(&error));
    assert_eq!((state.pid, state.port), (None, None));
    assert_eq!(sidecar.connection().unwrap_err(), error);
    error
}

#[test]
fn the_reason_of_a_failed_start_is_said_without_the_token() {
    // The scripted engine cannot know its token here, so the report that it writes of it is checked with the log.
    let error = error_of(&["--exit=75", "--message=in use by 17"]);
    assert_eq!(error.code, ErrorCode::DataFolderInUse);
    assert_eq!(error.detail, "exit code 75: in use by 17");
    assert_eq!(error.log_tail, ["q3tts: in use by 17"]);
    assert!(error.retryable);
}

#[test]
fn each_exit_code_has_its_error() {
    for (code, expected) in [
        (64, ErrorCode::Config),
        (69, ErrorCode::PortTaken),
        (70, ErrorCode::Internal),
        (74, ErrorCode::DataFolderUnusable),
        (78, ErrorCode::DataFolderTooNew),
        (0, ErrorCode::ExitedEarly),
        (33, ErrorCode::ExitedEarly),
    ] {
        assert_eq!(
            error_of(&[&format!("--exit={code}")]).code,
            expected,
            "{code}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let mut launch = fake(&folder, &[]);
    launch.port = taken.local_addr().unwrap().port();
    assert_eq!(
        start(&manager(launch)).unwrap_err().code,
        ErrorCode::PortTaken
    );
}

#[test]
fn a_missing_engine_is_said_with_all_places() {
    let folder = Folder::new();
    let mut launch = launch(&folder.file("a"), &folder);
    launch.candidates.push(folder.file("b"));
    let error = start(&manager(launch)).unwrap_err();
    assert_eq!(error.code, ErrorCode::BinaryMissing);
    assert!(error.message.contains(folder.file("a").to_str().unwrap()));
    assert!(error.detail.contains(folder.file("b").to_str().unwrap()));
    assert!(!error.retryable);
}

fn error_of_file(content: &[u8], mode: u32) -> ErrorCode {
    let folder = Folder::new();
    let file = folder.file("engine");
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    start(&manager(launch(&file, &folder))).unwrap_err().code
}

#[test]
fn a_file_that_cannot_be_run_is_told_from_one_that_may_not() {
    assert_eq!(
        error_of_file(b"#!/bin/sh\n", 0o644),
        ErrorCode::NotExecutable
    );
    assert_eq!(
        error_of_file(b"MZ not for this system", 0o755),
        ErrorCode::WrongArchitecture
    );
    assert_eq!(
        error_of_file(b"#!/no/such/interpreter\n", 0o755),
        ErrorCode::WrongArchitecture
    );
}

#[test]
fn an_error_has_the_last_lines_and_the_log_has_more() {
    let folder = Folder::new();
    let sidecar = manager(fake(
        &folder,
        &["--flood=1", "--exit=33", "--message=at last"],
    ));
    let error = start(&sidecar).unwrap_err();
    assert_eq!(error.log_tail.len(), 40);
    let logs = sidecar.logs();
    assert_eq!(logs.len(), 200);
    assert!(logs.ends_with(&error.log_tail));
}

#[test]
fn an_engine_that_is_never_ready_is_ended_in_the_end() {
    for args in [
        &["--never-ready"][..],
        &["--health=500"],
        &["--health=hang"],
    ] {
        let folder = Folder::new();
        let mut launch = fake(&folder, args);
        launch.start_timeout = Duration::from_millis(1_000);
        let sidecar = manager(launch);
        let error = wait(async {
            let starting = sidecar.start();
            tokio::pin!(starting);
            starting.await
        })
        .unwrap_err();
        assert_eq!(error.code, ErrorCode::StartTimedOut, "{args:?}");
        if args == ["--health=500"] {
            assert!(error.detail.contains("500"), "{}", error.detail);
        }
        assert_eq!(sidecar.state().status, SidecarStatus::Errored);
        assert_no_zombies();
    }
}

#[test]
fn an_engine_that_speaks_otherwise_is_refused() {
    for args in [
        "--health=401",
        r#"--ready={"event":"ready","port":0}"#,
        r#"--ready={"event":"ready","port":80,"v":2}"#,
    ] {
        assert_eq!(
            error_of(&[args]).code,
            ErrorCode::ProtocolMismatch,
            "{args}"
        );
    }
    let error = error_of(&["--exit=64", "--message=payload version 1 is not known"]);
    assert_eq!(error.code, ErrorCode::ProtocolMismatch);
}

#[test]
fn what_is_not_of_the_protocol_does_no_harm() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--garbage"]));
    start(&sidecar).unwrap();
    assert!(sidecar
        .logs()
        .iter()
        .all(|line| line.len() <= 4 * 1024 + '…'.len_utf8()));
}

#[test]
fn a_flood_on_both_outputs_is_read_and_not_kept() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--flood=100"]));
    start(&sidecar).unwrap();
    assert_eq!(sidecar.logs().len(), 200);
    stop(&sidecar).unwrap();
}

#[test]
fn a_proxy_of_the_environment_is_not_asked_for_127_0_0_1() {
    let folder = Folder::new();
    let nobody = "http://127.0.0.1:9";
    let app = Command::new(HOST)
        .args([
            FAKE.as_ref(),
            folder.file("data").as_os_str(),
            "shutdown".as_ref(),
        ])
        .envs(["ALL_PROXY", "HTTP_PROXY", "http_proxy", "all_proxy"].map(|name| (name, nobody)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(app.stdout).unwrap();
    assert!(said.ends_with("\ntrue\n"), "{said}");
}
