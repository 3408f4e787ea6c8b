//! Settings → compiled rules: names become places in ordered tables, and everything that only the whole file can
//! tell is checked: declarations, routes, the graph of overflows.

use toml::de::DeTable;
use xxhash_rust::xxh3::xxh3_128;

use super::calendar::Calendar;
use super::complaint::{At, Complaint, ComplaintSort, Declared, Log};
use super::reader::Fields;
use super::settings::{
    self, ActionDraft, ConditionDraft, LeaveDraft, QueueDraft, Settings, ValueDraft, WORDS_MAX,
};
use super::{
    Acknowledge, CalendarId, Channel, Closed, Condition, ConversationRules, Dispatch, Division, Leave,
    MaxWait, MaxWaiting, Queue, Reply, Route, Rules, Step, StepAction, Target, ValueRules, doubts,
};
use crate::types::ids::CHANNELS_MAX;
use crate::types::{DivisionId, QueueId, TemplateId};

/// What `check` tells of a rules file.
#[derive(Debug)]
pub struct Checked {
    /// The rules, if nothing refuses them.
    pub rules: Option<Rules>,
    /// What refuses them, ordered by place.
    pub complaints: Vec<Complaint>,
    /// What is allowed, yet hardly meant, ordered by place.
    pub warnings: Vec<Complaint>,
}

/// Compiles a rules file; `file` is its name in complaints. Errors: every complaint at once, ordered by place.
pub fn compile(text: &str, file: &str) -> Result<Rules, Vec<Complaint>> {
    let checked = check(text, file);
    checked.rules.ok_or(checked.complaints)
}

/// Compiles a rules file and tells what is wrong with it and what looks wrong.
pub fn check(text: &str, file: &str) -> Checked {
    let log = Log::new(text, file);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        log.syntax(error.span().map_or(0, |span| span.start), error.message());
    }
    let rules =
        assemble(settings::read(&Fields::root(&log, document.get_ref())), &log, errors.is_empty(), text);
    let (warnings, complaints): (Vec<_>, Vec<_>) =
        log.sorted().into_iter().partition(|complaint| complaint.sort == ComplaintSort::Warning);
    Checked { rules: complaints.is_empty().then_some(rules), complaints, warnings }
}

/// Puts the rules together. Where there are complaints the result has holes and is thrown away; `whole` says that
/// the text was TOML throughout, without which a missing declaration proves nothing.
fn assemble(mut settings: Settings, log: &Log<'_>, whole: bool, text: &str) -> Rules {
    settings.channels.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    settings.calendars.sort_by(|a, b| a.name.cmp(&b.name));
    settings.divisions.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    settings.queues.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    settings.terms.sort_by(|a, b| a.term.name.cmp(&b.term.name));
    let names = Names::new(&settings);
    if whole {
        names.resolve(log);
        overflows(&settings, &names, log);
        added_queues(&settings, &names, log);
        shares(&settings, log);
        check_routes(&settings, log);
        check_terms(&settings, log);
        warn(&settings, log);
    }
    let channels = channels(&settings, &names);
    let divisions = divisions(&settings, &names);
    let queues = settings.queues.iter().map(|draft| queue(draft, &names)).collect();
    let route = |draft: &settings::RouteDraft| Route {
        when: condition(&draft.when, &names),
        queue: names.queue(draft.queue.as_ref()),
    };
    let reply = |draft: &settings::ReplyDraft| Reply {
        when: condition(&draft.when, &names),
        template: draft.template.as_ref().map_or(TemplateId(0), |name| names.template(&name.value)),
        private: draft.private,
        closes: draft.closes,
    };
    let routes = settings.routes.iter().map(route).collect();
    let replies = settings.replies.iter().map(reply).collect();
    let value = value(&settings.value, &names);
    let blocked = settings.blocked.as_ref().map(|name| names.template(&name.value));
    let doubtful = doubts::Places::of(&settings);
    let rules = Rules {
        version: settings.version,
        hash: xxh3_128(text.as_bytes()),
        text: text.to_owned(),
        clock: settings.clock,
        dedup: settings.dedup,
        identity: settings.identity,
        channels,
        intents: names.intents,
        templates: names.templates,
        tiers: names.tiers,
        value,
        conversation: ConversationRules { blocked, ..settings.conversation },
        divisions,
        queues,
        routes,
        replies,
        terms: settings.terms.into_iter().map(|draft| draft.term).collect(),
        calendars: settings.calendars,
        before: None,
    };
    if whole && log.is_clean() {
        doubts::tell(&rules, &doubtful, log);
    }
    rules
}

