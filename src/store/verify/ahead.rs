//! Rows beside the events, read in the order of their keys, some of them ahead: to ask for each costs more than the row.

use std::collections::VecDeque;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::row::integer;
use crate::store::error::StoreError;

/// A key and the text that lies there, if it is one.
type Row = (i64, Option<Vec<u8>>);

/// Rows of a key and a text. Keys are asked for in rising order.
pub(super) struct Ahead<'c> {
    conn: &'c Connection,
    sql: &'static str,
    rows: VecDeque<Row>,
    last: i64,
    unasked: i64,
}

impl<'c> Ahead<'c> {
    /// `sql` gives key and text of the rows whose key is above `?1`, some of them, in order.
    pub(super) fn new(conn: &'c Connection, sql: &'static str) -> Self {
        Self { conn, sql, rows: VecDeque::new(), last: i64::MIN, unasked: 0 }
    }

    /// The text at `key`: `None` without a row, `Some(None)` where something else than a text lies.
    pub(super) fn at(&mut self, key: i64) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        while let Some((found, _)) = self.first()? {
            if *found > key {
                break;
            }
            match self.rows.pop_front() {
                Some((found, text)) if found == key => return Ok(Some(text)),
                _ => self.unasked += 1,
            }
        }
        Ok(None)
    }

    /// How many rows there are that nobody asked for, to the end.
    pub(super) fn unasked(&mut self) -> Result<i64, StoreError> {
        while self.first()?.is_some() {
            self.unasked += i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
            self.rows.clear();
        }
        Ok(self.unasked)
    }

    fn first(&mut self) -> Result<Option<&Row>, StoreError> {
        if self.rows.is_empty() && self.last < i64::MAX {
            let mut query = self.conn.prepare_cached(self.sql)?;
            let mut rows = query.query([self.last])?;
            while let Some(row) = rows.next()? {
                let text = match row.get_ref(1)? {
                    ValueRef::Text(b) => Some(b.to_vec()),
                    _ => None,
                };
                let key = integer(row, 0)?;
                if key <= self.last {
                    return Err(StoreError::Corrupt(format!("row {key} stands after row {}", self.last)));
                }
                self.last = key;
                self.rows.push_back((key, text));
            }
            if self.rows.is_empty() {
                self.last = i64::MAX;
            }
        }
        Ok(self.rows.front())
    }
}
