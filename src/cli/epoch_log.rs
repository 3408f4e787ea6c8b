//! Running the log of a live tenant: order, clock, `now` and ticks are those of its epoch log, so the output is what the
//! tenant's output topics hold, each output once. The same for `replay` (the engine, compared with the recorded counts
//! and hashes on the way) and `reference` (the model, compared by whoever has both outputs).

use super::config::{self, Config};
use super::failure::{Failure, Outcome};
use super::machines::ModelMachine;
use super::rules_file;
use crate::io::file::{FileError, StreamFiles};
use crate::io::kafka;
use crate::runtime::core::Core;
use crate::runtime::flow::Flow;
use crate::runtime::recover::{Recovered, replay};
use crate::runtime::{Engine, Error, FlowEngine};
use crate::types::{Output, Stream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What carries the epochs out.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// The pipeline.
    Engine,
    /// The sequential model.
    Model,
}

/// Walks through the epoch log of the configured tenant; writes `DIR/<stream>.ndjson` if `out` is given.
///
/// # Errors
/// Exit code 3 if configuration or rules are wrong; 1 if the log cannot be read, does not fit together, or (for the
/// engine) an epoch comes out otherwise than recorded.
pub fn run(which: Which, config: &Path, rules: Option<&Path>, out: Option<&Path>, json: bool) -> Outcome {
    let config = config::load(config)?;
    let rules = rules_file::load(rules.unwrap_or(&config.rules))?;
    let key = config.key()?;
    let files = out.map(|path| StreamFiles::create(path, rules.divisions.len())).transpose()?;
    let mut taken = Taken { files, outputs: [0; 6], divisions: Vec::new(), failed: None };
    let found = match which {
        Which::Engine => {
            let flow = Flow::new(Arc::new(rules.clone()), &key, &config.tenant, config.threads(), |_| ());
            let engine = FlowEngine::new(flow);
            walk(engine, true, &config, &mut taken)?
        }
        Which::Model => {
            let engine = ModelMachine::of_tenant(&rules, &key, &config.tenant);
            walk(engine, false, &config, &mut taken)?
        }
    };
    let divisions = taken.divisions;
    let hash = taken.files.map(|files| files.finish(&divisions)).transpose()?;
    let outputs: serde_json::Map<String, serde_json::Value> =
        Stream::ALL.iter().map(|s| (s.word().to_owned(), taken.outputs[*s as usize].into())).collect();
    let result = serde_json::json!({
        "epochs": found.epochs,
        "records": found.records,
        "outputs": outputs,
        "output_hash": hash.map(|hash| format!("{hash:032x}")),
    });
    let text = if json { result.to_string() } else { format!("{result:#}") };
    super::print(&(text + "\n"));
    Ok(())
}

/// Output of the epochs, as it is taken.
struct Taken {
    files: Option<StreamFiles>,
    /// By `Stream as usize`.
    outputs: [u64; 6],
    /// Their names.
    divisions: Vec<String>,
    failed: Option<FileError>,
}

impl Taken {
    fn take(&mut self, output: &Output) {
        for (stream, _) in
            [&output.rejected, &output.identity].into_iter().chain(&output.divisions).flat_map(|l| l.iter())
        {
            self.outputs[stream as usize] += 1;
        }
        if let Some(Err(error)) = self.files.as_mut().map(|files| files.append(output)) {
            self.failed.get_or_insert(error);
        }
    }
}

fn walk(
    engine: impl Engine,
    compare: bool,
    config: &Config,
    taken: &mut Taken,
) -> Result<Recovered, Failure> {
    let failed = |error: Error| Failure::failed(error.to_string());
    let (mut source, mut epochs) = kafka::open_log(&config.kafka_settings()).map_err(failed)?;
    let room = usize::try_from(config.kafka.partition_buffer_bytes).expect("bounded by the configuration");
    let mut core = Core::new(engine, &config.tenant, room);
    let stop = AtomicBool::new(false);
    let found = replay(&mut core, &mut source, &mut epochs, compare, &stop, |_, outputs, divisions| {
        if taken.divisions.len() < divisions.len() {
            taken.divisions = divisions.to_vec();
        }
        outputs.iter().for_each(|output| taken.take(output));
        stop.store(taken.failed.is_some(), Ordering::Relaxed);
    });
    match taken.failed.take() {
        Some(error) => Err(error.into()),
        None => found.map_err(failed),
    }
}
