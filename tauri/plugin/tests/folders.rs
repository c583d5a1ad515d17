//! Real processes: data folders that cannot be used, and paths that mean one thing to the app and another to the engine.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{fake, manager, start, Folder, FAKE, HOST};
use tauri_plugin_qwen_tts::ErrorCode;

#[test]
fn a_data_folder_that_cannot_be_made_is_said() {
    let folder = Folder::new();
    fs::write(folder.file("file"), "").unwrap();
    for data in [folder.file("file"), folder.file("file").join("data")] {
        let mut launch = fake(&folder, &[]);
        launch.data_dir = data;
        let error = start(&manager(launch)).unwrap_err();
        assert_eq!(error.code, ErrorCode::DataFolderUnusable);
    }
}

/// What an app says that may not do more than any user: for root, no folder is closed.
fn said_by_nobody(launched: &[&Path]) -> String {
    let mut app = Command::new(launched[0]);
    app.args(&launched[1..]).arg("shutdown");
    #[allow(unsafe_code, reason = "std does not say who this is")]
    // SAFETY: the call takes nothing and only gives a number.
    if unsafe { libc::geteuid() } == 0 {
        app.uid(65_534).gid(65_534);
    }
    let app = app.stdin(Stdio::null()).output().unwrap();
    String::from_utf8(app.stderr).unwrap()
}

#[test]
fn a_data_folder_that_cannot_be_entered_or_read_is_not_blamed_on_the_engine() {
    let folder = Folder::new();
    let (host, engine, data) = (folder.file("host"), folder.file("e"), folder.file("data"));
    fs::copy(HOST, &host).unwrap();
    fs::copy(FAKE, &engine).unwrap();
    fs::create_dir(&data).unwrap();
    for mode in [0o000, 0o222, 0o444, 0o333] {
        fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
        let said = said_by_nobody(&[&host, &engine, &data]);
        assert!(said.contains("DataFolderUnusable"), "{mode:o}: {said}");
    }
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The same place, named from the folder that this process runs in.
fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap();
    let both = here.components().zip(path.components());
    let shared = both.take_while(|(one, other)| one == other).count();
    let up = here.components().skip(shared).map(|_| "..");
    up.collect::<PathBuf>()
        .join(path.components().skip(shared).collect::<PathBuf>())
}

#[test]
fn relative_paths_are_named_from_the_folder_of_the_app_and_not_from_that_of_the_data() {
    let folder = Folder::new();
    let report = folder.file("report");
    let mut launch = fake(&folder, &[&format!("--report={}", report.display())]);
    launch.candidates = vec![relative(FAKE.as_ref())];
    launch.data_dir = relative(&folder.file("data"));
    launch.models_dir = Some(relative(&folder.file("models")));
    let sidecar = manager(launch);

    start(&sidecar).unwrap();

    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let data = fs::canonicalize(folder.file("data")).unwrap();
    assert_eq!(report["cwd"], data.to_str().unwrap());
    for told in ["data_dir", "models_dir"] {
        let told = report["payload"][told].as_str().unwrap();
        assert!(Path::new(told).is_absolute(), "{told}");
    }
}
