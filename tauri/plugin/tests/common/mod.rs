//! What the process tests share: an engine to start, a folder to use, and ways to see that processes are gone.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tauri_plugin_qwen_tts::{Config, Launch, SidecarError, SidecarManager, SidecarState};

/// The scripted engine.
pub const FAKE: &str = env!("CARGO_BIN_EXE_fake-engine");
/// The app without windows.
pub const HOST: &str = env!("CARGO_BIN_EXE_host");

/// Nothing in these tests takes as long as this on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// A new folder that is removed with this.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("qwen-tts-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How to start the scripted engine with these arguments, in this folder.
pub fn fake(folder: &Folder, args: &[&str]) -> Launch {
    let mut launch = launch(Path::new(FAKE), folder);
    launch.args = args.iter().map(Into::into).collect();
    launch
}

/// How to start any engine in this folder, without restarts.
pub fn launch(engine: &Path, folder: &Folder) -> Launch {
    let mut launch = Launch::new(
        Config::default(),
        vec![engine.into()],
        &folder.file("data"),
        None,
    );
    launch.start_timeout = PATIENCE;
    launch.restarts = 0;
    launch
}

/// A manager of its own for a test.
pub fn manager(launch: Launch) -> SidecarManager {
    SidecarManager::new(launch, |_| {}).expect("a manager")
}

/// Wait for a future, not for ever.
pub fn wait<T>(future: impl std::future::Future<Output = T>) -> T {
    tauri::async_runtime::block_on(async {
        tokio::time::timeout(PATIENCE * 2, future)
            .await
            .expect("an answer in time")
    })
}

pub fn start(sidecar: &SidecarManager) -> Result<SidecarState, SidecarError> {
    wait(sidecar.start())
}

pub fn stop(sidecar: &SidecarManager) -> Result<SidecarState, SidecarError> {
    wait(sidecar.stop())
}

/// Wait until a snapshot fits.
pub fn until(sidecar: &SidecarManager, fits: impl Fn(&SidecarState) -> bool) -> SidecarState {
    wait(sidecar.wait_for(fits)).expect("a snapshot that fits")
}

/// Look until something is so.
pub fn eventually(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "it never came true that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Wait until a file holds a number.
pub fn number_in(file: &Path) -> u32 {
    let read = || {
        fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
    };
    eventually("the file holds a number", || read().is_some());
    read().expect("a number")
}

/// Whether the process runs; one that has ended and was not waited for does not.
#[cfg(target_os = "linux")]
pub fn alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The name is in brackets and may have any characters; the state comes after it.
    !matches!(
        stat.rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next()),
        None | Some('Z' | 'X')
    )
}

#[cfg(all(unix, not(target_os = "linux")))]
#[allow(unsafe_code, reason = "std has no signals")]
pub fn alive(pid: u32) -> bool {
    // SAFETY: signal 0 is never delivered.
    unsafe { libc::kill(pid as libc::pid_t, 0) == 0 }
}

/// Whether there is a process in this group that runs.
#[cfg(target_os = "linux")]
pub fn group_alive(group: u32) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|pid| alive(*pid)).any(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // State, parent, group.
        let group_of = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(2).map(str::to_owned));
        group_of == Some(group.to_string())
    })
}

#[cfg(all(unix, not(target_os = "linux")))]
#[allow(unsafe_code, reason = "std has no signals")]
pub fn group_alive(group: u32) -> bool {
    // SAFETY: signal 0 is never delivered.
    unsafe { libc::killpg(group as libc::pid_t, 0) == 0 }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "std has no signals")]
pub fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: the call only takes numbers; the process is a child of this test.
    unsafe {
        libc::kill(pid as libc::pid_t, signal);
    }
}

/// The engine that `QWEN_TTS_TEST_BINARY` names. Without it the test has nothing to do, unless
/// `QWEN_TTS_TEST_REQUIRED=1` says that this is a failure.
pub fn real_engine() -> Option<PathBuf> {
    match std::env::var_os("QWEN_TTS_TEST_BINARY").map(PathBuf::from) {
        Some(file) if file.is_file() => Some(file),
        named => {
            let required = std::env::var("QWEN_TTS_TEST_REQUIRED").is_ok_and(|value| value == "1");
            assert!(
                !required,
                "QWEN_TTS_TEST_BINARY must name an engine; it names {named:?}"
            );
            eprintln!("skipped: QWEN_TTS_TEST_BINARY names no engine");
            None
        }
    }
}

/// GET below `/v1`; the status, or none if there was no answer.
pub fn ask(sidecar: &SidecarManager, path: &str) -> Option<u16> {
    let connection = sidecar.connection().unwrap();
    let request = ureq::get(format!("{}{path}", connection.base_url));
    let answer = request
        .header("Authorization", format!("Bearer {}", connection.token))
        .call();
    answer.ok().map(|answer| answer.status().as_u16())
}

/// No engine may stay behind as a zombie.
#[cfg(target_os = "linux")]
pub fn assert_no_zombies() {
    eventually("no child is a zombie", || {
        let own = std::process::id().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        !processes.into_iter().any(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
            fields.next() == Some("Z") && fields.next() == Some(own.as_str())
        })
    });
}

#[cfg(all(unix, not(target_os = "linux")))]
pub fn assert_no_zombies() {}
