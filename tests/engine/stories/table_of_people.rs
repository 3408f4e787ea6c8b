//! Which story tells which sentence of decode, deduplication, identities and understanding (the semantics, sections 2 to 5).
//! Entries as in `table`; those of tests beside the stories are called `engine::file::function`.

use super::table::Part;

pub const PARTS: &[Part] =
    &[DECODE, DEDUPLICATE, NORMALISE, RESOLVE, LEAVE, CONVERSATIONS, FOLDING, CONTEXT, WORTH];

const DECODE: Part = (
    "Decode and reject",
    &[
        (
            "only decode rejects, from the bytes and the rules, with a closed list of reasons",
            &[
                "engine::decode::each_reason_with_its_member",
                "engine::decode::reasons_of_the_envelope",
                "engine::decode::reasons_of_contacts",
                "engine::decode::reasons_of_agents",
                "engine::decode::reasons_of_the_other_types",
                "engine::fuzz::events",
            ],
        ),
        (
            "a rejected event is not remembered",
            &["dedup::a_rejected_event_is_not_remembered_but_an_ignored_one_is"],
        ),
        (
            "what names an unknown agent, conversation, a dead offer or another division has no effect and is counted",
            &[
                "offers::unknown_agents_and_divisions_have_no_effect",
                "states::what_names_an_unknown_conversation_has_no_effect",
                "conversations::an_answer_that_names_another_division_is_ignored_and_does_not_count_as_activity",
                "conversations::a_dead_answer_counts_as_activity_all_the_same",
            ],
        ),
        (
            "the agent of a reply or resolve is information",
            &["conversations::the_agent_of_a_reply_or_resolve_is_not_looked_up"],
        ),
        (
            "in a transfer an unknown agent voids that member only",
            &["orders::a_transfer_to_nobody_known_is_a_transfer_to_the_queue"],
        ),
        (
            "a contact is never ignored: other people's or closed conversations and queues elsewhere are passed over",
            &[
                "conversations::somebody_elses_or_a_closed_id_is_passed_over_by_a_contact",
                "conversations::a_queue_of_another_division_than_the_joined_conversations_is_passed_over",
            ],
        ),
        (
            "without identifiers the customer is the id's",
            &["identity::without_identifiers_the_customer_is_the_ids"],
        ),
        ("a topic may be limited to types", &["engine::decode::types_that_a_topic_may_not_carry"]),
    ],
);

const DEDUPLICATE: Part = (
    "Deduplicate",
    &[
        ("the key is of source and id", &["dedup::source_and_id_make_the_key"]),
        ("last accepted at clock - window or later, inclusive", &["dedup::the_window_is_inclusive"]),
        ("and among the last max_events accepted", &["dedup::only_the_last_accepted_count"]),
        (
            "dropped and counted; a dropped one does not renew the window",
            &[
                "dedup::a_dropped_duplicate_does_not_renew_the_window",
                "complaints::c12_what_comes_twice_counts_once",
            ],
        ),
    ],
);

const NORMALISE: Part = (
    "Normalise",
    &[
        (
            "each kind has its normal form",
            &["identity::each_kind_has_its_normal_form", "engine::fuzz::normal_forms"],
        ),
        (
            "hashed at once, plain text is kept nowhere",
            &[
                "engine::identity::nothing_plain_is_put_out_or_kept",
                "engine::restored::nothing_plain_is_saved",
            ],
        ),
        (
            "blocked values never identify, trimmed and folded, before normalising can fail",
            &[
                "identity::blocked_values_never_identify",
                "identity::every_blocked_value_before_and_after_normalising",
            ],
        ),
        (
            "refused generic_after times at a limit it becomes generic; its owner keeps it",
            &[
                "leaving::what_is_refused_too_often_at_a_limit_stops_identifying",
                "leaving::what_nobody_owns_becomes_generic_too",
                "leaving::only_refusals_at_limits_count",
                "engine::identity::an_identifier_in_very_many_events_is_silenced",
            ],
        ),
    ],
);

