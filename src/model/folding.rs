//! What happens when customers become one: their histories join, and of their open conversations in one division those
//! without a thread become one, too.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::division::{Conversation, Division, Entry, Hold, Moment, State};
use super::identity::{CustomerNumber, Identity};
use super::output::{self, Body};
use super::timers::Timer;
use super::understand::{Context, Known, Understand, keep_last};
use crate::rules::{ConversationRules, Rules};
use crate::types::{
    ChannelId, CloseOutcome, ConversationId, DivisionId, DurationMs, Millis, Objective, Position, QueueId,
    WithdrawReason,
};

/// What a merge asks of one division.
#[derive(Clone, Debug)]
pub enum Joint {
    /// Conversations become one.
    Fold(Fold),
    /// At most one callback of the customer may be pending.
    OneCallback(DivisionId, CustomerNumber),
}

/// Conversations that become one.
#[derive(Clone, Debug)]
pub struct Fold {
    division: DivisionId,
    /// The oldest first; each with the clock of its last event.
    members: Vec<(ConversationId, Millis)>,
    /// From when idleness counts, unless it is a callback.
    last: Millis,
    /// What an agent is told of the customer now.
    context: Context,
}

impl Joint {
    /// Where.
    pub fn division(&self) -> DivisionId {
        match self {
            Joint::Fold(fold) => fold.division,
            Joint::OneCallback(division, _) => *division,
        }
    }
}

impl Understand {
    /// Customers have become one: what is known of the absorbed, in the order of their founding, becomes part of
    /// what is known of the survivor.
    pub fn merge(
        &mut self,
        survivor: CustomerNumber,
        absorbed: &[CustomerNumber],
        rules: &ConversationRules,
    ) {
        let mut history = self.histories.remove(&survivor).unwrap_or_default();
        for customer in absorbed {
            let other = self.histories.remove(customer).unwrap_or_default();
            let profile = &mut history.profile;
            profile.tier = profile.tier.or(other.profile.tier);
            profile.lifetime_value = profile.lifetime_value.or(other.profile.lifetime_value);
            profile.lang = profile.lang.take().or(other.profile.lang);
            profile.preferred_agent = profile.preferred_agent.take().or(other.profile.preferred_agent);
            profile.blocked = profile.blocked.or(other.profile.blocked);
            history.attempts.extend(other.attempts);
            let told = |agent: &Option<(Millis, String)>| agent.as_ref().map(|(at, _)| *at);
            if told(&other.last_agent) > told(&history.last_agent) {
                history.last_agent = other.last_agent;
            }
            history.open.extend(other.open);
        }
        history.attempts.sort_by_key(|attempt| attempt.at);
        keep_last(&mut history.attempts, rules.attempts_kept);
        self.histories.insert(survivor, history);
    }

