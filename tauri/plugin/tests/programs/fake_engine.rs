//! An engine for tests: it speaks the sidecar protocol, and misbehaves as its arguments before `serve` say.
//!
//!     --never-ready         says that it imports, and nothing more
//!     --exit=N              ends before it is ready, with an error line (`--message=...`)
//!     --crash               ends with code 9 as soon as it is asked for `/v1/crash`
//!     --crash-once=FILE     ends with code 9 after it was ready, if FILE is not there yet, and makes it
//!     --ignore-end          ignores the end of its standard input and the order to stop
//!     --ignore-sigterm      ignores SIGTERM
//!     --grandchild=FILE     starts a process that holds the pipes, and writes its number to FILE
//!     --escaped=FILE        the same, in a session of its own, if FILE is not there yet
//!     --flood=MIB           writes so much to both outputs before it is ready
//!     --garbage             writes binary, huge and almost right lines before it is ready
//!     --ready=LINE          says this instead of its ready line
//!     --pid=N               says that this is its process
//!     --health=401|500|hang answers so to `/v1/health`
//!     --say-token           writes its token to both outputs
//!     --report=FILE         writes what it was given (arguments, environment, folder, payload) to FILE
//!     --hold                is the grandchild: does nothing until it is killed

use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{exit, Command, Stdio};
use std::{env, fs, thread};

use serde_json::{json, Value};

struct Scenario(Vec<String>);

impl Scenario {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|arg| arg == name)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let values = self.0.iter().filter_map(|arg| arg.strip_prefix(name));
        values.filter_map(|rest| rest.strip_prefix('=')).next()
    }
}

fn main() {
    let scenario = Scenario(env::args().skip(1).collect());
    if scenario.has("--hold") {
        loop {
            thread::park();
        }
    }
    assert!(scenario.has("serve") && scenario.has("--sidecar"));
    if scenario.has("--ignore-sigterm") {
        ignore_sigterm();
    }
    let payload = read_payload();
    let token = payload["token"].as_str().unwrap_or_default().to_owned();
    report(&scenario, &payload);
    start_grandchildren(&scenario);
    say(json!({"event": "phase", "phase": "importing"}));
    say(json!({"event": "phase", "phase": "dreaming"}));
    make_noise(&scenario, &token);
    if let Some(code) = scenario.value("--exit") {
        let code: i32 = code.parse().expect("a number");
        let message = scenario.value("--message").unwrap_or("because");
        say(
            json!({"event": "error", "code": "START_FAILED", "message": message, "exit_code": code}),
        );
        eprintln!("q3tts: {message}");
        exit(code);
    }
    let ignore_end = scenario.has("--ignore-end");
    thread::spawn(move || hold_lease(ignore_end));
    if scenario.has("--never-ready") {
        loop {
            thread::park();
        }
    }
    let port = payload["port"].as_u64().unwrap_or(0);
    let Ok(listener) = TcpListener::bind(("127.0.0.1", u16::try_from(port).expect("a port")))
    else {
        say(
            json!({"event": "error", "code": "START_FAILED", "message": "the port is taken", "exit_code": 69}),
        );
        exit(69);
    };
    let port = listener.local_addr().expect("bound").port();
    let named = scenario
        .value("--pid")
        .map(|pid| pid.parse().expect("a number"));
    let pid = named.unwrap_or_else(std::process::id);
    match scenario.value("--ready") {
        Some(line) => println!("{line}"),
        None => say(json!({"event": "ready", "port": port, "pid": pid, "version": "0.1.0"})),
    }
    for stream in listener.incoming().flatten() {
        answer(&scenario, stream, &token);
    }
}

fn say(line: Value) {
    println!("{line}");
}

fn read_payload() -> Value {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .expect("a line");
    serde_json::from_str(&line).expect("the payload")
}