const RESOLVE: Part = (
    "Resolve",
    &[
        (
            "only contacts, callbacks, profiles and links create, attach or merge; others look up the best-ranked",
            &[
                "identity::events_other_than_contacts_profiles_and_links_only_look_up",
                "created::events_that_look_up_found_nobody",
            ],
        ),
        (
            "nobody owns any: a new customer owns all, the worst-ranked left out",
            &[
                "identity::the_same_identifier_is_the_same_customer",
                "identity::what_does_not_fit_at_the_founding_is_refused",
            ],
        ),
        (
            "the union is tested against the limits a kind and in all",
            &["identity::too_many_values_of_a_kind", "identity::too_many_identifiers"],
        ),
        (
            "within them the customer founded first survives, the others are absorbed",
            &[
                "identity::customers_who_share_an_event_become_one_the_first_survives",
                "identity::several_absorbed_are_told_in_the_order_of_their_founding",
                "engine::identity::within_the_limits_the_order_of_links_does_not_matter",
            ],
        ),
        (
            "one existing owner and no change always passes",
            &["identity::one_owner_and_nothing_new_always_passes"],
        ),
        (
            "else the worst-ranked identifier is set aside and refused, and again with the rest",
            &[
                "identity::a_merge_beyond_a_limit_is_refused_for_the_worst_ranked",
                "identity::refusals_are_told_best_ranked_first",
                "identity::a_link_of_which_one_identifier_is_left_is_one_of_that",
            ],
        ),
        (
            "in the end one that nobody owns and that fits is attached",
            &["identity::one_set_aside_is_attached_in_the_end_if_nobody_owns_it_and_it_fits"],
        ),
        (
            "no identifier left: a one-off customer, forgotten one day after idle_close",
            &["leaving::one_off_customers_are_forgotten_a_day_after_idleness"],
        ),
        (
            "ids are founded from content, generations are counted, none is used twice",
            &[
                "identity::an_id_follows_from_what_founded_it_and_from_nothing_else",
                "leaving::what_founded_a_customer_founds_the_next_generation",
                "leaving::what_was_erased_is_never_founded_again_even_if_the_next_is_forgotten",
            ],
        ),
        (
            "who is founded is told, if the rules ask for it, before anything that names them",
            &[
                "created::whoever_is_founded_is_told_once_and_before_anything_that_names_them",
                "created::nobody_is_told_unless_the_rules_ask_for_it",
                "created::what_is_split_off_is_told_by_the_split",
                "created::who_comes_back_after_an_erasure_or_after_being_forgotten_is_told_again",
                "engine::random::whoever_is_named_was_told_as_created_or_split_off",
            ],
        ),
        ("absorbed ids stay aliases", &["leaving::an_alias_goes_with_the_customer"]),
        (
            "records join when their merge is applied, over any number of threads",
            &[
                "identity::a_conversation_and_its_timers_belong_to_the_survivor_from_the_merge_on",
                "engine::threads::every_world_comes_out_the_same_over_any_number_of_threads",
            ],
        ),
    ],
);

