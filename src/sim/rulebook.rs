//! The rules that a profile's world lives under, as text: written beside the log, so that whoever replays it has
//! them. Every feature of this version has its place in one of the queues, so that a replay exercises them all.

use std::fmt::Write;

use crate::sim::profile::Profile;

const DIVISIONS: [&str; 8] =
    ["business", "cards", "insurance", "loans", "retail", "telecom", "travel", "wealth"];

/// A queue as every division has it.
struct Draft {
    suffix: &'static str,
    channels: &'static [&'static str],
    /// Intents, after the division's name and a dot; empty: the route does not ask.
    intents: &'static [&'static str],
    tiers: &'static [&'static str],
    /// Skills with levels; `%` stands for the division.
    skills: &'static [(&'static str, u8)],
    match_lang: bool,
    wrap_up: &'static str,
    offer_timeout: &'static str,
    curve: &'static str,
    sla: &'static str,
}

const OFFICE: [Draft; 8] = [
    Draft {
        suffix: "voice-premium",
        channels: &["phone"],
        intents: &["help", "buy", "cancel"],
        tiers: &["platinum", "gold"],
        skills: &[("voice", 2), ("premium", 4)],
        match_lang: false,
        wrap_up: "20s",
        offer_timeout: "15s",
        curve: "curve = [[\"0s\", 0], [\"30s\", 200], [\"5m\", 800]]\ncurve_after = { per_minute = 0 }\n",
        sla: "queue_wait = { target = \"15s\", calendar = \"always\", warn = [80] }\n\
              first_response = { target = \"20s\", calendar = \"always\", warn = [75] }\n\
              resolution = { target = \"4h\", calendar = \"office\", warn = [50, 80] }\n",
    },
    Draft {
        suffix: "voice-sales",
        channels: &["phone"],
        intents: &["buy"],
        tiers: &[],
        skills: &[("voice", 1), ("sales", 3)],
        match_lang: false,
        wrap_up: "25s",
        offer_timeout: "15s",
        curve: "curve = [[\"0s\", 0], [\"1m\", 30], [\"10m\", 250]]\ncurve_after = { per_minute = 40 }\n",
        sla: "queue_wait = { target = \"20s\", calendar = \"always\", warn = [80] }\n\
              first_response = { target = \"30s\", calendar = \"always\" }\n",
    },
    Draft {
        suffix: "voice-service",
        channels: &["phone"],
        intents: &["help", "cancel"],
        tiers: &[],
        skills: &[("voice", 1)],
        match_lang: true,
        wrap_up: "20s",
        offer_timeout: "20s",
        curve: "curve = [[\"0s\", 0], [\"2m\", 20], [\"5m\", 20], [\"5m\", 120], [\"15m\", 600]]\n\
                curve_after = { per_minute = 10 }\n",
        sla: "queue_wait = { target = \"20s\", calendar = \"always\", warn = [80] }\n\
              first_response = { target = \"40s\", calendar = \"always\", warn = [50, 90] }\n\
              resolution = { target = \"8h\", calendar = \"office\", warn = [80] }\n",
    },
    Draft {
        suffix: "chat-sales",
        channels: &["chat"],
        intents: &["buy"],
        tiers: &[],
        skills: &[("chat", 1), ("sales", 2)],
        match_lang: false,
        wrap_up: "10s",
        offer_timeout: "20s",
        curve: "curve = [[\"0s\", 0], [\"1m\", 60], [\"4m\", 500]]\n",
        sla: "queue_wait = { target = \"45s\", calendar = \"always\", warn = [80] }\n\
              first_response = { target = \"75s\", calendar = \"always\", warn = [80] }\n\
              next_response = { target = \"60s\", calendar = \"always\", warn = [80] }\n",
    },
    Draft {
        suffix: "chat-service",
        channels: &["chat"],
        intents: &["help", "cancel"],
        tiers: &[],
        skills: &[("chat", 1)],
        match_lang: true,
        wrap_up: "10s",
        offer_timeout: "20s",
        curve: "curve = [[\"0s\", 0], [\"2m\", 40], [\"8m\", 400]]\n",
        sla: "queue_wait = { target = \"1m\", calendar = \"always\" }\n\
              first_response = { target = \"90s\", calendar = \"always\", warn = [75] }\n\
              next_response = { target = \"75s\", calendar = \"always\" }\n\
              resolution = { target = \"2h\", calendar = \"extended\", warn = [75] }\n",
    },
    Draft {
        suffix: "email",
        channels: &["email"],
        intents: &["help", "cancel", "buy"],
        tiers: &[],
        skills: &[("written", 2)],
        match_lang: false,
        wrap_up: "0s",
        offer_timeout: "60s",
        curve: "curve = [[\"0s\", 0], [\"1h\", 30], [\"8h\", 400]]\ncurve_after = { per_minute = 2 }\n",
        sla: "first_response = { target = \"4h\", calendar = \"office\", warn = [50, 80] }\n\
              resolution = { target = \"16h\", calendar = \"office\", warn = [80] }\n",
    },
    Draft {
        suffix: "sms",
        channels: &["sms"],
        intents: &["help", "cancel", "buy"],
        tiers: &[],
        skills: &[("written", 1)],
        match_lang: true,
        wrap_up: "5s",
        offer_timeout: "45s",
        curve: "",
        sla: "first_response = { target = \"10m\", calendar = \"extended\", warn = [80] }\n\
              next_response = { target = \"5m\", calendar = \"extended\", warn = [80] }\n",
    },
    Draft {
        suffix: "social",
        channels: &["twitter", "forum"],
        intents: &["help", "cancel", "buy"],
        tiers: &[],
        skills: &[("social", 2)],
        match_lang: false,
        wrap_up: "5s",
        offer_timeout: "30s",
        curve: "curve = [[\"0s\", 0], [\"10m\", 100], [\"30m\", 700]]\ncurve_after = { per_minute = 5 }\n",
        sla: "first_response = { target = \"15m\", calendar = \"always\", warn = [75] }\n\
              next_response = { target = \"15m\", calendar = \"always\" }\n\
              resolution = { target = \"6h\", calendar = \"extended\", warn = [90] }\n",
    },
];

