//! Small random rules with everything that this version carries out: tiny windows and limits, so that a short log
//! meets them.

use super::dice::Dice;
use super::random_texts;

/// Divisions of all random rules.
pub const DIVISIONS: [&str; 2] = ["east", "west"];
/// Queues of all random rules, with their division.
pub const QUEUES: [(&str, &str); 4] = [("e1", "east"), ("e2", "east"), ("w1", "west"), ("w2", "west")];
/// Channels of all random rules.
pub const CHANNELS: [&str; 3] = ["chat", "mail", "phone"];
/// Identifier kinds of all random rules.
pub const KINDS: [&str; 3] = ["account", "mail", "nick"];
/// Skills that queues and contacts ask for.
pub const SKILLS: [&str; 2] = ["bills", "law"];
/// Languages.
pub const LANGS: [&str; 2] = ["en", "es"];

/// Rules as TOML.
pub fn rules(dice: &mut Dice) -> String {
    let mut text = String::new();
    basics(dice, &mut text);
    identity(dice, &mut text);
    channels(dice, &mut text);
    calendars(dice, &mut text);
    text += &random_texts::terms(dice);
    value(dice, &mut text);
    let mut by_priority = Vec::new();
    for division in DIVISIONS {
        text += &format!("[divisions.{division}]\nagents_budget = {}\n", dice.pick(&["100", "60", "200"]));
        let dispatch = dice.pick(&["priority", "priority", "gcmu", "ratio"]);
        by_priority.push(dispatch == "priority");
        text += &format!("dispatch = \"{dispatch}\"\n");
        if dice.percent(30) {
            text += &format!("ramp = {}\n", dice.between(1, 4));
        }
    }
    for (queue, division) in QUEUES {
        let by_priority = by_priority[DIVISIONS.iter().position(|name| *name == division).unwrap_or(0)];
        self::queue(dice, &mut text, (queue, division), by_priority);
    }
    text += &random_texts::replies(dice);
    routes(dice, &mut text);
    text
}

fn basics(dice: &mut Dice, text: &mut String) {
    let max_late = dice.pick(&["24h", "10s", "0s"]);
    *text += &format!("[clock]\nmax_late = \"{max_late}\"\n");
    let window = dice.pick(&["10m", "5s", "0s"]);
    let events = dice.pick(&["50000000", "3", "1", "10"]);
    *text += &format!("[dedup]\nwindow = \"{window}\"\nmax_events = {events}\n");
    let continuity = dice.pick(&["24h", "0s", "10s", "2m"]);
    let idle_close = dice.pick(&["7d", "30s", "5m", "1h", "7d"]);
    let kept = dice.pick(&["8", "1", "2", "3"]);
    let attempts_window = dice.pick(&["7d", "0s", "20s", "5m"]);
    let zone = dice.pick(&["UTC", "America/New_York"]);
    *text += &format!(
        "[conversation]\nzone = \"{zone}\"\ncontinuity = \"{continuity}\"\nidle_close = \"{idle_close}\"\n\
         attempts_kept = {kept}\nattempts_window = \"{attempts_window}\"\n"
    );
    if dice.percent(50) {
        *text += "blocked = { template = \"blocked\" }\n";
    }
}

fn identity(dice: &mut Dice, text: &mut String) {
    let most = dice.pick(&["64", "2", "3", "5"]);
    *text += &format!("[identity]\nmax_identifiers = {most}\nblocked = [\"nobody\"]\n");
    *text += &format!("generic_after = {}\n", dice.pick(&["1000", "1", "2", "3"]));
    *text += &format!("forget_after = \"{}\"\n", dice.pick(&["97d", "98d", "200d", "400d"]));
    *text += dice.pick(&["", "customer_created = false\n", "customer_created = true\n"]);
    let nick_rank = dice.pick(&["2", "3"]);
    let (mails, nicks) = (dice.between(1, 3), dice.between(1, 3));
    *text += "[identity.kinds.account]\nrank = 1\nlimit = 1\nform = \"opaque\"\n";
    *text += &format!("[identity.kinds.mail]\nrank = 2\nlimit = {mails}\nform = \"email\"\n");
    *text += &format!("[identity.kinds.nick]\nrank = {nick_rank}\nlimit = {nicks}\nform = \"handle\"\n");
}

fn channels(dice: &mut Dice, text: &mut String) {
    for channel in CHANNELS {
        let weight = dice.pick(&["100", "50", "30", "0"]);
        let public = dice.percent(30);
        *text += &format!("[channels.{channel}]\nweight = {weight}\npublic = {public}\n");
        if dice.percent(30) {
            let other = CHANNELS.iter().find(|other| **other != channel).expect("there are several");
            *text += &format!("excludes = [\"{}\"]\n", dice.pick(&["*", other]));
        }
        for key in ["reclaim", "release_after"] {
            if dice.percent(50) {
                *text += &format!("{key} = \"{}\"\n", dice.pick(&["0s", "10s", "30s", "5m"]));
            }
        }
    }
}

