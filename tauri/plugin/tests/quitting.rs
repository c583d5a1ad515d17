//! Real processes: what an app that is quitting does with its engine, while it still has the time.

#![cfg(unix)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{alive, fake, manager, number_in, start, stop, until, wait, Folder};
use tauri_plugin_qwen_tts::{ErrorCode, Phase, SidecarManager, SidecarStatus};

#[test]
fn quitting_ends_an_engine_that_does_not_listen() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--ignore-end", "--ignore-sigterm"]));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    assert!(sidecar.shutdown_blocking());
    assert!(!alive(pid));
    assert_eq!(start(&sidecar).unwrap_err().code, ErrorCode::Stopped);
    assert!(sidecar.shutdown_blocking());
}

#[test]
fn quitting_hurries_up_a_stop_that_is_under_way() {
    let folder = Folder::new();
    let mut launch = fake(&folder, &["--ignore-end", "--ignore-sigterm"]);
    launch.stop_timeout = Duration::from_secs(3600);
    let sidecar = Arc::new(manager(launch));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    let other = Arc::clone(&sidecar);
    let stopping = std::thread::spawn(move || stop(&other));
    until(&sidecar, |state| state.phase == Some(Phase::Stopping));
    assert!(sidecar.shutdown_blocking());
    assert!(!alive(pid));
    assert_eq!(
        stopping.join().unwrap().unwrap().status,
        SidecarStatus::Stopped
    );
}

#[test]
fn quitting_says_that_the_engine_is_gone_although_another_process_holds_its_pipes() {
    let folder = Folder::new();
    let file = folder.file("escaped");
    let escaped = format!("--escaped={}", file.display());
    let sidecar = manager(fake(
        &folder,
        &["--ignore-end", "--ignore-sigterm", &escaped],
    ));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    let escaped = number_in(&file);
    assert!(sidecar.shutdown_blocking());
    assert!(!alive(pid));
    common::signal(escaped, libc::SIGKILL);
}

#[test]
fn quitting_does_not_wait_for_what_waits_for_it() {
    let folder = Folder::new();
    let held = Arc::new(Mutex::new(()));
    let wanted = Arc::clone(&held);
    let sidecar =
        SidecarManager::new(fake(&folder, &[]), move |_| drop(wanted.lock().unwrap())).unwrap();
    start(&sidecar).unwrap();
    // As the main thread does, which every message to a page needs.
    let _held = held.lock().unwrap();
    assert!(sidecar.shutdown_blocking());
}

#[test]
fn after_quitting_nobody_is_told_to_start_it() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    start(&sidecar).unwrap();
    assert!(sidecar.shutdown_blocking());
    let errors = [
        start(&sidecar).unwrap_err(),
        sidecar.connection().unwrap_err(),
        wait(sidecar.wait_for(|state| state.status == SidecarStatus::Running)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code, ErrorCode::Stopped);
        assert!(error.message.contains("app is ending"), "{}", error.message);
        assert!(!error.message.contains("start it"), "{}", error.message);
    }
}

#[test]
fn a_manager_that_is_dropped_takes_its_engine_along() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    let pid = start(&sidecar).unwrap().pid.unwrap();
    drop(sidecar);
    assert!(!alive(pid));
}
