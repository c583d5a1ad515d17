//! Files that the page gives to the user: they go to the Downloads folder, and the page hears where they went. The
//! page has no other access to files.

use std::path::PathBuf;

use serde::Serialize;
use tauri::webview::DownloadEvent;
use tauri::{Emitter, Manager, Runtime, Webview};

/// What the page receives as `saved` when a file is there, or could not be written.
#[derive(Clone, Serialize)]
struct Saved {
    path: Option<String>,
}

/// Chooses the place of a file and tells the page about it; for `WebviewWindowBuilder::on_download`.
pub fn on_download<R: Runtime>(webview: Webview<R>, event: DownloadEvent<'_>) -> bool {
    match event {
        DownloadEvent::Requested { destination, .. } => choose_place(&webview, destination),
        DownloadEvent::Finished { path, success, .. } => {
            let path = path.filter(|_| success);
            let saved = Saved {
                path: path.map(|path| path.to_string_lossy().into_owned()),
            };
            // A window that is being closed needs no news.
            let _ = webview.emit("saved", saved);
            true
        }
        _ => true,
    }
}

/// The Downloads folder was chosen already, if there is one; without it the system names the folder in which the app
/// happens to run. False refuses the file.
fn choose_place<R: Runtime>(webview: &Webview<R>, destination: &mut PathBuf) -> bool {
    if webview.path().download_dir().is_ok() {
        return true;
    }
    let (Ok(home), Some(name)) = (webview.path().home_dir(), destination.file_name()) else {
        return false;
    };
    let folder = home.join("Downloads");
    if std::fs::create_dir_all(&folder).is_err() {
        return false;
    }
    *destination = folder.join(name);
    true
}
