//! Which story tells which sentence of routing (the semantics, section 6, with its details), which bad input, which
//! feature and which complaint of the field. Each entry names stories as `file::function`; a test looks whether they
//! are there, so the table stays true.

use std::collections::BTreeSet;
use std::path::Path;

use super::table_of_people;

/// A part of the semantics, and its sentences with the stories that tell them.
pub type Part = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const CONVERSATION: Part = (
    "Conversation",
    &[
        (
            "queued, offered, active, held and active again, closed; besides scheduled",
            &["field::f1_conversation_machine", "offers::hold_and_resume_only_where_they_mean_something"],
        ),
        (
            "closed at the resolve; wrap-up is the agent's; a later message opens a new one",
            &["states::a_message_while_the_agent_wraps_up_opens_a_new_conversation"],
        ),
        (
            "joining one that the division no longer holds opens it again; any other operation is ignored",
            &["queueing::a_contact_opens_again_what_has_expired"],
        ),
        (
            "offered to queued on decline, expiry, agent offline or away",
            &[
                "offers::who_declines_stays_available_and_does_not_get_it_again_for_a_while",
                "offers::an_offer_expires_and_the_agent_does_not_respond_until_its_next_state",
                "offers::an_agent_who_goes_loses_offers_but_keeps_what_it_works_on",
            ],
        ),
        (
            "arrived and queued kept, that agent excluded for exclude_after_miss",
            &[
                "queueing::a_lost_offer_does_not_begin_the_wait_anew",
                "offers::without_exclusion_it_comes_back_at_once",
                "complaints::c15_who_declined_is_not_asked_again_for_a_while",
            ],
        ),
        (
            "held work stays with an agent that goes away",
            &["offers::hold_and_resume_only_where_they_mean_something"],
        ),
        (
            "late answers to a dead offer are ignored",
            &["offers::another_agent_gets_what_one_declined", "complaints::c3_no_race_leaves_anybody_stuck"],
        ),
        (
            "an agent is told of all that it loses otherwise than by its own resolve, abandon included",
            &["offers::who_hears_of_a_resolve", "offers::how_an_abandoned_conversation_ends"],
        ),
        (
            "after max_offers missed ones to another queue, or else the count starts again",
            &[
                "queueing::too_many_missed_offers_lead_elsewhere",
                "queueing::without_another_queue_the_count_of_missed_offers_starts_again",
                "queueing::offers_lost_and_expired_count_as_missed_too",
            ],
        ),
        ("accept = auto goes straight to active", &["offers::auto_goes_straight_to_active"]),
        (
            "abandon while scheduled, queued, offered: abandoned, or answered if its latest contact was replied to",
            &["offers::how_an_abandoned_conversation_ends", "callbacks::leaving_cancels_a_callback"],
        ),
        (
            "abandon while active or held: answered, then wrap-up",
            &["offers::how_an_abandoned_conversation_ends", "agents::wrap_up_holds_capacity_until_it_ends"],
        ),
        (
            "resolve, erase and idle_close leave from any state",
            &[
                "states::a_resolve_leaves_from_any_state",
                "states::an_erasure_leaves_from_any_state",
                "states::idleness_leaves_from_any_state_but_that_of_a_callback",
            ],
        ),
        ("hold keeps load and weight", &["states::a_hold_keeps_load_and_weight"]),
        (
            "reclaim puts active or held work back after that time, same arrived, agent_left; others keep it",
            &[
                "orders::work_of_an_agent_who_has_gone_offline_is_reclaimed",
                "orders::who_comes_back_in_time_keeps_its_work_and_away_is_not_gone",
                "orders::a_pivot_to_a_reclaimed_channel_counts_from_when_the_agent_left",
                "states::held_work_is_reclaimed_like_active_work",
            ],
        ),
        (
            "requeue does so at once, whatever the channel",
            &[
                "orders::requeue_puts_all_work_back_at_once",
                "orders::work_of_who_has_gone_can_be_put_back_later",
            ],
        ),
        (
            "a transfer has no wrap-up and excludes the old agent",
            &["agents::a_transfer_enters_the_queue_anew_without_wrap_up_and_excludes_the_agent"],
        ),
        (
            "one to an agent waits for affinity, or for offer_timeout, then the queue",
            &[
                "orders::a_transfer_to_an_agent_waits_for_that_agent_and_then_for_anybody",
                "orders::without_affinity_a_transfer_to_an_agent_waits_as_long_as_an_offer",
                "orders::a_transfer_to_nobody_known_is_a_transfer_to_the_queue",
            ],
        ),
        (
            "an order leaves the queue and takes load even above the budget",
            &[
                "orders::an_order_counts_whatever_the_agent_does",
                "orders::an_order_takes_room_above_the_capacity",
                "orders::an_order_ends_a_callback",
            ],
        ),
        (
            "arrived counts for priority and ties only; queued for steps, delay, affinity, max_wait, queue_wait",
            &[
                "readings::arrived_counts_for_priority_and_queued_for_everything_else",
                "matching::steps_count_from_the_entry_into_the_queue",
            ],
        ),
    ],
);

