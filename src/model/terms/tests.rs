//! A table of searches with texts: what the definitions come to.

use super::{holds, words};
use crate::rules::terms::parse;

#[test]
fn searches_and_texts() {
    for (search, hit, missed) in [
        (
            "refund",
            &["a Refund, please", "REFUND", "(refund)", "re-refund"][..],
            &["refunds", "prerefund", "re fund", ""][..],
        ),
        ("complain*", &["complain", "Complaining", "complaint's"], &["complai n", "a plain"]),
        ("e-mail", &["E-Mail", "e mail", "e, mail"], &["email", "mail e"]),
        ("don't", &["DON'T"], &["dont", "don t"]),
        ("\"money back\"", &["my money back", "money, back"], &["money is back", "back money"]),
        ("\"mon* ba*\"", &["monday bath"], &["bath monday"]),
        ("a AND b", &["b a"], &["a", "b"]),
        ("a AND NOT b", &["a", "a c"], &["a b", "c"]),
        ("NOT a", &["b", ""], &["a"]),
        ("a OR b AND c", &["a", "b c"], &["b", "c"]),
        ("a NEAR/2 b", &["a b", "b a", "a x b", "b x a", "a x x b a"], &["a x x b", "a", "b x x a"]),
        ("a NEAR/1 a", &["a a"], &["a", "a b a"]),
        ("a* NEAR/3 ab", &["ac ab", "ab ab"], &["ab"]),
        ("\"a b\" NEAR/1 c", &["a b c", "c a b"], &["a b x c", "c x a b", "a c b"]),
        ("\"a b\" NEAR/2 \"b c\"", &["a b b c", "b c x a b"], &["a b c"]),
        ("(a OR \"b b\") NEAR/1 c", &["c a", "b b c"], &["b c", "a b c"]),
        ("a NEAR/1 b NEAR/2 c", &["a b x c", "b a x c", "c x a b"], &["a x b c", "a b x x c", "a c"]),
        (
            "(refund OR \"money back\") AND NOT (thanks NEAR/3 refund)",
            &["refund", "thanks a b c refund", "thanks for my money back"],
            &["thanks for the refund", "thanks"],
        ),
        ("straße", &["STRASSE", "Straße", "strasse"], &["strase"]),
        ("STRASSE*", &["Straßenbahn"], &["Stra"]),
        ("istanbul", &["ISTANBUL", "Istanbul"], &["İstanbul", "ıstanbul"]),
        ("İstanbul", &["İSTANBUL", "i\u{307}stanbul", "I\u{307}stanbul"], &["istanbul", "ISTANBUL"]),
        ("ılık", &["ılık"], &["ILIK", "ilik"]),
        ("é", &["E\u{301}", "É"], &["e"]),
        ("σίσυφος", &["ΣΊΣΥΦΟΣ", "Σίσυφος"], &["σίσυφ"]),
        ("返金", &["返金してください", "全額返金"], &["返 し 金", "金返"]),
        ("金*", &["返金"], &["返"]),
        ("返 NEAR/2 金", &["返x金", "金、返"], &["返xy yz金"]),
        ("환불*", &["환불해 주세요"], &["불환"]),
        ("ﬁn", &["fin", "FIN"], &["fi n"]),
        ("3.14", &["3.14", "is 3.14."], &["3 14", "3.141"]),
        ("x1_y", &["X1_Y"], &["x1 y"]),
    ] {
        let search_tree = parse(search).expect("a search");
        for text in hit {
            assert!(
                holds(&search_tree, &words(text)),
                "{search} does not hold of {text:?}: {:?}",
                words(text)
            );
        }
        for text in missed {
            assert!(!holds(&search_tree, &words(text)), "{search} holds of {text:?}: {:?}", words(text));
        }
    }
}
