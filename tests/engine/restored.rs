//! What is saved and gone on from: nothing plain stands in it, and who was erased stays erased, even if the state is older
//! than the erasure. That every story and every random log goes on from what was saved is `support/taken_up`.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::rules::keys::HashKey;
use trunkline::runtime::flow::{Finished, Flow, Threads};
use trunkline::runtime::snapshot::CONTENT;
use trunkline::types::record::Record;
use xxhash_rust::xxh3::xxh3_128;

use crate::identity::{NEEDLES, RULES, event, log_with_needles};
use crate::support::engines::compiled;

/// Number of the form, and hash of a small state in it.
const FORM: (u32, &str) = (4, "ab1d1573f23c9a2c923a5a22b17d9a7f");

fn flow(threads: usize) -> Flow<()> {
    Flow::new(Arc::new(compiled(RULES)), &HashKey::PUBLIC, "local", Threads::new(threads), |_| ())
}

fn saved(flow: &mut Flow<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    flow.save(&mut bytes).expect("memory takes every byte");
    bytes
}

/// Carries lines out, the first of them having this number; the outputs.
fn carry_out(flow: &mut Flow<()>, lines: &[String], first: usize) -> Vec<Value> {
    let mut finished = Finished::default();
    let mut told = Vec::new();
    for (line, offset) in lines.iter().zip(first as u64..) {
        flow.submit(&[Record::line(0, offset, line.as_bytes())], None, None);
        flow.collect(&mut finished).expect("a batch is under way").expect("no limit to jumps was set");
        let out = &finished.output;
        let all = [&out.rejected, &out.identity].into_iter().chain(&out.divisions);
        told.extend(
            all.flat_map(|lines| lines.iter().map(|(_, line)| serde_json::from_slice(line).unwrap())),
        );
    }
    told
}

#[test]
fn nothing_plain_is_saved() {
    let mut flow = flow(2);
    for (number, line) in log_with_needles().iter().enumerate() {
        carry_out(&mut flow, std::slice::from_ref(line), number);
        let bytes = saved(&mut flow).to_ascii_lowercase();
        for needle in NEEDLES {
            let found = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
            assert_eq!(found, None, "{needle:?} after line {number}");
        }
    }
}

#[test]
fn who_was_erased_stays_erased_after_a_restore_from_before() {
    let contact = json!({ "channel": "chat", "from": { "mail": "gone@example.org", "nick": "gone" } });
    let log = [
        event(0, "contact.received", &contact),
        event(1, "customer.erased", &json!({ "from": { "nick": "gone" } })),
        event(2, "contact.received", &contact),
    ];
    let (before, after) = log.split_at(1);
    let mut whole = flow(1);
    let first = carry_out(&mut whole, before, 0);
    let older = saved(&mut whole);
    let expected = carry_out(&mut whole, after, 1);

    let mut restored = flow(3);
    restored.restore(&mut &older[..]).expect("what was saved is sound");
    let found = carry_out(&mut restored, after, 1);
    assert_eq!(found, expected);
    assert!(saved(&mut restored) == saved(&mut whole), "the states are one again");

    assert!(found.iter().any(|line| line["type"] == "trunkline.customer.erased"), "{found:?}");
    let opened = |lines: &[Value]| -> Vec<Value> {
        let opened = lines.iter().filter(|line| line["type"] == "trunkline.conversation.opened");
        opened.map(|line| line["data"]["customer"].clone()).collect()
    };
    let ([known], [again]) = (&opened(&first)[..], &opened(&found)[..]) else {
        panic!("{first:?}, {found:?}")
    };
    assert_ne!(known, again, "the person comes back as somebody new");
}

/// The form of a state belongs to its number: whoever changes a structure raises `CONTENT` and writes the hash found here
/// down, so that no snapshot of another form is ever read as one of this.
#[test]
fn a_state_of_another_form_has_another_number() {
    let mut flow = flow(1);
    carry_out(&mut flow, &log_with_needles(), 0);
    let found = (CONTENT, format!("{:032x}", xxh3_128(&saved(&mut flow))));
    assert_eq!(
        found,
        (FORM.0, FORM.1.to_owned()),
        "raise CONTENT in runtime/snapshot/file.rs, then note the hash here"
    );
}
