//! A path that means the same to the app and to the engine, which runs in another folder. Nothing is looked for on the
//! disk.

use std::path::{Path, PathBuf};

/// Windows makes no longer folder without the prefix.
const LONGEST: usize = 247;

/// The path, named from the root and not from the folder that the app runs in.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    // It fails for an empty path, which is no file either way.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match path.to_str() {
        Some(text) if cfg!(windows) => PathBuf::from(simplified(text)),
        _ => path,
    }
}

/// Without the `\\?\` that Windows puts before what it has resolved, and that many programs cannot read; as it is where
/// the prefix has a meaning.
fn simplified(path: &str) -> &str {
    match path.strip_prefix(r"\\?\") {
        Some(rest) if is_plain(rest) => rest,
        _ => path,
    }
}

/// A drive, and names that mean themselves also without the prefix.
fn is_plain(path: &str) -> bool {
    let Some((drive, names)) = path.split_once(r":\") else {
        return false;
    };
    drive.len() == 1
        && drive.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && path.len() <= LONGEST
        && !names.contains('/')
        && names.split('\\').all(|name| !name.ends_with(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_named_from_the_folder_of_the_app() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute(Path::new("engine")), here.join("engine"));
        assert_eq!(absolute(&here.join("engine")), here.join("engine"));
        assert_eq!(absolute(Path::new("")), Path::new(""));
    }

    #[test]
    fn the_prefix_of_windows_goes_where_it_means_nothing() {
        for (path, expected) in [
            (r"\\?\C:\app\qwen-tts.exe", r"C:\app\qwen-tts.exe"),
            (r"C:\app", r"C:\app"),
            ("/app", "/app"),
        ] {
            assert_eq!(simplified(path), expected);
        }
        let long = format!(r"\\?\C:\{}", "x".repeat(LONGEST));
        for path in [
            r"\\?\UNC\server\share",
            r"\\?\Volume{1}\app",
            r"\\?\C:\app\..",
            r"\\?\C:\name. \app",
            r"\\?\C:\a/b",
            r"\\.\C:\app",
            &long,
        ] {
            assert_eq!(simplified(path), path);
        }
    }
}
