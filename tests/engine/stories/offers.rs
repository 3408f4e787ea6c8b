//! Offers: accepted, declined, timed out, withdrawn.

use super::{PLAIN, with_ann};
use crate::support::story::tell;

#[test]
fn an_offer_expires_and_the_agent_does_not_respond() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7 value=30
          -> opened c1 queue=desk channel=chat value=30 customer=@c1
          -> offered c1 ann value=30 expires=+21s waited_ms=0 reason.candidates=1 reason.rank=1
    +21s  -> withdrawn c1 ann timeout
    until +10m
    ",
        ),
    );
}
