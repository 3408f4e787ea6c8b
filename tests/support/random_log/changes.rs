//! Changes of rules within a log: other rules of the same names, and rules in which something comes or goes.

use serde_json::{Value, json};
use trunkline::rules::compile;

use super::super::dice::Dice;
use super::super::random_rules::rules;
use super::World;

/// Tries to find rules without a fault.
const TRIES: usize = 6;

impl World {
    /// Asks for other rules; now and then for what `check` refuses.
    pub(super) fn change_rules(&mut self) {
        let text = next(&mut self.dice, &self.rules);
        self.write("rules.changed", json!({ "text": text }));
        // The model says whether they are in force; it does not matter here.
        self.rules = if compile(&text, "rules").is_ok() { text } else { self.rules.clone() };
        self.has_changed = true;
    }

    /// Rules that have changed may know names that the first ones did not.
    pub(super) fn with_new_names(&mut self, data: &mut Value) {
        if !self.has_changed || !self.dice.percent(25) {
            return;
        }
        for (member, name) in [("channel", "fax"), ("queue", "a0")] {
            if data.get(member).is_some() && self.dice.percent(50) {
                data[member] = json!(name);
            }
        }
        if data.get("capacity").is_some() {
            data["capacity"]["fax"] = json!(self.dice.between(1, 3));
        }
        if data.get("queues").is_some_and(Value::is_object) {
            data["queues"]["a0"] = json!({ "rank": self.dice.between(1, 2) });
        }
        if data.get("from").is_some_and(Value::is_object) && self.dice.percent(50) {
            data["from"]["badge"] = json!([format!("b{}", self.dice.below(self.people))]);
        }
    }
}

fn next(dice: &mut Dice, current: &str) -> String {
    match dice.below(20) {
        0 => return String::new(),
        1 => return current.replace("[[routes]]", "[[roads]]"),
        _ => {}
    }
    for _ in 0..TRIES {
        let text = varied(dice, current);
        if compile(&text, "rules").is_ok() {
            return text;
        }
    }
    current.to_owned()
}

fn varied(dice: &mut Dice, current: &str) -> String {
    let mut text = if dice.percent(50) { rules(dice) } else { current.to_owned() };
    if dice.percent(30) {
        let queue = dice.pick(&["e1", "e2", "w1", "w2", "a0", "aq"]);
        text = without(&text, &format!("queues.{queue}"));
        let other = dice.pick(&["e1", "e2", "w1", "w2"]);
        text = text.replace(&format!("\"{queue}\""), &format!("\"{other}\""));
    }
    if dice.percent(40) {
        let more =
            dice.pick(&["", "strategy = \"round_robin\"\n", "accept = \"auto\"\n", "affinity = \"20s\"\n"]);
        text = in_front_of_routes(&text, &format!("[queues.a0]\ndivision = \"east\"\n{more}"));
        text = in_front_of_routes(&text, "[[routes]]\nwhen = { channel = [\"chat\"] }\nqueue = \"a0\"\n");
    }
    if dice.percent(15) {
        let channel = dice.pick(&["phone", "mail", "fax"]);
        text = without(&text, &format!("channels.{channel}")).replace(", channel = { phone = 50 }", "");
        text = text.replace("channel = { phone = 50 }\n", "").replace(&format!("\"{channel}\""), "\"chat\"");
    }
    if dice.percent(30) {
        let release = dice.pick(&["", "release_after = \"10s\"\n", "reclaim = \"10s\"\n"]);
        text = in_front_of_routes(&text, &format!("[channels.fax]\nweight = 30\n{release}"));
    }
    if dice.percent(15) {
        text = without(&text, &format!("identity.kinds.{}", dice.pick(&["nick", "badge"])));
    }
    if dice.percent(25) {
        let rank = dice.between(1, 3);
        text = in_front_of_routes(
            &text,
            &format!("[identity.kinds.badge]\nrank = {rank}\nlimit = 2\nform = \"opaque\"\n"),
        );
    }
    if dice.percent(15) {
        text = in_front_of_routes(&text, "[divisions.aside]\n[queues.aq]\ndivision = \"aside\"\n");
        if dice.percent(60) {
            let channel = dice.pick(&["chat", "phone"]);
            let route = format!("[[routes]]\nwhen = {{ channel = [\"{channel}\"] }}\nqueue = \"aq\"\n");
            text = in_front_of_routes(&text, &route);
        }
    }
    if dice.percent(3) {
        text = without(&text, "divisions.aside");
    }
    if dice.percent(30) {
        text = text.replace("gold = 300, silver = 100", "bronze = 5, gold = 250");
        text = text.replace("buy = 200, cancel = -50", "abort = 9, buy = 210, other = 3");
    }
    if dice.percent(7) {
        for queue in ["e1", "e2", "w1", "w2", "a0", "aq"] {
            text = without(&text, &format!("queues.{queue}"));
        }
        text = text.split("[[routes]]").next().unwrap_or_default().to_owned();
    }
    text
}

fn in_front_of_routes(text: &str, more: &str) -> String {
    text.replacen("[[routes]]", &format!("{more}[[routes]]"), 1)
}

/// Without a table and those below it.
fn without(text: &str, table: &str) -> String {
    let mut kept = String::new();
    let mut goes = false;
    for line in text.lines() {
        if line.starts_with('[') {
            goes = line == format!("[{table}]") || line.starts_with(&format!("[{table}."));
        }
        if !goes {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
