//! Every rule of identities in a small log of its own.

use super::*;

const PHONE: u8 = 0;
const MAIL: u8 = 1;
const COOKIE: u8 = 2;

/// Phones before mails before cookies, two of each, four in all.
fn rules() -> IdentityRules {
    identity(&[(1, 2), (2, 2), (3, 2)], 4)
}

fn story(log: &Log) -> Story {
    log.story(&mut Identify::with(&rules(), &dedup(600, 1_000), Bounds::RULES), 3)
}

/// Indices of the customers, row by row; `None`: no customer.
fn indices(story: &Story) -> Vec<Option<u32>> {
    let index = |resolved: &Resolved| match resolved {
        Resolved::Customer { index, .. } => Some(*index),
        _ => None,
    };
    story.rows.iter().map(index).collect()
}

fn told(story: &Story) -> Vec<Told> {
    story.told.iter().map(|told| told.2.clone()).collect()
}

fn ignored(reason: IgnoreReason) -> Resolved {
    Resolved::Ignored(reason)
}

#[test]
fn the_best_identifier_founds() {
    let mut log = Log::default();
    log.contact(&[(COOKIE, 1), (MAIL, 1)]);
    log.contact(&[(COOKIE, 1)]);
    log.contact(&[(MAIL, 1), (MAIL, 1)]);
    let story = story(&log);
    let id = id_of(MAIL, 1, 0);
    assert_eq!(story.rows, vec![Resolved::Customer { index: 0, id, kinds: 0b110 }; 3]);
    assert_eq!((story.customers, story.told.len()), (1, 0));
}

#[test]
fn of_one_rank_the_smaller_hash_is_better() {
    let mut log = Log::default();
    log.contact(&[(MAIL, 1), (MAIL, 2)]);
    let smaller = [1, 2].into_iter().min_by_key(|number| identifier(MAIL, *number).hash).unwrap();
    let expected = Resolved::Customer { index: 0, id: id_of(MAIL, smaller, 0), kinds: 0b010 };
    assert_eq!(story(&log).rows, [expected]);
}

#[test]
fn at_the_founding_what_does_not_fit_is_refused() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (PHONE, 2), (PHONE, 3), (MAIL, 1), (MAIL, 2), (COOKIE, 1)]);
    let story = story(&log);
    let Resolved::Customer { id, kinds, .. } = story.rows[0] else { panic!("{:?}", story.rows) };
    assert_eq!(kinds, 0b011);
    let expected = [(PHONE, RefusalReason::Limit), (COOKIE, RefusalReason::Size)];
    assert_eq!(told(&story), expected.map(|(kind, reason)| Told::Refused(id, KindId(kind), reason)));
}

#[test]
fn who_was_founded_first_survives() {
    let mut log = Log::default();
    log.contact(&[(COOKIE, 1)]);
    log.contact(&[(PHONE, 1)]);
    log.contact(&[(MAIL, 1)]);
    log.contact(&[(MAIL, 1), (PHONE, 1), (COOKIE, 1)]);
    log.contact(&[(PHONE, 1)]);
    let story = story(&log);
    assert_eq!(indices(&story), [0, 1, 2, 0, 0].map(Some));
    let id = id_of(COOKIE, 1, 0);
    assert_eq!(told(&story), [Told::Merged(id, vec![id_of(PHONE, 1, 0), id_of(MAIL, 1, 0)])]);
    let merge = |absorbed, absorbed_id| Merge { row: 3, survivor: 0, survivor_id: id, absorbed, absorbed_id };
    assert_eq!(story.merges, [merge(1, id_of(PHONE, 1, 0)), merge(2, id_of(MAIL, 1, 0))]);
    assert_eq!((story.customers, story.absorbed), (3, 2));
}

#[test]
fn a_union_over_a_limit_sets_the_worst_aside() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (COOKIE, 1), (COOKIE, 2)]);
    log.contact(&[(MAIL, 1), (COOKIE, 3)]);
    log.contact(&[(PHONE, 1), (MAIL, 1)]);
    log.contact(&[(PHONE, 1), (MAIL, 2)]);
    log.contact(&[(MAIL, 1), (MAIL, 2)]);
    let story = story(&log);
    assert_eq!(indices(&story).len(), 5);
    let first = id_of(PHONE, 1, 0);
    assert_eq!(told(&story)[0], Told::Refused(first, KindId(MAIL), RefusalReason::Limit), "three cookies");
    assert_eq!(indices(&story)[..4], [0, 1, 0, 0].map(Some));
    assert_eq!(told(&story).len(), 2, "the last one is a union of five");
    assert!(matches!(told(&story)[1], Told::Refused(_, KindId(MAIL), _)));
}

