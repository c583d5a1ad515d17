//! However an app ends, its engine and what that has started are gone soon after.

#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use common::{alive, eventually, group_alive, number_in, real_engine, Folder, FAKE, HOST};

/// An app that runs an engine.
struct App {
    process: Child,
    stdin: ChildStdin,
    engine: u32,
    _folder: Folder,
}

impl App {
    fn new(engine: &Path, folder: Folder, end: &str, args: &[&str]) -> Self {
        // Whoever started the tests may ignore some signals, as `nohup` does, and children inherit that.
        Self::with_signals(libc::SIG_DFL, engine, folder, end, args)
    }

    /// An app that heeds signals or ignores them.
    fn with_signals(
        handler: libc::sighandler_t,
        engine: &Path,
        folder: Folder,
        end: &str,
        args: &[&str],
    ) -> Self {
        let mut command = Command::new(HOST);
        command
            .arg(engine)
            .arg(folder.file("data"))
            .arg(end)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        begin_with_signals(&mut command, handler);
        let mut process = command.spawn().expect("the app");
        let stdin = process.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let line = lines
            .next()
            .expect("a line")
            .expect("the number of the engine");
        let engine = line.parse().expect("a number");
        assert!(alive(engine) && group_alive(engine));
        Self {
            process,
            stdin,
            engine,
            _folder: folder,
        }
    }

    fn tell(&mut self) {
        self.stdin.write_all(b"\n").expect("told");
    }

    fn kill(&self, signal: libc::c_int) {
        common::signal(self.process.id(), signal);
    }

    fn assert_that_all_is_gone(self) {
        let process = std::cell::RefCell::new(self.process);
        eventually("the app is gone", || {
            process.borrow_mut().try_wait().expect("ours").is_some()
        });
        let engine = self.engine;
        eventually("the engine is gone", || !alive(engine));
        eventually("what it has started is gone", || !group_alive(engine));
    }
}

/// An app that ignores signals blocks them, too.
#[allow(unsafe_code, reason = "std has no signals")]
fn begin_with_signals(command: &mut Command, handler: libc::sighandler_t) {
    // SAFETY: all of these may be called between fork and exec; `sigemptyset` initializes the set.
    unsafe {
        command.pre_exec(move || {
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut blocked);
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                libc::signal(signal, handler);
                if handler == libc::SIG_IGN {
                    libc::sigaddset(&mut blocked, signal);
                }
            }
            libc::sigprocmask(libc::SIG_SETMASK, &blocked, std::ptr::null_mut());
            Ok(())
        });
    }
}

fn fake(end: &str, args: &[&str]) -> App {
    App::new(Path::new(FAKE), Folder::new(), end, args)
}

#[test]
fn an_app_that_is_killed_leaves_no_engine() {
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
        let app = fake("return", &[]);
        app.kill(signal);
        app.assert_that_all_is_gone();
    }
}

#[test]
fn an_engine_heeds_the_signals_that_its_app_ignores() {
    let real = real_engine();
    for engine in [Some(Path::new(FAKE)), real.as_deref()]
        .into_iter()
        .flatten()
    {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT] {
            let folder = Folder::new();
            let app = App::with_signals(libc::SIG_IGN, engine, folder, "return", &[]);
            common::signal(app.engine, signal);
            let heeded = app.engine;
            eventually("the engine is gone", || !alive(heeded));
            app.kill(libc::SIGKILL);
            app.assert_that_all_is_gone();
        }
    }
}

#[test]
fn an_app_that_fails_or_ends_leaves_no_engine() {
    for end in ["panic", "abort", "exit", "return", "shutdown"] {
        let mut app = fake(end, &[]);
        app.tell();
        app.assert_that_all_is_gone();
    }
}

#[test]
fn an_app_that_ends_by_itself_takes_along_what_does_not_listen() {
    for end in ["panic", "return", "shutdown"] {
        let folder = Folder::new();
        let file = folder.file("grandchild");
        let grandchild = format!("--grandchild={}", file.display());
        let args = ["--ignore-end", "--ignore-sigterm", &grandchild];
        let mut app = App::new(Path::new(FAKE), folder, end, &args);
        let grandchild = number_in(&file);
        app.tell();
        app.assert_that_all_is_gone();
        eventually("the grandchild is gone", || !alive(grandchild));
    }
}

#[test]
fn the_end_of_standard_input_alone_is_enough() {
    let app = fake("return", &["--ignore-sigterm"]);
    app.kill(libc::SIGKILL);
    app.assert_that_all_is_gone();
}

/// Linux tells a process that its parent is gone, also one that does not look at its standard input.
#[cfg(target_os = "linux")]
#[test]
fn the_signal_of_the_kernel_alone_is_enough() {
    let app = fake("return", &["--ignore-end"]);
    app.kill(libc::SIGKILL);
    app.assert_that_all_is_gone();
}

#[test]
fn a_real_engine_does_not_outlive_its_app() {
    let Some(engine) = real_engine() else { return };
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let app = App::new(&engine, Folder::new(), "return", &[]);
        app.kill(signal);
        app.assert_that_all_is_gone();
    }
    for end in ["abort", "exit", "return"] {
        let mut app = App::new(&engine, Folder::new(), end, &[]);
        app.tell();
        app.assert_that_all_is_gone();
    }
}
