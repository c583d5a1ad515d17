//! `plugins.qwen-tts` of tauri.conf.json, and what becomes of it: a `Launch`, which is all that the supervisor knows.
//! Nothing is looked for on the disk here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::absolute::absolute;

/// The pages of a Tauri app come from one of these, by platform and settings.
pub const TAURI_ORIGINS: [&str; 3] = [
    "tauri://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost",
];

/// The plugin's part of tauri.conf.json. Everything is optional; a key that is not known is an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The engine's file. With it nothing else is searched. A relative path is looked up in the app's resources.
    pub binary: Option<PathBuf>,
    /// What the engine's folder and file are called, without `.exe`.
    pub name: String,
    /// Arguments before `serve`.
    pub args: Vec<String>,
    /// Where the engine keeps everything. A relative path lies in the app's local data folder.
    pub data_dir: Option<PathBuf>,
    /// Where models are. A relative path lies in the app's resources.
    pub models_dir: Option<PathBuf>,
    /// The model to be active; without it the one that was active before.
    pub model: Option<String>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Origins of pages that may use the engine, besides Tauri's own: a development server, for example.
    pub allowed_origins: Vec<String>,
    /// How long the engine may take until it is ready.
    pub start_timeout_ms: u64,
    /// How long the engine may take to stop before it is killed.
    pub stop_timeout_ms: u64,
    /// How often a crashed engine is started again by itself within the window.
    pub restarts: u32,
    /// How long a restart counts.
    pub restart_window_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            binary: None,
            name: "qwen-tts".into(),
            args: Vec::new(),
            data_dir: None,
            models_dir: None,
            model: None,
            port: 0,
            allowed_origins: Vec::new(),
            start_timeout_ms: 120_000,
            stop_timeout_ms: 8_000,
            restarts: 3,
            restart_window_ms: 60_000,
        }
    }
}

/// How an engine is started, watched and ended. Relative paths begin in the folder that the app runs in when the manager
/// is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Where the engine's file may be; the first that exists is taken.
    pub candidates: Vec<PathBuf>,
    /// Arguments before `serve`.
    pub args: Vec<OsString>,
    /// Where the engine keeps everything; made when it is not there. Also the folder that the engine runs in.
    pub data_dir: PathBuf,
    /// Where models are; without it in the data folder.
    pub models_dir: Option<PathBuf>,
    /// The model to be active; without it the one that was active before.
    pub model: Option<String>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// All origins of pages that may use the engine.
    pub allowed_origins: Vec<String>,
    /// How long the engine may take until it is ready.
    pub start_timeout: Duration,
    /// How long the engine may take to stop before it is killed.
    pub stop_timeout: Duration,
    /// How often a crashed engine is started again by itself within the window.
    pub restarts: u32,
    /// How long a restart counts.
    pub restart_window: Duration,
}

impl Launch {
    /// What the configuration means on this machine. `local_data` and `resources` are the app's folders.
    pub fn new(
        config: Config,
        candidates: Vec<PathBuf>,
        local_data: &Path,
        resources: Option<&Path>,
    ) -> Self {
        let data_dir = config.data_dir.unwrap_or_else(|| "qwen-tts".into());
        let mut allowed_origins: Vec<String> = TAURI_ORIGINS.map(String::from).into();
        for origin in config.allowed_origins {
            if !allowed_origins.contains(&origin) {
                allowed_origins.push(origin);
            }
        }
        Self {
            candidates,
            args: config.args.into_iter().map(OsString::from).collect(),
            // `join` with an absolute path gives that path.
            data_dir: local_data.join(data_dir),
            models_dir: config.models_dir.map(|dir| match resources {
                Some(resources) => resources.join(dir),
                None => dir,
            }),
            model: config.model,
            port: config.port,
            allowed_origins,
            start_timeout: Duration::from_millis(config.start_timeout_ms),
            stop_timeout: Duration::from_millis(config.stop_timeout_ms),
            restarts: config.restarts,
            restart_window: Duration::from_millis(config.restart_window_ms),
        }
    }

    /// The same with paths that mean the same in the engine's folder as in the app's.
    pub(crate) fn with_absolute_paths(mut self) -> Self {
        for path in &mut self.candidates {
            *path = absolute(path);
        }
        self.data_dir = absolute(&self.data_dir);
        self.models_dir = self.models_dir.as_deref().map(absolute);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn an_empty_configuration_is_the_default() {
        assert_eq!(parse("{}").unwrap(), Config::default());
    }

    #[test]
    fn a_key_that_is_not_known_is_refused() {
        let error = parse(r#"{"startTimeout": 1}"#).unwrap_err().to_string();
        assert!(error.contains("startTimeout"), "{error}");
    }

    #[test]
    fn keys_are_in_camel_case() {
        let config = parse(
            r#"{"dataDir": "/d", "modelsDir": "/m", "allowedOrigins": ["http://localhost:1420"],
                "startTimeoutMs": 1, "stopTimeoutMs": 2, "restarts": 0, "restartWindowMs": 3}"#,
        )
        .unwrap();
        assert_eq!(config.data_dir, Some("/d".into()));
        assert_eq!(config.restart_window_ms, 3);
    }

    #[test]
    fn own_origins_are_added_to_those_of_tauri_and_none_is_named_twice() {
        let config = Config {
            allowed_origins: vec!["http://localhost:1420".into(), "tauri://localhost".into()],
            ..Config::default()
        };
        let launch = Launch::new(config, vec![], Path::new("/data"), None);
        assert_eq!(
            launch.allowed_origins,
            [&TAURI_ORIGINS[..], &["http://localhost:1420"]].concat()
        );
    }

    #[test]
    fn relative_folders_lie_in_the_folders_of_the_app() {
        let config = Config {
            models_dir: Some("models".into()),
            ..Config::default()
        };
        let launch = Launch::new(
            config,
            vec![],
            Path::new("/data"),
            Some(Path::new("/resources")),
        );
        assert_eq!(launch.data_dir, Path::new("/data/qwen-tts"));
        assert_eq!(launch.models_dir, Some("/resources/models".into()));
    }
}
