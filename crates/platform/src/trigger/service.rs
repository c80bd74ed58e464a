//! The work that a service offers to triggers. Knows neither the runtime nor the triggers.

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::config::Env;

/// Why a trigger's work failed. The operator who invoked it reads the text, so it says what to do.
pub type TriggerError = Box<dyn std::error::Error + Send + Sync>;

/// A service, as [`run`](super::run) sees it. The four services implement this; a trigger that a service leaves out
/// answers with an error that says so.
pub trait Service: Clone + Send + Sync + 'static {
    /// The name of the service, in logs and in tokens.
    const NAME: &'static str;

    /// Reads the settings; `None` when one is missing or malformed (the [`Env`] has noted which).
    fn configure(env: &mut Env) -> Option<Self>;

    /// All routes, ready to serve.
    fn router(self) -> axum::Router;

    /// The OpenAPI document of the routes.
    fn openapi() -> OpenApi;

    /// Work that a request left behind, such as relaying its outbox; runs after the answer has gone, for at most
    /// [`BUDGET`](crate::after_response::BUDGET).
    fn after_response(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Changes the store's schema.
    fn migrate(&self, direction: Direction) -> impl Future<Output = Result<Value, TriggerError>> + Send {
        async move { Err(no_trigger::<Self>(&format!("migrate {direction:?}"))) }
    }

    /// Finishes or unwinds what crashes left unfinished. Does bounded work; several sweeps may run at once.
    fn sweep(&self) -> impl Future<Output = Result<Value, TriggerError>> + Send {
        async { Err(no_trigger::<Self>("sweep")) }
    }

    /// Handles a batch of queue messages.
    fn queue(&self, batch: Value) -> impl Future<Output = Result<Value, TriggerError>> + Send {
        async move { Err(no_trigger::<Self>(&format!("queue (batch of {} bytes)", batch.to_string().len()))) }
    }

    /// Carries out a command of the operators.
    fn admin(&self, command: Value) -> impl Future<Output = Result<Value, TriggerError>> + Send {
        async move { Err(no_trigger::<Self>(&format!("admin {}", command["command"]))) }
    }
}

fn no_trigger<S: Service>(trigger: &str) -> TriggerError {
    format!("{} has no work for the trigger {trigger}", S::NAME).into()
}

/// The direction of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "direction", rename_all = "snake_case", deny_unknown_fields)]
pub enum Direction {
    /// To the newest version.
    Up,
    /// Back until `to` is the newest version that remains; 0 undoes everything.
    Down {
        /// A migration's version.
        to: i64,
    },
}
