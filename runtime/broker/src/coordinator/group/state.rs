//! The states of a group.

use std::fmt;

/// Where a group stands.
///
/// ```text
///            a join                    all rejoined, or time is up
///   Empty ──────────▶ PreparingRebalance ──────────▶ CompletingRebalance
///     ▲                  │        ▲  ▲                  │        │
///     └──────────────────┘        │  └──────────────────┘        │ the leader's sync
///       nobody is left            │    a change, or nobody syncs ▼
///                                 └────────────────────────── Stable
///                                   join, leave, lost member
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members; offsets may be kept.
    Empty,
    /// Waiting for members to join the next generation.
    PreparingRebalance,
    /// The members of a generation are known; the leader works out who does what.
    CompletingRebalance,
    /// Everyone has, or may fetch, their assignment.
    Stable,
}

impl State {
    /// The name that DescribeGroups and ListGroups show.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
