//! Handing over: who parks, who is woken, what goes through at once. Answers are compared in `tests/engine`.

use super::*;
use crate::rules;

const RULES: &str = r#"
    version = "t"
    [identity.kinds.email]
    rank = 1
    form = "email"
    [channels.chat]
    [divisions.care]
    [queues.help]
    division = "care"
    [[routes]]
    queue = "help"
"#;

fn contact(id: usize) -> Vec<u8> {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"chat","type":"trunkline.contact.received",
        "time":"2026-11-16T09:00:00Z","data":{{"channel":"chat","from":{{"email":"a{id}@example.org"}}}}}}"#
    )
    .into_bytes()
}

fn flow(threads: Threads) -> Flow<()> {
    let rules = Arc::new(rules::compile(RULES, "t").expect("sound rules"));
    Flow::new(rules, &HashKey::PUBLIC, "t", threads, |_| ())
}

/// Whether every worker parks before this thread has yielded very often.
fn all_park(flow: &Flow<()>) -> bool {
    for _ in 0..50_000_000 {
        if flow.shared.desk().parked.len() == flow.workers.len() {
            return true;
        }
        thread::yield_now();
    }
    false
}

#[test]
fn who_has_nothing_to_do_parks_and_is_woken() {
    let mut flow = flow(Threads { small: 0, ..Threads::new(4) });
    let lines: Vec<Vec<u8>> = (0..40).map(contact).collect();
    let mut finished = Finished::default();
    for round in 0..3 {
        assert!(all_park(&flow), "idle threads take no processor");
        let lines = lines.iter().enumerate().map(|(at, line)| Record::line(0, round * 40 + at as u64, line));
        flow.submit(&lines.collect::<Vec<_>>(), None, None);
        flow.collect(&mut finished).expect("a batch is under way").expect("no limit to jumps");
        assert_eq!(finished.decisions[0].decisions.len(), if round == 0 { 40 } else { 0 });
    }
    assert!(flow.collect(&mut finished).is_none());
    assert_eq!((flow.tally().accepted, flow.tally().duplicates), (40, 80));
}

#[test]
fn small_batches_go_through_at_once() {
    let mut flow = flow(Threads::new(2));
    let lines: Vec<Vec<u8>> = (0..3).map(contact).collect();
    for (at, line) in lines.iter().enumerate() {
        flow.submit(&[Record::line(0, at as u64, line)], None, None);
        assert!(flow.is_through(), "no other thread has to be waited for");
    }
    assert_eq!(flow.under_way(), 3);
    let mut finished = Finished::default();
    for _ in 0..3 {
        flow.collect(&mut finished).expect("a batch is under way").expect("no limit to jumps");
        assert_eq!(finished.output.divisions[0].len(), 1);
    }
    assert!(flow.next_deadline().is_some(), "an idle conversation closes one day");
}

#[test]
#[should_panic(expected = "collected before another one")]
fn room_is_kept_to() {
    let mut flow = flow(Threads::new(1));
    (0..2).for_each(|_| flow.submit(&[], None, None));
}