/// The rules of a profile.
pub fn text(profile: Profile) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let (divisions, kept): (&[&str], &[&str]) = match profile {
        Profile::Omni | Profile::Surge => (&DIVISIONS, &[]),
        Profile::Firehose => (&DIVISIONS[..4], &["social", "sms"]),
        Profile::Viral => (&DIVISIONS[4..6], &["voice-service", "chat-service", "email", "social"]),
    };
    let drafts: Vec<&Draft> = OFFICE.iter().filter(|d| kept.is_empty() || kept.contains(&d.suffix)).collect();
    head(&mut out, profile);
    let channels = drafts.iter().flat_map(|d| d.channels).copied().collect::<Vec<_>>();
    let is_office = matches!(profile, Profile::Omni | Profile::Surge);
    if is_office {
        out.push_str(BLOCKED);
        out.push_str(TERMS);
    }
    channel_sections(&mut out, &channels, is_office);
    values(&mut out, divisions, &channels);
    if is_office {
        out.push_str(VALUE_OF_TERMS);
    }
    for (number, division) in divisions.iter().enumerate() {
        writeln!(out, "\n[divisions.{division}]\nagents_budget = 100").expect("a string takes it");
        if is_office {
            division_extras(&mut out, number);
        }
        for (place, draft) in drafts.iter().enumerate() {
            queue(&mut out, division, draft, number, place);
            if is_office {
                queue_extras(&mut out, division, draft.suffix, number);
            }
            sla(&mut out, division, draft);
        }
    }
    if is_office {
        out.push_str(REPLIES);
        routes_by_term(&mut out, divisions);
    }
    routes(&mut out, divisions, &drafts);
    out
}

/// Of `[conversation]`.
const BLOCKED: &str = "blocked = { template = \"blocked\" }\n";

