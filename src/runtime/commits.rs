//! The transactions under way, as a state machine without doors: which step comes next, and what each outcome means.
//!
//! An epoch waits, is sent in a transaction of one of two producers in turn, is delivered (every record acknowledged),
//! and is committed. A producer sends when the epoch before is delivered, and commits when the commit before is
//! acknowledged; so one epoch is sent while the one before is committed, and the log never has a gap.
//!
//! Any outcome but a clear success leaves *doubt*. Then the commit under way is waited for, both producers are made anew
//! (which ends their transactions), and the tail of the epoch log, read after that, says which epochs are there; the
//! others are sent again, the same bytes.

use std::collections::VecDeque;

/// Producers that take turns.
pub const PRODUCERS: usize = 2;

/// Where an epoch stands. The producer that has it, but for one that waits.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum State {
    Waits,
    Sending(usize),
    Delivered(usize),
    Committing(usize),
}

/// What to do next.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Begin a transaction of this producer and send the first epoch that waits.
    Send(usize),
    /// Commit the transaction of this producer: the oldest epoch is delivered.
    Commit(usize),
    /// Make the producers anew and look which epochs are there.
    Rebuild,
    /// Nothing until something happens.
    Wait,
}

/// The epochs that are not known to be committed, oldest first. `T`: what is to be committed.
#[derive(Debug)]
pub struct Commits<T> {
    epochs: VecDeque<(T, State)>,
    /// Whose turn it is.
    turn: usize,
    doubt: bool,
}

impl<T> Default for Commits<T> {
    fn default() -> Commits<T> {
        Commits { epochs: VecDeque::new(), turn: 0, doubt: false }
    }
}

impl<T> Commits<T> {
    /// One more epoch, after all others.
    pub fn add(&mut self, epoch: T) {
        self.epochs.push_back((epoch, State::Waits));
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        let state = |at: usize| self.epochs.get(at).map(|(_, state)| *state);
        if self.doubt {
            return if matches!(state(0), Some(State::Committing(_))) { Step::Wait } else { Step::Rebuild };
        }
        if let Some(State::Delivered(producer)) = state(0) {
            return Step::Commit(producer);
        }
        let begun = self.begun();
        let free = begun < PRODUCERS && self.sending().is_none();
        if free && state(begun) == Some(State::Waits) { Step::Send(self.turn) } else { Step::Wait }
    }

    /// Epochs in transactions.
    fn begun(&self) -> usize {
        self.epochs.iter().take_while(|(_, state)| *state != State::Waits).count()
    }

    /// The first epoch that waits.
    pub fn next(&self) -> Option<&T> {
        self.epochs.get(self.begun()).map(|(epoch, _)| epoch)
    }

    /// The producer that is sending.
    pub fn sending(&self) -> Option<usize> {
        self.epochs.iter().find_map(|(_, state)| match state {
            State::Sending(producer) => Some(*producer),
            _ => None,
        })
    }

    /// After `Step::Send`: its transaction is begun and all of it handed to the producer.
    pub fn sent(&mut self) {
        let begun = self.begun();
        assert!(begun < PRODUCERS && self.sending().is_none(), "one epoch is sent at a time");
        self.epochs[begun].1 = State::Sending(self.turn);
        self.turn = (self.turn + 1) % PRODUCERS;
    }

    /// All that was sent is acknowledged.
    pub fn delivered(&mut self) {
        let producer = self.sending().expect("an epoch is being sent");
        let last = self.begun() - 1;
        self.epochs[last].1 = State::Delivered(producer);
    }

    /// After `Step::Commit`: the commit is under way.
    pub fn committing(&mut self) {
        let Some((_, state @ State::Delivered(_))) = self.epochs.front_mut() else {
            unreachable!("the oldest epoch is delivered")
        };
        let State::Delivered(producer) = *state else { unreachable!("matched above") };
        *state = State::Committing(producer);
    }

    /// The commit ended well: the oldest epoch is done.
    pub fn committed(&mut self) -> T {
        let (epoch, state) = self.epochs.pop_front().expect("an epoch is being committed");
        assert!(matches!(state, State::Committing(_)), "an epoch is being committed");
        epoch
    }

    /// Something ended otherwise than well, or nobody knows how. `commit`: it is the commit under way that did.
    pub fn doubt(&mut self, commit: bool) {
        self.doubt = true;
        if commit && let Some((_, state)) = self.epochs.front_mut() {
            *state = State::Waits;
        }
    }

    /// Whether something ended otherwise than well: what is being sent then is of no more interest.
    pub fn in_doubt(&self) -> bool {
        self.doubt
    }

