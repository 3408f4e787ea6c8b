//! A record at which the engine panics: the second time its position is named, the tenant stays stopped, and `trunkline skip`
//! lets everything else through. Needs the feature `failpoints`, by which a test makes the engine panic.

use crate::broker::broker;
use crate::faults::{RULES, contact};
use crate::tenant::{STREAMS, Tenant};

const POISON: (&str, &str) = ("FAILPOINTS", "poison=return");

/// The service until it ends: exit code (-1: by a signal), stderr.
fn run(tenant: &Tenant) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(["run", "--stop-at-end", "--config"]).arg(tenant.path("trunkline.toml"));
    let output = command.env(POISON.0, POISON.1).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_record_that_makes_the_engine_panic_is_named_and_can_be_skipped() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "poisoned", RULES, "");
    let lines: Vec<String> = (0..40)
        .map(|id| if id == 17 { contact(id).replace("c17@x.org", "poison@x.org") } else { contact(id) })
        .collect();
    tenant.load(lines.iter().map(String::as_bytes));

    for panic in 1..=2 {
        let (code, err) = run(&tenant);
        assert!(code != 0 && err.contains("a poisoned record"), "panic {panic}: {code}: {err}");
        assert_eq!(err.contains("are taken one by one"), panic == 2, "{err}");
    }
    let place = format!("poisoned.in[{}]@{}", 17 % 4, 17 / 4);
    for _ in 0..2 {
        let (code, err) = run(&tenant);
        assert!(code == 1 && err.contains(&place) && err.contains("trunkline skip"), "{code}: {err}");
        assert!(!err.contains("a poisoned record"), "it does not try again: {err}");
    }

    let (code, _, err) = tenant.run(&["skip", "poisoned.in[9]@1"]);
    assert!(code == 1 && err.contains("of its inputs"), "{code}: {err}");
    let (code, _, err) = tenant.run(&["skip", "poisoned.in[0]@0"]);
    assert!(code == 1 && err.contains("comes too late"), "{code}: {err}");
    let (code, out, err) = tenant.run(&["skip", &place]);
    assert!(code == 0 && out.contains("is skipped, by epoch"), "{code}: {out}{err}");
    let (code, out, err) = tenant.run(&["skip", &place]);
    assert!(code == 0 && out.contains("already"), "{code}: {out}{err}");

    let (code, err) = run(&tenant);
    assert_eq!(code, 0, "{err}");
    std::fs::remove_dir_all(tenant.path("snapshots")).unwrap();
    let (code, err) = run(&tenant);
    assert_eq!(code, 0, "the replay of the whole log skips it, too: {err}");
    let (model, engine) = (tenant.reference("reference"), tenant.reference("replay"));
    for stream in STREAMS {
        let text = |folder: &std::path::Path| {
            std::fs::read_to_string(folder.join(format!("{stream}.ndjson"))).unwrap()
        };
        assert_eq!(text(&model), text(&engine), "{stream}");
        let opened = text(&model).matches("conversation.opened").count();
        assert_eq!(opened, if stream == "conversations" { 39 } else { 0 });
    }
    let (code, out, err) = tenant.run(&["verify", "--kafka"]);
    assert_eq!(code, 0, "{out}{err}");
}