/// What an office listens for, in the words of `phrases` and others.
const TERMS: &str = r#"
[terms.leaving]
en = 'leaving OR cancel* OR (competitor NEAR/6 less)'
es = '"darme de baja" OR cancelar'
fr = 'résili*'
de = 'kündig*'
pt = 'cancelar'

[terms.lost]
en = 'delivered AND NOT (delivered NEAR/3 thanks)'
any = 'entregado OR livrée OR zugestellt OR entregue'

[terms.refund]
any = 'refund* OR reembolso OR remboursement OR erstatt* OR "Geld zurück" OR "money back"'

[terms.unanswered]
any = '"called me back" OR "devolvió la llamada" OR rappelé OR zurückgerufen OR "ligou de volta"'
"#;

/// Of `[value]`.
const VALUE_OF_TERMS: &str = "term = { leaving = 120, refund = 60, unanswered = 40 }\n";

/// A small voice that names a competitor is answered and let go; a complaint in public is asked to go on in private.
const REPLIES: &str = r#"
[[replies]]
when = { channel = ["twitter", "forum"], term = ["leaving"], reach = { at_most = 10 } }
template = "we-do-it-too"
then = "close"

[[replies]]
when = { public = true, term = ["lost", "refund"] }
template = "let-us-talk-in-private"
private = true
then = "route"

[[replies]]
when = { channel = ["chat"], lang = ["fr", "pt"], term = ["unanswered"] }
template = "excuse-us"
then = "route"
"#;

/// The same in every world.
const CALENDARS: &str = r#"[calendars.always]
zone = "UTC"
open = "always"

[calendars.office]
zone = "America/New_York"
open = { mon = ["08:00-12:30", "13:00-18:00"], tue = ["08:00-18:00"], wed = ["08:00-18:00"], thu = ["08:00-18:00"], fri = ["08:00-17:00"] }
closed = ["2026-11-26", "2026-12-25"]

[calendars.extended]
zone = "Europe/Berlin"
open = { mon = ["06:00-24:00"], tue = ["00:00-24:00"], wed = ["00:00-24:00"], thu = ["00:00-24:00"], fri = ["00:00-22:00"], sat = ["08:00-20:00"] }

[calendars.counter]
zone = "UTC"
open = { mon = ["07:01-12:00", "12:30-20:00"], tue = ["07:00-20:00"], wed = ["07:00-20:00"], thu = ["07:00-20:00"], fri = ["07:00-20:00"] }
"#;

fn head(out: &mut String, profile: Profile) {
    let (continuity, idle, limits) = match profile {
        Profile::Omni | Profile::Surge => ("4h", "2d", [5, 4, 3, 8, 64]),
        Profile::Firehose => ("10m", "20m", [5, 4, 3, 8, 64]),
        Profile::Viral => ("1h", "6h", [3, 3, 2, 5, 12]),
    };
    let [email, phone, twitter, cookie, all] = limits;
    write!(
        out,
        r#"# The rules of the generated world "{name}": what its customers, agents and queues live under.
version = "{name}-1"

[clock]
max_late = "24h"

[dedup]
window = "10m"

[identity]
max_identifiers = {all}
blocked = ["withheld number", "+10000000000"]

[identity.kinds.customer_id]
rank = 1
limit = 1
form = "opaque"

[identity.kinds.email]
rank = 2
limit = {email}
form = "email"
fold_domains = ["gmail.com"]

[identity.kinds.phone]
rank = 3
limit = {phone}
form = "phone"
region = "US"

[identity.kinds.twitter]
rank = 4
limit = {twitter}
form = "handle"

[identity.kinds.cookie]
rank = 5
limit = {cookie}
form = "opaque"

{CALENDARS}
[conversation]
zone = "America/New_York"
continuity = "{continuity}"
idle_close = "{idle}"
attempts_kept = 8
attempts_window = "7d"
"#,
        name = profile.word(),
    )
    .expect("a string takes it");
}

