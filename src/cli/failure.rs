//! How a command fails: what it says and the exit code it ends with.

use crate::io::file::FileError;
use std::fmt;

/// What a command comes to.
pub type Outcome = Result<(), Failure>;

/// Why a command failed: the whole text for stderr.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    text: String,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Kind {
    Failed,
    Usage,
    Configuration,
}

impl Failure {
    /// The work could not be done: exit code 1.
    pub fn failed(text: impl Into<String>) -> Failure {
        Failure { kind: Kind::Failed, text: text.into() }
    }

    /// The command line asks for what cannot be: exit code 2.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure { kind: Kind::Usage, text: text.into() }
    }

    /// Rules or configuration are wrong: exit code 3.
    pub fn configuration(text: impl Into<String>) -> Failure {
        Failure { kind: Kind::Configuration, text: text.into() }
    }

    /// The code that the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Configuration => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.text)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        Failure::failed(error.to_string())
    }
}
