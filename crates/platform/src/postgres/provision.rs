//! Creates role and database of a service in a new cluster. A role that logs in with tokens has no password that an
//! operator would have to set, so the first `migrate` creates both.

use sqlx::{AssertSqlSafe, PgConnection, query, query_scalar, raw_sql};

/// Creates what is missing, over an administrator's connection; several may run at once. An existing role is only
/// allowed to log in with tokens, and not changed otherwise.
pub(super) async fn provide(admin: &mut PgConnection, role: &str, database: &str) -> Result<(), sqlx::Error> {
    query("SELECT pg_advisory_lock(hashtext('bodega provision'))").execute(&mut *admin).await?;
    // PostgreSQL quotes the names, because such statements accept no parameters.
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
