//! The format of the file: its marks, its version, its tables.

use rusqlite::Connection;

use super::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// `application_id` of a ledger: "blot".
pub(super) const APPLICATION: i64 = 0x626C_6F74;

/// The newest format that this build writes.
pub(super) const FORMAT: i64 = 4;

/// Brings the file to [`FORMAT`].
///
/// What it writes depends on nothing but the format: the time that the migration runner notes is set to zero.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    embedded::migrations::runner().set_grouped(true).run(conn).map_err(failed)?;
    conn.execute("UPDATE refinery_schema_history SET applied_on = '1970-01-01T00:00:00Z'", [])?;
    Ok(())
}

/// A disk without room is no damage.
fn failed(e: refinery::Error) -> StoreError {
    let sqlite = std::error::Error::source(&e).and_then(|s| s.downcast_ref());
    match sqlite {
        Some(rusqlite::Error::SqliteFailure(code, text)) => rusqlite::Error::SqliteFailure(*code, text.clone()).into(),
        _ => StoreError::Corrupt(format!("its format cannot be brought up to date: {e}")),
    }
}

/// The file's format, and whether it is a ledger at all.
pub(super) fn marks(conn: &Connection) -> Result<(i64, i64), rusqlite::Error> {
    let application = conn.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    let format = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    Ok((application, format))
}

/// Every line of the schema and of the migrations' history that differs from what [`migrate`] makes.
pub(super) fn differences(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut fresh = Connection::open_in_memory()?;
    migrate(&mut fresh)?;
    let (expected, found) = (describe(&fresh)?, describe(conn)?);
    let missing = expected.iter().filter(|l| !found.contains(l)).map(|l| format!("missing or changed: {}", first_line(l)));
    let extra = found.iter().filter(|l| !expected.contains(l)).map(|l| format!("not of this format: {}", first_line(l)));
    Ok(missing.chain(extra).collect())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn describe(conn: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let sql = "SELECT type || ' ' || name || ' on ' || tbl_name || char(10) || ifnull(sql, '') FROM sqlite_schema
               UNION ALL
               SELECT 'migration ' || version || ' ' || name || char(10) || applied_on || ' ' || checksum FROM refinery_schema_history
               ORDER BY 1";
    conn.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_migration_has_the_number_that_this_build_writes() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        assert_eq!(marks(&conn).unwrap(), (APPLICATION, FORMAT));
        let newest = embedded::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max();
        assert_eq!(newest, Some(FORMAT));
        assert_eq!(differences(&conn).unwrap(), Vec::<String>::new());
        conn.execute_batch("DROP TRIGGER event_delete").unwrap();
        assert_eq!(differences(&conn).unwrap(), ["missing or changed: trigger event_delete on event"]);
    }
}
