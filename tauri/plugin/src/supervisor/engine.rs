//! One engine process with its pipes, its token and the threads that read and watch it. What they see they send to the
//! supervisor; when it is dropped, the process is killed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::Arc;
use std::{io, thread};

use super::{folder, Message, Sign};
use crate::config::Launch;
use crate::error::SidecarError;
use crate::failure::{self, Exit};
use crate::handshake;
use crate::health;
use crate::ladder::Rung;
use crate::log::Log;
use crate::models::QwenConnection;
use crate::pipes;
use crate::resolve;
use crate::spawn::{self, Pipes, Process};

pub(super) struct Engine {
    pub generation: u64,
    pub token: String,
    /// The engine's own process, as it says itself; with a single-file engine not the one that was started.
    pub inner_pid: Option<u32>,
    /// What it said itself about why it cannot start.
    pub report: Option<String>,
    /// What was last seen of its start.
    pub last_seen: String,
    pub open_pipes: u8,
    file: PathBuf,
    process: Process,
    /// To the thread that writes; when this is dropped, the engine's standard input ends.
    stdin: std::cell::RefCell<Option<Sender<Vec<u8>>>>,
    status: Option<io::Result<ExitStatus>>,
    over: Arc<AtomicBool>,
    /// Whether a line of the protocol came, so that it did run.
    spoke: Arc<AtomicBool>,
}

impl Engine {
    /// Start a process, and the threads around it.
    pub(super) fn spawn(
        launch: &Launch,
        generation: u64,
        log: &Arc<Log>,
        sender: &Sender<Message>,
    ) -> Result<Self, SidecarError> {
        let file = resolve::find(&launch.candidates)?;
        folder::prepare(&launch.data_dir)?;
        let token = handshake::token()?;
        let payload = handshake::payload(launch, &token)?;
        let (process, pipes) = Process::spawn(spawn::command(file, launch))
            .map_err(|error| failure::not_spawned(file, &error, std::env::consts::OS))?;
        let (stdin, lines) = mpsc::channel();
        // The receiver is in this function until it is given to its thread, so this does not fail.
        let _ = stdin.send(payload);
        let engine = Self {
            generation,
            token,
            inner_pid: None,
            report: None,
            last_seen: "the engine has not said that it is ready".into(),
            open_pipes: 2,
            file: file.to_owned(),
            process,
            stdin: Some(stdin).into(),
            status: None,
            over: Arc::default(),
            spoke: Arc::default(),
        };
        // If a thread cannot be made, the process is dropped here, and killed by that.
        engine
            .start_threads(pipes, lines, log, sender)
            .map_err(|error| failure::internal(format!("a thread could not be made: {error}")))?;
        Ok(engine)
    }

    fn start_threads(
        &self,
        pipes: Pipes,
        lines: mpsc::Receiver<Vec<u8>>,
        log: &Arc<Log>,
        sender: &Sender<Message>,
    ) -> io::Result<()> {
        let generation = self.generation;
        let Pipes {
            stdin,
            stdout,
            stderr,
        } = pipes;
        named("qwen-tts-stdin", move || write(stdin, &lines))?;

        let (to, kept, token) = (sender.clone(), Arc::clone(log), self.token.clone());
        let spoke = Arc::clone(&self.spoke);
        named("qwen-tts-stdout", move || {
            let said = |line| {
                spoke.store(true, Ordering::Relaxed);
                let _ = to.send(Message::From(generation, Sign::Said(line)));
            };
            pipes::read_protocol(stdout, &kept, generation, &token, said);
            let _ = to.send(Message::From(generation, Sign::Drained));
        })?;

        let (to, kept, token) = (sender.clone(), Arc::clone(log), self.token.clone());
        named("qwen-tts-stderr", move || {
            pipes::read_errors(stderr, &kept, generation, &token);
            let _ = to.send(Message::From(generation, Sign::Drained));
        })?;

        let (to, watcher) = (sender.clone(), self.process.watcher()?);
        named("qwen-tts-watch", move || {
            watcher.wait();
            let _ = to.send(Message::From(generation, Sign::Gone));
        })
    }

    /// Ask it whether it takes requests, in a thread that goes on asking until it is over.
    pub(super) fn check(&self, port: u16, sender: Sender<Message>) {
        let QwenConnection {
            base_url, token, ..
        } = self.connection(port);
        let (generation, over) = (self.generation, Arc::clone(&self.over));
        let to = sender.clone();
        let made = named("qwen-tts-health", move || {
            let not_yet = |why| drop(to.send(Message::From(generation, Sign::NotYet(why))));
            if let Some(result) =
                health::wait(&base_url, &token, || over.load(Ordering::Relaxed), not_yet)
            {
                let _ = to.send(Message::From(generation, Sign::Health(result)));
            }
        });
        if let Err(error) = made {
            let error = failure::internal(format!("a thread could not be made: {error}"));
            let _ = sender.send(Message::From(generation, Sign::Health(Err(error))));
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(super) fn connection(&self, port: u16) -> QwenConnection {
        QwenConnection {
            base_url: format!("http://127.0.0.1:{port}/v1"),
            token: self.token.clone(),
            generation: self.generation,
        }
    }

    /// One step of ending it.
    pub(super) fn climb(&self, rung: Rung) {
        if self.is_reaped() {
            return;
        }
        self.over.store(true, Ordering::Relaxed);
        match rung {
            Rung::Ask => {
                if let Some(stdin) = self.stdin.take() {
                    let _ = stdin.send(handshake::SHUTDOWN.to_vec());
                }
            }
            Rung::Terminate => self.process.terminate(self.inner_pid),
            Rung::KillInner => {
                if let Some(pid) = self.inner_pid {
                    self.process.kill_inner(pid);
                }
            }
            Rung::Kill => self.process.kill(),
        }
    }

    /// The process has ended: end what it has left behind, and take its exit status.
    pub(super) fn reap(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.stdin.take();
        self.status = Some(self.process.reap());
    }

    pub(super) fn is_reaped(&self) -> bool {
        self.status.is_some()
    }

    /// How it ended.
    pub(super) fn exit(self, log: Vec<String>) -> Exit {
        let status = self.status.as_ref().and_then(|status| status.as_ref().ok());
        Exit {
            code: status.and_then(ExitStatus::code),
            signal: status.and_then(signal),
            foreign: spawn::is_foreign(&self.file),
            silent: log.is_empty() && !self.spoke.load(Ordering::Relaxed),
            report: self.report.clone(),
            log,
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Write what comes, and keep the pipe open until nothing can come any more. A thread of its own, because a pipe that
/// is not read lets its writer wait.
fn write(mut stdin: ChildStdin, lines: &mpsc::Receiver<Vec<u8>>) {
    for line in lines {
        // An engine that does not listen is about to end, or will be ended.
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            break;
        }
    }
}

fn named(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map(drop)
}

#[cfg(unix)]
fn signal(status: &ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(status)
}

#[cfg(not(unix))]
fn signal(_: &ExitStatus) -> Option<i32> {
    None
}

#[cfg(all(test, unix))]
#[path = "engine_tests.rs"]
mod tests;
