//! Data of what no division decides: customers, their identifiers, rejects.

use crate::types::{CustomerId, Position, RefusalReason, RejectReason};

/// Data of customer.created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Created {
    /// Who was founded.
    pub customer: CustomerId,
}

/// Data of customer.merged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// The survivor.
    pub customer: CustomerId,
    /// Founded first first.
    pub absorbed: Vec<CustomerId>,
}

/// Data of customer.split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    /// Who had the identifier.
    pub from: CustomerId,
    /// Who was founded for it.
    pub to: CustomerId,
}

/// Data of customer.erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erased {
    /// Who was erased.
    pub customer: CustomerId,
}

/// Data of identity.refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The customer found; none of an erasure that means several.
    pub customer: Option<CustomerId>,
    /// Name of the identifier's kind; likewise.
    pub kind: Option<String>,
    /// Why.
    pub reason: RefusalReason,
}

/// Data of event.rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Where it stands.
    pub position: Position,
    /// Why.
    pub reason: RejectReason,
    /// The member concerned, as a path; empty where none is.
    pub detail: String,
}