#[test]
fn a_union_too_large_in_all_is_refused_for_size() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (MAIL, 1), (COOKIE, 1)]);
    log.contact(&[(PHONE, 2), (MAIL, 2)]);
    log.contact(&[(PHONE, 1), (PHONE, 2)]);
    let story = story(&log);
    let Told::Refused(_, kind, reason) = told(&story)[0] else { panic!("{:?}", story.told) };
    assert_eq!((kind, reason, story.told.len()), (KindId(PHONE), RefusalReason::Size, 1));
}

#[test]
fn set_aside_and_still_free_is_attached_in_the_end() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (MAIL, 1)]);
    log.contact(&[(PHONE, 2), (MAIL, 2), (COOKIE, 1)]);
    // Mail 2 belongs to the other one and the union is too large; cookie 9 is set aside first, but fits.
    log.contact(&[(PHONE, 1), (MAIL, 2), (COOKIE, 9)]);
    log.contact(&[(COOKIE, 9)]);
    let story = story(&log);
    assert_eq!(indices(&story), [0, 1, 0, 0].map(Some));
    assert_eq!(told(&story), [Told::Refused(id_of(PHONE, 1, 0), KindId(MAIL), RefusalReason::Size)]);
}

#[test]
fn one_owner_and_nothing_new_always_passes() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (PHONE, 2), (MAIL, 1), (MAIL, 2)]);
    log.contact(&[(PHONE, 1), (PHONE, 2), (MAIL, 1), (MAIL, 2)]);
    let story = story(&log);
    assert_eq!((indices(&story), story.told.len()), ([0, 0].map(Some).to_vec(), 0));
}

#[test]
fn without_identifiers_a_contact_has_a_one_off_customer() {
    let mut log = Log::default();
    log.push(0, 1, EventType::ContactReceived, &[]);
    log.push(0, 2, EventType::ContactReceived, &[]);
    let first = CustomerId { hash: founding_bits(dedup_key(1)), generation: 0 };
    log.push(0, 3, EventType::ContactReceived, &[]).conversation = conversation(first);
    log.push(0, 4, EventType::ContactReceived, &[]).conversation = conversation(id_of(MAIL, 9, 0));
    log.push(1_000, 1, EventType::ContactReceived, &[]);
    let story = story(&log);
    assert_eq!(indices(&story), [0, 1, 0, 2, 3].map(Some));
    let again = Resolved::Customer { index: 3, id: CustomerId { generation: 1, ..first }, kinds: 0 };
    assert_eq!(story.rows[4], again, "after the window the same event founds the next generation");
}

#[test]
fn others_look_up_and_never_found() {
    let mut log = Log::default();
    log.push(0, 1, EventType::ConversationReplied, &[(PHONE, 1)]);
    log.push(0, 2, EventType::CustomerUpdated, &[(PHONE, 1)]);
    log.push(0, 3, EventType::IdentityLinked, &[(MAIL, 1), (COOKIE, 1)]);
    log.push(0, 4, EventType::ConversationReplied, &[(PHONE, 7), (COOKIE, 1), (MAIL, 3)]);
    log.push(0, 5, EventType::ContactAbandoned, &[(PHONE, 1), (MAIL, 1)]);
    log.push(0, 6, EventType::OfferAccepted, &[(PHONE, 1)]).conversation = conversation(id_of(MAIL, 1, 0));
    log.push(0, 7, EventType::OfferAccepted, &[(PHONE, 1)]).conversation = conversation(id_of(MAIL, 1, 1));
    let story = story(&log);
    let unknown = ignored(IgnoreReason::UnknownCustomer);
    assert_eq!((story.rows[0], story.rows[6]), (unknown, unknown));
    assert_eq!(indices(&story)[1..6], [0, 1, 1, 0, 1].map(Some));
    assert_eq!((story.customers, story.told.len()), (2, 0));
}

#[test]
fn an_absorbed_id_names_the_survivor() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1)]);
    log.contact(&[(MAIL, 1)]);
    log.push(0, 1, EventType::IdentityLinked, &[(PHONE, 1), (MAIL, 1)]);
    log.push(0, 2, EventType::ConversationHeld, &[]).conversation = conversation(id_of(MAIL, 1, 0));
    let story = story(&log);
    assert_eq!(story.rows[3], Resolved::Customer { index: 0, id: id_of(PHONE, 1, 0), kinds: 0b011 });
}

