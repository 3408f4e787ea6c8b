//! Which forms of which terms hold of a text: all of them in one pass.
//!
//! Every distinct word of every form is an *atom*. A trie over the bytes of all atoms is walked along with the words of
//! the text; it leaves most of them after a byte or two. What it meets is noted as (atom, number of the word). Then only
//! forms with an atom that was met are evaluated; the others are what they are of a text without any word. What a form
//! means is defined in `rules::terms`.
//!
//! Cost: a few instructions a byte; then by what was met, not by how many terms there are. NEAR looks at the places of one
//! side in the order of the other, at most twice the longest phrase for each.

use crate::rules::Rules;
use crate::rules::terms::{Search, Word};
use std::collections::{BTreeMap, BTreeSet};

use super::words::{LETTERS, Listener, words};

/// No atom, no node.
const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

/// All forms, compiled. Forms are numbered through: by term, then by their place in it.
pub struct Terms {
    trie: Trie,
    forms: Vec<Form>,
    /// By atom: the forms that may hold otherwise than of nothing once it is met; see `Terms::triggers`.
    forms_of: Vec<Vec<u32>>,
    /// Forms that hold of a text without any word, ascending.
    of_nothing: Vec<u32>,
    /// Longest phrase, in words.
    phrase_max: u32,
}

/// A search with atoms for words.
enum Form {
    Atom(u32),
    Phrase(Vec<u32>),
    Near(u32, Box<Form>, Box<Form>),
    Not(Box<Form>),
    And(Vec<Form>),
    Or(Vec<Form>),
}

/// The words of all forms. The children of a node stand side by side, by label.
struct Trie {
    nodes: Vec<Node>,
    /// By node: the byte that leads to it.
    labels: Vec<u8>,
    /// The root's child by byte, or `NONE`.
    firsts: [u32; 256],
    /// How atoms begin whose first byte is a letter of ASCII.
    beginnings: Beginnings,
    /// The same of those that words begin with.
    prefixes: Beginnings,
    /// Atoms of at most `SHORT` letters of ASCII that are whole words, by their bytes: each at the place that these tell, or
    /// behind it. A power of two of places, at most a quarter of them taken; `NONE`: a free one.
    short: Vec<(u128, u32)>,
}

/// By the lower five bits of the first letter, a bit for the lower five of the second byte.
type Beginnings = [u32; 32];
/// Letters of a word that is looked up as a whole.
const SHORT: usize = 16;

/// Of the trie.
#[derive(Copy, Clone)]
struct Node {
    /// The first child.
    first: u32,
    children: u16,
    /// The atom that is this word, or `NONE`.
    exact: u32,
    /// The atom for words that begin so, or `NONE`.
    prefix: u32,
}

/// What is used again and again.
#[derive(Default)]
pub struct Scratch {
    normal: String,
    met: Vec<Met>,
    spans: Vec<Span>,
    /// By form: the text for which it was evaluated last.
    evaluated: Vec<u32>,
    text: u32,
}

/// An atom at a word of the text.
type Met = (u32, u32);
/// First and last word of an occurrence.
type Span = (u32, u32);

impl Terms {
    /// The forms of all terms of the rules; `None` if there are none.
    pub fn new(rules: &Rules) -> Option<Terms> {
        let searches: Vec<&Search> =
            rules.terms.iter().flat_map(|term| &term.forms).map(|form| &form.search).collect();
        if searches.is_empty() {
            return None;
        }
        let words = searches.iter().flat_map(|search| search.words());
        let mut atoms: BTreeMap<&Word, u32> = words.map(|word| (word, 0)).collect();
        for (number, atom) in atoms.values_mut().enumerate() {
            *atom = number as u32;
        }
        let forms: Vec<Form> = searches.iter().map(|search| Form::new(search, &atoms)).collect();
        let mut lengths = vec![0; atoms.len()];
        atoms.iter().for_each(|(word, atom)| lengths[*atom as usize] = word.text.len());
        let mut terms = Terms {
            trie: Trie::new(&atoms),
            phrase_max: forms.iter().map(Form::longest_phrase).max().unwrap_or(1),
            forms_of: vec![Vec::new(); atoms.len()],
            forms,
            of_nothing: Vec::new(),
        };
        for form in 0..terms.forms.len() as u32 {
            for atom in terms.triggers(&terms.forms[form as usize], &lengths) {
                terms.forms_of[atom as usize].push(form);
            }
        }
        terms.of_nothing = (0..terms.forms.len() as u32)
            .filter(|form| terms.holds_of_nothing(&terms.forms[*form as usize]))
            .collect();
        Some(terms)
    }