const AGENT: Part = (
    "Agent and capacity",
    &[
        (
            "an agent is a name in a division; who moves is set offline",
            &["states::an_agent_is_a_name_in_a_division"],
        ),
        (
            "a missed offer makes it not responding until its next state",
            &["offers::an_offer_expires_and_the_agent_does_not_respond_until_its_next_state"],
        ),
        (
            "wrap-up is the agent's and holds capacity until its end",
            &[
                "agents::wrap_up_holds_capacity_until_it_ends",
                "complaints::c7_wrap_up_counts_in_every_queue",
                "readings::wrap_ups_exclude_like_what_is_held",
            ],
        ),
        (
            "agent.wrapped looks for the wrap-up: by id, by customer, or all",
            &[
                "agents::a_wrap_up_ends_by_conversation_or_customer",
                "merging::a_wrap_up_is_found_by_any_of_the_customers_identifiers",
            ],
        ),
        (
            "a changed definition acts on new offers only",
            &["states::a_changed_definition_acts_on_new_offers_only"],
        ),
        (
            "room: below capacity, within the budget, nothing held excluded either way",
            &[
                "agents::capacity_by_channel_budget_and_exclusion",
                "agents::the_budget_is_the_divisions_unless_the_agent_has_its_own",
            ],
        ),
        (
            "release_after gives the weight back, not the load; the next message takes it, even above the budget",
            &[
                "matching::the_weight_of_a_silent_customer_is_given_back",
                "matching::released_work_still_counts_as_load",
                "field::f11_capacity",
            ],
        ),
    ],
);