#[test]
fn what_is_ignored_or_needs_no_customer() {
    use EventType::*;
    let mut log = Log::default();
    let mut expected = Vec::new();
    for event_type in [IdentityUnlinked, CustomerErased] {
        log.push(0, expected.len() as u64, event_type, &[(PHONE, 1)]);
        expected.push(ignored(IgnoreReason::UnknownCustomer));
    }
    log.push(0, 10, RulesChanged, &[]);
    expected.push(Resolved::Told);
    for (key, event_type) in
        [(11, ConversationTransferred), (12, ConversationAssigned), (13, ConversationUpdated)]
    {
        log.push(0, key, event_type, &[(PHONE, 1)]);
        expected.push(ignored(IgnoreReason::UnknownCustomer));
    }
    log.push(0, 14, CustomerUpdated, &[]).has_from = true;
    log.push(0, 15, IdentityLinked, &[]).has_from = true;
    expected.extend([ignored(IgnoreReason::NoIdentifier); 2]);
    for (key, event_type) in [(16, AgentState), (17, AgentUpdated), (18, AgentWrapped)] {
        log.push(0, key, event_type, &[]);
    }
    log.push(0, 19, AgentWrapped, &[(PHONE, 1)]).conversation = conversation(id_of(PHONE, 1, 0));
    expected.extend([Resolved::NoCustomer; 4]);
    log.push(0, 20, AgentWrapped, &[(PHONE, 1)]);
    log.push(0, 21, AgentWrapped, &[]).has_from = true;
    expected.extend([ignored(IgnoreReason::UnknownCustomer); 2]);
    let story = story(&log);
    assert_eq!(story.rows, expected);
    assert_eq!(story.customers, 0);
}

#[test]
fn a_duplicate_is_dropped_whatever_it_is() {
    let mut log = Log::default();
    log.push(0, 1, EventType::RulesChanged, &[]);
    log.push(600, 1, EventType::ContactReceived, &[(PHONE, 1)]);
    log.push(601, 1, EventType::ContactReceived, &[(PHONE, 1)]);
    let story = story(&log);
    assert_eq!(story.rows[..2], [Resolved::Told, Resolved::Duplicate]);
    assert_eq!((indices(&story)[2], story.duplicates, story.customers), (Some(0), 1, 1));
}

#[test]
fn rows_behind_one_who_leaves_look_once_more() {
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (MAIL, 1)]);
    log.contact(&[(PHONE, 2)]);
    log.push(0, 1, EventType::IdentityUnlinked, &[(MAIL, 1)]);
    log.contact(&[(MAIL, 1)]);
    log.push(0, 2, EventType::CustomerErased, &[(PHONE, 1)]);
    log.contact(&[(PHONE, 1)]);
    log.push(0, 3, EventType::CustomerErased, &[(PHONE, 2), (MAIL, 1)]);
    let batches = [1, 2, 100];
    let stories = batches.map(|size| log.story(&mut identify(Bounds::RULES), size));
    assert!(stories.iter().all(|story| *story == stories[0]));
    let ids = [id_of(PHONE, 1, 0), id_of(MAIL, 1, 0)];
    assert_eq!(told(&stories[0]), [Told::Split(ids[0], ids[1]), Told::Erased(ids[0]), Told::Ambiguous]);
    let again = stories[0].rows[5];
    assert!(matches!(again, Resolved::Customer { id, .. } if id == id_of(PHONE, 1, 1)), "{again:?}");
}

fn identify(bounds: Bounds) -> Identify {
    Identify::with(&IdentityRules { generic_after: 2, ..rules() }, &dedup(600, 1_000), bounds)
}

#[test]
fn what_is_remembered_is_bounded() {
    let bounds = Bounds { refusals: 1, unowned: 1, bans: 1 };
    let refused = |story: &Story, reason| {
        story
            .told
            .iter()
            .filter(|told| matches!(told.2, Told::Refused(_, _, other) if other == reason))
            .count()
    };
    // Two cookies in turn: neither count lives until the second refusal.
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (COOKIE, 1), (COOKIE, 2)]);
    for cookie in [3, 4, 3, 4] {
        log.contact(&[(PHONE, 1), (COOKIE, cookie)]);
    }
    let story = log.story(&mut identify(bounds), 100);
    assert_eq!((refused(&story, RefusalReason::Limit), refused(&story, RefusalReason::Generic)), (4, 0));
    // One after the other: the first that became generic identifies again when the second does.
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (COOKIE, 1), (COOKIE, 2)]);
    for cookie in [3, 3, 4, 4, 3, 4] {
        log.contact(&[(PHONE, 1), (COOKIE, cookie)]);
    }
    let story = log.story(&mut identify(bounds), 100);
    assert_eq!((refused(&story, RefusalReason::Limit), refused(&story, RefusalReason::Generic)), (5, 2));
    // Of two that were split off, the earlier one leads back.
    let mut log = Log::default();
    log.contact(&[(PHONE, 1), (MAIL, 1), (COOKIE, 1)]);
    log.push(0, 1, EventType::IdentityUnlinked, &[(MAIL, 1)]);
    log.push(0, 2, EventType::IdentityUnlinked, &[(COOKIE, 1)]);
    log.contact(&[(PHONE, 1), (COOKIE, 1)]);
    log.contact(&[(PHONE, 1), (MAIL, 1)]);
    let story = log.story(&mut identify(bounds), 100);
    assert_eq!((refused(&story, RefusalReason::Unlinked), story.absorbed), (1, 1));
}

