//! Service levels: four clocks, their pauses, warnings and breaches; calendars.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// The desk with one objective.
fn objective(name: &str, target: &str, warn: &str) -> String {
    desk(&format!(
        "[queues.desk.sla]\n{name} = {{ target = \"{target}\", calendar = \"always\", warn = [{warn}] }}"
    ))
}

#[test]
fn first_response_runs_from_the_arrival_to_the_first_reply() {
    tell(
        &objective("first_response", "10s", "50, 80"),
        "
    +0s    contact chat id:1
           -> opened c1
    +1s    replied c1 automated=true         # does not count
    +5s    -> warning c1 first_response percent=50 due=+10s queue=desk channel=chat customer=@c1
    +8s    -> warning c1 first_response percent=80
    +10s   replied c1                        # just in time
    +20s   contact chat id:1                 # the first response has been given
    +1m    resolved c1
           -> closed c1 resolved first_response_ms=10000 breached=[]
    ",
    );
}

#[test]
fn a_breach_is_told_once_a_millisecond_after_due() {
    tell(
        &objective("first_response", "10s", ""),
        "
    +0s      contact chat id:1
             -> opened c1
    +10s1ms  -> breached c1 first_response due=+10s late_ms=1
    +20s     contact chat id:1
    +30s     replied c1
    +40s     resolved c1
             -> closed c1 resolved breached=[first_response]
    until +10m
    ",
    );
}

#[test]
fn a_late_contact_may_be_overdue_when_it_comes() {
    tell(
        &objective("first_response", "10s", "50, 99"),
        "
    +60s  customer id:9
    +20s  contact chat id:1
          -> opened c1
    +60s  -> breached c1 first_response due=+30s late_ms=30000
    +61s  replied c1
    ",
    );
    // Due in the future, but the first warning's time has passed: it is given at once.
    tell(
        &objective("first_response", "50s", "50, 90"),
        "
    +60s  customer id:9
    +20s  contact chat id:1
          -> opened c1
    +60s  -> warning c1 first_response percent=50 due=+70s
    +65s  -> warning c1 first_response percent=90
    +66s  replied c1
    ",
    );
}

#[test]
fn several_percentages_at_one_instant_ascend() {
    tell(
        &objective("first_response", "50s", "60, 50, 70"),
        "
    +60s  customer id:9
    +20s  contact chat id:1
          -> opened c1
    +60s  -> warning c1 first_response percent=50
    +60s  -> warning c1 first_response percent=60
    +60s  -> warning c1 first_response percent=70
    +61s  replied c1
    ",
    );
}

#[test]
fn next_response_runs_from_the_oldest_unanswered_message_after_the_first_reply() {
    tell(
        &objective("next_response", "10s", ""),
        "
    +0s      contact chat id:1
             -> opened c1
    +30s     replied c1
    +40s     contact chat id:1
    +45s     contact chat id:1               # the clock already runs
    +50s     replied c1
    +60s     replied c1
    +70s     contact chat id:1
    +80s1ms  -> breached c1 next_response due=+80s
    +90s     contact chat id:1               # breached, yet still this cycle
    +100s    replied c1
    +110s    contact chat id:1               # a new cycle
    +120s1ms -> breached c1 next_response due=+120s
    +130s    abandoned c1
             -> closed c1 abandoned breached=[next_response] first_response_ms=30000
    ",
    );
}

#[test]
fn queue_wait_runs_until_the_acceptance_and_anew_in_each_queue() {
    tell(
        &objective("queue_wait", "30s", ""),
        &with_ann(
            "
    +0s      contact chat id:1
             -> opened c1
             -> offered c1 ann due.queue_wait=+30s
    +5s      declines ann c1                 # the clock goes on
             -> withdrawn c1 ann declined
    +10s     transferred c1
    +35s     -> offered c1 ann due.queue_wait=+40s
    +36s     replied c1                      # goes on for what waits
    +40s1ms  -> breached c1 queue_wait
    +41s     accepts ann c1
    +42s     transferred c1
             -> withdrawn c1 ann transferred
    +72s     -> offered c1 ann due.queue_wait=+72s
    +72s     accepts ann c1
    +73s     resolved ann c1
             -> closed c1 resolved breached=[queue_wait]
    ",
        ),
    );
}

#[test]
fn resolution_stands_still_while_held_and_while_waiting_for_the_customer() {
    tell(
        &objective("resolution", "60s", "50"),
        &with_ann(
            "
    +0s    contact chat id:1
           -> opened c1
           -> offered c1 ann due.resolution=+60s
    +1s    accepts ann c1
    +10s   held c1                           # 50 s left
    +100s  resumed c1                        # due at +150s
    +110s  replied c1                        # 40 s left
    +115s  held c1
    +120s  resumed c1                        # still waiting for the customer
    +200s  contact chat id:1                 # due at +240s; half of the target has passed at +210s
    +210s  -> warning c1 resolution percent=50 due=+240s
    +220s  replied c1                        # 20 s left
    +230s  contact chat id:1                 # due at +250s; the warning has been given
    +240s  held c1
    +300s  contact chat id:1                 # restarts a clock on hold, too: due at +310s
    +310s1ms -> breached c1 resolution due=+310s late_ms=1
    +320s  resumed c1
    +330s  replied c1
    +340s  resolved ann c1
           -> closed c1 resolved breached=[resolution]
    ",
        ),
    );
}

