//! What is said between the app and the engine: the line that goes to its standard input, the lines that come from its
//! standard output. Only text; who writes and who reads is not known here.

use serde::Serialize;
use serde_json::Value;

use crate::config::Launch;
use crate::error::{ErrorCode, SidecarError};
use crate::models::Phase;

/// Tells the engine to stop. The end of its standard input says the same.
pub(crate) const SHUTDOWN: &[u8] = b"{\"op\":\"shutdown\"}\n";

/// The engine takes no more in its first line.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct Payload<'a> {
    v: u32,
    token: &'a str,
    data_dir: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    models_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    port: u16,
    /// Besides its standard input, whose other end somebody may inherit by accident.
    parent_pid: u32,
    allowed_origins: &'a [String],
}

/// The first line of the engine's standard input.
pub(crate) fn payload(launch: &Launch, token: &str) -> Result<Vec<u8>, SidecarError> {
    let unusable = |what: &str, detail: String| {
        SidecarError::new(
            ErrorCode::Config,
            format!("{what}; change it in plugins.qwen-tts"),
            detail,
        )
    };
    let text = |path: &'_ std::path::Path| match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(unusable(
            "a folder of the speech engine has a name that is not Unicode",
            path.display().to_string(),
        )),
    };
    let data_dir = text(&launch.data_dir)?;
    let models_dir = launch.models_dir.as_deref().map(text).transpose()?;
    let mut line = serde_json::to_vec(&Payload {
        v: 1,
        token,
        data_dir: &data_dir,
        models_dir: models_dir.as_deref(),
        model: launch.model.as_deref(),
        port: launch.port,
        parent_pid: std::process::id(),
        allowed_origins: &launch.allowed_origins,
    })
    .map_err(|error| {
        unusable(
            "what the engine is told cannot be written as JSON",
            error.to_string(),
        )
    })?;
    line.push(b'\n');
    if line.len() > MOST_BYTES {
        return Err(unusable(
            "what the engine is told is longer than it reads",
            format!("{} bytes of at most {MOST_BYTES}", line.len()),
        ));
    }
    Ok(line)
}

/// A line of the engine's standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It goes on with its start.
    Phase(Phase),
    /// It takes requests.
    Ready {
        /// On 127.0.0.1.
        port: u16,
        /// Its own process; with a single-file engine not the one that was started.
        pid: Option<u32>,
        version: Option<String>,
    },
    /// It cannot start, and says why.
    Failed(String),
    /// It says that it is ready, but not in words that this plugin knows.
    Foreign(String),
    /// An event or a phase that this plugin does not know: nothing to do.
    Unknown,
    /// Not from the protocol: something for the log.
    Text,
}

/// What a line means.
pub(crate) fn parse(line: &[u8]) -> Line {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(line) else {
        return Line::Text;
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    match fields.get("event").and_then(Value::as_str) {
        None => Line::Text,
        Some("phase") => match fields.get("phase").and_then(Value::as_str) {
            Some("importing") => Line::Phase(Phase::Importing),
            _ => Line::Unknown,
        },
        Some("error") => Line::Failed(text("message").unwrap_or_default()),
        Some("ready") => {
            let version = fields.get("v");
            if version.is_some_and(|v| v.as_u64() != Some(1)) {
                return Line::Foreign(format!(
                    "its protocol has version {}, this plugin speaks version 1",
                    version.unwrap_or(&Value::Null)
                ));
            }
            let number = |key: &str| fields.get(key).and_then(Value::as_u64);
            match number("port").and_then(|port| u16::try_from(port).ok()) {
                Some(port) if port > 0 => Line::Ready {
                    port,
                    pid: number("pid").and_then(|pid| u32::try_from(pid).ok()),
                    version: text("version"),
                },
                _ => Line::Foreign("its ready line has no usable port".into()),
            }
        }
        Some(_) => Line::Unknown,
    }
}

/// 256 random bits as 64 hexadecimal digits.
pub(crate) fn token() -> Result<String, SidecarError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        SidecarError::new(
            ErrorCode::Internal,
            "the system gives no random numbers, so the speech engine cannot be protected; try again",
            error.to_string(),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn launch() -> Launch {
        Launch::new(Config::default(), vec![], Path::new("/data"), None)
    }

    #[test]
    fn the_payload_is_one_line_with_what_the_engine_knows() {
        let line = payload(&launch(), "abc").unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(line.ends_with(b"\n"));
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "v": 1, "token": "abc", "data_dir": "/data/qwen-tts", "port": 0,
                "parent_pid": std::process::id(),
                "allowed_origins": ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"],
            })
        );
    }

    #[test]
    fn a_payload_that_the_engine_would_not_read_is_refused() {
        let mut launch = launch();
        launch.allowed_origins = vec!["x".repeat(MOST_BYTES)];
        assert_eq!(payload(&launch, "abc").unwrap_err().code, ErrorCode::Config);
    }

    #[test]
    fn tokens_are_64_hexadecimal_digits_and_differ() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), 64);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }

    #[test]
    fn a_ready_line_says_where_the_engine_is() {
        let line = br#"{"event":"ready","port":46149,"pid":25286,"version":"0.1.0"}"#;
        assert_eq!(
            parse(line),
            Line::Ready {
                port: 46149,
                pid: Some(25286),
                version: Some("0.1.0".into())
            }
        );
    }

    #[test]
    fn a_ready_line_that_cannot_be_used_is_foreign() {
        for line in [
            r#"{"event":"ready"}"#,
            r#"{"event":"ready","port":0}"#,
            r#"{"event":"ready","port":65536}"#,
            r#"{"event":"ready","port":"80"}"#,
            r#"{"event":"ready","port":80,"v":2}"#,
            r#"{"event":"ready","port":80,"v":null}"#,
        ] {
            assert!(matches!(parse(line.as_bytes()), Line::Foreign(_)), "{line}");
        }
    }

    #[test]
    fn events_and_phases_that_are_not_known_are_nothing() {
        for line in [
            r#"{"event":"phase","phase":"dreaming"}"#,
            r#"{"event":"phase"}"#,
            r#"{"event":"news","port":1}"#,
        ] {
            assert_eq!(parse(line.as_bytes()), Line::Unknown, "{line}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        let deep = "[".repeat(100_000);
        for line in [
            "",
            "hello",
            "17",
            "null",
            "{}",
            r#"{"event":7}"#,
            r#"["event"]"#,
            &deep,
        ] {
            assert_eq!(parse(line.as_bytes()), Line::Text);
        }
        assert_eq!(parse(&[0xff, 0x00, 0x80]), Line::Text);
    }
}