const LEAVE: Part = (
    "Unlink, erase, forget",
    &[
        (
            "unlink moves one identifier to a new customer; conversations and ids stay",
            &["leaving::an_unlinked_identifier_is_a_new_customers_and_conversations_stay"],
        ),
        ("an unknown or only one: no effect", &["leaving::an_unknown_or_only_identifier_is_not_unlinked"]),
        (
            "a merge of both sides is refused while the detached side brings nothing else",
            &[
                "leaving::what_was_unlinked_does_not_lead_back_by_itself",
                "leaving::what_is_better_ranked_is_set_aside_all_the_same",
                "leaving::a_limit_is_named_before_an_unlink",
                "leaving::the_ban_holds_against_whoever_the_old_side_has_become",
            ],
        ),
        (
            "identity.linked lifts the ban",
            &[
                "leaving::a_link_lifts_the_ban",
                "leaving::a_lifted_ban_stays_lifted_even_if_the_limits_refuse_the_link",
            ],
        ),
        (
            "erase removes customer, identifiers, history and open work",
            &[
                "leaving::an_erased_customer_is_nobody_and_its_ids_are_never_given_again",
                "leaving::erasure_ends_open_work_in_every_division",
                "leaving::wrap_ups_stay_the_agents_and_clocks_stop",
                "leaving::profile_attempts_and_last_agent_are_gone",
                "leaving::with_its_owner_goes_that_it_was_generic",
            ],
        ),
        (
            "and survives a restore from an older state",
            &["engine::restored::who_was_erased_stays_erased_after_a_restore_from_before"],
        ),
        ("several owners: ambiguous", &["leaving::an_erasure_that_means_several_changes_nothing"]),
        (
            "who has no event for forget_after is removed, without tombstone",
            &[
                "leaving::who_is_not_heard_of_for_long_is_forgotten",
                "leaving::an_event_at_the_last_moment_is_in_time",
            ],
        ),
    ],
);

const CONVERSATIONS: Part = (
    "Which conversation",
    &[
        ("the engine's id first", &["conversations::the_id_goes_first_and_looks_beyond_continuity"]),
        (
            "then the thread in the division routed to",
            &["conversations::then_the_thread_in_the_division_routed_to"],
        ),
        (
            "else one active within continuity, 0 = never",
            &[
                "conversations::a_contact_joins_what_was_active_within_continuity",
                "conversations::continuity_zero_is_never",
            ],
        ),
        (
            "most recently active first, then id",
            &["conversations::of_several_the_most_recently_active_then_the_smallest_id"],
        ),
        (
            "other events look up the same way over all divisions and never open one",
            &[
                "conversations::other_events_find_open_conversations_whatever_the_continuity",
                "conversations::other_events_are_narrowed_by_queue_channel_and_thread",
            ],
        ),
        (
            "open until resolved, abandoned, closed by a reply, erased, or idle for idle_close",
            &[
                "conversations::a_conversation_without_events_is_closed_after_idle_close",
                "replies::what_a_reply_closed_is_over_and_counts_as_no_failure",
                "states::idleness_leaves_from_any_state_but_that_of_a_callback",
            ],
        ),
        (
            "joining moves channel and queue, appends an attempt, keeps the place in line",
            &[
                "conversations::joining_moves_channel_queue_and_value_but_keeps_the_place_in_line",
                "conversations::after_a_reply_the_next_message_sets_the_place_in_line",
            ],
        ),
        (
            "with an agent it stays there, pivoted",
            &["conversations::a_conversation_that_an_agent_holds_stays_and_pivots"],
        ),
        ("a scheduled callback is queued by a contact", &["callbacks::a_contact_queues_a_callback_now"]),
        (
            "a conversation never changes its division: one closes as moved, another opens",
            &[
                "orders::a_transfer_to_another_division_is_a_new_conversation_there",
                "orders::an_update_to_a_queue_of_another_division_is_a_transfer",
                "callbacks::a_callback_that_moves_to_another_division_still_waits_for_its_time",
            ],
        ),
    ],
);

const FOLDING: Part = (
    "Folding",
    &[
        (
            "without thread and active within continuity they fold into the oldest",
            &[
                "folding::what_waits_folds_into_the_oldest_and_keeps_its_place",
                "folding::three_and_more_fold_at_once",
                "folding::each_division_folds_its_own",
                "folding::who_has_a_thread_or_was_silent_for_longer_than_continuity_stays_apart",
            ],
        ),
        (
            "the earlier arrived, the later channel, queue and value",
            &[
                "folding::the_earlier_arrival_stays_whichever_is_kept",
                "folding::the_one_active_later_says_channel_queue_and_value",
            ],
        ),
        ("the earlier due of each objective stays", &["folding::the_earlier_due_of_each_objective_stays"]),
        (
            "its own agent or else the folded one's; of two agents the folded one is withdrawn as superseded",
            &[
                "folding_agents::its_own_agent_stays_and_the_others_loses_it",
                "folding_agents::one_agent_who_has_both_holds_one_from_then_on",
                "folding_agents::the_folded_ones_agent_or_offer_goes_over",
            ],
        ),
        (
            "of two callbacks the earlier stays; one folded with what is not scheduled is cancelled",
            &[
                "folding::of_two_callbacks_the_earlier_stays",
                "folding::a_callback_folded_with_one_that_is_not_scheduled_is_cancelled",
                "folding_agents::a_callback_beside_what_an_agent_has_stays_one",
            ],
        ),
    ],
);

