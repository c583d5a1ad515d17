//! Tauri's own build step, and two things that it needs to find.
//!
//! The engine's folder is a resource, and Tauri refuses a resource that is not there: until the engine has been
//! bundled, an empty folder stands in for it, so that the app can be checked and built without.
//!
//! The engine as a folder and the engine as one file are put into the same place beside the app's program. Who builds
//! one after the other would have Tauri write a file over a folder, so the other one is removed first.

use std::path::{Path, PathBuf};
use std::{env, fs};

const ENGINE: &str = "../../../dist/qwen-tts";

fn main() {
    if !Path::new(ENGINE).exists() {
        fs::create_dir_all(ENGINE).expect("the engine's empty folder could not be made");
    }
    remove_the_other_form();
    tauri_build::build();
}

/// What lies there is a copy, which Tauri makes again.
fn remove_the_other_form() {
    // OUT_DIR is <profile>/build/<package>/out; the app's program is in <profile>.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo names OUT_DIR"));
    let Some(beside) = out
        .ancestors()
        .nth(3)
        .map(|profile| profile.join("qwen-tts"))
    else {
        return;
    };
    // What `tauri build --config` has merged comes in this variable.
    let one_file = env::var("TAURI_CONFIG").is_ok_and(|config| config.contains("externalBin"));
    if one_file && beside.is_dir() {
        fs::remove_dir_all(&beside).expect("the engine's folder could not be removed");
    } else if !one_file && beside.is_file() {
        fs::remove_file(&beside).expect("the engine's file could not be removed");
    }
}
