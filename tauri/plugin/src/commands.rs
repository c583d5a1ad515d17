//! What a page may ask for. Each is asynchronous: none of them runs on the main thread.

use tauri::State;

use crate::error::SidecarError;
use crate::models::{QwenConnection, SidecarState};
use crate::sidecar::SidecarManager;

#[tauri::command]
pub(crate) async fn start_qwen_sidecar(
    sidecar: State<'_, SidecarManager>,
) -> Result<SidecarState, SidecarError> {
    sidecar.start().await
}

#[tauri::command]
pub(crate) async fn stop_qwen_sidecar(
    sidecar: State<'_, SidecarManager>,
) -> Result<SidecarState, SidecarError> {
    sidecar.stop().await
}

#[tauri::command]
pub(crate) async fn get_qwen_status(
    sidecar: State<'_, SidecarManager>,
) -> Result<SidecarState, SidecarError> {
    Ok(sidecar.state())
}

#[tauri::command]
pub(crate) async fn get_qwen_connection(
    sidecar: State<'_, SidecarManager>,
) -> Result<QwenConnection, SidecarError> {
    sidecar.connection()
}

#[tauri::command]
pub(crate) async fn get_qwen_logs(
    sidecar: State<'_, SidecarManager>,
) -> Result<Vec<String>, SidecarError> {
    Ok(sidecar.logs())
}