const MAY_TAKE: Part = (
    "may_take, matching, strategies",
    &[
        (
            "own queues with rank and delay; none given: all, rank 1, delay 0; none at all: none",
            &[
                "agents::an_agents_own_queues_ranks_and_delays",
                "agents::no_queues_of_its_own_is_none_and_absent_is_all",
                "agents::a_new_delay_counts_for_what_waits_already",
                "matching::a_delay_of_a_former_definition_lets_nobody_take_anything",
            ],
        ),
        (
            "or added by a step, by rank and delay there; an own list goes before",
            &[
                "matching::a_step_adds_the_agents_of_another_queue",
                "matching::an_agents_own_list_goes_before_what_a_step_adds",
            ],
        ),
        (
            "every required skill at its level, the higher of queue and contact",
            &[
                "agents::every_skill_of_queue_and_contact_at_the_higher_level",
                "agents::a_later_contacts_skills_replace_the_earlier_ones",
            ],
        ),
        (
            "match_lang: the contact's known language",
            &["agents::a_known_language_must_be_spoken_where_the_queue_asks"],
        ),
        (
            "fewer than ramp offers in the last 60 s",
            &[
                "matching::a_ramp_bounds_the_offers_of_a_minute",
                "complaints::c8_woken_chats_count_and_a_ramp_bounds_who_comes_back",
            ],
        ),
        (
            "affinity: preferred, then last agent, one window if they are the same",
            &[
                "matching::a_conversation_waits_for_the_preferred_and_then_for_the_last_agent",
                "matching::the_same_agent_preferred_and_last_has_one_window",
                "readings::without_a_known_preferred_agent_the_last_one_has_the_first_window",
            ],
        ),
        (
            "only while that agent is neither offline nor away and could otherwise serve it, room apart",
            &[
                "matching::nobody_is_waited_for_who_is_away_or_cannot_serve",
                "readings::what_counts_for_a_window_is_presence_and_ability_alone",
                "complaints::c17_nobody_waits_for_who_is_offline",
            ],
        ),
        (
            "one conversation made takeable first asks who gets it, then freer agents take",
            &["readings::a_conversation_asks_who_gets_it_before_freer_agents_are_asked"],
        ),
        (
            "freer agents take in id order, each until it may take no more",
            &["readings::agents_freed_together_take_in_the_order_of_their_names"],
        ),
        (
            "several made takeable: all agents of the division take",
            &[
                "offers::several_lost_offers_make_all_agents_take",
                "changing_rules::what_is_asked_for_no_longer_lets_others_take_with_the_same_event",
            ],
        ),
        (
            "an agent takes by rank, priority, arrived, id",
            &[
                "readings::what_an_agent_takes_goes_by_priority_then_arrival_then_id",
                "agents::an_agents_own_queues_ranks_and_delays",
            ],
        ),
        (
            "who gets it: longest_idle, least_busy, most_spare, best_skill, round_robin, fewest_handled; ties by idle, then name",
            &[
                "strategies::longest_idle",
                "strategies::least_busy",
                "strategies::most_spare",
                "strategies::best_skill",
                "strategies::round_robin",
                "strategies::fewest_handled",
                "strategies::ties_go_by_name",
            ],
        ),
        (
            "priority is the value and the curve, linear, in steps, falling, capped",
            &[
                "value::priority_is_the_value_and_a_point_a_minute",
                "value::a_curve_is_linear_between_its_points_steps_and_falls",
                "value::a_curve_stands_still_after_its_last_point_unless_it_says_otherwise",
            ],
        ),
        (
            "never rounded before comparing; shown rounded half up",
            &["readings::priorities_are_compared_exactly_and_shown_rounded"],
        ),
        ("older than 400 d counts as 400 d", &["readings::beyond_four_hundred_days_priority_grows_no_more"]),
        (
            "steps drop, lower, add, raise, counted from queued; hard skills stay; relaxed = steps passed",
            &[
                "matching::steps_relax_what_is_required",
                "matching::a_step_relaxes_the_skills_of_the_contact_too",
                "matching::a_step_raises_the_priority",
                "readings::steps_leave_hard_skills_alone",
            ],
        ),
        (
            "the full reasons: losing candidates, every point of value",
            &[
                "reasons::losing_agents_stand_behind_the_one_who_got_it",
                "reasons::what_else_an_agent_might_have_taken_and_every_point_of_its_value",
            ],
        ),
    ],
);

const SERVICE_LEVELS: Part = (
    "Service levels and calendars",
    &[
        (
            "first_response: arrived to the first reply not automated",
            &["service_levels::first_response_runs_from_the_arrival_to_the_first_reply"],
        ),
        (
            "next_response: oldest unanswered message to the reply, after the first",
            &["service_levels::next_response_runs_from_the_oldest_unanswered_message_after_the_first_reply"],
        ),
        (
            "resolution stands while held and while waiting on the customer; a message restarts it",
            &[
                "service_levels::resolution_stands_still_while_held_and_while_waiting_for_the_customer",
                "service_levels::a_transfer_ends_a_hold",
                "complaints::c10_the_customers_message_restarts_a_parked_clock",
            ],
        ),
        (
            "queue_wait: queued to accepted, anew in each queue",
            &["service_levels::queue_wait_runs_until_the_acceptance_and_anew_in_each_queue"],
        ),
        (
            "the first three keep target, calendar and warnings of the queue in which their cycle began",
            &["service_levels::a_cycle_keeps_the_target_of_the_queue_in_which_it_began"],
        ),
        (
            "met iff stopped at or before due; a breach once, a millisecond later, never before it was armed",
            &[
                "service_levels::a_breach_is_told_once_a_millisecond_after_due",
                "service_levels::a_late_contact_may_be_overdue_when_it_comes",
                "service_levels::several_percentages_at_one_instant_ascend",
            ],
        ),
        ("resolve stops all", &["service_levels::nothing_is_told_of_what_is_closed"]),
        (
            "open time only, dated exceptions, 24 h days, real time across changes of clocks; never open: wall time",
            &[
                "service_levels::only_open_time_counts",
                "service_levels::holidays_and_days_of_their_own",
                "service_levels::a_calendar_that_is_never_open_counts_wall_time",
                "service_levels::a_day_with_a_change_of_clocks_counts_real_time",
                "field::f14_calendars",
            ],
        ),
        (
            "a queue closed by its calendar when a conversation enters overflows, expires or waits for the opening",
            &[
                "queueing::at_a_closed_instant_the_queue_waits_for_the_next_opening",
                "queueing::at_a_closed_instant_the_queue_expires_or_overflows",
                "queueing::an_interval_does_not_hold_its_end",
            ],
        ),
    ],
);

