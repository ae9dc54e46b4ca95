//! What people read: Markdown and HTML made from the record alone.
//!
//! Pure. Imports `record`; never sees `store`. A document is a function of events, never of the time it is
//! made at, and every line that came from the record names its event.

pub mod deploy_log;
pub mod escape;
pub mod figures;
pub mod governance_log;
pub mod html;
pub mod managed;
pub mod picture;
pub mod postmortem;
pub mod table;

/// Who acted, for a Markdown document: a person, the tool itself, or a name that the settings did not know.
fn who(actor: &crate::record::actor::Actor) -> String {
    let name = escape::markdown::text(&actor.name);
    if actor.is_person || actor.is_tool() { name } else { format!("{name} (not a known person)") }
}