#[test]
fn who_is_forgotten_leaves_its_memory_to_others() {
    let kept = DurationMs::days(400).0;
    let mut identify = identify(Bounds::RULES);
    let (mut key, mut clock) = (0, 0);
    let mut bytes = Vec::new();
    for round in 0..6 {
        let mut log = Log::default();
        for person in 0..2_000 {
            key += 1;
            clock += 1;
            let number = 100 + round * 10_000 + person;
            log.push(clock, key, EventType::ContactReceived, &[(PHONE, number), (MAIL, number)]);
        }
        let story = log.story(&mut identify, 64);
        assert_eq!(story.customers, 2_000);
        bytes.push(identify.bytes()[1..].iter().sum::<usize>());
        clock += kept + DurationMs::days(1).0;
    }
    assert_eq!(identify.customers(), 12_000);
    assert!(identify.identifiers() <= 4_000 + 16, "{} identifiers", identify.identifiers());
    assert!(bytes[5] == bytes[3] && bytes[5] < bytes[0] * 11 / 10, "{bytes:?}");
}

#[test]
fn chains_of_merges_leave_short_ways() {
    // The youngest first, each with the one before it: whoever survives is older than all so far.
    let rules = identity_rules_without_limits();
    let people = 4_000;
    let mut log = Log::default();
    (0..people).for_each(|person| {
        log.contact(&[(PHONE, 100 + person)]);
    });
    (1..people).rev().for_each(|person| {
        log.contact(&[(PHONE, 100 + person), (PHONE, 99 + person)]);
    });
    let mut identify = Identify::with(&rules, &dedup(600, 1_000_000), Bounds::RULES);
    let story = log.story(&mut identify, 500);
    assert_eq!(story.absorbed, people - 1);
    let longest = identify.registry.customers.longest_way();
    assert!(longest <= people.ilog2() + 1, "{longest} steps");
    // One identifier that leaves and comes back again and again: its ids stand apart, and what it left is one step away.
    let mut log = Log::default();
    for turn in 0..2_000 {
        log.push(1, 1_000_000 + 2 * turn, EventType::IdentityUnlinked, &[(PHONE, 100)]);
        log.push(1, 1_000_001 + 2 * turn, EventType::IdentityLinked, &[(PHONE, 100), (PHONE, 101)]);
    }
    let story = log.story(&mut identify, 500);
    assert_eq!((story.customers, story.absorbed), (2_000, 2_000));
    let longest = identify.registry.customers.longest_way();
    assert!(longest <= (people + 2_000).ilog2() + 1, "{longest} steps");
    let last = story.told.iter().rev().find(|told| matches!(told.2, Told::Split(..))).unwrap();
    assert_eq!(last.2, Told::Split(id_of(PHONE, 100, 0), id_of(PHONE, 100, 2_000)));
}

fn identity_rules_without_limits() -> IdentityRules {
    identity(&[(1, 65_535), (2, 65_535), (3, 65_535)], 65_535)
}

#[test]
fn memory_of_an_identifier_and_of_a_customer() {
    let mut log = Log::default();
    let people = 200_000;
    for person in 0..people {
        log.push(
            person as i64,
            person,
            EventType::ContactReceived,
            &[(PHONE, 100 + person), (MAIL, 100 + person)],
        );
    }
    let mut identify = Identify::with(&rules(), &dedup(0, 1), Bounds::RULES);
    log.story(&mut identify, 1_000);
    let [_, identifiers, customers] = identify.bytes().map(|bytes| bytes / people as usize);
    assert!(
        identifiers < 2 * 48 && customers < 80,
        "{identifiers} for two identifiers and {customers} bytes"
    );
}
