//! Bugs to plant. A test switches one on for its thread and shows that the simulator finds it; without `cfg(test)` the
//! question at the place is answered by a constant. The bugs are of the kind that such engines have had.

/// Whether this bug is planted in this thread.
#[cfg(test)]
macro_rules! planted {
    ($bug:ident) => {
        $crate::plants::is_planted($crate::plants::Bug::$bug)
    };
}
#[cfg(not(test))]
macro_rules! planted {
    ($bug:ident) => {
        $crate::plants::none_is_planted()
    };
}

/// Outside of tests.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn none_is_planted() -> bool {
    false
}

#[cfg(test)]
pub(crate) use tests::{Bug, is_planted, plant};

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// What may be wrong.
    #[derive(Copy, Clone, PartialEq, Eq, Debug)]
    pub(crate) enum Bug {
        /// The log is read before older instances are ended: one of them may still write.
        TailReadBeforeFencing,
        /// Of two producers one is not made anew: an older instance may still commit with it.
        ZombieNotFenced,
        /// Output does not go in the transaction of its epoch.
        OutputApart,
        /// An epoch is sent while the one before is still on its way.
        SecondSendsEarly,
        /// What is in doubt is sent again without a look whether it is there.
        SentAgainThoughThere,
        /// A commit without a certain outcome counts as done.
        DoubtTakenForDone,
        /// The same producer goes on after a disturbance: a request may be on its way twice.
        DisturbanceIgnored,
        /// Another instance's record counts as one's own.
        ForeignTakenForOwn,
        /// Output leaves before its epoch is recorded.
        OutputBeforeRecord,
        /// After a restart the last outputs are not sent again.
        UnsentForgotten,
        /// One epoch too few is sent again.
        OneTooFewSentAgain,
        /// A replay takes another `now` than the recorded one.
        WrongNowInReplay,
        /// Nobody compares the input with its hash.
        InputNotCompared,
        /// Nobody compares the output with its counts and hashes.
        OutputNotCompared,
        /// Records are numbered, not chained.
        ChainNotChecked,
        /// What is to be skipped is carried out.
        SkipForgotten,
        /// Nobody compares the rules in force with the recorded ones.
        RulesNotChecked,
        /// An epoch is recorded with the rules of the one that is worked at.
        RulesOfAnotherEpoch,
        /// A start goes by the rules that are configured, not by those that the log begins with.
        ConfiguredRulesTaken,
        /// Output of a division that a change of rules has added goes nowhere.
        DivisionsNotWidened,
        /// Anybody's claim will do.
        ClaimNotChecked,
        /// A source that is opened anew begins one record too far.
        PositionOffByOne,
        /// Within a partition records go by their own times.
        TimesGoBack,
        /// The clock runs ahead of what still waits.
        TimersBeforeBacklog,
        /// `now` follows a clock that was put back.
        NowGoesBack,
        /// Duplicates are carried out.
        DuplicatesTaken,
        /// Timers of one instant fire in any order.
        TimersByDeadlineAlone,
        /// Priorities are compared in whole points.
        RoundedPriorities,
        /// A snapshot counts though its epoch was never recorded.
        SnapshotOfUnrecorded,
        /// A snapshot is used without a look at its checksums.
        SnapshotNotChecked,
        /// A snapshot gets its right name before its bytes are safe.
        SnapshotNotSynced,
        /// A snapshot's name is not made safe.
        DirectoryNotSynced,
        /// A snapshot is taken while output is on its way that would have to be sent again.
        SnapshotBeforeSent,
    }

    /// Plants a bug in this thread, or takes it out.
    pub(crate) fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether it is planted in this thread.
    pub(crate) fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}