    /// Whether a form holds of a text without any word.
    fn holds_of_nothing(&self, form: &Form) -> bool {
        Evaluation { terms: self, met: &[] }.holds(form, &mut Vec::new())
    }

    /// Atoms without any of which a form is what it is of nothing, each once. Where one part decides as long as it stays what it
    /// is, only its own are asked for: the longest word of a phrase, which is likely the rarest; the part with the fewest.
    fn triggers(&self, form: &Form, lengths: &[usize]) -> BTreeSet<u32> {
        let of = |part: &Form| self.triggers(part, lengths);
        let decides = |parts: &[Form], decisive: bool| {
            let decisive = parts.iter().filter(|part| self.holds_of_nothing(part) == decisive);
            let fewest = decisive.map(of).min_by_key(BTreeSet::len);
            fewest.unwrap_or_else(|| parts.iter().flat_map(of).collect())
        };
        match form {
            Form::Atom(atom) => BTreeSet::from([*atom]),
            Form::Phrase(atoms) => {
                atoms.iter().copied().max_by_key(|atom| lengths[*atom as usize]).into_iter().collect()
            }
            Form::Near(_, left, right) => {
                let (left, right) = (of(left), of(right));
                if left.len() <= right.len() { left } else { right }
            }
            Form::Not(part) => of(part),
            Form::And(parts) => decides(parts, false),
            Form::Or(parts) => decides(parts, true),
        }
    }

    /// Appends the forms that hold of a text in UTF-8 to `out`, ascending.
    pub fn search(&self, text: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        let Scratch { normal, met, spans, evaluated, text: number } = scratch;
        met.clear();
        let mut walk = Walk { trie: &self.trie, met, node: ROOT, word: 0 };
        words(text, normal, &mut walk);
        if met.is_empty() {
            out.extend_from_slice(&self.of_nothing);
            return;
        }
        met.sort_unstable();
        evaluated.resize(self.forms.len(), 0);
        *number = number.wrapping_add(1);
        if *number == 0 {
            evaluated.fill(0);
            *number = 1;
        }
        let start = out.len();
        let evaluation = Evaluation { terms: self, met };
        let mut last = NONE;
        for (atom, _) in met.iter() {
            if *atom == last {
                continue;
            }
            last = *atom;
            for form in &self.forms_of[*atom as usize] {
                if evaluated[*form as usize] != *number {
                    evaluated[*form as usize] = *number;
                    spans.clear();
                    if evaluation.holds(&self.forms[*form as usize], spans) {
                        out.push(*form);
                    }
                }
            }
        }
        out.extend(self.of_nothing.iter().filter(|form| evaluated[**form as usize] != *number));
        out[start..].sort_unstable();
    }
}

impl Form {
    fn new(search: &Search, atoms: &BTreeMap<&Word, u32>) -> Form {
        let part = |part: &Search| Box::new(Form::new(part, atoms));
        let parts = |parts: &[Search]| parts.iter().map(|part| Form::new(part, atoms)).collect();
        match search {
            Search::Word(word) => Form::Atom(atoms[word]),
            Search::Phrase(words) => Form::Phrase(words.iter().map(|word| atoms[word]).collect()),
            Search::Near(distance, left, right) => Form::Near(*distance, part(left), part(right)),
            Search::Not(search) => Form::Not(part(search)),
            Search::And(list) => Form::And(parts(list)),
            Search::Or(list) => Form::Or(parts(list)),
        }
    }

    fn longest_phrase(&self) -> u32 {
        match self {
            Form::Atom(_) => 1,
            Form::Phrase(words) => words.len() as u32,
            Form::Near(_, left, right) => left.longest_phrase().max(right.longest_phrase()),
            Form::Not(part) => part.longest_phrase(),
            Form::And(parts) | Form::Or(parts) => {
                parts.iter().map(Form::longest_phrase).max().expect("a list has parts")
            }
        }
    }
}