/// Every declared name, in the order of its table.
struct Names {
    divisions: Vec<String>,
    queues: Vec<String>,
    calendars: Vec<String>,
    channels: Vec<String>,
    terms: Vec<String>,
    intents: Vec<String>,
    tiers: Vec<String>,
    templates: Vec<String>,
}

impl Names {
    fn new(settings: &Settings) -> Names {
        let named = |points: &[(String, i64)], asked: fn(&ConditionDraft) -> &Option<Vec<String>>| {
            let replies = settings.replies.iter().map(|reply| &reply.when);
            let conditions = settings.routes.iter().map(|route| &route.when).chain(replies);
            let asked = conditions.filter_map(|when| asked(when).as_ref()).flatten();
            let names = points.iter().map(|(name, _)| name).chain(asked);
            let mut names: Vec<String> = names.cloned().collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let terms = settings.terms.iter().map(|draft| draft.term.name.clone()).collect();
        let replies = settings.replies.iter().filter_map(|reply| reply.template.as_ref());
        let replies = replies.chain(&settings.blocked).map(|name| &name.value);
        let mut templates: Vec<String> =
            settings.queues.iter().flat_map(templates).chain(replies).cloned().collect();
        templates.sort_unstable();
        templates.dedup();
        Names {
            templates,
            divisions: settings.divisions.iter().map(|division| division.name.value.clone()).collect(),
            queues: settings.queues.iter().map(|queue| queue.name.value.clone()).collect(),
            calendars: settings.calendars.iter().map(|calendar: &Calendar| calendar.name.clone()).collect(),
            channels: settings.channels.iter().map(|channel| channel.name.value.clone()).collect(),
            terms,
            intents: named(&settings.value.intent, |when| &when.intent),
            tiers: named(&settings.value.tier, |when| &when.tier),
        }
    }

    /// Complains about every name that is not declared.
    fn resolve(&self, log: &Log<'_>) {
        for reference in log.references() {
            let (table, word) = reference.declared.words();
            let (name, path) = (&reference.name.value, &reference.path);
            let list = match reference.declared {
                Declared::Division => &self.divisions,
                Declared::Queue => &self.queues,
                Declared::Calendar => &self.calendars,
                Declared::Channel => &self.channels,
                Declared::Term => &self.terms,
            };
            if place(list, name).is_none() {
                let what = format!("{path}: the {word} `{name}` is not declared");
                log.fault(
                    reference.name.at,
                    what,
                    format!("declare it under [{table}.{name}], or correct the name"),
                );
            }
        }
    }

    fn queue(&self, name: Option<&At<String>>) -> QueueId {
        QueueId(name.and_then(|name| place(&self.queues, &name.value)).unwrap_or(0) as u16)
    }

    fn division(&self, name: Option<&At<String>>) -> DivisionId {
        DivisionId(name.and_then(|name| place(&self.divisions, &name.value)).unwrap_or(0) as u16)
    }

    fn template(&self, name: &str) -> TemplateId {
        TemplateId(place(&self.templates, name).expect("every template is in the table") as u16)
    }

    fn leave(&self, draft: &LeaveDraft) -> Leave {
        Leave {
            to: draft.to.as_ref().map(|to| self.queue(Some(to))),
            template: draft.template.as_ref().map(|name| self.template(name)),
        }
    }

    fn action(&self, draft: &ActionDraft) -> StepAction {
        match draft {
            ActionDraft::Drop(skills) => StepAction::Drop(skills.clone()),
            ActionDraft::Lower(skills) => StepAction::Lower(skills.clone()),
            ActionDraft::Add(queue) => StepAction::Add(self.queue(queue.as_ref())),
            ActionDraft::Raise(points) => StepAction::Raise(*points),
        }
    }

    fn calendar(&self, name: Option<&At<String>>) -> CalendarId {
        CalendarId(name.and_then(|name| place(&self.calendars, &name.value)).unwrap_or(0) as u16)
    }

    /// A bit a channel; what there is no room for is complained about elsewhere.
    fn channel_bits<'n>(&self, names: impl Iterator<Item = &'n At<String>>) -> u16 {
        let places = names.filter_map(|name| place(&self.channels, &name.value));
        places.filter(|place| *place < CHANNELS_MAX).fold(0, |bits, place| bits | 1 << place)
    }
}

