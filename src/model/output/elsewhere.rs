//! Data of what no division decides: merges, refusals, rejects.

use crate::types::{CustomerId, Position, RefusalReason, RejectReason};

/// Data of customer.merged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// The survivor.
    pub customer: CustomerId,
    /// Founded first first.
    pub absorbed: Vec<CustomerId>,
}

/// Data of identity.refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The customer found.
    pub customer: CustomerId,
    /// Name of the identifier's kind.
    pub kind: String,
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