/// The logs begin on Monday, 2026-03-02, 08:59: `day` opens a minute later.
fn calendars(dice: &mut Dice, text: &mut String) {
    let day = "\"09:00-09:01\", \"09:03-09:10\", \"10:00-12:00\"";
    let closed = if dice.percent(30) { "closed = [\"2026-03-03\"]\n" } else { "" };
    *text += "[calendars.always]\nzone = \"UTC\"\nopen = \"always\"\n";
    *text += &format!(
        "[calendars.day]\nzone = \"UTC\"\nopen = {{ mon = [{day}], tue = [{day}], thu = [{day}] }}\n{closed}"
    );
    *text += "[calendars.never]\nzone = \"UTC\"\n";
}

fn value(dice: &mut Dice, text: &mut String) {
    let (base, public) = (dice.between(-10, 10), dice.between(-20, 30));
    *text += &format!("[value]\nbase = {base}\npublic = {public}\n");
    let failed = dice.pick(&[
        "{ points = 0 }",
        "{ points = 40, at_most = 100 }",
        "{ points = -7, at_most = -10 }",
        "{ points = 5 }",
    ]);
    *text += &format!("failed_attempt = {failed}\n");
    *text += "tier = { gold = 300, silver = 100 }\nintent = { buy = 200, cancel = -50 }\nchannel = { phone = 50 }\n";
    *text += &format!("term = {{ anger = {}, money = 60 }}\n", dice.between(-30, 90));
    *text += "reach = [[0, 1], [1000, 50]]\nlifetime_value = [[1000, 50], [10000, 200]]\n";
    *text += "sentiment = [[-100, 100], [0, 0], [50, -30]]\n";
}

fn queue(dice: &mut Dice, text: &mut String, (name, division): (&str, &str), by_priority: bool) {
    let strategy = dice.pick(&[
        "longest_idle",
        "least_busy",
        "most_spare",
        "best_skill",
        "round_robin",
        "fewest_handled",
    ]);
    let accept = dice.pick(&["offer", "offer", "auto"]);
    let timeout = dice.pick(&["20s", "1m", "1s", "20s", "0s", "5m"]);
    let exclude = dice.pick(&["30s", "0s", "5s", "1s"]);
    let wrap_up = dice.pick(&["0s", "10s", "1s"]);
    let lang = dice.percent(25);
    *text += &format!(
        "[queues.{name}]\ndivision = \"{division}\"\nstrategy = \"{strategy}\"\naccept = \"{accept}\"\n\
         offer_timeout = \"{timeout}\"\nexclude_after_miss = \"{exclude}\"\nwrap_up = \"{wrap_up}\"\nmatch_lang = {lang}\n"
    );
    let hard = dice.percent(20);
    if dice.percent(30) {
        let level = dice.between(1, 4);
        *text += &format!("skills = {{ bills = {{ level = {level}, hard = {hard} }} }}\n");
    }
    leaving(dice, text, name);
    relaxing(dice, text, name, (hard, by_priority));
    *text += dice.pick(&[
        "",
        "",
        "curve = [[\"0s\", 0], [\"10s\", 50], [\"10s\", 100], [\"30s\", -20]]\n",
        "curve = [[\"0s\", 0]]\ncurve_after = { per_minute = -7 }\n",
        "curve = [[\"5s\", 3], [\"20s\", 400]]\ncurve_after = { per_minute = 1 }\n",
    ]);
    if dice.percent(70) {
        *text += &format!("[queues.{name}.sla]\n");
        for objective in ["queue_wait", "first_response", "next_response", "resolution"] {
            if dice.percent(60) {
                let target = dice.pick(&["20s", "1m", "10s", "0s", "10m", "8h"]);
                let calendar = dice.pick(&["always", "always", "day", "day", "never"]);
                let warn = dice.pick(&["", "50", "50, 80", "1, 50, 99"]);
                *text += &format!(
                    "{objective} = {{ target = \"{target}\", calendar = \"{calendar}\", warn = [{warn}] }}\n"
                );
            }
        }
    }
}