const QUEUES: Part = (
    "Callbacks, overflow, acknowledgement, dispatch",
    &[
        (
            "scheduled until due, then queued with the original arrived; clocks start at due",
            &["callbacks::a_callback_waits_for_its_time_and_keeps_its_place"],
        ),
        (
            "at most 90 d; one that has passed at once, its clocks from now",
            &[
                "callbacks::a_callback_counts_as_at_most_ninety_days_away",
                "callbacks::one_that_has_passed_is_queued_at_once",
                "callbacks::the_clocks_of_one_that_has_passed_start_now",
            ],
        ),
        (
            "one pending a customer and division: a newer replaces it, abandoning cancels it",
            &[
                "callbacks::a_newer_callback_takes_the_place_of_the_pending_one",
                "callbacks::who_talks_to_an_agent_gets_a_callback_of_its_own",
                "callbacks::of_two_callbacks_of_a_division_the_one_that_comes_later_stays",
                "callbacks::who_cannot_be_told_apart_gets_a_callback_each",
            ],
        ),
        (
            "in another division it still waits for its time, unless an agent may have it",
            &[
                "callbacks::a_callback_that_moves_to_another_division_still_waits_for_its_time",
                "callbacks::what_an_agent_may_have_moves_at_once",
                "callbacks::what_was_folded_of_a_callback_and_a_conversation_that_waits_moves_at_once",
            ],
        ),
        (
            "opens as a contact does: a blocked customer's is closed at once",
            &["callbacks::a_callback_that_a_blocked_customer_opens_is_closed_at_once"],
        ),
        (
            "max_wait, max_waiting, closed: to a queue of the division, or expire with a template",
            &[
                "queueing::who_waits_too_long_overflows",
                "queueing::who_waits_too_long_expires",
                "queueing::an_offer_that_is_alive_is_withdrawn_when_the_wait_is_over",
                "queueing::who_has_accepted_is_not_hurried",
                "queueing::a_full_queue_sends_on_and_a_full_target_takes_all_the_same",
                "readings::what_overflows_into_a_closed_queue_leaves_as_that_queue_says",
            ],
        ),
        (
            "acknowledge: position and expected wait by the mean gap of acceptances, once a conversation",
            &[
                "queueing::who_has_to_wait_is_told_how_long_once",
                "queueing::who_has_an_agent_at_once_is_told_nothing",
                "queueing::a_later_contact_may_be_the_first_that_waits",
                "queueing::what_is_sent_on_leaving_does_not_count_as_the_acknowledgement",
            ],
        ),
        (
            "gcmu and ratio, each with a share that no class falls below; an agent's ranks go before",
            &[
                "matching::generalised_c_mu_serves_the_dearest_wait",
                "matching::within_a_queue_priority_says_who_is_next",
                "matching::fixed_queue_ratio_serves_the_queue_that_is_longest_beyond_its_part",
                "matching::no_queue_gets_less_than_its_share",
                "matching::an_agents_ranks_go_before_the_dispatch",
            ],
        ),
    ],
);

