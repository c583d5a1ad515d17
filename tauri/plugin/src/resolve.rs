//! Where the engine's file may be, in which order. It does not start anything.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::{ErrorCode, SidecarError};

/// The target that this code was built for; the name of a single-file engine ends with it.
const TARGET: &str = env!("QWEN_TTS_TARGET");

/// The folders that the search begins from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places<'a> {
    /// `QWEN_TTS_BIN`, empty or not; only debug builds look at it.
    pub from_environment: Option<&'a Path>,
    /// The app's resources.
    pub resources: Option<&'a Path>,
    /// The folder of the app's own program.
    pub executables: Option<&'a Path>,
}

/// Every place where the engine may be, the best one first.
pub(crate) fn candidates(config: &Config, places: Places<'_>) -> Vec<PathBuf> {
    if let Some(binary) = &config.binary {
        // Who names a file does not want another one.
        return vec![match places.resources.or(places.executables) {
            Some(folder) => folder.join(binary),
            None => binary.clone(),
        }];
    }
    if let Some(file) = places.from_environment {
        if !file.as_os_str().is_empty() {
            return vec![file.to_owned()];
        }
    }
    let name = &config.name;
    let file = format!("{name}{EXE_SUFFIX}");
    let mut found = Vec::new();
    found.extend(places.resources.map(|folder| folder.join(name).join(&file)));
    if let Some(folder) = places.executables {
        // In development the resources are copied beside the program, also where they are not searched then.
        found.push(folder.join(name).join(&file));
        found.push(folder.join(&file));
        found.push(folder.join(format!("{name}-{TARGET}{EXE_SUFFIX}")));
    }
    // Where the resources lie beside the program anyway, both are the same place.
    found.dedup();
    found
}

/// The first candidate that is a file.
pub(crate) fn find(candidates: &[PathBuf]) -> Result<&Path, SidecarError> {
    if let Some(file) = candidates.iter().find(|file| file.is_file()) {
        return Ok(file);
    }
    let searched: Vec<String> = candidates
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let message = match candidates.first() {
        Some(first) => format!(
            "the speech engine is missing, which should be at {}; install the app again, or set plugins.qwen-tts.binary",
            first.display()
        ),
        None => "the speech engine is missing, and there is no place to look for it; \
                 set plugins.qwen-tts.binary"
            .into(),
    };
    Err(SidecarError::new(
        ErrorCode::BinaryMissing,
        message,
        format!("searched: {}", searched.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places<'static> {
        Places {
            from_environment: None,
            resources: Some(Path::new("/app/resources")),
            executables: Some(Path::new("/app/bin")),
        }
    }

    #[test]
    fn the_folder_in_the_resources_comes_before_a_file_beside_the_app() {
        let found = candidates(&Config::default(), places());
        assert_eq!(
            found,
            [
                PathBuf::from(format!("/app/resources/qwen-tts/qwen-tts{EXE_SUFFIX}")),
                PathBuf::from(format!("/app/bin/qwen-tts/qwen-tts{EXE_SUFFIX}")),
                PathBuf::from(format!("/app/bin/qwen-tts{EXE_SUFFIX}")),
                PathBuf::from(format!("/app/bin/qwen-tts-{TARGET}{EXE_SUFFIX}")),
            ]
        );
    }

    #[test]
    fn a_place_is_searched_once() {
        let executables = places().resources;
        let found = candidates(
            &Config::default(),
            Places {
                executables,
                ..places()
            },
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_file_that_the_environment_names_is_the_only_candidate() {
        let in_places = |file| Places {
            from_environment: Some(Path::new(file)),
            ..places()
        };
        let config = Config::default();
        assert_eq!(
            candidates(&config, in_places("/mine")),
            [PathBuf::from("/mine")]
        );
        assert_eq!(
            candidates(&config, in_places("")),
            candidates(&config, places())
        );
    }

    #[test]
    fn a_file_that_is_named_is_the_only_candidate() {
        let config = Config {
            binary: Some("/opt/engine".into()),
            ..Config::default()
        };
        assert_eq!(
            candidates(&config, places()),
            [PathBuf::from("/opt/engine")]
        );
    }

    #[test]
    fn a_relative_file_is_looked_up_in_the_resources() {
        let config = Config {
            binary: Some("engine/run".into()),
            ..Config::default()
        };
        assert_eq!(
            candidates(&config, places()),
            [PathBuf::from("/app/resources/engine/run")]
        );
    }

    #[test]
    fn what_is_missing_is_said_with_all_places() {
        let error = find(&["/nowhere/a".into(), "/nowhere/b".into()]).unwrap_err();
        assert_eq!(error.code, ErrorCode::BinaryMissing);
        assert!(error.message.contains("/nowhere/a"));
        assert_eq!(error.detail, "searched: /nowhere/a, /nowhere/b");
    }

    #[test]
    fn a_folder_is_not_an_engine() {
        let error = find(&[std::env::temp_dir()]).unwrap_err();
        assert_eq!(error.code, ErrorCode::BinaryMissing);
    }
}
