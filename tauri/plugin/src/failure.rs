//! From what was seen to what is said: exit codes, signals and the system's errors become a `SidecarError`. Pure; the
//! platform is an argument, so that every platform's words are tested on every other.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::{ErrorCode, SidecarError};

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it (Unix).
    pub signal: Option<i32>,
    /// What it said itself about the reason.
    pub report: Option<String>,
    /// Whether its file is of another system or processor.
    pub foreign: bool,
    /// Whether it wrote nothing at all, not even a line of the protocol.
    pub silent: bool,
    /// Its last lines.
    pub log: Vec<String>,
}

impl Exit {
    fn detail(&self) -> String {
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "its exit code is not known".into(),
        };
        match &self.report {
            Some(report) if !report.is_empty() => format!("{how}: {report}"),
            _ => how,
        }
    }
}

const SIGKILL: i32 = 9;

const WRONG_ARCHITECTURE: &str = "the speech engine was made for another system or processor; install the version of the app for this computer";

/// The engine ended before it was ready.
pub(crate) fn ended_early(exit: &Exit, os: &str) -> SidecarError {
    let report = exit.report.as_deref().unwrap_or_default();
    let (code, message) = match (exit.code, exit.signal) {
        // The shell has tried it, and its exit codes mean nothing.
        _ if exit.foreign && exit.report.is_none() => (ErrorCode::WrongArchitecture, WRONG_ARCHITECTURE),
        (Some(64 | 2), _) if speaks_another_protocol(report) => (
            ErrorCode::ProtocolMismatch,
            "the speech engine and this app do not understand each other; install the app again",
        ),
        (Some(64 | 2), _) => (
            ErrorCode::Config,
            "the speech engine cannot use its settings; check the model, the folders and the port",
        ),
        (Some(69), _) => (
            ErrorCode::PortTaken,
            "another program uses the port of the speech engine; end that program, or let the engine take a free \
             port (port 0)",
        ),
        (Some(70), _) => (
            ErrorCode::Internal,
            "the speech engine failed while it was starting; its last lines say how",
        ),
        (Some(74), _) => (
            ErrorCode::DataFolderUnusable,
            "the speech engine cannot use its data folder; check that the folder can be written to and that the disk \
             is not full",
        ),
        (Some(75), _) => (
            ErrorCode::DataFolderInUse,
            "another speech engine uses the data folder; close the other app or window that uses it, then try again",
        ),
        (Some(78), _) => (
            ErrorCode::DataFolderTooNew,
            "a newer version wrote the data of the speech engine; update this app",
        ),
        (None, Some(SIGKILL)) if os == "macos" && exit.silent => (
            ErrorCode::BlockedBySystem,
            "macOS does not let the speech engine run; move the app into Applications and open it again, or allow it \
             in System Settings, Privacy & Security",
        ),
        (None, Some(SIGKILL)) => (
            ErrorCode::ExitedEarly,
            "the system ended the speech engine while it was starting, perhaps for want of memory; close other apps \
             and try again",
        ),
        _ => (
            ErrorCode::ExitedEarly,
            "the speech engine ended while it was starting; its last lines may say why",
        ),
    };
    SidecarError::new(code, message, exit.detail()).with_log(exit.log.clone())
}

/// Exit code 64 stands for many things. An engine of another age says it with one of these.
fn speaks_another_protocol(report: &str) -> bool {
    report.contains("payload version")
        || report.contains("unknown field")
        || report.contains("No such option")
}

/// The engine was running, and ended although nobody told it to.
pub(crate) fn crashed(exit: &Exit, restarts: usize) -> SidecarError {
    let message = match restarts {
        0 => "the speech engine has ended unexpectedly; start it again".into(),
        1 => "the speech engine has ended unexpectedly, also after it was started again".into(),
        n => format!(
            "the speech engine has ended unexpectedly, also after it was started again {n} times"
        ),
    };
    SidecarError::new(ErrorCode::Crashed, message, exit.detail()).with_log(exit.log.clone())
}

/// The engine was not ready in time. `seen` is what was last seen of it.
pub(crate) fn timed_out(after: Duration, seen: &str) -> SidecarError {
    SidecarError::new(
        ErrorCode::StartTimedOut,
        format!(
            "the speech engine was not ready after {} seconds; try again, since the first start takes longest",
            after.as_secs_f64()
        ),
        seen,
    )
}

