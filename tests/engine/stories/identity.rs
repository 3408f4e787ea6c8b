//! Identities: who is who, limits, merges, ids.

use super::PLAIN;
use crate::support::story::tell;

fn rules(limits: &str) -> String {
    format!("[conversation]\ncontinuity = \"0s\"\n[identity]\n{limits}\n{PLAIN}")
}

#[test]
fn the_same_identifier_is_the_same_customer() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1 customer=@c1
    +1s   contact chat mail:a
          -> opened c2 customer=@c1
    +2s   contact chat mail:b
          -> opened c3 customer=@c3
    ",
    );
}

#[test]
fn customers_who_share_an_event_become_one_the_first_survives() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact mail mail:b
          -> opened c2
    +2s   linked mail:b mail:a
          -> merged customer=@c1 absorbed=[@c2]
    +3s   contact chat mail:b
          -> opened c3 customer=@c1
    +4s   resolved c2                        # an absorbed id is an alias
          -> closed c2 resolved customer=@c1
    ",
    );
}

#[test]
fn several_absorbed_are_told_in_the_order_of_their_founding() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact mail mail:b
          -> opened c2
    +2s   contact mail mail:c
          -> opened c3
    +3s   contact chat mail:c mail:b mail:a
          -> merged customer=@c1 absorbed=[@c2,@c3]
          -> opened c4 customer=@c1
    ",
    );
}

#[test]
fn a_merge_beyond_a_limit_is_refused_for_the_worst_ranked() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   contact chat id:2
          -> opened c2
    +2s   contact chat id:2 mail:a           # two ids cannot be one person
          -> refused mail limit customer=@c2
          -> opened c3 customer=@c2
    ",
    );
}

#[test]
fn too_many_values_of_a_kind() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a mail:b mail:c
          -> opened c1
    +1s   contact chat id:1 mail:d
          -> refused mail limit customer=@c1
          -> opened c2 customer=@c1
    +2s   contact chat mail:d
          -> opened c3 customer=@c3
    ",
    );
}

#[test]
fn too_many_identifiers() {
    tell(
        &rules("max_identifiers = 2"),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   contact chat id:1 mail:b
          -> refused mail size customer=@c1
          -> opened c2 customer=@c1
    ",
    );
}

#[test]
fn what_does_not_fit_at_the_founding_is_refused() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a mail:b mail:c mail:d id:1
          -> refused mail limit customer=@c1
          -> opened c1 context=-
    ",
    );
    tell(
        &rules("max_identifiers = 1"),
        "
    +0s   contact chat mail:a id:1
          -> refused mail size customer=@c1
          -> opened c1
    +1s   contact chat mail:a
          -> opened c2 customer=@c2
    ",
    );
}

#[test]
fn one_set_aside_is_attached_in_the_end_if_nobody_owns_it_and_it_fits() {
    // mail:z is new, id:1 and id:2 cannot join; whichever mail goes first, the new one fits id:1 alone.
    tell(
        &rules(""),
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   contact chat id:2 mail:b
          -> opened c2
    +2s   contact chat id:1 mail:b mail:z
          -> refused mail limit customer=@c1
          -> opened c3 customer=@c1
    +3s   contact chat mail:z
          -> opened c4 customer=@c1
    ",
    );
}

#[test]
fn one_owner_and_nothing_new_always_passes() {
    tell(
        &rules("max_identifiers = 2"),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   contact chat id:1 mail:a
          -> opened c2 customer=@c1
    ",
    );
}

#[test]
fn blocked_values_never_identify() {
    tell(
        &rules("blocked = [\"Nobody\"]"),
        "
    +0s   contact chat mail:anonymous
          -> opened c1
    +1s   contact chat mail:ANONYMOUS
          -> opened c2 customer=@c2
    +2s   contact chat mail:nobody id:000
          -> opened c3 customer=@c3
    +3s   customer mail:unknown tier=gold    # nobody to update
    +4s   linked mail:null id:-1
    ",
    );
}

#[test]
fn without_identifiers_the_customer_is_the_ids() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   contact chat id:none c1
    +2s   resolved c1
          -> closed c1 resolved contacts=2
    +3s   contact chat id:none c1            # closed, but its customer is known
          -> opened c2 customer=@c1
    +4s   contact chat id:none conversation=0000000000000.1
          -> opened c3 customer=@c3
    ",
    );
}

#[test]
fn events_other_than_contacts_profiles_and_links_only_look_up() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   contact mail mail:a
          -> opened c2
    +2s   replied id:1 mail:a                # id ranks above mail; nobody merges
    +3s   resolved id:1 mail:a
          -> closed c1 resolved
    +4s   resolved id:9 mail:a               # nobody owns id:9
          -> closed c2 resolved
    +5s   resolved id:9
    ",
    );
}

#[test]
fn a_conversation_and_its_timers_belong_to_the_survivor_from_the_merge_on() {
    let rules = rules("").replace("[conversation]\n", "[conversation]\nidle_close = \"1m\"\n");
    tell(
        &rules,
        "
    +0s   contact chat mail:a
          -> opened c1
    +10s  contact mail mail:b
          -> opened c2 customer=@c2
    +20s  linked mail:b mail:a
          -> merged customer=@c1 absorbed=[@c2]
    +1m   -> closed c1 idle customer=@c1
    +1m10s -> closed c2 idle customer=@c1
    until +2m
    ",
    );
}

