//! Steps of relaxation: what a queue gives up with time, its skills as keys.

use crate::rules::{Queue, StepAction};
use crate::types::QueueId;
use borsh::{BorshDeserialize, BorshSerialize};

/// What the steps of a queue do, names as keys.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Relaxation {
    steps: Vec<Relaxed>,
    /// Skills that no step touches, by key.
    hard: Vec<u64>,
    /// By number of steps passed: points added.
    raised: Vec<i64>,
}

/// What one step does.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
enum Relaxed {
    Drop(Vec<u64>),
    Lower(Vec<(u64, u8)>),
    Add(QueueId),
    Raise,
}

impl Relaxation {
    /// Of a queue; `key` gives the keyed hash of a skill's name.
    pub fn of(queue: &Queue, key: impl Fn(&str) -> u64) -> Relaxation {
        let mut raised = vec![0];
        let mut steps = Vec::new();
        for step in &queue.steps {
            let mut points = raised[raised.len() - 1];
            steps.push(match &step.action {
                StepAction::Drop(skills) => Relaxed::Drop(skills.iter().map(|skill| key(skill)).collect()),
                StepAction::Lower(skills) => {
                    Relaxed::Lower(skills.iter().map(|(skill, level)| (key(skill), *level)).collect())
                }
                StepAction::Add(queue) => Relaxed::Add(*queue),
                StepAction::Raise(more) => {
                    points += more;
                    Relaxed::Raise
                }
            });
            raised.push(points);
        }
        let hard = queue.skills.iter().filter(|skill| skill.hard).map(|skill| key(&skill.name)).collect();
        Relaxation { steps, hard, raised }
    }

    /// Queues added by the first `relaxed` steps, each with the number of steps after which.
    pub fn added(&self, relaxed: u8) -> impl Iterator<Item = (u8, QueueId)> {
        let steps = self.steps.iter().take(usize::from(relaxed)).zip(1u8..);
        steps.filter_map(|(step, from)| match step {
            Relaxed::Add(queue) => Some((from, *queue)),
            _ => None,
        })
    }

    /// Points that so many steps add to the priority.
    pub fn raised(&self, relaxed: u8) -> i64 {
        self.raised[usize::from(relaxed)]
    }

    /// What is still required after so many steps.
    pub fn skills(&self, relaxed: u8, mut skills: Vec<(u64, u8)>) -> Vec<(u64, u8)> {
        for step in &self.steps[..usize::from(relaxed)] {
            match step {
                Relaxed::Drop(keys) => {
                    skills.retain(|(key, _)| self.hard.contains(key) || !keys.contains(key));
                }
                Relaxed::Lower(levels) => {
                    for (key, level) in skills.iter_mut().filter(|(key, _)| !self.hard.contains(key)) {
                        let lowered = levels.iter().find(|(lowered, _)| lowered == key);
                        *level = lowered.map_or(*level, |(_, to)| *to.min(level));
                    }
                }
                Relaxed::Add(_) | Relaxed::Raise => {}
            }
        }
        skills
    }
}
