//! Rules that change while the service runs, on a real broker: the operator's command, what the leader says of it, and that
//! restarts, `reference`, `replay` and `verify` know them from the log alone.

use crate::broker::broker;
use crate::tenant::{STREAMS, Tenant, until};
use std::time::Duration;

const RULES: &str = r#"
version = "first"
[identity.kinds.email]
rank = 1
form = "email"
[channels.chat]
[divisions.care]
[queues.help]
division = "care"
[queues.sales]
division = "care"
[[routes]]
queue = "help"
"#;

/// The same with a division more, to which everything goes from now on; longer than any message of a customer may be.
fn wider() -> String {
    let comment = "# A rules file may be long.\n".repeat(6_000);
    let more = "[divisions.new]\n[queues.fresh]\ndivision = \"new\"\n[[routes]]\nqueue = \"fresh\"\n";
    comment + &RULES.replace("[[routes]]\nqueue = \"help\"\n", more)
}

fn contact(number: u32) -> Vec<u8> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    format!(
        r#"{{"specversion":"1.0","id":"{number}","source":"t","type":"trunkline.contact.received","time":"{time}","data":{{"channel":"chat","from":{{"email":"c{number}@example.org"}},"text":"hello"}}}}"#
    )
    .into_bytes()
}

/// The service is there when it has an answer for the operator.
fn apply(tenant: &Tenant, text: &str) -> (i32, String, String) {
    let file = tenant.path("asked.toml");
    std::fs::write(&file, text).unwrap();
    tenant.run(&["rules", "apply", file.to_str().unwrap(), "--wait", "120"])
}

fn opened(tenant: &Tenant) -> usize {
    (0..3).map(|partition| tenant.read("out.conversations", partition).len()).sum()
}

/// One contact more, and it is there.
fn reach_out(tenant: &Tenant, number: u32) {
    let before = opened(tenant);
    tenant.load([contact(number).as_slice()]);
    until("a conversation", || opened(tenant) > before);
}

#[test]
fn rules_change_while_the_service_runs() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "rules-live", RULES, "");
    let service = tenant.spawn();
    reach_out(&tenant, 1);

    let (code, _, err) = apply(&tenant, &RULES.replace("queue = \"help\"", "queue = \"nowhere\""));
    assert!(code == 3 && err.contains("asked.toml:13:9:") && err.contains("nowhere"), "{code}: {err}");
    assert_eq!(tenant.end("control", 1), 0, "what is wrong is not asked for");

    let (code, _, err) = apply(
        &tenant,
        &RULES
            .replace("[queues.help]\ndivision = \"care\"\n", "")
            .replace("queue = \"help\"", "queue = \"sales\""),
    );
    assert!(code == 1 && err.contains("the queue `help`") && err.contains("in use by 1"), "{code}: {err}");

    let (code, out, err) = apply(&tenant, &wider());
    assert!(code == 0 && out.contains("in force from epoch"), "{code}: {out}{err}");
    reach_out(&tenant, 2);

    // The file of the configuration stays what it was; the log knows better, with and without a snapshot.
    service.kill();
    let service = tenant.spawn();
    reach_out(&tenant, 3);
    assert!(tenant.log().contains("`trunkline rules apply` puts it in force"), "{}", tenant.log());
    assert_eq!(service.terminate(), 0);
    std::fs::remove_dir_all(tenant.path("snapshots")).unwrap();
    let service = tenant.spawn();
    reach_out(&tenant, 4);
    #[cfg(feature = "http")]
    metrics_have_followed(&tenant);
    let (code, _, err) =
        apply(&tenant, &wider().replace("division = \"new\"\n", "division = \"new\"\nwrap_up = \"9s\"\n"));
    assert_eq!(code, 0, "{err}");
    reach_out(&tenant, 5);
    assert_eq!(service.terminate(), 0);
    all_agree(&tenant);
}

/// What the service tells has the new queue's name.
#[cfg(feature = "http")]
fn metrics_have_followed(tenant: &Tenant) {
    let address = crate::metrics::address(tenant);
    until("the new queue in the metrics", || {
        crate::metrics::get(&address, "/metrics")
            .1
            .contains("trunkline_queue_waiting{division=\"new\",queue=\"fresh\"} 3")
    });
}

/// Model, engine and what is outside, by a configuration whose rules file is of no use to the log any more.
fn all_agree(tenant: &Tenant) {
    std::fs::write(
        tenant.path("rules.toml"),
        RULES.replace("\"care\"", "\"other\"").replace(".care", ".other"),
    )
    .unwrap();
    let (model, engine) = (tenant.reference("reference"), tenant.reference("replay"));
    let mut lines = 0;
    for stream in STREAMS {
        let text = |folder: &std::path::Path| {
            std::fs::read_to_string(folder.join(format!("{stream}.ndjson"))).unwrap()
        };
        assert_eq!(text(&model), text(&engine), "{stream}");
        lines += text(&model).lines().count();
    }
    assert!(lines >= 5, "{lines} lines");
    let (code, out, err) = tenant.run(&["--json", "verify", "--kafka"]);
    assert_eq!(code, 0, "{err}");
    let verdict: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(verdict["outputs"].as_u64(), Some(lines as u64), "{verdict}");
}

#[test]
fn nobody_answers_while_nobody_leads_and_the_next_leader_takes_it_up() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "rules-later", RULES, "");
    let file = tenant.path("asked.toml");
    std::fs::write(&file, wider()).unwrap();
    let begun = std::time::Instant::now();
    let (code, _, err) = tenant.run(&["rules", "apply", file.to_str().unwrap(), "--wait", "1"]);
    assert!(
        code == 1 && err.contains("nobody has answered") && err.contains("control[0]@0"),
        "{code}: {err}"
    );
    assert!(begun.elapsed() >= Duration::from_secs(1));
    tenant.load([contact(1).as_slice()]);
    tenant.run_to_end();
    let (code, out, err) = tenant.run(&["--json", "verify", "--kafka"]);
    assert_eq!(code, 0, "{out}{err}");
    let record = tenant.read("epochs", 0).into_iter().map(|r| String::from_utf8(r.value).unwrap());
    assert_eq!(record.filter(|record| record.contains(r#""answer":"adopted""#)).count(), 1);
}