/// How conversations leave the queue without an agent. Overflow leads from the first queue of a division to the second.
fn leaving(dice: &mut Dice, text: &mut String, name: &str) {
    let to = name.strip_suffix('1').map(|first| format!("{first}2"));
    let leave = |dice: &mut Dice| match &to {
        Some(to) if dice.percent(60) => {
            format!("then = \"overflow\", to = \"{to}\"{}", dice.pick(&["", ", template = \"moved\""]))
        }
        _ => format!("then = \"expire\"{}", dice.pick(&["", ", template = \"gone\""])),
    };
    if dice.percent(30) {
        let then = if dice.percent(50) { "then = \"wait\"".to_owned() } else { leave(dice) };
        let calendar = dice.pick(&["day", "day", "day", "never", "always"]);
        *text += &format!("closed = {{ calendar = \"{calendar}\", {then} }}\n");
    }
    if dice.percent(40) {
        let after = dice.pick(&["0s", "20s", "1m", "10m"]);
        *text += &format!("max_wait = {{ after = \"{after}\", {} }}\n", leave(dice));
    }
    if dice.percent(30) {
        *text += &format!("max_waiting = {{ count = {}, {} }}\n", dice.between(1, 4), leave(dice));
    }
    if dice.percent(40) {
        let to = to.as_ref().filter(|_| dice.percent(60)).map(|to| format!(", to = \"{to}\""));
        *text += &format!("max_offers = {{ count = {}{} }}\n", dice.between(1, 3), to.unwrap_or_default());
    }
    if dice.percent(40) {
        let channels = dice.pick(&["", ", channels = [\"chat\"]", ", channels = [\"chat\", \"phone\"]"]);
        *text += &format!("acknowledge = {{ template = \"in-line\"{channels} }}\n");
    }
}

/// Whom a conversation waits for, and what is given up with time.
fn relaxing(dice: &mut Dice, text: &mut String, name: &str, (hard, by_priority): (bool, bool)) {
    if dice.percent(50) {
        *text += &format!("affinity = \"{}\"\n", dice.pick(&["5s", "20s", "2m"]));
    }
    if dice.percent(30) {
        let (cost, ratio, share) = (dice.between(1, 5), dice.between(1, 3), dice.pick(&["0", "30", "50"]));
        let share = if by_priority { "0" } else { share };
        let handle = dice.pick(&["1ms", "1m", "5m"]);
        *text += &format!(
            "dispatch = {{ cost = {cost}, handle = \"{handle}\", ratio = {ratio}, share = {share} }}\n"
        );
    }
    let (division, number) = name.split_at(1);
    let other = format!("{division}{}", if number == "1" { "2" } else { "1" });
    let mut steps = Vec::new();
    let mut after = 0;
    for _ in 0..dice.below(4) {
        after += [0, 5, 10, 40][dice.below(4)];
        let skill = if hard { "law" } else { dice.pick(&SKILLS) };
        let action = match dice.below(4) {
            0 => format!("drop = [\"{skill}\"]"),
            1 => format!("lower = {{ {skill} = {} }}", dice.between(1, 3)),
            2 => format!("add = \"{other}\""),
            _ => format!("raise = {}", dice.between(-50, 300)),
        };
        steps.push(format!("{{ after = \"{after}s\", {action} }}"));
    }
    if !steps.is_empty() {
        *text += &format!("steps = [{}]\n", steps.join(", "));
    }
}

fn routes(dice: &mut Dice, text: &mut String) {
    let conditions = [
        "channel = [\"phone\"]",
        "channel = [\"chat\", \"mail\"], public = true",
        "lang = [\"es\"]",
        "term = [\"rival\", \"anger\"]",
        "term = [\"money\"], lang = [\"en\", \"ja\"]",
        "intent = [\"buy\"]",
        "tier = [\"gold\", \"tin\"]",
        "reach = { at_least = 10 }",
        "sentiment = { at_most = -1 }",
        "failed_attempts = { at_least = 2 }",
        "open = { calendar = \"day\" }",
        "hour_of_week = [9, 33]",
    ];
    // What may stand beside any of them.
    let besides = [
        "public = false",
        "channel = [\"chat\"]",
        "failed_attempts = { at_most = 1 }",
        "reach = { at_most = 900 }",
    ];
    for _ in 0..dice.below(5) {
        let (condition, queue) = (dice.pick(&conditions), QUEUES[dice.below(4)].0);
        let other = dice.pick(&besides);
        let name = other.split(' ').next().expect("a condition has a name");
        let both = dice.percent(30) && !condition.contains(&format!("{name} ="));
        let condition = if both { format!("{condition}, {other}") } else { condition.to_owned() };
        *text += &format!("[[routes]]\nwhen = {{ {condition} }}\nqueue = \"{queue}\"\n");
    }
    *text += &format!("[[routes]]\nqueue = \"{}\"\n", QUEUES[dice.below(4)].0);
}
