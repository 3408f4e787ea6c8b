//! `trunkline run`: the service, Kafka in and out. Everything that can be wrong with configuration, rules and topics is
//! told before the first event is read.

use super::failure::{Failure, Outcome};
use super::{config, rules_file};
use std::path::PathBuf;

/// Runs the service: consumes the input topics, keeps the epoch log, produces the outputs.
///
/// SIGTERM or SIGINT end it cleanly: what is in hand is finished first. A second one ends it at once; nothing is lost
/// by that either.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline run --config config/trunkline.toml\n  \
    trunkline run --stop-at-end --json")]
pub struct Arguments {
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "config/trunkline.toml")]
    config: PathBuf,
    /// Ends when everything is processed that the input held at the start
    #[arg(long)]
    stop_at_end: bool,
}

/// Runs it.
///
/// # Errors
/// Exit code 3 if configuration or rules are wrong; 1 if a broker, a topic or the epoch log is not what it must be; 2
/// without the feature `kafka`.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    let config = config::load(&arguments.config)?;
    let rules = rules_file::load(&config.rules)?;
    let key = config.key()?;
    service::run(&config, rules, &key, arguments.stop_at_end, json)
}

/// Exit code 2: built without Kafka.
#[cfg(not(feature = "kafka"))]
pub fn no_kafka() -> Failure {
    Failure::usage("this build has no Kafka client. Build with the feature `kafka` (it is on by default)")
}

/// Nobody else's: 16 hexadecimal digits; it names this process in the epoch log.
#[cfg(feature = "kafka")]
pub fn random_id() -> Result<String, Failure> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Failure::failed(format!("/dev/urandom cannot be read: {error}")))?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}

#[cfg(feature = "kafka")]
mod service {
    use super::{Failure, Outcome};
    use crate::cli::config::Config;
    use crate::io::clock::WallClock;
    use crate::io::kafka::{self, EpochTopic, KafkaLease, KafkaSink, KafkaSource};
    use crate::io::panics::Note;
    use crate::rules::Rules;
    use crate::rules::keys::HashKey;
    use crate::runtime::flow::Flow;
    use crate::runtime::in_hand::Held;
    use crate::runtime::inbox::Limits;
    use crate::runtime::leader::Progress;
    use crate::runtime::snapshot::{Restored, Told};
    use crate::runtime::standby::{self, Standby, Turn};
    use crate::runtime::{Engine, Error, FlowEngine, Gauges, Laps, Leader, Settings};
    use crate::types::DurationMs;
    use signal_hook::consts::{SIGINT, SIGTERM};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use crate::io::machine::Stopwatch;
    use crate::io::memory::Ahead;

    /// Memory touched ahead of growth; looked after every tenth of a second. Chosen, not measured.
    const MEMORY_AHEAD: usize = 64 << 20;

    /// How often a line tells how far it is.
    const TELL_EVERY: Duration = Duration::from_secs(10);

