//! Real processes: how an engine starts, runs and stops, with an engine that does as it is told.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    alive, ask, assert_no_zombies, eventually, fake, group_alive, manager, start, stop, until,
    wait, Folder,
};
use tauri_plugin_qwen_tts::{ErrorCode, Phase, SidecarManager, SidecarStatus};

#[test]
fn an_engine_runs_between_start_and_stop() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    assert_eq!(sidecar.state().status, SidecarStatus::Stopped);
    let running = start(&sidecar).unwrap();
    assert_eq!(running.status, SidecarStatus::Running);
    assert_eq!((running.phase, running.generation), (None, 1));
    assert_eq!(running.version.as_deref(), Some("0.1.0"));
    let connection = sidecar.connection().unwrap();
    assert_eq!(
        connection.base_url,
        format!("http://127.0.0.1:{}/v1", running.port.unwrap())
    );
    let pid = running.pid.unwrap();
    assert!(alive(pid) && group_alive(pid));

    let stopped = stop(&sidecar).unwrap();

    assert_eq!(stopped.status, SidecarStatus::Stopped);
    assert!(!alive(pid));
    eventually("the group is gone", || !group_alive(pid));
    assert_eq!(sidecar.connection().unwrap_err().code, ErrorCode::Stopped);
}

#[test]
fn what_is_published_is_in_order() {
    let folder = Folder::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let sidecar = SidecarManager::new(fake(&folder, &[]), move |state| {
        kept.lock().unwrap().push((state.status, state.phase));
    })
    .unwrap();
    start(&sidecar).unwrap();
    stop(&sidecar).unwrap();
    use SidecarStatus::*;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (Starting, Some(Phase::Spawning)),
            (Starting, Some(Phase::Spawning)),
            (Starting, Some(Phase::Importing)),
            (Starting, Some(Phase::Checking)),
            (Running, None),
            (Running, Some(Phase::Stopping)),
            (Stopped, None),
        ]
    );
}

#[test]
fn the_engine_is_told_what_it_needs_and_the_token_only_by_its_standard_input() {
    let folder = Folder::new();
    let file = folder.file("report");
    let mut launch = fake(&folder, &[&format!("--report={}", file.display())]);
    launch.model = Some("a-model".into());
    launch.models_dir = Some("/models".into());
    let sidecar = manager(launch.clone());
    start(&sidecar).unwrap();
    let token = sidecar.connection().unwrap().token;
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["payload"]["token"], token.as_str());
    assert_eq!(report["payload"]["model"], "a-model");
    assert_eq!(report["payload"]["models_dir"], "/models");
    assert_eq!(
        report["payload"]["data_dir"],
        launch.data_dir.to_str().unwrap()
    );
    assert_eq!(report["cwd"], launch.data_dir.to_str().unwrap());
    assert_eq!(report["env"]["PYINSTALLER_RESET_ENVIRONMENT"], "1");
    assert_eq!(report["env"]["PYTHONUTF8"], "1");
    let args = report["args"].as_array().unwrap();
    assert_eq!(args[args.len() - 2..], ["serve", "--sidecar"]);
    assert!(!report["args"].to_string().contains(&token));
    assert!(!report["env"].to_string().contains(&token));
    let state = format!("{:?} {:?}", sidecar.state(), sidecar.connection());
    assert!(!state.contains(&token));
}

#[test]
fn each_start_has_another_token_and_generation() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    start(&sidecar).unwrap();
    let first = sidecar.connection().unwrap();
    stop(&sidecar).unwrap();
    start(&sidecar).unwrap();
    let second = sidecar.connection().unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!((first.generation, second.generation), (1, 2));
}

#[test]
fn the_token_is_cut_out_of_what_the_engine_says() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--say-token", "--crash"]));
    start(&sidecar).unwrap();
    let token = sidecar.connection().unwrap().token;
    eventually("both lines are there", || sidecar.logs().len() == 2);
    assert_eq!(
        sidecar.logs(),
        ["the token is <token>", "the token is <token>"]
    );
    let _ = ask(&sidecar, "/crash");
    let error = until(&sidecar, |state| state.status == SidecarStatus::Errored)
        .error
        .unwrap();
    assert_eq!(error.log_tail, sidecar.logs());
    assert!(!format!("{error:?}").contains(&token));
}

