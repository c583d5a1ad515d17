//! Writes the permissions of the plugin's commands, and tells the code for which target it is built: the name of a
//! single-file engine ends with it.

const COMMANDS: &[&str] = &[
    "start_qwen_sidecar",
    "stop_qwen_sidecar",
    "get_qwen_status",
    "get_qwen_connection",
    "get_qwen_logs",
];

fn main() {
    tauri_plugin::Builder::new(COMMANDS).build();
    let target = std::env::var("TARGET").expect("cargo sets TARGET for build scripts");
    println!("cargo:rustc-env=QWEN_TTS_TARGET={target}");
}
