//! The world before a stand-in engine: its bytes are those of its seed, its story holds together, its shares are
//! what they should be.

mod stand_in;

use crate::rules::Rules;
use crate::rules::compile;
use crate::sim::census::Census;
use crate::sim::desk;
use crate::sim::{FlowEngine, Pace, PipelineEngine, Plan, Profile, World, rulebook};
use crate::types::{EventType, IgnoreReason, Tally};
use stand_in::StandIn;

fn rules(profile: Profile) -> Rules {
    compile(&rulebook::text(profile), "profile.rules.toml").unwrap_or_else(|complaints| {
        let all: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n"))
    })
}

fn small(profile: Profile, seed: u64, events: u64) -> Plan {
    Plan { customers: 5_000, agents: 120, ..Plan::new(profile, seed, events) }
}

fn play(plan: &Plan) -> (Vec<u8>, StandIn, Census) {
    let rules = rules(plan.profile);
    let mut world = World::new(plan.clone(), &rules).expect("the profile's rules suffice");
    let mut engine = StandIn::new(&rules);
    let mut log = Vec::new();
    world.run(&mut engine, &mut log).expect("memory takes it");
    (log, engine, world.census().clone())
}

#[test]
fn same_seed_same_bytes() {
    for profile in Profile::ALL {
        let log = |seed| play(&small(profile, seed, 4_000)).0;
        let first = log(1);
        assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 4_000, "{profile:?}");
        assert!(first == log(1), "{profile:?}: the same seed gives the same bytes");
        assert!(first != log(2), "{profile:?}: another seed gives others");
    }
}

#[test]
fn threads_change_no_byte() {
    for profile in Profile::ALL {
        let (plan, rules) = (small(profile, 9, 6_000), rules(profile));
        let log = |engine: &mut dyn FnMut(&mut World, &mut Vec<u8>)| {
            let mut world = World::new(plan.clone(), &rules).expect("the profile's rules suffice");
            let mut log = Vec::new();
            engine(&mut world, &mut log);
            log
        };
        let here = log(&mut |world, log| {
            world.run(&mut PipelineEngine::new(&rules, ()), log).expect("memory takes it");
        });
        for threads in 1..=3 {
            let beside = log(&mut |world, log| {
                world.run(&mut FlowEngine::new(&rules, threads), log).expect("memory takes it");
            });
            assert!(here == beside, "{profile:?} on {threads} threads");
        }
    }
}

#[test]
fn shares_are_as_promised() {
    for profile in [Profile::Omni, Profile::Firehose] {
        let lines = 30_000;
        let (log, engine, census) = play(&small(profile, 3, lines));
        let rejected: u64 = engine.rejected.values().sum();
        let per_mille = |count: u64| count * 1_000 / lines;
        assert!(
            (25..=55).contains(&per_mille(engine.duplicates)),
            "{profile:?}: {} duplicates",
            engine.duplicates
        );
        assert!((10..=60).contains(&rejected), "{profile:?}: rejected {:?}", engine.rejected);
        assert_eq!(
            rejected, census.rejects,
            "{profile:?}: only what was broken is refused: {:?}",
            engine.rejected
        );
        assert!((10..=90).contains(&per_mille(engine.backwards)), "{profile:?}: {} late", engine.backwards);
        let size = log.len() as u64 / lines;
        assert!((340..=460).contains(&size), "{profile:?}: {size} bytes an event");
    }
}