#[test]
fn the_data_folder_is_for_its_user_alone() {
    let folder = Folder::new();
    let launch = fake(&folder, &[]);
    let data = launch.data_dir.clone();
    start(&manager(launch)).unwrap();
    let mode = fs::metadata(data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn starts_at_the_same_time_are_one_start() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    let (one, other, third) =
        wait(async { tokio::join!(sidecar.start(), sidecar.start(), sidecar.start()) });
    let state = one.unwrap();
    assert_eq!(state, other.unwrap());
    assert_eq!(state, third.unwrap());
    assert_eq!(state, start(&sidecar).unwrap());
    assert_eq!(state.generation, 1);
}

#[test]
fn a_stop_cancels_a_start() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &["--never-ready"]));
    let (started, stopped) = wait(async {
        let stopping = async {
            sidecar
                .wait_for(|state| state.phase == Some(Phase::Importing))
                .await
                .unwrap();
            sidecar.stop().await
        };
        tokio::join!(sidecar.start(), stopping)
    });
    assert_eq!(started.unwrap_err().code, ErrorCode::Stopped);
    assert_eq!(stopped.unwrap().status, SidecarStatus::Stopped);
    assert_no_zombies();
}

#[test]
fn a_start_during_a_stop_follows_it() {
    let folder = Folder::new();
    let sidecar = manager(fake(&folder, &[]));
    let first = start(&sidecar).unwrap();
    let (stopped, started) = wait(async { tokio::join!(sidecar.stop(), sidecar.start()) });
    assert_eq!(stopped.unwrap().status, SidecarStatus::Stopped);
    let second = started.unwrap();
    assert_eq!(
        (second.status, second.generation),
        (SidecarStatus::Running, 2)
    );
    assert_ne!(first.pid, second.pid);
    assert!(!alive(first.pid.unwrap()));
}

#[test]
fn a_callback_that_panics_does_not_lose_the_engine() {
    let folder = Folder::new();
    let sidecar = SidecarManager::new(fake(&folder, &[]), |_| panic!("as it was told")).unwrap();
    assert_eq!(start(&sidecar).unwrap().status, SidecarStatus::Running);
    assert_eq!(stop(&sidecar).unwrap().status, SidecarStatus::Stopped);
}

#[test]
fn engines_that_are_started_at_the_same_time_do_not_hold_each_others_pipes() {
    let folders: Vec<Folder> = (0..8).map(|_| Folder::new()).collect();
    let sidecars: Vec<SidecarManager> = folders
        .iter()
        .map(|folder| {
            let mut launch = fake(folder, &["--ignore-sigterm"]);
            // Only the end of standard input can end them in time, and it comes only if nobody else holds it.
            launch.stop_timeout = Duration::from_secs(3600);
            manager(launch)
        })
        .collect();
    std::thread::scope(|scope| {
        for sidecar in &sidecars {
            scope.spawn(|| start(sidecar).unwrap());
        }
    });
    for (sidecar, pipes) in sidecars.iter().zip(sidecars.iter().map(own_pipes)) {
        for other in sidecars
            .iter()
            .filter(|other| !std::ptr::eq(*other, sidecar))
        {
            let held = open_files(other, |_| true);
            assert!(
                pipes.iter().all(|pipe| !held.contains(pipe)),
                "{pipes:?} in {held:?}"
            );
        }
    }
    // The others are still running when the first one is to end.
    for sidecar in &sidecars {
        assert_eq!(stop(sidecar).unwrap().status, SidecarStatus::Stopped);
    }
}

/// Standard input, output and error of an engine; nothing where the system does not show them.
fn own_pipes(sidecar: &SidecarManager) -> Vec<PathBuf> {
    open_files(sidecar, |number| ["0", "1", "2"].contains(&number))
}

fn open_files(sidecar: &SidecarManager, which: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let pid = sidecar.state().pid.unwrap();
    let files = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let wanted = files.filter(|file| which(&file.file_name().to_string_lossy()));
    wanted
        .filter_map(|file| fs::read_link(file.path()).ok())
        .collect()
}