    /// All epochs, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.epochs.iter().map(|(epoch, _)| epoch)
    }

    /// The oldest epoch.
    pub fn oldest(&self) -> Option<&T> {
        self.epochs.front().map(|(epoch, _)| epoch)
    }

    /// After `Step::Rebuild`: the oldest epoch is found in the log.
    pub fn found(&mut self) -> T {
        assert!(self.doubt, "the log is looked at when there is doubt");
        self.epochs.pop_front().expect("an epoch is in doubt").0
    }

    /// After `Step::Rebuild`: there are new producers and the log was read; what is left waits.
    pub fn rebuilt(&mut self) {
        self.epochs.iter_mut().for_each(|(_, state)| *state = State::Waits);
        (self.turn, self.doubt) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(count: u64) -> Commits<u64> {
        let mut commits = Commits::default();
        (0..count).for_each(|epoch| commits.add(epoch));
        commits
    }

    /// Carries out the next step; tells which it was.
    fn go(commits: &mut Commits<u64>) -> Step {
        let step = commits.step();
        match step {
            Step::Send(_) => commits.sent(),
            Step::Commit(_) => commits.committing(),
            Step::Rebuild => commits.rebuilt(),
            Step::Wait => {}
        }
        step
    }

    #[test]
    fn one_epoch_goes_through() {
        let mut commits = commits(0);
        assert_eq!(commits.step(), Step::Wait);
        commits.add(7);
        assert_eq!(commits.next(), Some(&7));
        assert_eq!(go(&mut commits), Step::Send(0));
        assert_eq!((go(&mut commits), commits.sending()), (Step::Wait, Some(0)));
        commits.delivered();
        assert_eq!(go(&mut commits), Step::Commit(0));
        assert_eq!(go(&mut commits), Step::Wait);
        assert_eq!(commits.committed(), 7);
        assert_eq!((commits.step(), commits.oldest()), (Step::Wait, None));
    }

    #[test]
    fn the_next_is_sent_when_the_one_before_is_delivered_and_committed_when_that_is_committed() {
        let mut commits = commits(3);
        assert_eq!(go(&mut commits), Step::Send(0));
        assert_eq!(go(&mut commits), Step::Wait, "the first is not delivered");
        commits.delivered();
        assert_eq!(go(&mut commits), Step::Commit(0));
        assert_eq!(go(&mut commits), Step::Send(1), "while the first is committed");
        commits.delivered();
        assert_eq!(go(&mut commits), Step::Wait, "the first is not committed; both producers are taken");
        assert_eq!(commits.committed(), 0);
        assert_eq!(go(&mut commits), Step::Commit(1));
        assert_eq!(go(&mut commits), Step::Send(0), "they take turns");
    }

    #[test]
    fn a_commit_in_doubt_sends_again_what_is_not_there() {
        for there in 0..=2 {
            let mut commits = commits(3);
            go(&mut commits);
            commits.delivered();
            go(&mut commits);
            go(&mut commits);
            commits.doubt(true);
            assert_eq!(commits.step(), Step::Rebuild);
            (0..there).for_each(|epoch| assert_eq!(commits.found(), epoch));
            commits.rebuilt();
            assert_eq!((commits.step(), commits.oldest()), (Step::Send(0), Some(&there)));
        }
    }

    #[test]
    fn trouble_while_sending_waits_for_the_commit_under_way() {
        let mut commits = commits(2);
        go(&mut commits);
        commits.delivered();
        go(&mut commits);
        go(&mut commits);
        commits.doubt(false);
        assert_eq!((commits.step(), commits.in_doubt()), (Step::Wait, true), "the commit may end well");
        assert_eq!(commits.committed(), 0);
        assert_eq!(go(&mut commits), Step::Rebuild);
        assert!(!commits.in_doubt());
        assert_eq!((go(&mut commits), commits.oldest()), (Step::Send(0), Some(&1)));
    }

    /// Every order of outcomes: epochs leave in order, each once, and never is one sent while another is, or committed
    /// before the one in front of it.
    #[test]
    fn whatever_happens_epochs_are_done_in_order() {
        for seed in 0..5_000_u64 {
            let mut dice = crate::runtime::memory::Seed(seed);
            let (mut commits, mut done) = (commits(5), Vec::new());
            for _ in 0..200 {
                match go(&mut commits) {
                    Step::Rebuild => panic!("rebuilt without a look"),
                    Step::Wait if done.len() == 5 => break,
                    _ => {}
                }
                let committing =
                    commits.epochs.front().is_some_and(|(_, s)| matches!(s, State::Committing(_)));
                match dice.below(5) {
                    0 if commits.sending().is_some() => commits.delivered(),
                    1 if committing => done.push(commits.committed()),
                    2 if committing => commits.doubt(true),
                    3 if commits.sending().is_some() => commits.doubt(false),
                    _ => {}
                }
                let states: Vec<_> = commits.epochs.iter().map(|(_, state)| *state).collect();
                assert!(states.iter().filter(|state| **state != State::Waits).count() <= PRODUCERS);
                if commits.step() == Step::Rebuild {
                    let there = dice.below(1 + commits.begun().max(1) as u64);
                    (0..there).for_each(|_| done.push(commits.found()));
                    commits.rebuilt();
                }
            }
            assert_eq!(done, [0, 1, 2, 3, 4], "seed {seed}");
        }
    }
}
