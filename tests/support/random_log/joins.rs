//! Events by which people turn out to be one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trunkline::model::output::time_text;
use trunkline::types::Millis;

use super::super::random_rules::{CHANNELS, QUEUES};
use super::{Live, World};

impl World {
    pub(super) fn linked(&mut self) {
        let from = self.identifiers(4);
        self.write("identity.linked", json!({ "from": from }));
    }

    /// Two who have something open are the same, as a link, a contact, a callback or a profile says.
    pub(super) fn join_two(&mut self) {
        let known: Vec<Live> = self.live.values().filter(|live| live.known_by.is_some()).cloned().collect();
        let Some(one) = self.dice.one_of(&known) else { return self.linked() };
        let near: Vec<Live> = known.into_iter().filter(|live| live.division == one.division).collect();
        let other = self.dice.one_of(&near).expect("one is near itself");
        let mut from: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (kind, value) in [one.known_by, other.known_by].into_iter().flatten() {
            from.entry(kind).or_default().push(value);
        }
        let mut data = Map::new();
        data.insert("from".to_owned(), json!(from));
        if self.dice.percent(50) {
            let also = json!(format!("@nick{}", self.dice.below(self.people)));
            from.entry("nick".to_owned()).or_default().push(also);
            data.insert("from".to_owned(), json!(from));
            return self.write("identity.linked", Value::Object(data));
        }
        if self.dice.percent(25) {
            self.maybe(&mut data, 40, "blocked", |dice| json!(dice.percent(30)));
            return self.write("customer.updated", Value::Object(data));
        }
        data.insert("channel".to_owned(), json!(self.dice.pick(&CHANNELS)));
        self.maybe(&mut data, 30, "queue", |dice| json!(QUEUES[dice.below(4)].0));
        if self.dice.percent(30) {
            let span = self.dice.between(-1_000, 60_000);
            data.insert("due".to_owned(), json!(time_text(Millis(self.time.0 + span))));
            return self.write("callback.requested", Value::Object(data));
        }
        self.maybe(&mut data, 20, "thread", |dice| json!(dice.pick(&["t1", "t2"])));
        self.write("contact.received", Value::Object(data));
    }
}
