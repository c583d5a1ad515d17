//! A process that is ended together with all that it has started, and that does not outlive this one. How that is done
//! differs by system and is in `unix` and `windows`; what the process is, is not known here.

mod environment;
mod format;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::config::Launch;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use format::is_foreign;
pub(crate) use system::Watcher;

/// Where pipes are not made and marked in one step (macOS), another process that is spawned in between inherits them,
/// and then the end of one engine's standard input never comes. So: one at a time in this process.
static SPAWNING: Mutex<()> = Mutex::new(());

/// The command that starts the engine. The token is not in it, and must never be: everybody can read command lines.
pub(crate) fn command(file: &Path, launch: &Launch) -> Command {
    let mut command = Command::new(file);
    command
        .args(&launch.args)
        .args(["serve", "--sidecar"])
        .current_dir(&launch.data_dir)
        .env_clear()
        .envs(environment::clean(std::env::vars_os()));
    command
}

/// A child process and everything that it starts.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: system::Group,
    reaped: bool,
}

/// The three pipes of a process.
pub(crate) struct Pipes {
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Process {
    /// Start it. On Linux it is ended when the thread that calls this ends, so call it from one that stays.
    pub(crate) fn spawn(mut command: Command) -> io::Result<(Self, Pipes)> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        system::prepare(&mut command);
        let (mut child, group) = {
            let _one_at_a_time = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
            system::spawn(&mut command)?
        };
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            group,
            reaped: false,
        };
        match pipes {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((
                process,
                Pipes {
                    stdin,
                    stdout,
                    stderr,
                },
            )),
            _ => Err(io::Error::other("the process has no pipes")),
        }
    }

    /// The process that was started. Its number is not given to another one before `reap`.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Something that waits for its end, in another thread.
    pub(crate) fn watcher(&self) -> io::Result<Watcher> {
        Watcher::new(&self.child)
    }

    /// Ask the process and what it has started to end, where the system has a way to ask. If the process only unpacks
    /// and cleans up for an `inner` one, that one alone is asked.
    pub(crate) fn terminate(&self, inner: Option<u32>) {
        match inner {
            Some(pid) if pid != self.pid() => self.group.terminate_member(pid),
            _ => self.group.terminate(),
        }
    }

    /// Kill one process that this one has started, if it is one of those.
    pub(crate) fn kill_inner(&self, pid: u32) {
        if pid != self.pid() {
            self.group.kill_member(pid);
        }
    }

    /// Kill the process and what it has started.
    pub(crate) fn kill(&self) {
        self.group.kill();
    }

    /// Kill what is left of the process and what it has started, and wait for its end.
    pub(crate) fn reap(&mut self) -> io::Result<ExitStatus> {
        // First the group, as long as the process, dead or alive, keeps the group's number from being given away.
        self.group.kill();
        let status = self.child.wait();
        self.reaped = true;
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.reap();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// A single-file program unpacks itself, runs what it has unpacked, and cleans up after it.
    #[test]
    fn the_outer_process_of_a_single_file_may_clean_up_when_the_inner_one_is_terminated() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60 & echo $!; wait $!; exit 7"]);
        let (mut process, pipes) = Process::spawn(command).expect("a process");
        let mut line = String::new();
        BufReader::new(pipes.stdout)
            .read_line(&mut line)
            .expect("a line");
        let inner = line.trim().parse().expect("a number");
        process.terminate(Some(inner));
        process.watcher().expect("a watcher").wait();
        assert_eq!(process.reap().expect("ours").code(), Some(7));
    }
}
