//! In which order, and when, an engine is asked, told and forced to end. Only the plan; `supervisor` climbs it.

use std::time::Duration;

/// One step of ending an engine, from the gentlest to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rung {
    /// The line that tells it to stop, and the end of its standard input.
    Ask,
    /// SIGTERM to its process group (Unix); to the engine alone in a single-file program, whose outer process would die
    /// of it while it cleans up.
    Terminate,
    /// SIGKILL to the engine in a single-file program, so that the outer process can still clean up after it (Unix).
    KillInner,
    /// SIGKILL to its process group; the end of its job (Windows).
    Kill,
}

/// An app that is quitting gives no more time than this. Windows calls an app hung after 5 seconds, and ends it then
/// when the user signs out; the other systems wait longer.
pub(crate) const HURRY: Duration = Duration::from_millis(2_500);

/// Every step with the time at which it is due, counted from the beginning. The engine needs up to 5 seconds to end by
/// itself, so of the usual 8 it is left alone for 5.
pub(crate) fn rungs(total: Duration) -> [(Duration, Rung); 4] {
    [
        (Duration::ZERO, Rung::Ask),
        (total / 8 * 5, Rung::Terminate),
        (total / 8 * 7, Rung::KillInner),
        (total, Rung::Kill),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_comes_after_the_gentler_one() {
        for total in [Duration::from_secs(8), HURRY, Duration::MAX] {
            let rungs = rungs(total);
            assert!(rungs
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
            assert_eq!(rungs[0], (Duration::ZERO, Rung::Ask));
            assert_eq!(rungs[3], (total, Rung::Kill));
        }
    }

    #[test]
    fn the_engine_has_the_five_seconds_that_it_needs() {
        assert_eq!(rungs(Duration::from_secs(8))[1].0, Duration::from_secs(5));
    }
}
