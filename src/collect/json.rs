//! Small helps for writing SDK types as JSON in the API's own names (the SDK's types do not serialise).

use aws_smithy_types::DateTime;
use serde_json::{Map, Value};

use crate::record::time::Timestamp;

/// Puts a member that is there; an absent one is left out, as the API does.
pub(super) fn put<V: Into<Value>>(members: &mut Map<String, Value>, name: &str, value: Option<V>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

/// An SDK instant as RFC 3339.
pub(super) fn instant(at: &DateTime) -> Option<String> {
    Timestamp::from_millis(at.to_millis().ok()?).map(|t| t.to_string())
}

/// Our instant as an SDK one.
pub(super) fn smithy(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.millis())
}
