//! Unix: a process group of its own, so that one signal reaches all that the process has started, and signals that it
//! heeds whatever the app ignores. On Linux the kernel also tells it when its parent is gone; elsewhere only the end of
//! its standard input does.

#![allow(
    unsafe_code,
    reason = "signals, waitid, prctl and sigprocmask have no safe form in std"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// The processes that were started together.
#[derive(Debug)]
pub(super) struct Group(libc::pid_t);

pub(super) fn prepare(command: &mut Command) {
    command.process_group(0);
    heed_signals(command);
    #[cfg(target_os = "linux")]
    die_with_parent(command);
}

pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Group)> {
    let child = command.spawn()?;
    // `process_group(0)`: the group has the number of its first process.
    let group = Group(child.id() as libc::pid_t);
    Ok((child, group))
}

/// Undo what the app has inherited or chosen: `nohup` and a shell's `&` have their children ignore SIGINT and SIGQUIT, an
/// app may block what it waits for elsewhere, and all of that outlives exec. Who ignores SIGCHLD cannot wait for children.
fn heed_signals(command: &mut Command) {
    // SAFETY: between fork and exec only functions are called that are safe in a signal handler, and nothing is
    // allocated; `sigemptyset` initializes the set.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGCHLD] {
                if libc::signal(signal, libc::SIG_DFL) == libc::SIG_ERR {
                    return Err(io::Error::last_os_error());
                }
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            if libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// SIGTERM when the thread that spawns ends: in the end, when the app does, however it does.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only prctl and getppid are called, which are safe there, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                return Err(io::Error::last_os_error());
            }
            // It may have ended before this was set; then the signal does not come.
            if libc::getppid() as u32 != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

impl Group {
    pub(super) fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    pub(super) fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    pub(super) fn terminate_member(&self, pid: u32) {
        self.signal_member(pid, libc::SIGTERM);
    }

    pub(super) fn kill_member(&self, pid: u32) {
        self.signal_member(pid, libc::SIGKILL);
    }

    fn signal_member(&self, pid: u32, signal: libc::c_int) {
        let Ok(pid) = libc::pid_t::try_from(pid) else {
            return;
        };
        // SAFETY: both calls only take numbers. The number came from the engine: it is only trusted in its own group.
        unsafe {
            if pid > 1 && libc::getpgid(pid) == self.0 {
                libc::kill(pid, signal);
            }
        }
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the call only takes numbers. That all are gone already is no failure.
        unsafe {
            libc::killpg(self.0, signal);
        }
    }
}

/// Waits for the end of a process and leaves it to its owner to reap it, so that its number stays its own until then.
#[derive(Debug)]
pub(crate) struct Watcher(libc::id_t);

impl Watcher {
    pub(super) fn new(child: &Child) -> io::Result<Self> {
        Ok(Self(child.id()))
    }

    /// Blocks until the process has ended, or is not ours to wait for.
    pub(crate) fn wait(self) {
        loop {
            // SAFETY: `info` is plain data that the call fills in.
            let result = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                libc::waitid(
                    libc::P_PID,
                    self.0,
                    &mut info,
                    libc::WEXITED | libc::WNOWAIT,
                )
            };
            let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
            if result == 0 || !interrupted {
                return;
            }
        }
    }
}
