//! Windows: a job object that the process is in before it runs, so that nothing it starts can escape, and that ends
//! all of them when its last handle is closed: with this app, however that ends.

#![allow(
    unsafe_code,
    reason = "std knows no job objects and no suspended processes"
)]

use std::io;
use std::mem::size_of;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, HandleOrNull, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command};
use std::ptr::null;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, Thread32First, Thread32Next, TH32CS_SNAPTHREAD, THREADENTRY32,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JobObjectExtendedLimitInformation,
    SetInformationJobObject, TerminateJobObject, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
};
use windows_sys::Win32::System::Threading::{
    OpenThread, ResumeThread, WaitForSingleObject, CREATE_NO_WINDOW, CREATE_SUSPENDED, INFINITE,
    THREAD_SUSPEND_RESUME,
};

/// The processes that were started together.
#[derive(Debug)]
pub(super) struct Group(OwnedHandle);

pub(super) fn prepare(command: &mut Command) {
    command.creation_flags(CREATE_SUSPENDED | CREATE_NO_WINDOW);
}

pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Group)> {
    let job = job()?;
    let mut child = command.spawn()?;
    // SAFETY: both handles are open.
    let assigned =
        check(unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) });
    if let Err(error) = assigned.and_then(|()| resume(child.id())) {
        // It has not run a single instruction yet.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok((child, Group(job)))
}

/// A job that ends its processes when it is closed. Its handle is not inherited, or it would never be.
fn job() -> io::Result<OwnedHandle> {
    // SAFETY: without attributes and a name; the result is checked.
    let job = unsafe { HandleOrNull::from_raw_handle(CreateJobObjectW(null(), null())) };
    let job = OwnedHandle::try_from(job).map_err(|_| io::Error::last_os_error())?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    // SAFETY: the pointer and the size are those of `limits`.
    check(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32,
        )
    })?;
    Ok(job)
}

/// Let the threads of a suspended process run; it has one. Its handle is known to std alone, so it is looked up.
fn resume(pid: u32) -> io::Result<()> {
    // SAFETY: the snapshot is checked and then owned; `entry` is plain data of the size that it says.
    unsafe {
        let snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
        if snapshot == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        let snapshot = OwnedHandle::from_raw_handle(snapshot);
        let mut entry = THREADENTRY32 {
            dwSize: size_of::<THREADENTRY32>() as u32,
            ..Default::default()
        };
        let mut more = Thread32First(snapshot.as_raw_handle(), &mut entry);
        let mut resumed = false;
        while more != 0 {
            if entry.th32OwnerProcessID == pid {
                let thread = HandleOrNull::from_raw_handle(OpenThread(
                    THREAD_SUSPEND_RESUME,
                    0,
                    entry.th32ThreadID,
                ));
                let thread =
                    OwnedHandle::try_from(thread).map_err(|_| io::Error::last_os_error())?;
                if ResumeThread(thread.as_raw_handle()) == u32::MAX {
                    return Err(io::Error::last_os_error());
                }
                resumed = true;
            }
            more = Thread32Next(snapshot.as_raw_handle(), &mut entry);
        }
        match resumed {
            true => Ok(()),
            false => Err(io::Error::other("the new process has no thread")),
        }
    }
}

fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

impl Group {
    /// A program without a window and a console cannot be asked; the line and the end of its standard input did.
    pub(super) fn terminate(&self) {}

    pub(super) fn terminate_member(&self, _pid: u32) {}

    /// The job ends all at once; there is nothing to gain by ending one first.
    pub(super) fn kill_member(&self, _pid: u32) {}

    pub(super) fn kill(&self) {
        // SAFETY: the handle is open. That all are gone already is no failure.
        unsafe {
            TerminateJobObject(self.0.as_raw_handle(), 1);
        }
    }
}

/// Waits for the end of a process, by a handle of its own.
#[derive(Debug)]
pub(crate) struct Watcher(OwnedHandle);

impl Watcher {
    pub(super) fn new(child: &Child) -> io::Result<Self> {
        child.as_handle().try_clone_to_owned().map(Self)
    }

    /// Blocks until the process has ended.
    pub(crate) fn wait(self) {
        // SAFETY: the handle is open as long as this is.
        unsafe {
            WaitForSingleObject(self.0.as_raw_handle(), INFINITE);
        }
    }
}
