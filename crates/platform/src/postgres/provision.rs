//! A role and a database for a service whose cluster is new. A role that logs in with tokens has no password that an
//! operator would have to set, so the first `migrate` makes both by itself.

use sqlx::{AssertSqlSafe, PgConnection, query, query_scalar, raw_sql};

/// Makes what is missing, as an administrator who is connected; safe to run twice at once. A role that is there is left as
/// it is, but for being let in with tokens.
pub(super) async fn provide(admin: &mut PgConnection, role: &str, database: &str) -> Result<(), sqlx::Error> {
    query("SELECT pg_advisory_lock(hashtext('bodega provision'))").execute(&mut *admin).await?;
    // PostgreSQL quotes the names: statements of this kind take no parameters.
    let missing = "SELECT format(statement, $1::text, $2::text) FROM (VALUES
            (1, 'CREATE ROLE %1$I LOGIN', NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)),
            (2, 'GRANT rds_iam TO %1$I', EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam')),
            (3, 'GRANT %1$I TO CURRENT_USER', NOT EXISTS (SELECT FROM pg_database WHERE datname = $2)),
            (4, 'CREATE DATABASE %2$I OWNER %1$I', NOT EXISTS (SELECT FROM pg_database WHERE datname = $2)),
            (5, 'REVOKE ALL ON DATABASE %2$I FROM PUBLIC', true)) AS step (place, statement, is_needed)
        WHERE is_needed ORDER BY place";
    let statements: Vec<String> = query_scalar(missing).bind(role).bind(database).fetch_all(&mut *admin).await?;
    for statement in statements {
        raw_sql(AssertSqlSafe(statement)).execute(&mut *admin).await?;
    }
    query("SELECT pg_advisory_unlock(hashtext('bodega provision'))").execute(admin).await?;
    Ok(())
}
