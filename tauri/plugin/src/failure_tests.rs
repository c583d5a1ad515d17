use super::*;

fn code(code: i32) -> Exit {
    Exit {
        code: Some(code),
        report: Some("because".into()),
        log: vec!["last".into()],
        ..Exit::default()
    }
}

#[test]
fn exit_codes_of_the_engine_have_their_own_errors() {
    for (number, expected) in [
        (64, ErrorCode::Config),
        (2, ErrorCode::Config),
        (69, ErrorCode::PortTaken),
        (70, ErrorCode::Internal),
        (74, ErrorCode::DataFolderUnusable),
        (75, ErrorCode::DataFolderInUse),
        (78, ErrorCode::DataFolderTooNew),
        (0, ErrorCode::ExitedEarly),
        (1, ErrorCode::ExitedEarly),
    ] {
        let error = ended_early(&code(number), "linux");
        assert_eq!(error.code, expected, "{number}");
        assert_eq!(error.detail, format!("exit code {number}: because"));
        assert_eq!(error.log_tail, ["last"]);
        assert_eq!(error.retryable, expected.retryable());
    }
}

#[test]
fn an_engine_of_another_age_is_told_from_wrong_settings() {
    for report in [
        "payload version 1 is not known; this engine knows 2",
        "the first line of standard input is not the JSON payload: Object contains unknown field `models_dir`",
    ] {
        let exit = Exit {
            report: Some(report.into()),
            ..code(64)
        };
        assert_eq!(ended_early(&exit, "linux").code, ErrorCode::ProtocolMismatch);
    }
}

#[test]
fn a_silent_death_by_sigkill_is_the_system_on_macos_only() {
    let killed = |silent| Exit {
        signal: Some(9),
        silent,
        ..Exit::default()
    };
    assert_eq!(
        ended_early(&killed(true), "macos").code,
        ErrorCode::BlockedBySystem
    );
    assert_eq!(
        ended_early(&killed(false), "macos").code,
        ErrorCode::ExitedEarly
    );
    assert_eq!(
        ended_early(&killed(true), "linux").code,
        ErrorCode::ExitedEarly
    );
    assert_eq!(ended_early(&killed(true), "linux").detail, "signal 9");
}

#[test]
fn errors_of_the_system_are_told_apart() {
    for (os, errno, expected) in [
        ("linux", 8, ErrorCode::WrongArchitecture),
        ("macos", 86, ErrorCode::WrongArchitecture),
        ("windows", 193, ErrorCode::WrongArchitecture),
        ("windows", 216, ErrorCode::WrongArchitecture),
        ("windows", 225, ErrorCode::BlockedBySystem),
        ("linux", 11, ErrorCode::Internal),
        // A number means something else on another system.
        ("windows", 8, ErrorCode::Internal),
        ("linux", 193, ErrorCode::Internal),
    ] {
        let error = not_spawned(Path::new("/e"), &io::Error::from_raw_os_error(errno), os);
        assert_eq!(error.code, expected, "{os} {errno}");
        assert!(error.detail.starts_with("/e: "), "{}", error.detail);
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_the_right_to_execute_and_one_that_is_refused_differ() {
    let spawn = |errno| {
        not_spawned(
            Path::new("/e"),
            &io::Error::from_raw_os_error(errno),
            "linux",
        )
    };
    assert_eq!(spawn(libc::EACCES).code, ErrorCode::NotExecutable);
    assert_eq!(spawn(libc::EPERM).code, ErrorCode::BlockedBySystem);
    // The file is there, its loader is not.
    assert_eq!(spawn(libc::ENOENT).code, ErrorCode::WrongArchitecture);
}

#[test]
fn a_crash_says_how_often_it_was_tried() {
    assert!(!crashed(&code(1), 0).message.contains("also"));
    assert!(crashed(&code(1), 3).message.contains("3 times"));
}

#[test]
fn a_foreign_program_that_said_nothing_was_tried_by_the_shell() {
    let foreign = Exit {
        foreign: true,
        report: None,
        ..code(2)
    };
    assert_eq!(
        ended_early(&foreign, "linux").code,
        ErrorCode::WrongArchitecture
    );
    // It runs by an emulator, and has reasons of its own.
    let emulated = Exit {
        foreign: true,
        ..code(75)
    };
    assert_eq!(
        ended_early(&emulated, "linux").code,
        ErrorCode::DataFolderInUse
    );
}

/// As the engine's own messages are: lower case, no full stop; what is wrong, and what to do.
#[test]
fn messages_have_the_style_of_the_engines() {
    let folder = Path::new("/data");
    let error = || io::Error::from_raw_os_error(1);
    let mut errors = vec![
        crashed(&code(1), 0),
        crashed(&code(1), 1),
        crashed(&code(1), 2),
        timed_out(Duration::from_secs(1), ""),
        foreign(""),
        stopped(""),
        ending(""),
        internal(""),
        no_data_folder(folder, &error()),
        closed_data_folder(folder, &error()),
        not_spawned(folder, &error(), "linux"),
        not_spawned(folder, &io::ErrorKind::NotFound.into(), "linux"),
        not_spawned(folder, &io::ErrorKind::PermissionDenied.into(), "linux"),
        not_spawned(folder, &io::Error::from_raw_os_error(8), "linux"),
        not_spawned(folder, &io::ErrorKind::OutOfMemory.into(), "linux"),
        crate::resolve::find(&[]).unwrap_err(),
        crate::resolve::find(&["/nowhere".into()]).unwrap_err(),
    ];
    errors.extend([0, 2, 69, 70, 74, 75, 78].map(|number| ended_early(&code(number), "linux")));
    for error in errors {
        let SidecarError { message, .. } = error;
        assert!(
            message.starts_with(|first: char| first.is_lowercase()),
            "{message}"
        );
        assert!(
            !message.ends_with('.') && !message.contains(". "),
            "{message}"
        );
    }
}
