//! Asks an engine whether it takes requests. It does not know who asks, or what follows from the answer.

use std::time::Duration;

use ureq::Agent;

use crate::error::SidecarError;
use crate::failure;

/// An engine that is busy with its start may need a while for its first answer, but not so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// One answer, or none.
enum Answer {
    Healthy,
    /// It may get better.
    NotYet(String),
    /// It will not.
    Refused(String),
}

/// Ask until the engine answers that it is well, or that it never will be. `None` if `given_up` says so first;
/// `report` hears why it was not yet well.
pub(crate) fn wait(
    base_url: &str,
    token: &str,
    given_up: impl Fn() -> bool,
    mut report: impl FnMut(String),
) -> Option<Result<(), SidecarError>> {
    let agent = agent();
    while !given_up() {
        match ask(&agent, base_url, token) {
            Answer::Healthy => return Some(Ok(())),
            Answer::Refused(why) => return Some(Err(failure::foreign(why))),
            Answer::NotYet(why) => report(why),
        }
        std::thread::sleep(PAUSE);
    }
    None
}

fn agent() -> Agent {
    Agent::config_builder()
        // The default is the proxy of the environment; 127.0.0.1 of a proxy is another machine.
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

fn ask(agent: &Agent, base_url: &str, token: &str) -> Answer {
    let url = format!("{base_url}/health");
    let answer = agent
        .get(&url)
        .header("Authorization", format!("Bearer {token}"))
        .call();
    match answer.map(|answer| answer.status().as_u16()) {
        Ok(200) => Answer::Healthy,
        Ok(status @ 500..) => Answer::NotYet(format!("GET {url} was answered {status}")),
        Ok(401) => Answer::Refused(format!(
            "GET {url} was answered 401: it does not take the token that it was given"
        )),
        Ok(status) => Answer::Refused(format!("GET {url} was answered {status}")),
        Err(error) => Answer::NotYet(format!("GET {url}: {error}")),
    }
}
