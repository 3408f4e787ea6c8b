//! The lease by Kafka's group protocol: a group of its own a tenant, whose one partition is the epoch topic's. Whoever is
//! assigned it may initialise producers. Assignment is cooperative, so the holder keeps it while others come and go. Nothing
//! is read through the group: the partition is paused as soon as it is assigned.
//!
//! The group says who should write; it cannot stop who does not hear it. That is the transactional producers' affair.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::io::kafka::context;
use crate::io::kafka::reach::Reach;
use crate::io::kafka::settings::KafkaSettings;
use crate::runtime::{Error, Lease};

/// Wait for librdkafka's word on the group before the thread looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);

/// What the lease's thread and the epoch topic's writer know of one another.
#[derive(Clone)]
pub struct Hold(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Longer than this without a word of the lease's thread, it is not held: the process stood still.
    session: Duration,
}

struct State {
    held: bool,
    /// When the lease's thread was last there.
    alive: Instant,
    /// Why it cannot be had.
    failed: Option<String>,
    /// Whether there are producers.
    writing: bool,
    /// Wakes the writer when the lease is gone.
    revoked: Option<Box<dyn Fn() + Send>>,
}

impl Hold {
    fn new(held: bool, session: Duration) -> Hold {
        let alive = Instant::now();
        let state = State { held, alive, failed: None, writing: false, revoked: None };
        Hold(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), session }))
    }

    /// Always held: for a topic that has one writer by other means.
    pub fn always() -> Hold {
        Hold::new(true, Duration::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder of the lock panics")
    }

    fn is_held(&self, state: &State) -> bool {
        state.held && state.alive.elapsed() < self.0.session
    }

    /// Whether it is held now; if not, waits for at most `wait` until it is.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn holds(&self, wait: Duration) -> Result<bool, Error> {
        let mut state = self.state();
        if !wait.is_zero() {
            let waits = |state: &mut State| !self.is_held(state) && state.failed.is_none();
            state = self.0.changed.wait_timeout_while(state, wait, waits).expect("no holder panics").0;
        }
        match &state.failed {
            Some(what) => Err(Error::Door(what.clone())),
            None => Ok(self.is_held(&state)),
        }
    }

    /// If it is held within `wait`, says that there are producers from now on; a revocation waits a while for their end.
    ///
    /// # Errors
    /// As `holds`.
    pub fn begin_writing(&self, wait: Duration) -> Result<bool, Error> {
        if !self.holds(wait)? {
            return Ok(false);
        }
        let mut state = self.state();
        state.writing = self.is_held(&state);
        Ok(state.writing)
    }

    /// There are no producers any more.
    pub fn end_writing(&self) {
        self.state().writing = false;
        self.0.changed.notify_all();
    }

    /// `wake` is called when the lease is gone.
    pub fn on_revoked(&self, wake: impl Fn() + Send + 'static) {
        self.state().revoked = Some(Box::new(wake));
    }

    fn gain(&self) {
        let mut state = self.state();
        (state.held, state.alive) = (true, Instant::now());
        drop(state);
        self.0.changed.notify_all();
    }

    /// Not held any more. Waits until the producers are gone, but not so long that the group would take this member for
    /// dead: who initialises the next ones ends these as well.
    fn lose(&self) {
        let mut state = self.state();
        state.held = false;
        if let Some(wake) = &state.revoked {
            wake();
        }
        self.0.changed.notify_all();
        self.await_end_of_writing(state);
    }

    fn await_end_of_writing(&self, state: MutexGuard<'_, State>) {
        let wait = (self.0.session / 2).min(Duration::from_secs(3));
        let _ = self.0.changed.wait_timeout_while(state, wait, |state| state.writing);
    }

    fn beat(&self) {
        self.state().alive = Instant::now();
    }

    fn fail(&self, what: String) {
        let mut state = self.state();
        state.held = false;
        state.failed.get_or_insert(what);
        drop(state);
        self.0.changed.notify_all();
    }
}

/// One instance's membership of the lease group.
pub struct KafkaLease {
    settings: KafkaSettings,
    hold: Hold,
    member: Option<Member>,
}

struct Member {
    leave: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl KafkaLease {
    /// Not a member yet.
    ///
    /// # Errors
    /// If the session time-out that is configured is no number.
    pub fn new(settings: &KafkaSettings) -> Result<KafkaLease, Error> {
        let hold = Hold::new(false, settings.lease_session()?);
        Ok(KafkaLease { settings: settings.clone(), hold, member: None })
    }

    /// For the writer.
    pub fn hold(&self) -> Hold {
        self.hold.clone()
    }
}

impl Lease for KafkaLease {
    fn ask(&mut self) -> Result<(), Error> {
        if self.member.is_some() {
            return Ok(());
        }
        let group = self.settings.lease_group();
        let door = |e: &dyn std::fmt::Display| Error::Door(format!("lease group {group}: {e}"));
        let config = self.settings.lease()?;
        let consumer = BaseConsumer::from_config_and_context(&config, Member::context(&self.hold));
        let consumer = consumer.map_err(|e| door(&e))?;
        consumer.subscribe(&[&self.settings.epoch_topic]).map_err(|e| door(&e))?;
        let leave = Arc::new(AtomicBool::new(false));
        let (hold, until, topic) = (self.hold.clone(), leave.clone(), self.settings.epoch_topic.clone());
        let reach = Reach::new(&self.settings.brokers);
        let run = move || Member::run((consumer, reach), &topic, &hold, &until);
        let thread = std::thread::Builder::new().name("lease".into()).spawn(run).map_err(|e| door(&e))?;
        self.member = Some(Member { leave, thread });
        Ok(())
    }