#[test]
fn on_a_merge_the_survivors_profile_wins_and_gaps_are_filled() {
    let rules =
        format!("{}\n[value]\ntier = {{ gold = 5, silver = 3 }}\nlifetime_value = [[1, 100]]\n", rules(""));
    tell(
        &rules,
        "
    +0s   customer mail:a tier=silver
    +0s   customer mail:b tier=gold lifetime_value=7
    +1s   contact chat mail:b mail:a
          -> merged
          -> opened c1 value=103
    +2s   customer mail:b tier=tin           # a tier that brings no points
    +3s   contact chat mail:a
          -> opened c2 value=100
    ",
    );
}

#[test]
fn refusals_are_told_best_ranked_first() {
    let rules = rules("max_identifiers = 4").replace("limit = 3", "limit = 2");
    tell(
        &rules,
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   contact chat mail:a mail:b
          -> opened c2
    +2s   contact chat id:2
          -> opened c3
    +3s   contact chat mail:c mail:d
          -> opened c4
    +4s   contact chat id:1 id:2 mail:a mail:c   # of one rank the smaller hash is better: id:2
          -> refused id limit customer=@c3
          -> refused mail limit customer=@c3
          -> refused mail limit customer=@c3
          -> opened c5 customer=@c3
    ",
    );
}

#[test]
fn every_blocked_value_before_and_after_normalising() {
    let phone = "[identity.kinds.phone]\nrank = 3\nform = \"phone\"\nregion = \"US\"\n[identity.kinds.nick]\nrank = 4\nform = \"handle\"\n[channels.chat]";
    let rules = rules("blocked = [\"+12024561111\", \"Front-Desk\"]").replace("[channels.chat]", phone);
    let values = [
        "id:0",
        "id:000",
        "id:-",
        "id:0-0",
        "id:-1",
        "id:null",
        "id:None",
        "id:NaN",
        "id:undefined",
        "id:anonymous",
        "id:GUEST",
        "id:unknown",
        "id:withheld",
        "id:restricted",
        "mail:Test@Test.com",
        "mail:front-desk",
        "phone:2024561111",
        "phone:+12024561111",
        "phone:anonymous",
        "nick:@guest",
        "nick:@Front-Desk",
        "nick:none",
    ];
    let mut story = String::new();
    for (number, value) in values.iter().enumerate() {
        let [one, other] = [2 * number + 1, 2 * number + 2];
        story += &format!("+{one}s contact chat {value}\n-> opened c{one} customer=@c{one}\n");
        story += &format!("+{other}s contact chat {value}\n-> opened c{other} customer=@c{other}\n");
        story += &format!("+{other}s erased {value}\n");
    }
    tell(&rules, &story);
}

#[test]
fn a_link_of_which_one_identifier_is_left_is_one_of_that() {
    tell(
        &rules(""),
        "
    +0s   linked mail:a mail:null            # founds, as any other event of it would
    +1s   contact chat mail:a
          -> opened c1 customer=@c1
    +2s   linked mail:a mail:a mail:none
    +3s   contact chat mail:a
          -> opened c2 customer=@c1
    ",
    );
}

#[test]
fn an_id_follows_from_what_founded_it_and_from_nothing_else() {
    // The same customer behind others, and founded by the best of several.
    for before in ["", "+0s contact chat mail:x\n-> opened c1\n+0s contact chat mail:y\n-> opened c2\n"] {
        let number = if before.is_empty() { 1 } else { 3 };
        let story =
            format!("{before}+1s contact chat mail:b mail:a\n-> opened c{number} customer=42KRMDB8Z97MF\n");
        tell(&rules(""), &story);
    }
}

#[test]
fn each_kind_has_its_normal_form() {
    let kinds = "
[conversation]
continuity = \"0s\"
[identity.kinds.tel]
rank = 3
form = \"phone\"
region = \"GB\"
[identity.kinds.post]
rank = 4
form = \"email\"
fold_domains = [\"dots.test\"]
[identity.kinds.nick]
rank = 5
form = \"handle\"
";
    tell(
        &format!("{kinds}{PLAIN}"),
        "
    +0s   contact chat tel:020-7946-0958
          -> opened c1 customer=@c1
    +1s   contact chat tel:+442079460958     # E.164, by the region of the kind
          -> opened c2 customer=@c1
    +2s   contact chat post:Ada@Example.ORG
          -> opened c3 customer=@c3
    +3s   contact chat post:ada@example.org
          -> opened c4 customer=@c3
    +4s   contact chat post:a.da@example.org # dots count
          -> opened c5 customer=@c5
    +5s   contact chat post:a.da+shop@dots.test
          -> opened c6 customer=@c6
    +6s   contact chat post:ada@dots.test    # but not in this domain
          -> opened c7 customer=@c6
    +7s   contact chat nick:@STRASSE
          -> opened c8 customer=@c8
    +8s   contact chat nick:straße
          -> opened c9 customer=@c8
    +9s   contact chat nick:@@strasse        # one sign is dropped
          -> opened c10 customer=@c10
    +10s  contact chat mail:Ada              # opaque: as it is
          -> opened c11 customer=@c11
    +11s  contact chat mail:ada
          -> opened c12 customer=@c12
    +12s  contact chat tel:020-7946-0958 nick:ada
          -> opened c13 customer=@c1
    +13s  contact chat nick:ADA
          -> opened c14 customer=@c1
    ",
    );
}