    /// After a merge: in each division the survivor's open conversations that have no thread and were active within
    /// `continuity` become the oldest of them. Ids set aside for callbacks, which may not be open, keep to themselves.
    pub fn join(
        &mut self,
        survivor: CustomerNumber,
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Vec<Joint> {
        let continuity = rules.conversation.continuity;
        let mut groups: BTreeMap<(DivisionId, bool), Vec<ConversationId>> = BTreeMap::new();
        for id in self.open(survivor, clock, rules) {
            let known = &self.known[&id];
            let is_recent = continuity > DurationMs::ZERO && clock.since(known.active()) <= continuity;
            if is_recent && known.threads.is_empty() {
                groups.entry((known.division, known.maybe)).or_default().push(id);
            }
        }
        let mut joint = Vec::new();
        for ((division, _), mut members) in groups {
            members.sort_by_key(|id| (self.known[id].opened, *id));
            if members.len() > 1 {
                let fold = self.fold(survivor, &members, clock, rules, identity);
                joint.push(Joint::Fold(Fold { division, ..fold }));
            }
        }
        let mut pending: BTreeMap<DivisionId, usize> = BTreeMap::new();
        for id in self.open(survivor, clock, rules) {
            let known = &self.known[&id];
            *pending.entry(known.division).or_default() += usize::from(known.is_pending(clock));
        }
        let several = pending.into_iter().filter(|(_, count)| *count > 1);
        joint.extend(several.map(|(division, _)| Joint::OneCallback(division, survivor)));
        joint
    }

    /// These become the first of them.
    fn fold(
        &mut self,
        customer: CustomerNumber,
        members: &[ConversationId],
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Fold {
        let first = members[0];
        let latest = *members.iter().min_by_key(|id| Reverse(self.known[id].last)).expect("there are some");
        let nowhere = Position { partition: 0, index: 0, offset: 0 };
        let context = self.context(nowhere, customer, Some(latest), clock, rules, identity);
        let all: Vec<Known> = members.iter().map(|id| self.known[id].clone()).collect();
        let fold = Fold {
            division: all[0].division,
            members: members.iter().copied().zip(all.iter().map(|known| known.last)).collect(),
            last: all.iter().map(|known| known.idle_from(clock)).max().expect("there are some"),
            context,
        };
        let replied = all.iter().all(|known| known.replied);
        let dues = |pending: bool| {
            let some = all.iter().filter(move |known| known.is_pending(clock) == pending);
            some.filter_map(|known| known.due)
        };
        let mut folded: BTreeSet<ConversationId> = members[1..].iter().copied().collect();
        all.iter().for_each(|known| folded.extend(&known.folded));
        let arrived = all.iter().filter(|known| known.replied == replied).map(|known| known.arrived);
        let kept = Known {
            opened: all[0].opened,
            maybe: all[0].maybe,
            taken: all.iter().any(|known| known.taken),
            scheduled: all.iter().all(|known| known.scheduled && known.is_pending(clock)),
            first_contact: all.iter().map(|known| known.first_contact).min().expect("there are some"),
            arrived: arrived.min().expect("there are some"),
            replied,
            due: dues(true).min().or(dues(false).max()),
            last: all.iter().map(|known| known.last).max().expect("there are some"),
            folded,
            ..self.known[&latest].clone()
        };
        let history = self.histories.entry(customer).or_default();
        for id in members {
            self.known.remove(id);
            history.open.remove(id);
        }
        for attempt in &mut history.attempts {
            if members.contains(&attempt.conversation) {
                attempt.conversation = first;
            }
        }
        history.open.insert(first);
        self.known.insert(first, kept);
        fold
    }
}

impl Known {
    /// Whether it is, as far as anybody knows here, a callback whose time has not come.
    fn is_pending(&self, clock: Millis) -> bool {
        self.due.is_some_and(|due| due > clock)
    }

    fn idle_from(&self, clock: Millis) -> Millis {
        if self.is_pending(clock) { self.last } else { self.active() }
    }
}

impl Division {
    /// Carries out what a merge asks.
    pub fn join_up(&mut self, joint: &Joint, moment: &mut Moment) {
        match joint {
            Joint::Fold(fold) => self.fold(fold, moment),
            Joint::OneCallback(_, customer) => self.keep_one_callback(*customer, moment),
        }
    }

    /// Those that this division has closed take no part: the others become the oldest of them.
    fn fold(&mut self, fold: &Fold, moment: &mut Moment) {
        let held = fold.members.iter().filter_map(|(id, last)| Some((self.actual(*id)?, *last)));
        let held: Vec<(ConversationId, Millis)> = held.collect();
        let mut oldest: Option<(ConversationId, Millis)> = None;
        for (id, last) in held {
            match oldest {
                Some((kept, kept_last)) if self.conversations.contains_key(&kept) => {
                    self.fold_into(kept, id, last > kept_last, &fold.context, moment);
                    oldest = Some((kept, kept_last.max(last)));
                }
                _ => oldest = Some((id, last)),
            }
        }
        let Some((kept, _)) = oldest.filter(|(kept, _)| self.conversations.contains_key(kept)) else {
            return;
        };
        if kept != fold.members[0].0 {
            self.aliases.insert(fold.members[0].0, kept);
        }
        let idle_close = moment.rules.conversation.idle_close;
        let conversation = self.conversation_mut(kept);
        let before = conversation.last;
        conversation.last = match conversation.state {
            State::Scheduled { due } => due.max(fold.last),
            _ => fold.last,
        };
        let after = conversation.last;
        self.timers.disarm(before.plus(idle_close), Timer::IdleClose(kept));
        self.timers.arm(after.plus(idle_close), Timer::IdleClose(kept));
    }

    /// `folded` becomes part of `kept`.
    fn fold_into(
        &mut self,
        kept: ConversationId,
        folded: ConversationId,
        folded_is_later: bool,
        context: &Context,
        moment: &mut Moment,
    ) {
        let pair = [kept, folded];
        let queue = self.conversation(if folded_is_later { folded } else { kept }).queue;
        let states = pair.map(|id| self.conversation(id).state.clone());
        let scheduled = states.iter().all(|state| matches!(state, State::Scheduled { .. }));
        let keeps = self.whose_agent_stays(pair, queue);
        for id in pair.into_iter().filter(|id| keeps != Some(*id)) {
            if let Some(agent) = self.take_away(id, moment) {
                self.withdraw(id, &agent, WithdrawReason::Superseded, moment);
            }
        }
        let accepted = keeps.is_some_and(|id| self.conversation(id).state.is_accepted());
        let in_line = |id: &&ConversationId| {
            let state = &states[usize::from(**id == folded)];
            matches!(state, State::Queued | State::Offered { .. }) && self.conversation(**id).queue == queue
        };
        let longest = pair.iter().filter(in_line).min_by_key(|id| self.conversation(**id).queued).copied();
        let place = if accepted { keeps } else { longest };
        self.fold_cycles(pair, keeps.filter(|_| accepted), moment);
        for id in pair {
            self.waiting.remove(&id);
        }
        let (channel, channel_before) = self.fold_record(pair, folded_is_later, place, context);
        self.conversation_mut(kept).state = match keeps {
            Some(id) => states[usize::from(id == folded)].clone(),
            None if scheduled => State::Scheduled { due: earlier_due(&states) },
            None => State::Queued,
        };
        let agent = self.conversation(kept).state.agent().map(str::to_owned);
        let before = self.conversation(folded);
        let merged = output::Folded {
            conversation: folded,
            customer: moment.identity.id(before.customer),
            division: self.name(moment),
            agent: agent.clone(),
            from_channel: moment.channel_name(before.channel),
            channel: moment.channel_name(channel),
            into: kept,
        };
        let folded_channel = before.channel;
        self.tell(folded, Body::Folded(merged), moment);
        self.forget(folded, moment);
        if let Some(agent) = agent {
            let holding = &mut self.agent_mut(&agent).holding;
            holding.remove(&folded);
            holding.insert(kept, Hold { channel, released: false });
            self.freer.insert(agent);
            let from = if keeps == Some(kept) { channel_before } else { folded_channel };
            if keeps == Some(kept) && channel != from {
                self.tell_pivot(kept, from, moment);
            }
            if accepted && channel != from {
                self.arm_reclaim(kept, moment);
            }
        } else if !scheduled && place.is_some() {
            self.wait(kept);
        } else if !scheduled {
            self.enter_queue(kept, queue, Entry::Ordinary, moment);
        }
        if self.conversations.contains_key(&kept) {
            self.arm_all_of(kept, moment);
        }
    }

    /// Of two conversations, the one whose agent keeps what becomes of both: who has accepted goes before who has only
    /// been offered, and an offer counts only in the queue in which both go on.
    fn whose_agent_stays(&self, pair: [ConversationId; 2], queue: QueueId) -> Option<ConversationId> {
        let accepted = pair.into_iter().find(|id| self.conversation(*id).state.is_accepted());
        accepted.or_else(|| {
            pair.into_iter().find(|id| {
                let conversation = self.conversation(*id);
                conversation.state.agent().is_some() && conversation.queue == queue
            })
        })
    }

    /// The clocks of two become one's. With an agent who has accepted one of them nobody waits in a queue any more.
    fn fold_cycles(
        &mut self,
        pair: [ConversationId; 2],
        accepted: Option<ConversationId>,
        moment: &mut Moment,
    ) {
        let held_pause = accepted.is_some_and(|id| self.conversation(id).held_pause);
        let reply_pause = pair.iter().all(|id| self.conversation(*id).reply_pause);
        for id in pair {
            let conversation = self.conversation_mut(id);
            (conversation.held_pause, conversation.reply_pause) = (held_pause, reply_pause);
            self.settle_resolution(id, moment);
            if accepted.is_some() {
                self.cancel_cycle(id, Objective::QueueWait, moment);
            }
        }
        for objective in Objective::ALL {
            self.fold_cycle(pair[0], pair[1], *objective, moment);
        }
    }

    /// What is known of two becomes what is known of the first. `place`: whose place in the queue it takes. Gives the
    /// channel now and the one before.
    fn fold_record(
        &mut self,
        [kept, folded]: [ConversationId; 2],
        folded_is_later: bool,
        place: Option<ConversationId>,
        context: &Context,
    ) -> (ChannelId, ChannelId) {
        let other = self.conversation(folded).clone();
        let mine = self.conversation_mut(kept);
        let channel_before = mine.channel;
        if folded_is_later {
            mine.queue = other.queue;
            mine.channel = other.channel;
            mine.worth = other.worth;
            mine.skills = other.skills;
            mine.lang = other.lang;
            mine.preferred = other.preferred;
            mine.traceparent = other.traceparent;
            mine.context = other.context;
        }
        mine.context.attempts.clone_from(&context.attempts);
        mine.context.last_agent.clone_from(&context.last_agent);
        mine.context.kinds.clone_from(&context.kinds);
        mine.first_contact = mine.first_contact.min(other.first_contact);
        if mine.replied == other.replied {
            mine.arrived = mine.arrived.min(other.arrived);
        } else if mine.replied {
            (mine.arrived, mine.replied) = (other.arrived, false);
        }
        mine.contacts += other.contacts;
        mine.transfers += other.transfers;
        mine.offers += other.offers;
        mine.acknowledged |= other.acknowledged;
        mine.wait = mine.wait.or(other.wait);
        mine.first_response = mine.first_response.or(other.first_response);
        mine.breached.extend(other.breached);
        mine.agent_replied = None;
        for (agent, until) in other.excluded {
            let known = mine.excluded.entry(agent).or_insert(until);
            *known = (*known).max(until);
        }
        if place == Some(folded) {
            mine.queued = other.queued;
            mine.windows = other.windows;
            mine.opening = other.opening;
            mine.bound = other.bound;
            mine.left = other.left;
            mine.missed = other.missed;
            mine.reclaimed = other.reclaimed;
        }
        (mine.channel, channel_before)
    }

    /// Everything that is still to come for a conversation, under its own id.
    fn arm_all_of(&mut self, id: ConversationId, moment: &Moment) {
        let conversation: Conversation = self.conversation(id).clone();
        let queue = moment.queue(conversation.queue);
        let mut armed: Vec<(Millis, Timer)> = Vec::new();
        for (number, step) in queue.steps.iter().enumerate() {
            armed.push((conversation.queued.plus(step.after), Timer::Step(id, number)));
        }
        for (number, window) in conversation.windows.iter().enumerate() {
            armed.push((window.until, Timer::Affinity(id, number)));
        }
        for (agent, until) in &conversation.excluded {
            armed.push((*until, Timer::Exclusion(id, agent.clone())));
        }
        armed.extend(conversation.opening.map(|at| (at, Timer::Opening(id))));
        armed.extend(conversation.reclaimed.map(|at| (at, Timer::Reclaim(id))));
        armed.extend(conversation.bound.map(|at| (at, Timer::MaxWait(id))));
        match conversation.state {
            State::Offered { expires, .. } => armed.push((expires, Timer::OfferExpiry(id))),
            State::Scheduled { due } => armed.push((due, Timer::Callback(id))),
            _ => {}
        }
        // What was due has fired before this entry.
        for (deadline, timer) in armed.into_iter().filter(|(deadline, _)| *deadline > moment.clock) {
            self.timers.arm(deadline, timer);
        }
        let agents: Vec<String> = self.agents.keys().cloned().collect();
        agents.iter().for_each(|agent| self.arm_delays(agent, moment));
    }

    /// Of the customer's callbacks that wait for their time the earliest stays, the others are given up.
    fn keep_one_callback(&mut self, customer: CustomerNumber, moment: &mut Moment) {
        let due = |(id, conversation): (&ConversationId, &Conversation)| match conversation.state {
            State::Scheduled { due } if moment.identity.root(conversation.customer) == customer => {
                Some((due, *id))
            }
            _ => None,
        };
        let pending: BTreeSet<(Millis, ConversationId)> = self.conversations.iter().filter_map(due).collect();
        for (_, id) in pending.into_iter().skip(1) {
            self.close(id, CloseOutcome::Abandoned, None, moment);
        }
    }
}

fn earlier_due(states: &[State]) -> Millis {
    let due = |state: &State| match state {
        State::Scheduled { due } => Some(*due),
        _ => None,
    };
    states.iter().filter_map(due).min().expect("both are callbacks")
}
