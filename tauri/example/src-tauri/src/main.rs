//! An app that speaks: its window, and what a page in it may ask of the system. How the engine is found, started and
//! ended is the plugin's business; what is said and heard is the page's.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod saving;
mod settings;

use tauri::webview::{PermissionKind, PermissionResponse, WebviewWindowBuilder};
use tauri::WebviewUrl;

fn main() {
    let mut context = tauri::generate_context!();
    settings::prepare(&mut context);
    tauri::Builder::default()
        .plugin(tauri_plugin_qwen_tts::init())
        // A recording begins with a press of the button that says so; nothing else of the page is listened to.
        .on_permission_request(|_, kind| match kind {
            PermissionKind::Microphone => PermissionResponse::Allow,
            _ => PermissionResponse::Deny,
        })
        .setup(|app| {
            WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
                .title("q3tts")
                .inner_size(1080.0, 740.0)
                .min_inner_size(720.0, 520.0)
                .on_download(saving::on_download)
                .build()?;
            Ok(())
        })
        .run(context)
        .expect("the app could not start");
}