    pub fn run(config: &Config, rules: Rules, key: &HashKey, stop_at_end: bool, json: bool) -> Outcome {
        let _memory = Ahead::start(MEMORY_AHEAD);
        let stop = stop_flag()?;
        let mut settings = settings(config, key)?;
        let note = config.snapshots.note(&config.tenant);
        let panicked = note.as_ref().and_then(Note::read);
        if let Some(note) = &note {
            settings.careful = heed(panicked.as_ref(), note)?;
            note.leave_at_panics(settings.in_hand.clone());
        }
        // Ends with this function, whatever happens: whoever watches sees the engine until then.
        let _server = observed(config, &settings.gauges)?;
        let (rules, kafka_settings) = (Arc::new(rules), config.kafka_settings());
        let mut lease = KafkaLease::new(&kafka_settings).map_err(|e| failed(&e))?;
        let hold = lease.hold();
        let standby = || {
            let stopwatch = Stopwatch::start();
            let meter = |_| Laps::new(settings.gauges.recorder(), move || stopwatch.nanos());
            let flow = Flow::new(rules.clone(), key, &config.tenant, config.threads(), meter);
            let (source, sink, epochs) = kafka::open(&kafka_settings, &hold)?;
            tracing::info!(tenant = config.tenant, brokers = config.kafka.brokers, "reading the epoch log");
            Ok(Standby::new(FlowEngine::new(flow), source, sink, epochs, WallClock, settings.clone()))
        };
        let mut done = None;
        let mut led = Stopwatch::start();
        let lead = |leader: &mut KafkaLeader<FlowEngine<_>>| {
            begun(&settings.writer, &leader.progress(), leader.restored());
            if leader.engine().flow().rules().hash != rules.hash {
                tracing::warn!(
                    "{}: other rules are in force, for this file is asked for a tenant's first start only. `trunkline rules \
                     apply` puts it in force",
                    config.rules.display()
                );
            }
            led = Stopwatch::start();
            if let Some(place) =
                panicked.as_ref().filter(|held| held.times > 1).and_then(|held| held.place.as_ref())
                && leader.awaits(place)
            {
                return Err(Error::Panics(format!(
                    "the engine has panicked twice at {place}: look at that record and at the messages of the panics; \
                     `trunkline skip '{place}'` takes it without effect. Without that the tenant stays stopped"
                )));
            }
            let result = run_leader(leader, stop_at_end, &stop, note.as_ref());
            done = result.is_ok().then(|| (leader.progress(), leader.restored().clone()));
            result
        };
        let follows = config.standby.follows(&config.tenant);
        standby::serve(&mut lease, follows, &stop, standby, lead, tell).map_err(|e| failed(&e))?;
        let Some((progress, restored)) = done else {
            tracing::info!("stopped while another instance leads, or while reading the epoch log");
            return Ok(());
        };
        tracing::info!(
            epochs = progress.epochs,
            records = progress.records,
            sent = progress.sent,
            seconds = led.elapsed().as_secs_f64(),
            "ended cleanly"
        );
        if json {
            crate::cli::print(&(result(&progress, &restored).to_string() + "\n"));
        }
        Ok(())
    }

    /// How many records are taken one by one, for a process before this one has panicked.
    fn heed(held: Option<&Held>, note: &Note) -> Result<u64, Failure> {
        let Some(held) = held else { return Ok(0) };
        let path = note.path().display();
        match held {
            Held { times: 2.., place: None, epoch, replayed, .. } => {
                let what =
                    if *replayed { "which is recorded" } else { "at no record, but at what was due by then" };
                Err(Failure::failed(format!(
                    "the engine has panicked twice at epoch {epoch}, {what}: another version of the program may get over \
                     it. Remove {path} to try it once more"
                )))
            }
            // Whether it was skipped since, the log says.
            Held { times: 2.., .. } => Ok(0),
            Held { replayed: true, .. } => Ok(0),
            Held { epoch, records, .. } => {
                tracing::warn!(
                    epoch,
                    "the engine has panicked here: the next {records} records are taken one by one, to find the one"
                );
                // What was due may have been it, without any record.
                Ok(*records.max(&1))
            }
        }
    }

    type KafkaLeader<E> = Leader<E, KafkaSource, KafkaSink, EpochTopic, WallClock>;

    fn begun(writer: &str, replayed: &Progress, restored: &Restored) {
        for passed_over in &restored.passed_over {
            tracing::warn!("snapshot passed over: {passed_over}");
        }
        tracing::info!(
            writer,
            snapshot = restored.epoch,
            snapshot_bytes = restored.bytes,
            epochs = replayed.epochs_replayed,
            records = replayed.records_replayed,
            sent_again = replayed.sent_again,
            "leading"
        );
    }