impl Trie {
    /// Breadth first, so that children lie side by side.
    fn new(atoms: &BTreeMap<&Word, u32>) -> Trie {
        let empty = Node { first: 0, children: 0, exact: NONE, prefix: NONE };
        let mut trie = Trie {
            nodes: vec![empty],
            labels: vec![0],
            firsts: [NONE; 256],
            beginnings: [0; 32],
            prefixes: [0; 32],
            short: vec![(0, NONE); (4 * atoms.len()).next_power_of_two()],
        };
        for (word, atom) in atoms {
            let text = word.text.as_bytes();
            let Some(first) = text.first().filter(|first| first.is_ascii_lowercase()) else { continue };
            // Any byte may follow an atom of one letter; whether it is the whole word is seen later.
            let seconds = text.get(1).map_or(u32::MAX, |second| 1 << (second & 31));
            trie.beginnings[usize::from(first & 31)] |= seconds;
            if word.prefix {
                trie.prefixes[usize::from(first & 31)] |= seconds;
            } else if text.len() <= SHORT && text.iter().all(u8::is_ascii_lowercase) {
                let key = short_word(text, 0, text.len());
                let place = trie.short_place(key);
                trie.short[place] = (key, *atom);
            }
        }
        // The words below a node are a run of the ordered list, and stand at the same depth.
        let words: Vec<(&[u8], bool, u32)> =
            atoms.iter().map(|(word, atom)| (word.text.as_bytes(), word.prefix, *atom)).collect();
        let mut runs = std::collections::VecDeque::from([(ROOT, 0, 0..words.len())]);
        while let Some((node, depth, run)) = runs.pop_front() {
            let ended = words[run.clone()].iter().take_while(|(text, ..)| text.len() == depth).count();
            for (_, prefix, atom) in &words[run.start..run.start + ended] {
                let node = &mut trie.nodes[node as usize];
                *(if *prefix { &mut node.prefix } else { &mut node.exact }) = *atom;
            }
            let mut start = run.start + ended;
            trie.nodes[node as usize].first = trie.nodes.len() as u32;
            while start < run.end {
                let label = words[start].0[depth];
                let end = words[start..run.end].partition_point(|(text, ..)| text[depth] == label) + start;
                let child = trie.nodes.len() as u32;
                trie.nodes[node as usize].children += 1;
                if node == ROOT {
                    trie.firsts[usize::from(label)] = child;
                }
                trie.nodes.push(empty);
                trie.labels.push(label);
                runs.push_back((child, depth + 1, start..end));
                start = end;
            }
        }
        trie
    }

    /// Where a short word stands, or would.
    #[inline(always)]
    fn short_place(&self, key: u128) -> usize {
        let last = self.short.len() - 1;
        let mixed = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut place = mixed as usize & last;
        while self.short[place].1 != NONE && self.short[place].0 != key {
            place = (place + 1) & last;
        }
        place
    }

    #[inline(always)]
    fn step(&self, node: u32, byte: u8) -> u32 {
        if node == ROOT {
            return self.firsts[usize::from(byte)];
        }
        let Node { first, children, .. } = self.nodes[node as usize];
        let labels = &self.labels[first as usize..first as usize + usize::from(children)];
        labels.iter().position(|label| *label == byte).map_or(NONE, |place| first + place as u32)
    }
}

/// Whether an atom may begin as a word of ASCII letters does; `second` may be a byte behind it.
#[inline(always)]
fn may_meet(beginnings: &Beginnings, first: u8, second: u8) -> bool {
    beginnings[usize::from(first & 31)] >> (second & 31) & 1 == 1
}

/// At most `SHORT` letters of ASCII, in lower case, as a number.
#[inline(always)]
fn short_word(text: &[u8], start: usize, length: usize) -> u128 {
    let mut copy = [0; SHORT];
    let bytes = match text[start..].first_chunk() {
        Some(bytes) => bytes,
        None => {
            copy[..length].copy_from_slice(&text[start..start + length]);
            &copy
        }
    };
    const LOWER: u128 = u128::from_ne_bytes([0x20; SHORT]);
    (u128::from_le_bytes(*bytes) | LOWER) & (u128::MAX >> (8 * (SHORT - length)))
}

/// Walks the trie along the words of a text.
struct Walk<'s> {
    trie: &'s Trie,
    met: &'s mut Vec<Met>,
    /// Where the present word has led, or `NONE`.
    node: u32,
    /// Its number.
    word: u32,
}

impl Walk<'_> {
    #[inline(never)]
    fn walk_along(&mut self, word: &[u8]) {
        self.begin();
        self.letters(word);
        self.end(true);
    }
}