    fn holds(&mut self, wait: Duration) -> Result<bool, Error> {
        self.hold.holds(wait)
    }

    fn give_back(&mut self) {
        let Some(member) = self.member.take() else { return };
        self.hold.await_end_of_writing(self.hold.state());
        member.leave.store(true, Ordering::Relaxed);
        // A thread that panicked has left as well.
        let _ = member.thread.join();
    }
}

impl Drop for KafkaLease {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Member {
    fn context(hold: &Hold) -> Group {
        Group { hold: hold.clone() }
    }

    /// Serves the group until told to leave; the consumer's end leaves it.
    fn run((consumer, reach): (BaseConsumer<Group>, Reach), topic: &str, hold: &Hold, leave: &AtomicBool) {
        let mut last = Instant::now();
        while !leave.load(Ordering::Relaxed) {
            reach.restore(consumer.client());
            if let Some(Err(error)) = consumer.poll(POLL) {
                reach.heard(&error);
                listen(&error, hold);
            }
            if last.elapsed() > hold.0.session {
                // Without heartbeats for as long the group has given it to another; if not, it is asked for anew.
                tracing::warn!(seconds = last.elapsed().as_secs_f64(), "stood still: the lease is lost");
                hold.lose();
                consumer.unsubscribe();
                if let Err(error) = consumer.subscribe(&[topic]) {
                    hold.fail(format!("the lease group cannot be joined again: {error}"));
                }
            }
            last = Instant::now();
            hold.beat();
        }
        drop(consumer);
        hold.lose();
    }
}

/// What the group's errors mean: some will not go away.
fn listen(error: &KafkaError, hold: &Hold) {
    match error.rdkafka_error_code() {
        Some(
            Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::InvalidSessionTimeout
            | Code::InconsistentGroupProtocol
            | Code::Fatal,
        ) => hold.fail(format!(
            "the lease group refuses this instance ({error}): may it read the group, and does the broker allow its \
             session time-out?"
        )),
        _ => tracing::debug!("lease group: {error}"),
    }
}

/// Hears what the group decides, on the lease's thread.
struct Group {
    hold: Hold,
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("lease group: {error}: {reason}");
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, _: &BaseConsumer<Group>, rebalance: &Rebalance<'_>) {
        let gone = match rebalance {
            Rebalance::Assign(_) => false,
            Rebalance::Revoke(partitions) => partitions.count() > 0,
            Rebalance::Error(_) => true,
        };
        if gone {
            tracing::info!("the lease is gone");
            self.hold.lose();
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Group>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(partitions) = rebalance else { return };
        if partitions.count() == 0 {
            return;
        }
        if let Err(error) = consumer.pause(partitions) {
            tracing::warn!("the lease's partition is read for nothing: {error}");
        }
        tracing::info!("the lease is held");
        self.hold.gain();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_waits_for_the_end_of_writing_and_not_for_ever() {
        let hold = Hold::new(false, Duration::from_millis(200));
        assert!(!hold.begin_writing(Duration::ZERO).unwrap());
        hold.gain();
        assert!(hold.begin_writing(Duration::ZERO).unwrap());
        let (told, revoked) = std::sync::mpsc::channel();
        let writer = hold.clone();
        hold.on_revoked(move || told.send(()).unwrap());
        let thread = std::thread::spawn(move || {
            revoked.recv().unwrap();
            assert!(!writer.holds(Duration::ZERO).unwrap(), "told when it is gone");
            writer.end_writing();
        });
        hold.lose();
        assert!(!hold.state().writing, "the producers went first");
        thread.join().unwrap();
        hold.on_revoked(|| ());
        hold.gain();
        assert!(hold.begin_writing(Duration::ZERO).unwrap());
        let begun = Instant::now();
        hold.lose();
        assert!(hold.state().writing && begun.elapsed() >= Duration::from_millis(100), "half a session");
    }

    #[test]
    fn who_stood_still_for_a_session_does_not_hold_it() {
        let hold = Hold::new(false, Duration::from_millis(1));
        hold.gain();
        hold.state().alive = Instant::now() - Duration::from_millis(2);
        assert!(!hold.holds(Duration::ZERO).unwrap());
        hold.fail("refused".into());
        assert!(hold.holds(Duration::from_secs(60)).is_err(), "told at once");
    }
}
