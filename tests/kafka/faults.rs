//! What is not there or not what it must be: a clear error, the right exit code, nothing read or sent.

use crate::broker::broker;
use crate::tenant::Tenant;
use std::time::{Duration, Instant};

pub const RULES: &str = r#"
version = "faults"
[identity.kinds.email]
rank = 1
limit = 5
form = "email"
[channels.chat]
[divisions.sales]
[queues.sales]
division = "sales"
[[routes]]
queue = "sales"
"#;

pub fn contact(id: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/t","type":"trunkline.contact.received","time":"2026-03-02T09:00:00Z","data":{{"channel":"chat","from":{{"email":"c{id}@x.org"}}}}}}"#
    )
}

fn fails(tenant: &Tenant, words: &[&str]) {
    let (code, _, err) = tenant.run(&["run", "--stop-at-end"]);
    assert_eq!(code, 1, "{err}");
    for word in words {
        assert!(err.contains(word), "{word:?} is not in: {err}");
    }
}

#[test]
fn a_missing_topic_is_named() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "missing", RULES, "");
    tenant.delete("out.sla");
    fails(&tenant, &["missing.out.sla", "does not exist"]);
    tenant.create("out.sla", 2, &[]);
    tenant.delete("epochs");
    fails(&tenant, &["missing.epochs", "does not exist"]);
    tenant.create("epochs", 2, &[]);
    fails(&tenant, &["missing.epochs", "has one partition, this one has 2"]);
    tenant.delete("epochs");
    tenant.create("epochs", 1, &[("retention.ms", "-1")]);
    tenant.delete("in");
    fails(&tenant, &["missing.in", "does not exist"]);
    tenant.create("in", 1, &[("cleanup.policy", "compact")]);
    fails(&tenant, &["missing.in", "is compacted"]);
}

#[test]
fn a_broker_that_is_not_there_is_told_within_ten_seconds() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "nobroker", RULES, "");
    let text = std::fs::read_to_string(tenant.path("trunkline.toml")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    std::fs::write(tenant.path("trunkline.toml"), text.replace(&broker.address, &nobody)).unwrap();
    let started = Instant::now();
    fails(&tenant, &["no Kafka broker answers", &nobody]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn input_that_was_made_anew_stops_the_engine() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "anew", RULES, "");
    let lines: Vec<String> = (0..200).map(contact).collect();
    tenant.load(lines.iter().map(String::as_bytes));
    tenant.run_to_end();
    tenant.delete("in");
    tenant.create("in", crate::tenant::INPUT_PARTITIONS, &[]);
    fails(&tenant, &["anew.in", "made anew"]);
    let others: Vec<String> = (1_000..1_200).map(contact).collect();
    tenant.load(others.iter().map(String::as_bytes));
    fails(&tenant, &["anew.in", "another record", "made anew"]);
    // Without a snapshot the replay finds it.
    std::fs::remove_dir_all(tenant.path("snapshots")).unwrap();
    fails(&tenant, &["comes out otherwise than recorded", "input slot"]);
}

#[test]
fn a_rules_file_that_was_edited_changes_nothing_and_is_told() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "rules", RULES, "");
    tenant.run_to_end();
    std::fs::write(tenant.path("rules.toml"), RULES.replace("faults", "others")).unwrap();
    let (code, _, err) = tenant.run(&["run", "--stop-at-end"]);
    assert!(code == 0 && err.contains("`trunkline rules apply` puts it in force"), "{code}: {err}");
}

#[test]
fn a_wrong_configuration_is_exit_code_3() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "config", RULES, "");
    tenant.configure("delivery = \"at most once\"", "");
    let (code, _, err) = tenant.run(&["run"]);
    assert!(code == 3 && err.contains("unknown variant"), "{code}: {err}");
    tenant.configure("", "[kafka.properties]\n\"plugin.library.paths\" = \"x\"");
    let (code, _, err) = tenant.run(&["run"]);
    assert!(code == 3 && err.contains("plugin.library.paths"), "{code}: {err}");
}

#[test]
fn a_topic_may_be_limited_to_some_types() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "limited", RULES, "");
    let text = std::fs::read_to_string(tenant.path("trunkline.toml")).unwrap();
    std::fs::write(tenant.path("trunkline.toml"), text.clone() + "types = [\"trunkline.agent.state\"]\n")
        .unwrap();
    let lines: Vec<String> = (0..40).map(contact).collect();
    tenant.load(lines[..20].iter().map(String::as_bytes));
    tenant.run_to_end();
    // From the next start on everything may come; what was refused stays refused, in the replay too.
    std::fs::write(tenant.path("trunkline.toml"), text).unwrap();
    tenant.load(lines[20..].iter().map(String::as_bytes));
    tenant.run_to_end();
    tenant.run_to_end();
    let reference = std::fs::read_to_string(tenant.reference("reference").join("rejected.ndjson")).unwrap();
    assert_eq!(reference.matches("type_not_allowed").count(), 20);
    let opened = std::fs::read_to_string(tenant.path("reference").join("conversations.ndjson")).unwrap();
    assert_eq!(opened.matches("conversation.opened").count(), 20);
}