/// The engine does not speak as this plugin does.
pub(crate) fn foreign(detail: impl Into<String>) -> SidecarError {
    SidecarError::new(
        ErrorCode::ProtocolMismatch,
        "the speech engine and this app do not understand each other; install the app again",
        detail,
    )
}

/// The engine is not running because somebody stopped it.
pub(crate) fn stopped(detail: &str) -> SidecarError {
    SidecarError::new(
        ErrorCode::Stopped,
        "the speech engine is stopped; start it",
        detail,
    )
}

/// The engine is not running, and will not be: the app ends.
pub(crate) fn ending(detail: &str) -> SidecarError {
    SidecarError::new(
        ErrorCode::Stopped,
        "the app is ending, and the speech engine with it; open the app again",
        detail,
    )
}

/// The plugin failed on itself.
pub(crate) fn internal(detail: impl Into<String>) -> SidecarError {
    SidecarError::new(
        ErrorCode::Internal,
        "the speech engine could not be started because of a failure inside this app; try again, or open the app \
         again",
        detail,
    )
}

/// The data folder could not be made.
pub(crate) fn no_data_folder(folder: &Path, error: &io::Error) -> SidecarError {
    SidecarError::new(
        ErrorCode::DataFolderUnusable,
        format!(
            "the folder for the speech engine's data, {}, cannot be made; check that it can be written to and that \
             the disk is not full",
            folder.display()
        ),
        error.to_string(),
    )
}

/// The data folder is there, but the engine could not run in it.
pub(crate) fn closed_data_folder(folder: &Path, error: &io::Error) -> SidecarError {
    SidecarError::new(
        ErrorCode::DataFolderUnusable,
        format!(
            "the folder for the speech engine's data, {}, cannot be opened; check that it is a folder and that its \
             permissions allow this user to read and to enter it",
            folder.display()
        ),
        error.to_string(),
    )
}

/// The system did not start the file, although it is there.
pub(crate) fn not_spawned(file: &Path, error: &io::Error, os: &str) -> SidecarError {
    let detail = format!("{}: {error}", file.display());
    let (code, message) = match (error.raw_os_error().map(|errno| name_of(errno, os)), error.kind()) {
        // The file was there a moment ago, so it is its loader or interpreter that is not.
        (_, io::ErrorKind::NotFound) => (
            ErrorCode::WrongArchitecture,
            "the speech engine is there, but the system has nothing to run it with: it was made for another system, \
             processor or C library; install the version of the app for this computer",
        ),
        (Some(Errno::NotThisSystem), _) => (
            ErrorCode::WrongArchitecture,
            WRONG_ARCHITECTURE,
        ),
        (Some(Errno::Blocked), _) => (
            ErrorCode::BlockedBySystem,
            "the system does not let the speech engine run; allow it in the virus scanner or in the security \
             settings",
        ),
        (_, io::ErrorKind::PermissionDenied) => (
            ErrorCode::NotExecutable,
            "the speech engine may not be executed; install the app again, or make the file executable",
        ),
        _ => (
            ErrorCode::Internal,
            "the system could not start the speech engine; close other apps and try again",
        ),
    };
    SidecarError::new(code, message, detail)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Errno {
    NotThisSystem,
    Blocked,
    Other,
}

fn name_of(errno: i32, os: &str) -> Errno {
    match (os, errno) {
        // ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH
        ("windows", 193 | 216) => Errno::NotThisSystem,
        // ERROR_VIRUS_INFECTED, ERROR_VIRUS_DELETED, ERROR_ACCESS_DISABLED_BY_POLICY
        ("windows", 225 | 226 | 1260) => Errno::Blocked,
        ("windows", _) => Errno::Other,
        // EBADARCH, EBADEXEC, EBADMACHO, ENOEXEC
        ("macos", 85 | 86 | 88 | 8) => Errno::NotThisSystem,
        // ENOEXEC, ELIBBAD
        (_, 8 | 80) => Errno::NotThisSystem,
        // EPERM: mandatory access control; a missing x bit is EACCES.
        (_, 1) => Errno::Blocked,
        _ => Errno::Other,
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
