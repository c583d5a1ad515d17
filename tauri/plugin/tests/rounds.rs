//! Many starts and stops leave nothing behind. Alone in its process, so that it can count what the process holds.

#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::{alive, eventually, fake, group_alive, manager, start, stop, Folder};

fn count(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn fifty_rounds_leave_no_process_no_thread_and_no_open_file() {
    let folder = Folder::new();
    let grandchild = folder.file("grandchild");
    let sidecar = manager(fake(
        &folder,
        &[&format!("--grandchild={}", grandchild.display())],
    ));
    start(&sidecar).unwrap();
    stop(&sidecar).unwrap();
    eventually("only the manager's thread is left", || {
        fs::read_dir("/proc/self/task")
            .unwrap()
            .flatten()
            .all(|task| {
                !fs::read_to_string(task.path().join("comm"))
                    .unwrap_or_default()
                    .starts_with("qwen-tts-")
            })
    });
    let (files, threads) = (count("/proc/self/fd"), count("/proc/self/task"));

    for _ in 0..50 {
        let pid = start(&sidecar).unwrap().pid.unwrap();
        stop(&sidecar).unwrap();
        // Not even a zombie.
        assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
        let grandchild = common::number_in(&grandchild);
        eventually("the group is gone", || {
            !group_alive(pid) && !alive(grandchild)
        });
    }

    eventually("there are as many open files as before", || {
        count("/proc/self/fd") <= files
    });
    eventually("there are as many threads as before", || {
        count("/proc/self/task") <= threads
    });
    assert_eq!(sidecar.state().generation, 51);
}