/// Every template that a queue names.
fn templates(queue: &QueueDraft) -> impl Iterator<Item = &String> {
    let leaves = [
        queue.closed.as_ref().and_then(|closed| closed.leave.as_ref()),
        queue.max_wait.as_ref().map(|(_, leave)| leave),
        queue.max_waiting.as_ref().map(|(_, leave)| leave),
    ];
    let acknowledged = queue.acknowledge.as_ref().map(|acknowledge| &acknowledge.template);
    leaves.into_iter().flatten().filter_map(|leave| leave.template.as_ref()).chain(acknowledged)
}

/// Place of a name in an ordered list.
fn place(names: &[String], name: &str) -> Option<usize> {
    names.binary_search_by(|other| other.as_str().cmp(name)).ok()
}

fn channels(settings: &Settings, names: &Names) -> Vec<Channel> {
    let all = names.channel_bits(settings.channels.iter().map(|channel| &channel.name));
    let mut channels = Vec::new();
    for draft in &settings.channels {
        let own = names.channel_bits(std::iter::once(&draft.name));
        let every = draft.excludes.iter().any(|name| name.value == "*");
        let bits = if every { all } else { names.channel_bits(draft.excludes.iter()) };
        let name = draft.name.value.clone();
        channels.push(Channel {
            name,
            weight: draft.weight,
            excludes: bits & !own,
            public: draft.public,
            reclaim: draft.reclaim,
            release_after: draft.release_after,
        });
    }
    channels
}

fn divisions(settings: &Settings, names: &Names) -> Vec<Division> {
    let owners: Vec<DivisionId> =
        settings.queues.iter().map(|queue| names.division(queue.division.as_ref())).collect();
    let division = |(place, draft): (usize, &settings::DivisionDraft)| Division {
        name: draft.name.value.clone(),
        agents_budget: draft.agents_budget,
        queues: (0..owners.len())
            .filter(|at| owners[*at].at() == place)
            .map(|at| QueueId(at as u16))
            .collect(),
        ramp: draft.ramp,
        dispatch: draft.dispatch,
    };
    settings.divisions.iter().enumerate().map(division).collect()
}

fn queue(draft: &QueueDraft, names: &Names) -> Queue {
    Queue {
        name: draft.name.value.clone(),
        division: names.division(draft.division.as_ref()),
        strategy: draft.strategy,
        auto_accept: draft.auto_accept,
        offer_timeout: draft.offer_timeout,
        exclude_after_miss: draft.exclude_after_miss,
        max_offers: draft.max_offers,
        max_offers_to: draft.max_offers_to.as_ref().map(|to| names.queue(Some(to))),
        closed: draft.closed.as_ref().map(|closed| Closed {
            calendar: names.calendar(closed.calendar.as_ref()),
            leave: closed.leave.as_ref().map(|leave| names.leave(leave)),
        }),
        max_wait: draft
            .max_wait
            .as_ref()
            .map(|(after, leave)| MaxWait { after: *after, leave: names.leave(leave) }),
        max_waiting: draft
            .max_waiting
            .as_ref()
            .map(|(count, leave)| MaxWaiting { count: *count, leave: names.leave(leave) }),
        acknowledge: draft.acknowledge.as_ref().map(|acknowledge| Acknowledge {
            template: names.template(&acknowledge.template),
            channels: acknowledge
                .channels
                .as_ref()
                .map_or(u16::MAX, |named| names.channel_bits(named.iter())),
        }),
        affinity: draft.affinity,
        steps: draft
            .steps
            .iter()
            .map(|step| Step { after: step.after, action: names.action(&step.action) })
            .collect(),
        dispatch: draft.dispatch,
        match_lang: draft.match_lang,
        wrap_up: draft.wrap_up,
        skills: draft.skills.clone(),
        curve: draft.curve.clone(),
        sla: draft.sla.each_ref().map(|target| {
            target.as_ref().map(|target| Target {
                target: target.target,
                calendar: names.calendar(target.calendar.as_ref()),
                warn: target.warn.clone(),
            })
        }),
    }
}

