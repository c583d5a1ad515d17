//! An app for tests, without windows: it starts an engine, says which, and then ends as it is told.
//!
//!     host ENGINE DATA-FOLDER END [ARGUMENT...]
//!
//! END is what happens when a line comes on standard input: `exit`, `panic`, `abort`, `shutdown` or `return`. The
//! arguments go to the engine, before `serve`. SIGKILL and SIGTERM come from outside.

use std::io::BufRead;
use std::time::Duration;

use tauri_plugin_qwen_tts::{Config, Launch, SidecarManager};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = || {
        args.next()
            .expect("host ENGINE DATA-FOLDER END [ARGUMENT...]")
    };
    let (engine, data, end) = (next(), next(), next());
    let config = Config {
        data_dir: Some(data.into()),
        args: args.collect(),
        ..Config::default()
    };
    let mut launch = Launch::new(config, vec![engine.into()], "/".as_ref(), None);
    launch.start_timeout = Duration::from_secs(120);
    let sidecar = SidecarManager::new(launch, |_| {}).expect("a manager");
    let state = tauri::async_runtime::block_on(sidecar.start()).expect("an engine");
    println!("{}", state.pid.expect("a process"));
    let _ = std::io::stdin().lock().lines().next();
    match end.as_str() {
        "exit" => std::process::exit(0),
        "panic" => panic!("as it was told"),
        "abort" => std::process::abort(),
        "shutdown" => println!("{}", sidecar.shutdown_blocking()),
        "return" => {}
        _ => panic!("{end} is not an end"),
    }
}