#[test]
fn the_story_of_omni_holds_together() {
    let lines = 40_000;
    let (_, engine, census) = play(&small(Profile::Omni, 4, lines));
    let count = |event: EventType| engine.accepted[event as usize];
    let accepted: u64 = engine.accepted.iter().sum();
    let contacts = count(EventType::ContactReceived) * 100 / accepted;
    assert!((40..=52).contains(&contacts), "{contacts} % contacts");
    let answers = count(EventType::OfferAccepted);
    assert!(
        answers > 1_000 && engine.dead_answers * 20 < answers,
        "{} of {answers} dead",
        engine.dead_answers
    );
    assert_eq!(census.strangers, 0, "every conversation is somebody's");
    for event in [
        EventType::ContactAbandoned,
        EventType::CustomerUpdated,
        EventType::IdentityLinked,
        EventType::AgentUpdated,
        EventType::AgentState,
        EventType::OfferDeclined,
        EventType::ConversationReplied,
        EventType::ConversationHeld,
        EventType::ConversationResumed,
        EventType::ConversationTransferred,
        EventType::ConversationResolved,
        EventType::AgentWrapped,
        EventType::CallbackRequested,
        EventType::ConversationUpdated,
        EventType::ConversationAssigned,
    ] {
        assert!(count(event) > 5, "{event:?} comes {} times", count(event));
    }
}

#[test]
fn a_day_ends() {
    let plan = Plan { agents: 40, pace: Pace::Day, ..small(Profile::Omni, 5, u64::MAX) };
    let (_, _, census) = play(&plan);
    assert!(census.opened > 1_000 && census.agents[0] == 40, "{census:?}");
    // Nobody goes home with an exchange that never ends.
    let (census, _, _, _) = before_the_engine(&plan, &rules(plan.profile));
    let used: i64 = census.staff.iter().map(|staff| staff.used).sum();
    assert!(census.opened > 1_000 && used < 100, "weight {used} is still held at night");
}

#[test]
fn the_rules_of_every_profile_are_accepted() {
    for profile in Profile::ALL {
        let rules = rules(profile);
        let (divisions, queues) = (rules.divisions.len(), rules.queues.len());
        assert!(profile != Profile::Omni || (divisions, queues) == (8, 64), "{divisions} {queues}");
    }
}

#[test]
fn omni_keeps_the_staff_busy_and_the_engine_in_agreement() {
    let plan = small(Profile::Omni, 6, 100_000);
    let rules = rules(plan.profile);
    let mut world = World::new(plan, &rules).expect("the profile's rules suffice");
    let mut engine = PipelineEngine::new(&rules, ());
    let (mut log, mut warm) = (Vec::new(), None);
    while !world.is_over() {
        world.step(&mut engine, &mut log, &mut |_, _| {}).expect("memory takes it");
        if world.census().lines > 30_000 && warm.is_none() {
            warm = Some(world.census().work());
        }
    }
    let (census, tally) = (world.census(), engine.pipeline().tally());
    let (used, budget) = census.work();
    let (used_before, budget_before) = warm.expect("it has been warm");
    let occupancy = (used - used_before) * 1_000 / (budget - budget_before);
    assert!((850..=950).contains(&occupancy), "occupancy {occupancy}");
    assert_eq!((census.strangers, tally.events), (0, 100_000));
    assert_eq!(tally.rejected.iter().sum::<u64>(), census.rejects);
    let dead = tally.ignored[IgnoreReason::DeadOffer as usize];
    assert!(dead > 0 && dead * 20 < census.answers, "{dead} of {} answers to dead offers", census.answers);
    let ignored: u64 = tally.ignored.iter().sum();
    assert!(ignored * 100 < tally.accepted, "{:?}", tally.ignored);
    assert!(tally.absorbed > 50, "{} customers turned out to be others", tally.absorbed);
}

/// Runs a world before the real engine; gives the most that ever waited, and how many identity outputs of each type.
fn before_the_engine(plan: &Plan, rules: &Rules) -> (Census, Tally, u32, [u64; 2]) {
    let mut world = World::new(plan.clone(), rules).expect("the rules suffice");
    let mut engine = PipelineEngine::new(rules, ());
    let (mut most, mut identity) = (0, [0; 2]);
    while !world.is_over() {
        let mut seen = |world: &World, engine: &mut PipelineEngine<()>| {
            most = most.max(world.census().waiting.iter().sum());
            for (_, line) in engine.output().identity.iter() {
                let refused = memchr::memmem::find(line, b"trunkline.identity.refused").is_some();
                identity[usize::from(refused)] += 1;
            }
        };
        world.step(&mut engine, &mut std::io::sink(), &mut seen).expect("memory takes it");
    }
    (world.census().clone(), engine.pipeline().tally(), most, identity)
}