fn condition(when: &ConditionDraft, names: &Names) -> Condition {
    let places = |asked: &Option<Vec<String>>, list: &[String]| {
        let asked = asked.as_ref()?;
        let mut places: Vec<u16> =
            asked.iter().filter_map(|name| place(list, name)).map(|at| at as u16).collect();
        places.sort_unstable();
        places.dedup();
        Some(places)
    };
    let terms: Option<Vec<String>> =
        when.term.as_ref().map(|terms| terms.iter().map(|name| name.value.clone()).collect());
    Condition {
        channel: when.channel.as_ref().map(|channels| names.channel_bits(channels.iter())),
        lang: when.lang.clone(),
        intent: places(&when.intent, &names.intents),
        tier: places(&when.tier, &names.tiers),
        term: places(&terms, &names.terms),
        public: when.public,
        reach: when.reach,
        sentiment: when.sentiment,
        failed_attempts: when.failed_attempts,
        open: when.open.as_ref().map(|name| names.calendar(Some(name))),
        hour_of_week: when.hour_of_week.clone(),
    }
}

fn value(draft: &ValueDraft, names: &Names) -> ValueRules {
    let points = |list: &[String], given: &[(String, i64)]| {
        let of =
            |name: &String| given.iter().find(|(other, _)| other == name).map_or(0, |(_, points)| *points);
        list.iter().map(of).collect()
    };
    ValueRules {
        base: draft.base,
        public: draft.public,
        failed_attempt_points: draft.failed_attempt.0,
        failed_attempt_at_most: draft.failed_attempt.1,
        tier: points(&names.tiers, &draft.tier),
        intent: points(&names.intents, &draft.intent),
        term: points(&names.terms, &draft.term),
        channel: points(&names.channels, &draft.channel),
        reach: draft.reach.clone(),
        lifetime_value: draft.lifetime_value.clone(),
        sentiment: draft.sentiment.clone(),
    }
}

/// A queue overflows only within its division, and never back to itself by any way.
fn overflows(settings: &Settings, names: &Names, log: &Log<'_>) {
    let target = |lead: &settings::Leads| place(&names.queues, &lead.to.value);
    let graph: Vec<Vec<usize>> =
        settings.queues.iter().map(|queue| queue.leads.iter().filter_map(target).collect()).collect();
    let division = |queue: &QueueDraft| queue.division.as_ref().map(|name| name.value.clone());
    for (own, queue) in settings.queues.iter().enumerate() {
        for lead in &queue.leads {
            let Some(to) = target(lead) else { continue };
            if division(&settings.queues[to]) != division(queue) {
                let what = format!("{}: the queue `{}` is of another division", lead.path, lead.to.value);
                log.fault(lead.to.at, what, "name a queue of the same division");
            }
            if reaches(&graph, to, own) {
                let what = format!("{}: conversations would overflow in a circle", lead.path);
                log.fault(lead.to.at, what, "lead one queue of the circle elsewhere");
            }
        }
    }
}

/// A step adds agents of another queue of the same division.
fn added_queues(settings: &Settings, names: &Names, log: &Log<'_>) {
    for queue in &settings.queues {
        for step in &queue.steps {
            let ActionDraft::Add(Some(added)) = &step.action else { continue };
            let Some(other) = place(&names.queues, &added.value) else { continue };
            let division = |queue: &QueueDraft| queue.division.as_ref().map(|name| name.value.clone());
            if division(&settings.queues[other]) != division(queue) {
                let what = format!(
                    "queues.{}.steps: the queue `{}` is of another division",
                    queue.name.value, added.value
                );
                log.fault(added.at, what, "add a queue of the same division");
            }
        }
    }
}