fn channel_sections(out: &mut String, channels: &[&str], is_office: bool) {
    for (name, body, office) in [
        ("phone", "weight = 100\nexcludes = [\"*\"]\n", "reclaim = \"30s\"\n"),
        ("chat", "weight = 25\n", "reclaim = \"1m\"\nrelease_after = \"1m\"\n"),
        ("email", "weight = 20\n", "release_after = \"3m\"\n"),
        ("sms", "weight = 20\n", "reclaim = \"2m\"\nrelease_after = \"2m\"\n"),
        ("twitter", "weight = 20\npublic = true\n", ""),
        ("forum", "weight = 20\npublic = true\n", ""),
    ] {
        if channels.contains(&name) {
            let office = if is_office { office } else { "" };
            write!(out, "\n[channels.{name}]\n{body}{office}").expect("a string takes it");
        }
    }
}

/// What sets some divisions apart: one spares its agents a rush of offers, two weigh queues otherwise than by priority.
fn division_extras(out: &mut String, number: usize) {
    out.push_str(match number {
        RAMPED => "ramp = 6\n",
        BY_COST => "dispatch = \"gcmu\"\n",
        BY_RATIO => "dispatch = \"ratio\"\n",
        _ => "",
    });
}

/// Places in `DIVISIONS`.
const RAMPED: usize = 2;
const BY_COST: usize = 3;
const BY_RATIO: usize = 6;

/// What a queue of an office does about those who wait: whom it keeps them for, what it gives up with time, where they
/// go in the end, when it is closed.
fn queue_extras(out: &mut String, division: &str, suffix: &str, number: usize) {
    let extras = match suffix {
        "voice-premium" => {
            "affinity = \"15s\"\nsteps = [ { after = \"20s\", lower = { premium = 2 } }, \
             { after = \"40s\", add = \"%-voice-service\" }, { after = \"2m\", raise = 200 } ]\n"
        }
        "voice-sales" => {
            "max_wait = { after = \"90s\", then = \"overflow\", to = \"%-voice-service\" }\n\
             max_offers = { count = 2, to = \"%-voice-service\" }\n"
        }
        "voice-service" => "affinity = \"10s\"\nacknowledge = { template = \"in-line\" }\n",
        "chat-sales" => {
            "steps = [ { after = \"30s\", drop = [\"sales\"] } ]\n\
             max_wait = { after = \"3m\", then = \"overflow\", to = \"%-chat-service\", template = \"moved\" }\n"
        }
        "chat-service" => {
            "affinity = \"20s\"\nacknowledge = { template = \"in-line\", channels = [\"chat\"] }\n\
             max_offers = { count = 3 }\n"
        }
        "email" => "affinity = \"1m\"\n",
        "sms" => "max_offers = { count = 2, to = \"%-social\" }\n",
        _ => "max_wait = { after = \"20m\", then = \"expire\", template = \"sorry\" }\n",
    };
    out.push_str(&extras.replace('%', division));
    let own = match (suffix, number) {
        ("social", 1) => "closed = { calendar = \"counter\", then = \"wait\" }\n",
        ("sms", 2) => "closed = { calendar = \"counter\", then = \"expire\", template = \"closed\" }\n",
        ("chat-sales", 5) => {
            "closed = { calendar = \"counter\", then = \"overflow\", to = \"%-chat-service\" }\n"
        }
        ("chat-sales", 0) => "max_waiting = { count = 4, then = \"overflow\", to = \"%-chat-service\" }\n",
        ("chat-service", 4) => "max_waiting = { count = 60, then = \"expire\", template = \"busy\" }\n",
        ("voice-premium", BY_COST) => "dispatch = { cost = 4, handle = \"4m\", share = 20 }\n",
        ("chat-service", BY_COST) => "dispatch = { cost = 2, handle = \"3m\", share = 10 }\n",
        ("voice-premium", BY_RATIO) => "dispatch = { ratio = 3, share = 20 }\n",
        ("social", BY_RATIO) => "dispatch = { ratio = 2, share = 10 }\n",
        _ => "",
    };
    out.push_str(&own.replace('%', division));
}

