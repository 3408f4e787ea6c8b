//! Whole runs, byte by byte: what a customer does, and every line that comes of it.

use crate::support::engines::ENGINES;

/// A customer calls and hangs up in the queue, tweets and is told that it has been seen, then chats logged in: one
/// customer and one conversation, in the place in line of the tweet, worth more for what has failed, and the agent
/// sees all of it.
#[test]
fn who_calls_tweets_and_chats_is_one_customer_with_one_conversation() {
    let rules = include_str!("../golden/one_customer.rules.toml");
    let log: Vec<String> =
        include_str!("../golden/one_customer.in.jsonl").lines().map(str::to_owned).collect();
    let expected = include_str!("../golden/one_customer.out.jsonl");
    for (name, engine) in ENGINES {
        let lines: Vec<String> = engine(rules, &log, None)
            .into_iter()
            .map(|(stream, line)| format!("{}\t{line}\n", stream.word()))
            .collect();
        assert_eq!(lines.concat(), expected, "{name}");
    }
}
