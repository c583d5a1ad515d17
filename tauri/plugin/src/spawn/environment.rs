//! The environment that the engine is started with: the app's own, without what would lead a Python astray. Pure.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The variables of the app as the engine should see them.
pub(super) fn clean(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let variables: Vec<_> = variables.collect();
    let value_of = |name: &str| {
        let found = variables.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    let appdir = value_of("APPDIR");
    let mut kept: Vec<(OsString, OsString)> = Vec::new();
    for (key, value) in &variables {
        if is_dropped(key) {
            continue;
        }
        match appdir.as_deref() {
            None => kept.push((key.clone(), value.clone())),
            Some(appdir) => {
                // What the AppImage's start script saved is better than what can be guessed.
                let saved = key
                    .to_str()
                    .and_then(|key| value_of(&format!("{key}_ORIG")));
                let value = saved.or_else(|| without(value, Path::new(appdir)));
                kept.extend(value.map(|value| (key.clone(), value)));
            }
        }
    }
    for (key, value) in [
        // A single-file program that starts another must say that it is not a part of itself.
        ("PYINSTALLER_RESET_ENVIRONMENT", "1"),
        ("PYTHONUTF8", "1"),
        ("PYTHONUNBUFFERED", "1"),
    ] {
        kept.push((key.into(), value.into()));
    }
    kept
}

/// Variables of other Pythons, of bundles that this app may itself be a part of, and settings of the engine, which the
/// payload and the configuration make, not the user's shell.
fn is_dropped(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    let own = [
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "APPDIR",
        "APPIMAGE",
        "ARGV0",
        "OWD",
        "QWEN_TTS_BIN",
    ];
    let families = ["PYTHON", "_PYI_", "_MEI", "PYINSTALLER_", "Q3TTS_"];
    own.contains(&&*key) || families.iter().any(|family| key.starts_with(family))
}

/// The value without what an AppImage put into it: the entries of a list that lie in its folder. None if nothing is
/// left.
fn without(value: &OsStr, appdir: &Path) -> Option<OsString> {
    let mut changed = false;
    let entries: Vec<_> = std::env::split_paths(value)
        .filter(|entry| {
            let inside = entry.starts_with(appdir);
            changed |= inside;
            !inside
        })
        .collect();
    if !changed {
        return Some(value.to_owned());
    }
    // An empty entry means the current folder; that is not what is meant here.
    let entries = entries
        .into_iter()
        .filter(|entry| !entry.as_os_str().is_empty());
    std::env::join_paths(entries)
        .ok()
        .filter(|value| !value.is_empty())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn cleaned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let variables = variables.iter().map(|(k, v)| (k.into(), v.into()));
        let text = |os: OsString| os.into_string().unwrap();
        let mut all: Vec<_> = clean(variables)
            .into_iter()
            .map(|(k, v)| (text(k), text(v)))
            .collect();
        assert_eq!(
            all.split_off(all.len() - 3),
            [
                ("PYINSTALLER_RESET_ENVIRONMENT".to_owned(), "1".to_owned()),
                ("PYTHONUTF8".into(), "1".into()),
                ("PYTHONUNBUFFERED".into(), "1".into())
            ]
        );
        all
    }

    #[test]
    fn other_pythons_and_settings_of_the_engine_are_left_out() {
        let given = [
            ("PYTHONHOME", "/x"),
            ("PYTHONPATH", "/x"),
            ("VIRTUAL_ENV", "/x"),
            ("_PYI_ARCHIVE_FILE", "/x"),
            ("_MEIPASS2", "/x"),
            ("Q3TTS_SERVE_DAEMON", "1"),
            ("Q3TTS_TOKEN", "of another engine"),
            ("HOME", "/home/me"),
        ];
        assert_eq!(
            cleaned(&given),
            [("HOME".to_owned(), "/home/me".to_owned())]
        );
    }

    #[test]
    fn outside_an_appimage_paths_stay_as_they_are() {
        let given = [
            ("LD_LIBRARY_PATH", "/opt/a:/opt/b"),
            ("PATH", "/bin::/usr/bin"),
        ];
        assert_eq!(
            cleaned(&given),
            given.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_an_appimage_put_into_paths_is_taken_out() {
        let given = [
            ("APPDIR", "/tmp/.mount_x"),
            ("APPIMAGE", "/home/me/x.AppImage"),
            (
                "LD_LIBRARY_PATH",
                "/tmp/.mount_x/usr/lib:/tmp/.mount_x/lib:/opt/cuda",
            ),
            ("GIO_MODULE_DIR", "/tmp/.mount_x/usr/lib/gio"),
            ("XDG_DATA_DIRS", "/tmp/.mount_x/usr/share::/usr/share"),
            ("URL", "http://example.org"),
        ];
        assert_eq!(
            cleaned(&given),
            [
                ("LD_LIBRARY_PATH", "/opt/cuda"),
                ("XDG_DATA_DIRS", "/usr/share"),
                ("URL", "http://example.org")
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_was_saved_before_the_appimage_is_put_back() {
        let given = [
            ("APPDIR", "/tmp/.mount_x"),
            ("LD_LIBRARY_PATH", "/tmp/.mount_x/usr/lib"),
            ("LD_LIBRARY_PATH_ORIG", "/opt/mine"),
        ];
        assert!(cleaned(&given).contains(&("LD_LIBRARY_PATH".to_owned(), "/opt/mine".to_owned())));
    }
}
