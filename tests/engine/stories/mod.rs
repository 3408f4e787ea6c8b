//! Stories by section of the semantics: one for each sentence that this version carries out; of routing `table` says which.

mod ageing;
mod agents;
mod callbacks;
mod changing_rules;
mod churn;
mod clock;
mod complaints;
mod conversations;
mod created;
mod dedup;
mod field;
mod folding;
mod folding_agents;
mod golden;
mod identity;
mod leaving;
mod matching;
mod merging;
mod offers;
mod orders;
mod queueing;
mod readings;
mod reasons;
mod replies;
mod routes;
mod service_levels;
mod states;
mod strategies;
mod table;
mod table_of_people;
mod terms;
mod value;

/// Two kinds of identifiers, three channels, one division with one queue: what most stories need.
pub const PLAIN: &str = r#"
[identity.kinds.id]
rank = 1
limit = 1
form = "opaque"
[identity.kinds.mail]
rank = 2
limit = 3
form = "opaque"
[channels.chat]
weight = 30
[channels.mail]
weight = 20
[channels.phone]
excludes = ["*"]
[calendars.always]
zone = "UTC"
open = "always"
[divisions.main]
[queues.desk]
division = "main"
[[routes]]
queue = "desk"
"#;

/// `PLAIN` with something more in the queue `desk`: lines of its table.
pub fn desk(lines: &str) -> String {
    PLAIN.replace("[[routes]]", &format!("{lines}\n[[routes]]"))
}

/// An agent `ann` who is available for two chats and two mails.
pub const ANN: &str = "
    +0s  agent ann capacity.chat=2 capacity.mail=2 capacity.phone=1
    +0s  state ann available
";

/// A story that begins with `ann`.
pub fn with_ann(rest: &str) -> String {
    format!("{ANN}{rest}")
}
