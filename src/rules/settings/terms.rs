//! `[terms.<name>]`: Boolean searches, one form per language; `terms/parse` reads what they say.

use super::super::complaint::At;
use super::super::reader::Value;
use super::super::terms::{Term, TermForm, parse};

/// The form that serves where the language has none.
const ANY: &str = "any";
/// Most words of all searches together: one matcher holds them.
pub(in super::super) const WORDS_MAX: usize = 65_536;

/// `[terms.<name>]` and where its name stands.
pub(in super::super) struct TermDraft {
    pub(in super::super) at: usize,
    pub(in super::super) term: Term,
}

/// Reads a term.
pub(in super::super) fn read(name: At<String>, value: &Value<'_>) -> TermDraft {
    let entries = value.entries();
    if value.is_table() && entries.is_empty() {
        value.fault("has no form", "write one for a language, as en = \"refund\", or `any`");
    }
    let mut forms: Vec<TermForm> = Vec::new();
    for (lang, form) in entries {
        let lang = Some(lang.value.to_lowercase()).filter(|lang| lang != ANY);
        if forms.iter().any(|other| other.lang == lang) {
            form.fault(
                "is a second form of this language",
                "languages are compared in lower case: write one form",
            );
            continue;
        }
        let Some(text) = form.text() else { continue };
        match parse(&text.value) {
            Ok(search) => forms.push(TermForm { lang, search }),
            Err(fault) => form.fault_within(
                &text.value,
                fault.at,
                &format!("is no search: {}", fault.what),
                "use AND OR NOT ( ) \"a phrase\" word* NEAR/3",
            ),
        }
    }
    forms.sort_by(|a, b| a.lang.cmp(&b.lang));
    TermDraft { at: name.at, term: Term { name: name.value, forms } }
}
