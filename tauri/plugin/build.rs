//! Writes the permissions of the plugin's commands, and tells the code for which target it is built: the name of a
//! single-file engine ends with it.

use std::path::Path;
use std::{env, fs};

const COMMANDS: &[&str] = &[
    "start_qwen_sidecar",
    "stop_qwen_sidecar",
    "get_qwen_status",
    "get_qwen_connection",
    "get_qwen_logs",
];

fn main() {
    generate_permissions();
    let target = env::var("TARGET").expect("cargo sets TARGET for build scripts");
    println!("cargo:rustc-env=QWEN_TTS_TARGET={target}");
}

/// Tauri generates them below the current folder, which is the sources, where a packaged crate may write nothing. So the
/// current folder is the build's own meanwhile, with a copy of what is not generated.
fn generate_permissions() {
    const DEFAULT: &str = "permissions/default.toml";
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={DEFAULT}");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    let default = fs::read(DEFAULT).expect("the default permissions are beside this file");
    let copy = Path::new(&out).join(DEFAULT);
    fs::create_dir_all(copy.parent().expect("it is in a folder")).expect("a folder in OUT_DIR");
    // Written only when it changes: what depends on it is built again.
    if !fs::read(&copy).is_ok_and(|copied| copied == default) {
        fs::write(&copy, default).expect("the copy in OUT_DIR");
    }
    env::set_current_dir(&out).expect("OUT_DIR can be entered");
    tauri_plugin::Builder::new(COMMANDS).build();
}