/// The shares of one division leave room for each other.
fn shares(settings: &Settings, log: &Log<'_>) {
    for division in &settings.divisions {
        let name = Some(&division.name.value);
        let own = settings.queues.iter().filter(|q| q.division.as_ref().map(|own| &own.value) == name);
        let sum: u32 = own.map(|queue| queue.dispatch.share).sum();
        let unused = sum > 0 && division.dispatch == Dispatch::Priority;
        if unused {
            let what =
                format!("the shares of the queues of `{}` mean nothing by priority", division.name.value);
            log.fault(division.name.at, what, "write dispatch = \"gcmu\" or \"ratio\", or remove them");
        }
        if sum > 100 {
            let what = format!("the shares of the queues of `{}` are {sum} % together", division.name.value);
            log.fault(division.name.at, what, "give no more than 100 %");
        }
    }
}

/// Whether overflows lead from one queue to another, or the two are the same.
fn reaches(graph: &[Vec<usize>], from: usize, to: usize) -> bool {
    let (mut seen, mut left) = (vec![false; graph.len()], vec![from]);
    while let Some(queue) = left.pop() {
        if queue == to {
            return true;
        }
        if !std::mem::replace(&mut seen[queue], true) {
            left.extend(graph[queue].iter().filter(|next| !seen[**next]));
        }
    }
    false
}

fn check_routes(settings: &Settings, log: &Log<'_>) {
    let advice = "end with a [[routes]] that has a `queue` and no `when`";
    match settings.routes.last() {
        None => {
            if let Some(at) = settings.queues.iter().map(|queue| queue.name.at).min() {
                log.fault(at, "there are queues but no routes", advice);
            }
        }
        Some(last) if last.when.given => {
            log.fault(last.at, format!("{}: the last route has a condition", last.path), advice);
        }
        Some(_) => {}
    }
}

/// All searches together are bounded.
fn check_terms(settings: &Settings, log: &Log<'_>) {
    let mut words = 0;
    for draft in &settings.terms {
        words += draft.term.forms.iter().map(|form| form.search.words().len()).sum::<usize>();
        if words > WORDS_MAX {
            let what = format!("terms: more than {WORDS_MAX} words in all searches together");
            log.fault(draft.at, what, "use `word*` for words that begin alike, or remove some");
            return;
        }
    }
}

fn warn(settings: &Settings, log: &Log<'_>) {
    for queue in &settings.queues {
        let name = Some(&queue.name.value);
        let routed =
            settings.routes.iter().any(|route| route.queue.as_ref().map(|queue| &queue.value) == name);
        if !routed {
            let what = format!("no route leads to the queue `{}`", queue.name.value);
            log.warn(queue.name.at, what, "events may still name it; add a route if they do not");
        }
        for target in queue.sla.iter().flatten() {
            let Some(named) = &target.calendar else { continue };
            let calendar = settings.calendars.iter().find(|calendar| calendar.name == named.value);
            if calendar.is_some_and(Calendar::is_never_open) {
                let what =
                    format!("the calendar `{}` is never open, so this clock counts wall time", named.value);
                log.warn(named.at, what, "give the calendar an interval, or open = \"always\"");
            }
        }
        if let Some(closed) = &queue.closed
            && closed.leave.is_none()
            && let Some(named) = &closed.calendar
            && let Some(calendar) = settings.calendars.iter().find(|calendar| calendar.name == named.value)
            && calendar.is_never_open()
        {
            let what =
                format!("the calendar `{}` is never open, so what waits here waits for ever", named.value);
            log.warn(named.at, what, "give the calendar an interval, or then = \"overflow\" or \"expire\"");
        }
    }
    for division in &settings.divisions {
        let name = Some(&division.name.value);
        if !settings
            .queues
            .iter()
            .any(|queue| queue.division.as_ref().map(|division| &division.value) == name)
        {
            let what = format!("the division `{}` has no queue", division.name.value);
            log.warn(division.name.at, what, "remove it, or declare a queue of it");
        }
    }
}