const CONTEXT: Part = (
    "Profile, attempts, terms",
    &[
        (
            "on a merge the survivor's fields win and gaps are filled",
            &[
                "identity::on_a_merge_the_survivors_profile_wins_and_gaps_are_filled",
                "merging::the_survivors_profile_wins_and_gaps_are_filled",
                "merging::gaps_are_filled_by_whoever_was_founded_first",
            ],
        ),
        (
            "a change acts on conversations opened later; only an update re-prices one that waits",
            &[
                "merging::a_block_acts_on_what_opens_later",
                "merging::a_profile_prices_what_opens_later_and_an_update_what_waits",
            ],
        ),
        (
            "what a blocked customer opens is closed at once with the template of blocked",
            &[
                "conversations::a_blocked_customers_conversation_is_closed_at_once",
                "replies::what_a_blocked_customer_opens_is_closed_with_the_template_of_blocked",
            ],
        ),
        (
            "attempts with their outcomes, the last 8 within 7 days over all conversations",
            &[
                "value::the_context_tells_the_earlier_attempts_and_what_became_of_them",
                "value::an_automated_reply_answers_nothing_and_a_resolve_without_reply_neither",
                "value::the_last_attempts_within_the_window_are_kept",
                "merging::the_context_tells_what_all_of_them_have_been_through",
            ],
        ),
        (
            "last_agent is of the latest reply or resolve",
            &["merging::the_last_agent_is_the_one_of_the_latest_reply_of_all"],
        ),
        (
            "a customer calls, tweets and chats: one conversation, the place kept, the story told",
            &["golden::who_calls_tweets_and_chats_is_one_customer_with_one_conversation"],
        ),
        (
            "terms: words of UAX 29 after full case folding, AND OR NOT, phrases, NEAR",
            &[
                "terms::words_are_those_of_uax_29_after_full_case_folding",
                "terms::what_binds_closer_and_what_is_near",
                "engine::fuzz::texts",
                "engine::fuzz::searches",
            ],
        ),
        (
            "the event's language, else the profile's, else detection chooses the form; any for all",
            &[
                "terms::the_event_s_language_chooses_the_form_then_the_profile_s_then_what_is_detected",
                "terms::any_serves_where_the_language_has_no_form",
            ],
        ),
    ],
);

const WORTH: Part = (
    "Routes, value, replies",
    &[
        (
            "the first route whose conditions hold; AND between fields, OR within",
            &[
                "routes::each_condition",
                "routes::tier_language_and_failed_attempts_are_the_customers",
                "terms::a_route_may_ask_for_one_of_several_terms_and_for_more",
            ],
        ),
        (
            "value is the sum of its terms, clamped",
            &[
                "value::value_is_the_sum_of_its_terms",
                "value::points_below_zero_of_failed_attempts_have_a_lower_bound",
                "terms::every_term_that_holds_adds_its_points",
            ],
        ),
        (
            "the first reply rule that holds; close closes only what this contact opened",
            &[
                "replies::the_first_rule_that_holds_is_the_one_that_is_sent",
                "replies::a_reply_closes_only_what_its_contact_opened",
                "replies::replies_look_at_all_that_routes_look_at",
            ],
        ),
        (
            "one acknowledgement a conversation",
            &["replies::of_replies_and_acknowledgements_a_conversation_gets_the_first_only"],
        ),
    ],
);