impl Listener for Walk<'_> {
    #[inline(always)]
    fn begin(&mut self) {
        self.node = ROOT;
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.node == NONE {
                return;
            }
            self.node = self.trie.step(self.node, *byte);
            if self.node != NONE {
                let prefix = self.trie.nodes[self.node as usize].prefix;
                if prefix != NONE {
                    self.met.push((prefix, self.word));
                }
            }
        }
    }

    #[inline(always)]
    fn cares(&mut self, first: u8, second: u8) -> bool {
        let cares = may_meet(&self.trie.beginnings, first, second);
        self.word += u32::from(!cares);
        cares
    }

    #[inline(always)]
    fn letters_only(&mut self, text: &[u8], start: usize, length: usize) {
        let second = text.get(start + 1).copied().unwrap_or(0);
        if length > SHORT || may_meet(&self.trie.prefixes, text[start], second) {
            return self.walk_along(&text[start..start + length]);
        }
        let (_, atom) = self.trie.short[self.trie.short_place(short_word(text, start, length))];
        if atom != NONE {
            self.met.push((atom, self.word));
        }
        self.word += 1;
    }

    #[inline(always)]
    fn letters(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        let letter = |at: usize| text.get(at).map_or(0, |byte| LETTERS[usize::from(*byte)]);
        while self.node != NONE {
            let folded = letter(at);
            if folded == 0 {
                return at;
            }
            self.bytes(&[folded]);
            at += 1;
        }
        // The word leads nowhere: only its end is sought.
        while letter(at) != 0 {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn end(&mut self, is_word: bool) {
        if !is_word {
            while self.met.last().is_some_and(|(_, word)| *word == self.word) {
                self.met.pop();
            }
            return;
        }
        if self.node != NONE {
            let exact = self.trie.nodes[self.node as usize].exact;
            if exact != NONE {
                self.met.push((exact, self.word));
            }
        }
        self.word += 1;
    }

    fn again(&mut self) {
        self.met.clear();
        self.word = 0;
    }
}

/// What was met in one text, by atom, then by word.
struct Evaluation<'s> {
    terms: &'s Terms,
    met: &'s [Met],
}

impl Evaluation<'_> {
    /// `spans` is for its own use: what stands there stays.
    fn holds(&self, form: &Form, spans: &mut Vec<Span>) -> bool {
        match form {
            Form::Atom(atom) => !self.places(*atom).is_empty(),
            Form::Not(part) => !self.holds(part, spans),
            Form::And(parts) => parts.iter().all(|part| self.holds(part, spans)),
            Form::Or(parts) => parts.iter().any(|part| self.holds(part, spans)),
            Form::Phrase(_) | Form::Near(..) => {
                let start = spans.len();
                self.occurrences(form, spans);
                let occurs = spans.len() > start;
                spans.truncate(start);
                occurs
            }
        }
    }

    fn places(&self, atom: u32) -> &[Met] {
        let start = self.met.partition_point(|(other, _)| *other < atom);
        let count = self.met[start..].partition_point(|(other, _)| *other == atom);
        &self.met[start..start + count]
    }

    /// Appends the places where something occurs to `spans`, ascending, each once.
    fn occurrences(&self, form: &Form, spans: &mut Vec<Span>) {
        let start = spans.len();
        match form {
            Form::Atom(atom) => spans.extend(self.places(*atom).iter().map(|(_, word)| (*word, *word))),
            Form::Phrase(atoms) => {
                let (first, rest) = atoms.split_first().expect("a phrase has words");
                for (_, word) in self.places(*first) {
                    let mut follow = (word + 1..).zip(rest);
                    if follow.all(|(word, atom)| self.met.binary_search(&(*atom, word)).is_ok()) {
                        spans.push((*word, word + rest.len() as u32));
                    }
                }
            }
            Form::Or(parts) => {
                parts.iter().for_each(|part| self.occurrences(part, spans));
                keep_sorted(spans, start);
            }
            Form::Near(distance, left, right) => {
                self.occurrences(left, spans);
                let middle = spans.len();
                if middle == start {
                    return;
                }
                self.occurrences(right, spans);
                let end = spans.len();
                for at in start..end {
                    let others = if at < middle { middle..end } else { start..middle };
                    if self.is_near(spans[at], &spans[others], *distance) {
                        spans.push(spans[at]);
                    }
                }
                spans.drain(start..end);
                keep_sorted(spans, start);
            }
            Form::Not(_) | Form::And(_) => unreachable!("the parser refuses what has no place beside NEAR"),
        }
    }

    /// Whether one of `others`, which ascend, is near: only those may be that begin from the distance and the longest
    /// phrase before, and of those behind the first is the nearest.
    fn is_near(&self, (first, last): Span, others: &[Span], distance: u32) -> bool {
        let reach = distance + self.terms.phrase_max;
        let from = others.partition_point(|other| other.0 + reach < first);
        for other in &others[from..] {
            if other.0 > last {
                return other.0 - last <= distance;
            }
            if other.1 < first && first - other.1 <= distance {
                return true;
            }
        }
        false
    }
}

/// Puts what stands from `start` on in order, each once.
fn keep_sorted(spans: &mut Vec<Span>, start: usize) {
    spans[start..].sort_unstable();
    let mut kept = start;
    for at in start..spans.len() {
        if at == start || spans[at] != spans[kept - 1] {
            spans[kept] = spans[at];
            kept += 1;
        }
    }
    spans.truncate(kept);
}

#[cfg(test)]
mod tests;
