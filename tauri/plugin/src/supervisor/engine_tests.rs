use super::*;
use crate::config::Config;

/// How a shell ends that does this instead of being an engine.
fn exit_of(script: &str) -> Exit {
    let config = Config {
        args: vec!["-c".into(), script.into()],
        ..Config::default()
    };
    let launch = Launch::new(config, vec!["/bin/sh".into()], &std::env::temp_dir(), None);
    let (sender, signs) = mpsc::channel();
    let log = Arc::new(Log::default());
    let mut engine = Engine::spawn(&launch, 1, &log, &sender).expect("a shell");
    let mut ends = 0;
    while ends < 3 {
        if let Ok(Message::From(_, Sign::Drained | Sign::Gone)) = signs.recv() {
            ends += 1;
        }
    }
    engine.reap();
    engine.exit(log.of(1))
}

#[test]
fn an_engine_that_is_killed_after_it_has_spoken_was_let_run() {
    let killed = "kill -9 $$";
    assert!(exit_of(killed).silent);
    for said in [
        r#"{"event":"phase","phase":"importing"}"#,
        r#"{"event":"phase","phase":"dreaming"}"#,
        "a line for people",
    ] {
        let exit = exit_of(&format!("echo '{said}'; {killed}"));
        assert_eq!((exit.signal, exit.silent), (Some(9), false), "{said}");
    }
}
