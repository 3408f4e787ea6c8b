//! Complaints about a rules file. Every one is collected, with the place it is about, what is wrong and what to do,
//! because a person who repairs a file wants to see all of its faults at once. Nothing here decides what is a fault.

use std::cell::RefCell;
use std::fmt;

/// What sort of complaint.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ComplaintSort {
    /// The text is not TOML here.
    Syntax,
    /// A key, value or name that the rules do not allow.
    Fault,
    /// Allowed, yet hardly what was meant; it refuses nothing.
    Warning,
}

/// One complaint. Its text form is `file:line:column: what; advice`, and below it the excerpt, if there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// Name of the file, as it was given.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// What sort.
    pub sort: ComplaintSort,
    /// What is wrong; begins with the key's path where there is one.
    pub what: String,
    /// What to do; may be empty.
    pub advice: String,
    /// The line of a search that it is about, and below it a caret under the fault; empty where it is about no search.
    pub excerpt: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        self.excerpt.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// What a name must be declared as.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Declared {
    Division,
    Queue,
    Calendar,
    Channel,
    Term,
}

impl Declared {
    /// The table of its declarations and the word for it.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Declared::Division => ("divisions", "division"),
            Declared::Queue => ("queues", "queue"),
            Declared::Calendar => ("calendars", "calendar"),
            Declared::Channel => ("channels", "channel"),
            Declared::Term => ("terms", "term"),
        }
    }
}

/// A value and the byte of the text that a complaint about it points to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// A name that must be declared somewhere.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) declared: Declared,
    pub(super) name: At<String>,
    pub(super) path: String,
}

/// Collects the complaints about one file, in any order.
pub(super) struct Log<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    complaints: RefCell<Vec<Complaint>>,
    references: RefCell<Vec<Reference>>,
}

impl<'t> Log<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Log<'t> {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Log {
            file,
            text,
            line_starts: std::iter::once(0).chain(ends).collect(),
            complaints: RefCell::default(),
            references: RefCell::default(),
        }
    }

    pub(super) fn fault(&self, at: usize, what: impl Into<String>, advice: impl Into<String>) {
        self.add(ComplaintSort::Fault, at, what.into(), advice.into());
    }

    /// A fault at a byte of a search that is written as a string of the file, which begins at `at`. If it stands there as
    /// it is, without escapes, the complaint points into it.
    pub(super) fn fault_within(&self, at: usize, search: &str, byte: usize, what: String, advice: &str) {
        let quotes = self.text[at..].find(search).filter(|quotes| *quotes <= LONGEST_QUOTES);
        let excerpt = excerpt(search, byte);
        let place = quotes.map_or(at, |quotes| at + quotes + byte);
        self.add_with(ComplaintSort::Fault, place, what, advice.to_owned(), excerpt);
    }

    pub(super) fn syntax(&self, at: usize, what: impl Into<String>) {
        self.add(ComplaintSort::Syntax, at, what.into(), "correct the TOML".to_owned());
    }

    pub(super) fn warn(&self, at: usize, what: impl Into<String>, advice: impl Into<String>) {
        self.add(ComplaintSort::Warning, at, what.into(), advice.into());
    }

    /// Keeps a name to be looked up when everything is read.
    pub(super) fn refer(&self, declared: Declared, name: &At<String>, path: &str) {
        let reference = Reference { declared, name: name.clone(), path: path.to_owned() };
        self.references.borrow_mut().push(reference);
    }

    pub(super) fn references(&self) -> Vec<Reference> {
        self.references.borrow().clone()
    }

    /// Whether nothing but warnings has been told.
    pub(super) fn is_clean(&self) -> bool {
        self.complaints.borrow().iter().all(|complaint| complaint.sort == ComplaintSort::Warning)
    }

    /// All complaints, ordered by place. The first syntax error voids the rest of what is told about its section, since
    /// what was read of that is a guess; a key that is there twice voids nothing.
    pub(super) fn sorted(&self) -> Vec<Complaint> {
        let mut complaints = self.complaints.borrow().clone();
        complaints
            .sort_by(|a, b| (a.line, a.column, a.sort, &a.what).cmp(&(b.line, b.column, b.sort, &b.what)));
        complaints.dedup();
        let guess = |complaint: &Complaint| {
            let again = complaint.what.starts_with("duplicate key");
            let header = self.line(complaint.line).starts_with('[');
            complaint.sort == ComplaintSort::Syntax && (header || !again)
        };
        let mut broken: Vec<(u32, u32)> = Vec::new();
        let mut first: Vec<Complaint> = Vec::new();
        for complaint in complaints.iter().filter(|complaint| guess(complaint)) {
            if !broken.iter().any(|(first, end)| (*first..*end).contains(&complaint.line)) {
                broken.push(self.section(complaint.line));
                first.push(complaint.clone());
            }
        }
        complaints.retain(|complaint| {
            let void = broken.iter().any(|(first, end)| (*first..*end).contains(&complaint.line));
            !void || first.contains(complaint)
        });
        complaints
    }

    /// First line of the section that holds `line`, and the first line after it.
    fn section(&self, line: u32) -> (u32, u32) {
        let header = |line: &u32| self.line(*line).starts_with('[');
        let lines = self.line_starts.len() as u32;
        let first = (1..=line).rev().find(header).unwrap_or(1);
        (first, (line + 1..=lines).find(header).unwrap_or(lines + 1))
    }

    fn line(&self, line: u32) -> &str {
        let start = self.line_starts[line as usize - 1];
        let end = self.line_starts.get(line as usize).copied().unwrap_or(self.text.len());
        &self.text[start..end]
    }

    fn add(&self, sort: ComplaintSort, at: usize, what: String, advice: String) {
        self.add_with(sort, at, what, advice, String::new());
    }

    fn add_with(&self, sort: ComplaintSort, at: usize, what: String, advice: String, excerpt: String) {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let before = &self.text.as_bytes()[self.line_starts[line - 1]..at];
        let characters = before.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let (line, column) = (line as u32, characters as u32 + 1);
        let complaint = Complaint { file: self.file.to_owned(), line, column, sort, what, advice, excerpt };
        self.complaints.borrow_mut().push(complaint);
    }
}

/// Three quotes and the line end behind them.
const LONGEST_QUOTES: usize = 5;

/// The line of a text in which a byte stands, and a line with a caret below that byte. A character is taken to be one
/// column wide.
fn excerpt(text: &str, byte: usize) -> String {
    let start = text[..byte].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let blank = |character: char| if character == '\t' { '\t' } else { ' ' };
    let before: String = text[start..byte].chars().map(blank).collect();
    format!("{line}\n{before}^")
}
