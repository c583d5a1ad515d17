//! The plugin's settings for one run. A released app has those of `tauri.conf.json` and no others; a debug build takes
//! more from the environment, so that another engine or a pinned port needs no new build.

use serde_json::{json, Map, Value};
use tauri::{Context, Runtime};

const PLUGIN: &str = "qwen-tts";

/// A JSON object with settings of the plugin, which replace those of `tauri.conf.json`. Debug builds only.
const OVERRIDES: &str = "QWEN_TTS_SETTINGS";

/// Completes the plugin's settings before it is built.
pub fn prepare<R: Runtime>(context: &mut Context<R>) {
    let dev_origin = context
        .config()
        .build
        .dev_url
        .as_ref()
        .map(|url| url.origin().ascii_serialization());
    let plugin = context
        .config_mut()
        .plugins
        .0
        .entry(PLUGIN.to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    let Some(settings) = plugin.as_object_mut() else {
        return; // The plugin says what is wrong with it.
    };
    if cfg!(debug_assertions) {
        if let Ok(text) = std::env::var(OVERRIDES) {
            let given: Map<String, Value> =
                serde_json::from_str(&text).expect("QWEN_TTS_SETTINGS has to be a JSON object");
            settings.extend(given);
        }
    }
    // The development server's page is not one of Tauri's own origins; a built app never loads it.
    if let (true, Some(origin)) = (tauri::is_dev(), dev_origin) {
        let origins = settings
            .entry("allowedOrigins")
            .or_insert_with(|| json!([]));
        if let Some(origins) = origins.as_array_mut() {
            origins.push(json!(origin));
        }
    }
}