#[test]
fn a_surge_fills_the_queues_and_a_storm_hits_the_limits() {
    let plan = small(Profile::Surge, 7, 40_000);
    let (surge, _, most, _) = before_the_engine(&plan, &rules(plan.profile));
    let (_, _, most_of_omni, _) = before_the_engine(&small(Profile::Omni, 7, 40_000), &rules(Profile::Omni));
    assert!(most > 2_000 && most > 8 * most_of_omni, "{most} wait at most, {most_of_omni} without a burst");
    assert_eq!(surge.strangers, 0);
    let plan = small(Profile::Viral, 7, 30_000);
    let (viral, tally, _, [merged, refused]) = before_the_engine(&plan, &rules(plan.profile));
    assert!(merged > 300 && refused > 300, "{merged} merged, {refused} refused");
    assert!(tally.split > 5 && tally.erased > 5, "{} split, {} erased", tally.split, tally.erased);
    assert!(tally.absorbed >= merged && viral.strangers == 0, "{tally:?}");
}

#[test]
fn any_rules_that_suffice_make_a_world() {
    let head = "version = \"x\"\n";
    let kinds = "[identity.kinds.handle]\nrank = 1\nlimit = 3\nform = \"handle\"\n";
    let channels = "[channels.fax]\n";
    let queues = "[divisions.all]\n[queues.one]\ndivision = \"all\"\n[[routes]]\nqueue = \"one\"\n";
    let rules = compile(&[head, kinds, channels, queues].concat(), "own.toml").expect("sound rules");
    let (census, tally, _, _) = before_the_engine(&small(Profile::Omni, 8, 5_000), &rules);
    assert_eq!((census.lines, tally.rejected.iter().sum::<u64>()), (5_000, census.rejects));
    assert!(census.offered > 100, "{census:?}");
    for (text, lacks) in [
        ([head, channels, queues].concat(), "[identity.kinds]"),
        ([head, kinds, channels].concat(), "[queues]"),
    ] {
        let rules = compile(&text, "own.toml").expect("sound rules");
        let error = World::new(small(Profile::Omni, 8, 10), &rules).err().expect("something is missing");
        assert!(error.to_string().contains(lacks), "{error}");
    }
}

/// Arrivals are set by what a case is expected to cost: that has to be near to what it does cost.
#[test]
fn a_case_costs_what_the_arrivals_reckon_with() {
    let plan = Plan { customers: 20_000, agents: 400, ..Plan::new(Profile::Omni, 6, 200_000) };
    let rules = rules(plan.profile);
    let mut world = World::new(plan, &rules).expect("the profile's rules suffice");
    let mut engine = PipelineEngine::new(&rules, ());
    let mut warm = None;
    while !world.is_over() {
        world.step(&mut engine, &mut std::io::sink(), &mut |_, _| {}).expect("memory takes it");
        if world.census().lines > 80_000 && warm.is_none() {
            warm = Some(world.census().handling);
        }
    }
    let handling = world.census().handling.iter().zip(warm.expect("it has been warm"));
    let cost = handling.map(|((cases, ms), before)| (ms - before.1) / (cases - before.0).max(1));
    // Of the wrap-ups four fifths count on the average: 16 s of a call, and so on.
    let reckoned = desk::HANDLING_MS
        .iter()
        .zip([16_000, 8_000, 0, 4_000, 4_000])
        .map(|(ms, wrap_up)| u64::from(ms + wrap_up));
    for (medium, (cost, reckoned)) in cost.zip(reckoned).enumerate() {
        assert!(
            cost * 100 > reckoned * 80 && cost * 100 < reckoned * 120,
            "{medium}: {cost} ms, not {reckoned}"
        );
    }
}