    fn run_leader<E: Engine>(
        leader: &mut KafkaLeader<E>,
        stop_at_end: bool,
        stop: &AtomicBool,
        mut note: Option<&Note>,
    ) -> Result<(), Error> {
        let mut told = Stopwatch::start();
        let tell = |progress: &Progress, snapshots: &[Told]| {
            if let Some(note) = note.take_if(|_| progress.careful == 0)
                && let Err(error) = note.remove()
            {
                tracing::warn!("{}: cannot be removed: {error}", note.path().display());
            }
            snapshots.iter().for_each(tell_snapshot);
            if told.elapsed() >= TELL_EVERY {
                told = Stopwatch::start();
                tracing::info!(
                    epochs = progress.epochs,
                    records = progress.records,
                    sent = progress.sent,
                    "going on"
                );
            }
        };
        if stop_at_end { leader.run_to_end(stop, tell) } else { leader.run(stop, tell) }
    }

    fn tell_snapshot(told: &Told) {
        match told {
            Told::Taken { epoch } => tracing::debug!(epoch, "snapshot taken"),
            Told::Failed { epoch, why } => {
                tracing::error!(epoch, "snapshot failed: {why}. A restart would take longer");
            }
        }
    }

    fn tell(turn: Turn<'_>) {
        match turn {
            Turn::Snapshot(told) => tell_snapshot(told),
            Turn::StandsBy(found) => {
                tracing::info!(epochs = found.epochs, "at the end of the log: standing by for the lease");
            }
            Turn::TakesOver(found) => tracing::info!(epochs = found.epochs, "the lease is held: taking over"),
            Turn::SteppedDown(what) => tracing::warn!("following again: {what}"),
        }
    }

    /// Shows the readings where the configuration says.
    #[cfg(feature = "http")]
    fn observed(config: &Config, gauges: &Gauges) -> Result<Option<crate::observe::http::Server>, Failure> {
        use crate::observe::http::{Server, Shown};
        use crate::runtime::Clock;
        let Some((address, token)) = config.http.place()? else { return Ok(None) };
        let shown = Shown { gauges: gauges.clone(), now: Box::new(|| WallClock.now()), token };
        let server = Server::start(address, shown).map_err(|error| {
            Failure::failed(format!(
                "http.address: {address} cannot be listened at: {error}. Give another address in [http], port 0 for any \
                 free one, or \"\" for none"
            ))
        })?;
        tracing::info!(address = %server.address(), "metrics and health over HTTP");
        Ok(Some(server))
    }

    /// This build has no server.
    #[cfg(not(feature = "http"))]
    fn observed(_: &Config, _: &Gauges) -> Result<(), Failure> {
        Ok(())
    }

    fn result(progress: &Progress, restored: &Restored) -> serde_json::Value {
        serde_json::json!({
            "snapshot": restored.epoch,
            "epochs_replayed": progress.epochs_replayed,
            "records_replayed": progress.records_replayed,
            "sent_again": progress.sent_again,
            "epochs": progress.epochs,
            "records": progress.records,
            "sent": progress.sent,
        })
    }

    fn settings(config: &Config, key: &HashKey) -> Result<Settings, Failure> {
        let bytes = |n: u64| usize::try_from(n).expect("bounded by the configuration");
        Ok(Settings {
            limits: Limits { records: bytes(config.epoch_max_events), bytes: bytes(config.epoch_max_bytes) },
            delivery: config.delivery,
            epochs_in_flight: config.epochs_in_flight,
            inbox_bytes: bytes(config.kafka.partition_buffer_bytes),
            discover_every: DurationMs::seconds(i64::from(config.kafka.discover_every_s)),
            snapshots: config.snapshots.door(key)?,
            ..Settings::new(&config.tenant, &super::random_id()?)
        })
    }

    /// Set by SIGTERM or SIGINT; the second of them ends the process at once.
    fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
                .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
                .map_err(|error| Failure::failed(format!("signals cannot be handled: {error}")))?;
        }
        Ok(stop)
    }

    fn failed(error: &Error) -> Failure {
        Failure::failed(error.to_string())
    }
}

#[cfg(not(feature = "kafka"))]
mod service {
    use super::{Outcome, no_kafka};
    use crate::cli::config::Config;
    use crate::rules::Rules;
    use crate::rules::keys::HashKey;

    pub fn run(_: &Config, _: Rules, _: &HashKey, _: bool, _: bool) -> Outcome {
        Err(no_kafka())
    }
}
