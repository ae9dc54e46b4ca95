//! `manual`: something that a person does by hand. There is nothing to call.

use serde_json::Value;

use super::{Arguments, Cannot, Prepared, Wanted, optional, text};
use crate::record::observation::Source;

pub(super) fn prepare(wanted: &Wanted<'_>) -> Result<Prepared, Cannot> {
    let what = text(wanted.params, "text")?;
    let mut arguments = Arguments::from_iter([("text".to_owned(), Value::from(what.as_str()))]);
    if let Some(confirm) = optional(wanted.params, "confirm")? {
        arguments.insert("confirm".to_owned(), Value::from(confirm));
    }
    Ok(Prepared { arguments, text: format!("By hand: {what}"), before: Value::Null, source: Source::default() })
}
