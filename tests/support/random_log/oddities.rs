//! Events that are rare: people who leave, events that come again, what no decoder takes.

use serde_json::{Value, json};
use trunkline::model::output::time_text;

use super::super::random_rules::CHANNELS;
use super::{Live, World};

impl World {
    /// Somebody turns out to be somebody else, or wants to be forgotten: mostly one who has something open.
    pub(super) fn leave(&mut self) {
        let mut live: Vec<Live> = self.live.values().cloned().collect();
        if self.dice.percent(70) && live.iter().any(|live| live.agent.is_some()) {
            live.retain(|live| live.agent.is_some());
        }
        let known = self.dice.one_of(&live).filter(|_| self.dice.percent(80)).map(|live| live.from);
        match self.dice.below(20) {
            0..9 => {
                let from = known.unwrap_or_else(|| self.identifiers(2));
                let all: Vec<(String, Value)> = from
                    .as_object()
                    .into_iter()
                    .flatten()
                    .flat_map(|(kind, values)| {
                        values.as_array().into_iter().flatten().map(|v| (kind.clone(), v.clone()))
                    })
                    .collect();
                let Some((kind, value)) = self.dice.one_of(&all) else { return };
                self.write("identity.unlinked", json!({ "identifier": { kind: value } }));
                if self.dice.percent(60) {
                    let channel = self.dice.pick(&CHANNELS);
                    self.write("contact.received", json!({ "channel": channel, "from": from }));
                }
            }
            9..18 => {
                let from = known.unwrap_or_else(|| self.identifiers(2));
                self.write("customer.erased", json!({ "from": from }));
            }
            _ => self.write("rules.changed", json!({ "text": "" })),
        }
    }

    /// An event that came before.
    pub(super) fn again(&mut self) {
        let back = self.dice.below(20);
        let one_offs = self.dice.percent(20);
        let mut lines = self.lines.iter().rev();
        let line = if one_offs { lines.find(|line| line.contains("GUEST")) } else { lines.nth(back) };
        if let Some(line) = line.cloned() {
            let moved =
                serde_json::from_str::<Value>(&line).ok().filter(Value::is_object).map(|mut event| {
                    event["time"] = json!(time_text(self.time));
                    event.to_string()
                });
            let moves = self.dice.percent(70);
            self.push(moved.filter(|_| moves).unwrap_or(line));
        }
    }

    /// What decode refuses, and an empty line.
    pub(super) fn broken(&mut self) {
        match self.dice.below(6) {
            0 => self.write("contact.received", json!({ "channel": "fax", "from": { "account": "a1" } })),
            1 => {
                self.write("contact.received", json!({ "channel": "chat", "from": { "mail": "no-address" } }))
            }
            2 => self.write("agent.state", json!({ "agent": "ann", "division": "north", "state": "away" })),
            3 => self.push("{\"specversion\":\"1.0\",".to_owned()),
            4 => self.push("   ".to_owned()),
            _ => self.push("[]".to_owned()),
        }
    }
}