fn sla(out: &mut String, division: &str, draft: &Draft) {
    write!(out, "\n[queues.{division}-{}.sla]\n{}", draft.suffix, draft.sla).expect("a string takes it");
}

fn values(out: &mut String, divisions: &[&str], channels: &[&str]) {
    out.push_str(
        "\n[value]\nbase = 10\npublic = 30\nfailed_attempt = { points = 40, at_most = 200 }\n\
         tier = { platinum = 500, gold = 300, silver = 100 }\n\
         reach = [[1000, 50], [10000, 150], [100000, 400]]\n\
         lifetime_value = [[1000, 50], [10000, 200]]\n\
         sentiment = [[-100, 100], [-50, 50], [0, 0]]\n",
    );
    if channels.contains(&"phone") {
        out.push_str("channel = { phone = 50 }\n");
    }
    out.push_str("intent = {");
    for (number, division) in divisions.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(
            out,
            "{comma} \"{division}.cancel\" = {}, \"{division}.buy\" = {}",
            250 - 10 * number,
            150 + 20 * number
        )
        .expect("a string takes it");
    }
    out.push_str(" }\n");
}

fn queue(out: &mut String, division: &str, draft: &Draft, number: usize, place: usize) {
    const OTHERS: [&str; 5] = ["least_busy", "most_spare", "best_skill", "round_robin", "fewest_handled"];
    let strategy = match (number * 8 + place) % 11 {
        at @ 0..5 => OTHERS[at],
        _ => "longest_idle",
    };
    // Mail and social media come by themselves in every second division; a telephone is always offered.
    let auto = matches!(draft.suffix, "email" | "social") && number.is_multiple_of(2);
    write!(
        out,
        "\n[queues.{division}-{}]\ndivision = \"{division}\"\nstrategy = \"{strategy}\"\naccept = \"{}\"\n\
         offer_timeout = \"{}\"\nexclude_after_miss = \"30s\"\nwrap_up = \"{}\"\nmatch_lang = {}\n{}",
        draft.suffix,
        if auto { "auto" } else { "offer" },
        draft.offer_timeout,
        draft.wrap_up,
        draft.match_lang,
        draft.curve,
    )
    .expect("a string takes it");
    let skills: Vec<String> =
        draft.skills.iter().map(|(name, level)| format!("{name} = {{ level = {level} }}")).collect();
    writeln!(out, "skills = {{ {} }}", skills.join(", ")).expect("a string takes it");
}

/// Who wants to buy and has been left waiting before is not for those who sell.
fn routes_by_term(out: &mut String, divisions: &[&str]) {
    for division in divisions {
        write!(
            out,
            "\n[[routes]]\nwhen = {{ channel = [\"chat\"], intent = [\"{division}.buy\"], term = [\"unanswered\"] }}\n\
             queue = \"{division}-chat-service\"\n"
        )
        .expect("a string takes it");
    }
}

fn routes(out: &mut String, divisions: &[&str], drafts: &[&Draft]) {
    let quoted = |names: &mut dyn Iterator<Item = String>| {
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    for division in divisions {
        for draft in drafts {
            let channels = quoted(&mut draft.channels.iter().map(|c| (*c).to_owned()));
            let intents = quoted(&mut draft.intents.iter().map(|i| format!("{division}.{i}")));
            write!(out, "\n[[routes]]\nwhen = {{ channel = [{channels}], intent = [{intents}]")
                .expect("a string takes it");
            if !draft.tiers.is_empty() {
                let tiers = quoted(&mut draft.tiers.iter().map(|t| (*t).to_owned()));
                write!(out, ", tier = [{tiers}]").expect("a string takes it");
            }
            writeln!(out, " }}\nqueue = \"{division}-{}\"", draft.suffix).expect("a string takes it");
        }
    }
    let last = drafts.last().expect("every profile has queues");
    writeln!(out, "\n[[routes]]\nqueue = \"{}-{}\"", divisions[0], last.suffix).expect("a string takes it");
}