fn report(scenario: &Scenario, payload: &Value) {
    if let Some(file) = scenario.value("--report") {
        let environment: serde_json::Map<String, Value> = env::vars()
            .map(|(key, value)| (key, Value::from(value)))
            .collect();
        let folder = env::current_dir().expect("a folder");
        let report = json!({
            "args": env::args().collect::<Vec<_>>(), "env": environment, "cwd": folder, "payload": payload,
        });
        fs::write(file, report.to_string()).expect("the report");
    }
}

#[allow(
    clippy::zombie_processes,
    reason = "nobody waits for them; that is what they are for"
)]
fn start_grandchildren(scenario: &Scenario) {
    for (name, escaped) in [("--grandchild", false), ("--escaped", true)] {
        if let Some(file) = scenario.value(name) {
            if escaped && fs::exists(file).expect("an answer") {
                continue;
            }
            let mut command = Command::new(env::current_exe().expect("this program"));
            command.arg("--hold").stdin(Stdio::null());
            if escaped {
                leave_the_session(&mut command);
            }
            let grandchild = command.spawn().expect("a grandchild");
            fs::write(file, grandchild.id().to_string()).expect("its number");
        }
    }
}

fn make_noise(scenario: &Scenario, token: &str) {
    if scenario.has("--say-token") {
        println!("the token is {token}");
        eprintln!("the token is {token}");
    }
    if scenario.has("--garbage") {
        let mut out = std::io::stdout().lock();
        let binary: Vec<u8> = (0..=255).collect();
        for noise in [
            &binary[..],
            b"\n{\"event\":\n{\"event\":7}\n[\n\n",
            b"{\"event\":\"phase\",\"phase\":[]}\n",
            &vec![b'['; 3_000_000],
            b"\n",
            b"{\"event\":\"ready\" \"port\":1}\n",
        ] {
            out.write_all(noise).expect("written");
        }
    }
    if let Some(amount) = scenario.value("--flood") {
        let mebibytes: usize = amount.parse().expect("a number");
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let other = line.clone();
        let errors = thread::spawn(move || {
            (0..mebibytes * 1024)
                .for_each(|_| std::io::stderr().write_all(&other).expect("written"));
        });
        let mut out = std::io::stdout().lock();
        (0..mebibytes * 1024).for_each(|_| out.write_all(&line).expect("written"));
        errors.join().expect("the other flood");
    }
}

/// Until standard input ends or says so; then the process ends, as the engine does.
fn hold_lease(ignore: bool) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line.contains("shutdown") && !ignore {
            exit(0);
        }
    }
    if !ignore {
        exit(0);
    }
}

fn answer(scenario: &Scenario, mut stream: TcpStream, token: &str) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => head.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let authorized = head.lines().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {token}")
        })
    });
    let status = match (
        authorized,
        head.split(' ').nth(1),
        scenario.value("--health"),
    ) {
        (false, ..) => "401 Unauthorized",
        (_, Some("/v1/crash"), _) if scenario.has("--crash") => exit(9),
        (_, Some("/v1/health"), Some("hang")) => {
            thread::spawn(move || stream.read(&mut buffer));
            return;
        }
        (_, Some("/v1/health"), Some("401")) => "401 Unauthorized",
        (_, Some("/v1/health"), Some("500")) => "500 Internal Server Error",
        (_, Some("/v1/health"), _) => "200 OK",
        _ => "404 Not Found",
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    if let Some(file) = scenario.value("--crash-once") {
        if status == "200 OK" && fs::File::create_new(file).is_ok() {
            drop(stream);
            exit(9);
        }
    }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "std has no signals")]
fn ignore_sigterm() {
    // SAFETY: no handler runs; the signal is only ignored.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
    }
}

#[cfg(not(unix))]
fn ignore_sigterm() {}

#[cfg(unix)]
#[allow(unsafe_code, reason = "std has no sessions")]
fn leave_the_session(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: setsid is safe between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::setsid() {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
}

#[cfg(not(unix))]
fn leave_the_session(_: &mut Command) {}
