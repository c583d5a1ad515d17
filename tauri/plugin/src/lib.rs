//! Starts, watches and ends the q3tts engine from a Tauri app.
//!
//! ```
//! fn with_speech<R: tauri::Runtime>(app: tauri::Builder<R>) -> tauri::Builder<R> {
//!     app.plugin(tauri_plugin_qwen_tts::init())
//! }
//! ```
//!
//! The plugin starts nothing by itself: a page calls `startQwenSidecar`, or Rust calls [`SidecarManager::start`]. It
//! ends the engine when the app exits. If the app is killed, the engine ends by itself, because its standard input
//! does.

mod absolute;
mod commands;
mod config;
mod error;
mod failure;
mod handshake;
mod health;
mod ladder;
mod log;
mod models;
mod pipes;
mod resolve;
mod sidecar;
mod spawn;
mod state;
mod supervisor;
mod timers;

use std::error::Error;
use std::path::PathBuf;

use tauri::plugin::{Builder, TauriPlugin};
use tauri::{AppHandle, Emitter, Manager, RunEvent, Runtime};

pub use config::{Config, Launch, TAURI_ORIGINS};
pub use error::{ErrorCode, SidecarError};
pub use models::{Phase, QwenConnection, SidecarState, SidecarStatus};
pub use sidecar::SidecarManager;

/// Each change is sent to every page as this event, with a [`SidecarState`]. A listener in Rust is called in the thread
/// that owns the engine, and must not wait for [`SidecarManager::start`] or [`SidecarManager::stop`].
pub const STATUS_EVENT: &str = "qwen-tts://status";

/// The plugin, for `tauri::Builder::plugin`. It is configured by `plugins.qwen-tts` of tauri.conf.json, see [`Config`].
pub fn init<R: Runtime>() -> TauriPlugin<R, Option<Config>> {
    Builder::<R, Option<Config>>::new("qwen-tts")
        .invoke_handler(tauri::generate_handler![
            commands::start_qwen_sidecar,
            commands::stop_qwen_sidecar,
            commands::get_qwen_status,
            commands::get_qwen_connection,
            commands::get_qwen_logs,
        ])
        .setup(|app, api| {
            let launch = launch(app, api.config().clone().unwrap_or_default())?;
            let pages = app.clone();
            let sidecar = SidecarManager::new(launch, move |state| {
                // It only fails if there is no page to tell.
                let _ = pages.emit(STATUS_EVENT, state);
            })?;
            app.manage(sidecar);
            Ok(())
        })
        .on_event(|app, event| {
            // Not `ExitRequested`: Cmd-Q, the Dock and a logout never raise that one.
            if let RunEvent::Exit = event {
                end(app);
            }
        })
        .on_drop(|app| end(&app))
        .build()
}

/// End the engine, if the plugin has come so far that there can be one.
fn end<R: Runtime>(app: &AppHandle<R>) {
    if let Some(sidecar) = app.try_state::<SidecarManager>() {
        sidecar.shutdown_blocking();
    }
}

/// What the configuration means in this app.
fn launch<R: Runtime>(app: &AppHandle<R>, config: Config) -> Result<Launch, Box<dyn Error>> {
    // Not every way to run an app has a folder for resources; the engine can lie elsewhere then.
    let resources = app.path().resource_dir().ok();
    let executables = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(PathBuf::from));
    let from_environment = match cfg!(debug_assertions) {
        true => std::env::var_os("QWEN_TTS_BIN").map(PathBuf::from),
        false => None,
    };
    let candidates = resolve::candidates(
        &config,
        resolve::Places {
            from_environment: from_environment.as_deref(),
            resources: resources.as_deref(),
            executables: executables.as_deref(),
        },
    );
    let local_data = app.path().app_local_data_dir()?;
    Ok(Launch::new(
        config,
        candidates,
        &local_data,
        resources.as_deref(),
    ))
}
