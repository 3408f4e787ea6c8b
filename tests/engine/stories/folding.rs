//! Conversations of customers who become one.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// `PLAIN` with a second queue in `main`, and a division `side`.
fn wide() -> String {
    desk(
        "[queues.second]\ndivision = \"main\"\n[divisions.side]\n[queues.aside]\ndivision = \"side\"\n[queues.beside]\n\
         division = \"side\"",
    )
}

#[test]
fn what_waits_folds_into_the_oldest_and_keeps_its_place() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a value=5
          -> opened c1
    +1s   contact mail mail:b value=9
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 from_channel=mail channel=mail agent=- customer=@c1 division=main
    +3s   agent ann capacity.mail=1
    +3s   state ann available
          -> offered c1 ann channel=mail value=9 waited_ms=3000 context.first_contact=+0s
    +4s   accepts ann c1
    +5s   resolved ann c1
          -> closed c1 resolved contacts=2 open_ms=5000
    ",
    );
}
