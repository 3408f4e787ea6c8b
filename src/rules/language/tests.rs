//! What short texts are told to be, and that the weights are those of the crate.

use super::*;

/// What customers write when they write little.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "Where is my order?",
            "I want a refund",
            "Hello? Is anybody there?",
            "call me back",
            "The app does not work",
            "cancel my contract please",
            "thanks a lot",
            "still waiting",
            "hi",
            "ok",
            "My card was declined twice",
            "nobody answers",
        ],
    ),
    (
        "es",
        &[
            "¿Dónde está mi pedido?",
            "Quiero un reembolso",
            "¿Hola? ¿Hay alguien?",
            "llámenme",
            "La aplicación no funciona",
            "cancelar mi contrato por favor",
            "muchas gracias",
            "sigo esperando",
            "hola",
            "Me rechazaron la tarjeta dos veces",
            "nadie contesta",
        ],
    ),
    (
        "fr",
        &[
            "Où est ma commande ?",
            "Je veux un remboursement",
            "Il y a quelqu'un ?",
            "rappelez-moi",
            "L'application ne marche pas",
            "résilier mon contrat svp",
            "merci beaucoup",
            "j'attends toujours",
            "bonjour",
            "Ma carte a été refusée deux fois",
            "personne ne répond",
        ],
    ),
    (
        "de",
        &[
            "Wo ist meine Bestellung?",
            "Ich möchte mein Geld zurück",
            "Hallo? Ist da jemand?",
            "rufen Sie mich an",
            "Die App funktioniert nicht",
            "bitte Vertrag kündigen",
            "vielen Dank",
            "ich warte noch",
            "hallo",
            "Meine Karte wurde zweimal abgelehnt",
            "niemand antwortet",
        ],
    ),
    (
        "pt",
        &[
            "Onde está a minha encomenda?",
            "Quero um reembolso",
            "Olá? Está aí alguém?",
            "liguem-me",
            "A aplicação não funciona",
            "cancelar o meu contrato por favor",
            "muito obrigado",
            "continuo à espera",
            "olá",
            "O meu cartão foi recusado duas vezes",
            "ninguém responde",
        ],
    ),
    (
        "it",
        &[
            "Dov'è il mio ordine?",
            "Voglio un rimborso",
            "C'è qualcuno?",
            "richiamatemi",
            "L'app non funziona",
            "disdire il contratto per favore",
            "grazie mille",
            "sto ancora aspettando",
        ],
    ),
    (
        "nl",
        &[
            "Waar is mijn bestelling?",
            "Ik wil mijn geld terug",
            "Hallo? Is daar iemand?",
            "bel me terug",
            "De app werkt niet",
        ],
    ),
    ("tr", &["Siparişim nerede?", "Para iadesi istiyorum", "Uygulama çalışmıyor", "beni geri arayın"]),
    ("sv", &["Var är min beställning?", "Jag vill ha pengarna tillbaka", "Appen fungerar inte"]),
    ("ja", &["注文はどこですか", "返金してください", "誰かいますか"]),
    ("zh", &["我的订单在哪里", "我要退款", "有人吗"]),
    ("ko", &["환불해 주세요", "주문이 어디 있나요"]),
    ("ru", &["Где мой заказ?", "Верните деньги"]),
    ("ar", &["أين طلبي؟", "أريد استرداد أموالي"]),
    ("hi", &["मेरा ऑर्डर कहाँ है"]),
    ("vi", &["Đơn hàng của tôi ở đâu?"]),
];

#[test]
fn short_texts() {
    let names: Vec<&str> = whichlang::LANGUAGES.iter().map(|lang| lang.three_letter_code()).collect();
    assert_eq!(names[..6], ["ara", "cmn", "deu", "eng", "fra", "hin"], "the order of `LANGUAGES`");
    for (place, lang) in whichlang::LANGUAGES.iter().enumerate() {
        assert_eq!(*lang as usize, place, "{lang:?}");
    }
    let (mut right, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    for (lang, texts) in TEXTS {
        for text in *texts {
            match detect(text) {
                Some(found) if found == *lang => right += 1,
                Some(found) => wrong.push((*text, found)),
                None => unknown.push(*text),
            }
        }
    }
    let told = format!("right {right}, unknown {unknown:?}, wrong {wrong:?}");
    assert_eq!((right, unknown.len(), wrong.len()), (79, 7, 4), "{told}");
}

#[test]
fn nothing_to_tell_by() {
    for text in ["", "12345678901234567890", "👍👍👍👍👍👍👍👍👍👍", "ok :-)", "!?", "好的"]
    {
        assert_eq!(detect(text), None, "{text}");
    }
}

/// Rounded weights hardly ever tell another language than those of the crate.
#[test]
fn the_crate_says_the_same() {
    let texts: Vec<&str> = TEXTS.iter().flat_map(|(_, texts)| *texts).copied().collect();
    let (mut asked, mut others) = (0, Vec::new());
    for first in &texts {
        for second in &texts {
            let text = format!("{first} {second}");
            for text in [text.as_str(), first] {
                let Some(found) = detect(text) else { continue };
                let place = whichlang::detect_language(beginning(text)) as usize;
                asked += 1;
                if LANGUAGES[place] != found {
                    others.push((text.to_owned(), LANGUAGES[place], found));
                }
            }
        }
    }
    assert!(asked > 15_000, "{asked}");
    assert!(
        others.len() * 2_500 <= asked,
        "{} of {asked}: {:?}",
        others.len(),
        &others[..others.len().min(20)]
    );
}
