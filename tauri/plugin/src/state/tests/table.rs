//! Every state with every event: what follows, and what is to be done.

use super::*;

type Make = fn() -> Input;

/// The ways into each state, by name. One who waits for a start has number 1, for a stop 2, for a start after that 3.
const STATES: [(&str, &[Make]); 13] = [
    ("stopped", &[]),
    ("errored", &[start, not_spawned]),
    ("spawning", &[start]),
    ("process", &[start, spawned]),
    ("importing", &[start, spawned, importing]),
    ("checking", &[start, spawned, is_ready]),
    ("running", &[start, spawned, is_ready, healthy]),
    ("pausing", &[start, spawned, is_ready, healthy, has_exited]),
    ("stop-spawning", &[start, stop]),
    ("stop-starting", &[start, spawned, stop]),
    ("stop-running", &[start, spawned, is_ready, healthy, stop]),
    ("stop-failed", &[start, spawned, failed]),
    (
        "stop-queued",
        &[start, spawned, is_ready, healthy, stop, start_again],
    ),
];

const EVENTS: [(&str, Make); 12] = [
    ("start", || Input::Start(8)),
    ("stop", || Input::Stop(9)),
    ("shutdown", || Input::Shutdown),
    ("spawned", spawned),
    ("not-spawned", not_spawned),
    ("phase", importing),
    ("ready", is_ready),
    ("healthy", healthy),
    ("failed", failed),
    ("exited", has_exited),
    ("exited-in-use", in_use),
    ("restart-due", || Input::From(2, News::RestartDue)),
];

fn start() -> Input {
    Input::Start(1)
}

fn stop() -> Input {
    Input::Stop(2)
}

fn start_again() -> Input {
    Input::Start(3)
}

fn spawned() -> Input {
    Input::From(1, News::Spawned { pid: 17 })
}

fn not_spawned() -> Input {
    Input::From(
        1,
        News::NotSpawned(SidecarError::new(ErrorCode::BinaryMissing, "", "")),
    )
}

fn importing() -> Input {
    Input::From(1, News::Phase(Phase::Importing))
}

fn is_ready() -> Input {
    Input::From(1, ready())
}

fn healthy() -> Input {
    Input::From(1, News::Healthy)
}

fn failed() -> Input {
    Input::From(1, News::Failed(error()))
}

fn has_exited() -> Input {
    Input::From(1, exited())
}

fn in_use() -> Input {
    let exit = Exit {
        code: Some(75),
        ..Exit::default()
    };
    Input::From(1, News::Exited(exit))
}

fn in_words(state: &SidecarState) -> String {
    let mut words = format!("{:?}", state.status);
    if let Some(phase) = state.phase {
        words += &format!("/{phase:?}");
    }
    if let Some(error) = &state.error {
        words += &format!("/{:?}", error.code);
    }
    format!("{words}#{}", state.generation)
}

fn effect_in_words(effect: &Effect) -> String {
    match effect {
        Effect::Spawn { generation } => format!("spawn#{generation}"),
        Effect::Check { generation, port } => format!("check#{generation}:{port}"),
        Effect::End {
            generation,
            hurried: false,
        } => format!("end#{generation}"),
        Effect::End {
            generation,
            hurried: true,
        } => format!("hurry#{generation}"),
        Effect::WaitToRestart { generation, ms } => format!("wait#{generation}:{ms}"),
        Effect::Publish(state) => in_words(state),
        Effect::Answer(waiter, Ok(state)) => format!("{waiter}={:?}", state.status),
        Effect::Answer(waiter, Err(error)) => format!("{waiter}!{:?}", error.code),
        Effect::Quit => "quit".into(),
    }
}

/// One line for each pair: the state, the event, and what is done; `-` if nothing is.
fn table() -> String {
    let mut lines = String::new();
    for (state, way) in STATES {
        for (event, input) in EVENTS {
            let mut core = core(BUDGET);
            for input in way {
                tell(&mut core, input());
            }
            let before = core.snapshot();
            let effects = tell(&mut core, input());
            // Whatever changes is told, and the last that is told is how it is.
            let told = effects.iter().rev().find_map(|effect| match effect {
                Effect::Publish(state) => Some(state.clone()),
                _ => None,
            });
            assert_eq!(told.unwrap_or(before), core.snapshot(), "{state} {event}");
            let words: Vec<String> = effects.iter().map(effect_in_words).collect();
            let words = match words.is_empty() {
                true => "-".into(),
                false => words.join(" "),
            };
            lines += &format!("{state} {event}: {words}\n");
        }
    }
    lines
}

#[test]
fn each_state_knows_what_to_do_with_each_event() {
    let (expected, found) = (include_str!("table.txt"), table());
    for (expected, found) in expected.lines().zip(found.lines()) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected, found, "the table has lost or got lines");
}