const DETAILS: Part = (
    "Details",
    &[
        (
            "auto and ordered count as offer and acceptance",
            &[
                "readings::what_is_accepted_by_itself_counts_as_offer_and_acceptance",
                "readings::an_order_counts_as_offer_and_acceptance",
            ],
        ),
        (
            "joining: value, skills, queue of the newest; a live offer stays if the queue does, else superseded",
            &[
                "conversations::joining_moves_channel_queue_and_value_but_keeps_the_place_in_line",
                "conversations::an_offer_is_superseded_when_the_customer_moves_to_another_queue",
                "conversations::a_conversation_that_an_agent_holds_stays_and_pivots",
            ],
        ),
        (
            "after a reply arrived becomes the next message's",
            &["conversations::after_a_reply_the_next_message_sets_the_place_in_line"],
        ),
        (
            "a conversation keeps the set of its threads; the context's attempts are the earlier ones",
            &[
                "conversations::then_the_thread_in_the_division_routed_to",
                "value::the_context_tells_the_earlier_attempts_and_what_became_of_them",
            ],
        ),
        (
            "an update is effective with the same event; with a queue of another division it is a transfer",
            &[
                "orders::an_update_is_effective_at_once",
                "orders::an_update_to_a_queue_of_another_division_is_a_transfer",
                "complaints::c13_bulk_changes_count_at_once",
            ],
        ),
        (
            "entries into a queue ask closed, then max_waiting; reclaim and requeue ask neither",
            &[
                "orders::what_is_put_back_asks_neither_whether_the_queue_is_full_nor_closed",
                "callbacks::what_comes_due_enters_its_queue_as_everything_does",
            ],
        ),
        (
            "a contact leaves a conversation where it overflowed to, or where the business put it",
            &[
                "queueing::a_contact_routed_to_where_it_overflowed_from_leaves_it_where_it_is",
                "queueing::a_contact_does_not_put_back_what_the_business_took_out_of_a_queue",
            ],
        ),
        (
            "a call in an auto queue without a reply ends as answered, its attempt unanswered",
            &["readings::a_call_of_which_the_switch_tells_nothing_stays_an_unanswered_attempt"],
        ),
        (
            "a timer's decision carries the trace of the latest contact; timers of one instant by kind, then id",
            &[
                "clock::a_decision_of_a_timer_carries_the_trace_of_the_latest_contact",
                "clock::timers_of_one_instant_fire_by_kind_then_conversation",
            ],
        ),
    ],
);

const BAD_INPUT: Part = (
    "Bad input",
    &[
        ("answers to dead offers", &["offers::another_agent_gets_what_one_declined"]),
        ("unknown agents", &["offers::unknown_agents_and_divisions_have_no_effect"]),
        ("unknown conversations", &["states::what_names_an_unknown_conversation_has_no_effect"]),
        (
            "an agent removed while it holds work",
            &["states::an_agent_who_can_nothing_any_more_keeps_what_it_has"],
        ),
        (
            "a queue removed by a change of rules while work waits in it",
            &[
                "changing_rules::a_queue_in_which_work_waits_stays_and_the_change_is_refused_as_a_whole",
                "changing_rules::what_refuses_a_change_is_counted",
            ],
        ),
    ],
);

const PARTS: [Part; 7] = [CONVERSATION, AGENT, MAY_TAKE, SERVICE_LEVELS, QUEUES, DETAILS, BAD_INPUT];

/// Tests of all stories, as `file::function`.
fn stories() -> BTreeSet<String> {
    let mut found = tests_in("tests/engine/stories");
    found.extend(tests_in("tests/engine").into_iter().map(|test| format!("engine::{test}")));
    found
}

fn tests_in(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("an entry of the folder").path();
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let file = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let text = std::fs::read_to_string(&path).expect("a source is text");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[test]") {
            let name = pair[1].trim_start_matches("fn ").split('(').next().expect("a name");
            found.insert(format!("{file}::{name}"));
        }
    }
    found
}

#[test]
fn every_sentence_names_stories_that_are_there() {
    let stories = stories();
    let mut wrong = Vec::new();
    for (part, sentences) in PARTS.iter().chain(table_of_people::PARTS) {
        for (sentence, told_by) in *sentences {
            if told_by.is_empty() {
                wrong.push(format!("{part}: nobody tells {sentence:?}"));
            }
            let missing = told_by.iter().filter(|story| !stories.contains(**story));
            wrong.extend(missing.map(|story| format!("{part}, {sentence:?}: no story is called {story}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_feature_and_complaint_of_the_survey_has_its_story() {
    let stories = stories();
    let has = |prefix: String| stories.iter().any(|story| story.starts_with(&prefix));
    let features = (1..=15).filter(|n| !has(format!("field::f{n}_"))).map(|n| format!("F{n}"));
    let complaints = (1..=17).filter(|n| !has(format!("complaints::c{n}_"))).map(|n| format!("C{n}"));
    let missing: Vec<String> = features.chain(complaints).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