#[test]
fn a_transfer_ends_a_hold() {
    tell(
        &objective("resolution", "60s", ""),
        &with_ann(
            "
    +0s    contact chat id:1
           -> opened c1
           -> offered c1 ann
    +1s    accepts ann c1
    +10s   held c1
    +100s  transferred c1
           -> withdrawn c1 ann transferred
    +130s  -> offered c1 ann due.resolution=+150s
    +131s  accepts ann c1
    +150s  resolved ann c1
           -> closed c1 resolved breached=[]
    until +10m
    ",
        ),
    );
}

#[test]
fn a_cycle_keeps_the_target_of_the_queue_in_which_it_began() {
    let second = "[queues.second]\ndivision = \"main\"\n[queues.second.sla]\n\
        first_response = { target = \"1s\", calendar = \"always\" }\n\
        next_response = { target = \"5s\", calendar = \"always\" }\n[[routes]]";
    let rules = objective("first_response", "30s", "").replacen("[[routes]]", second, 1);
    tell(
        &rules,
        "
    +0s     contact chat id:1
            -> opened c1
    +10s    contact mail id:1 queue=second
    +30s1ms -> breached c1 first_response queue=desk channel=mail
    +40s    replied c1
    +50s    contact mail id:1 queue=second
    +55s1ms -> breached c1 next_response queue=second
    +56s    resolved c1
            -> closed c1 resolved breached=[first_response,next_response]
    ",
    );
}

#[test]
fn nothing_is_told_of_what_is_closed() {
    tell(
        &objective("resolution", "60s", "50"),
        "
    +0s   contact chat id:1
          -> opened c1
    +10s  resolved c1
          -> closed c1 resolved breached=[]
    +20s  contact chat id:2
          -> opened c2
    +30s  abandoned c2
          -> closed c2 abandoned breached=[]
    until +1h
    ",
    );
}

/// The desk with a first response in a calendar.
fn in_calendar(calendar: &str, target: &str, warn: &str) -> String {
    let sla = format!(
        "[queues.desk.sla]\nfirst_response = {{ target = \"{target}\", calendar = \"c\", warn = [{warn}] }}\n\
         [calendars.c]\n{calendar}\n[[routes]]"
    );
    PLAIN.replacen("[[routes]]", &sla, 1)
}

#[test]
fn only_open_time_counts() {
    // Open on Mondays from 9:00 to 9:10 and on Tuesdays from 9:00.
    let rules = in_calendar(
        "zone = \"UTC\"\nopen = { mon = [\"09:00-09:10\"], tue = [\"09:00-10:00\"] }",
        "20m",
        "25, 75",
    );
    tell(
        &rules,
        "
    +0s        contact chat id:1
               -> opened c1
    +5m        -> warning c1 first_response percent=25 due=+24h10m
    +24h5m     -> warning c1 first_response percent=75
    +24h10m1ms -> breached c1 first_response late_ms=1
    until +25h
    ",
    );
}

#[test]
fn holidays_and_days_of_their_own() {
    let calendar = "zone = \"UTC\"\nopen = { mon = [\"09:00-10:00\"], tue = [\"09:00-10:00\"] }\n\
        closed = [\"2026-03-02\"]\nopen_on = { \"2026-03-03\" = [\"08:00-08:30\"] }";
    tell(
        &in_calendar(calendar, "10m", ""),
        "
    +0s        contact chat id:1
               -> opened c1
    +23h10m1ms -> breached c1 first_response due=+23h10m
    until +25h
    ",
    );
}

#[test]
fn a_calendar_that_is_never_open_counts_wall_time() {
    tell(
        &in_calendar("zone = \"UTC\"", "10m", ""),
        "
    +0s      contact chat id:1
             -> opened c1
    +10m1ms  -> breached c1 first_response due=+10m
    until +25h
    ",
    );
}

#[test]
fn a_day_with_a_change_of_clocks_counts_real_time() {
    // New York skips an hour on Sunday, 2026-03-08, which begins there at +140h and has 23 hours.
    let calendar = "zone = \"America/New_York\"\nopen = { sun = [\"00:00-24:00\"] }";
    tell(
        &in_calendar(calendar, "1350m", ""),
        "
    +0s             contact chat id:1
                    -> opened c1
    +162h30m1ms     -> breached c1 first_response due=+162h30m
    until +165h
    ",
    );
}
