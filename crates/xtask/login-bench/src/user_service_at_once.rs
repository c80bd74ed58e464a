//! user-service in one process that answers requests at once. A function answers one at a time, so its memory does not
//! show what many at once would need. It takes the settings of the function, listens on a free port of 127.0.0.1, and
//! prints the address on standard error, since log lines go to standard output.

#![allow(clippy::print_stderr, reason = "a program that another one starts and listens to")]

use std::{error::Error, process::ExitCode};

use axum::{Router, extract::Request, middleware, middleware::Next};
use platform::{Service, config::Env, telemetry};
use tokio::net::TcpListener;
use user_service::App;

fn main() -> ExitCode {
    let mut env = Env::from_process();
    telemetry::start(App::NAME, &env.parsed_or("LOG_LEVEL", telemetry::Level::default()).unwrap_or_default());
    let Some(app) = App::configure(&mut env) else {
        eprintln!("{}", env.report());
        return ExitCode::FAILURE;
    };
    match serve(app) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// On one thread, with a pool for what must not block it, as the function's runtime is.
fn serve(app: App) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        eprintln!("{}", listener.local_addr()?);
        // A router itself is made anew for every connection; what this makes is cloned.
        axum::serve(listener, working_after_answers(app).into_make_service()).await?;
        Ok(())
    })
}

fn working_after_answers(app: App) -> Router {
    let service = app.clone();
    app.router().layer(middleware::from_fn(move |request: Request, next: Next| {
        let service = service.clone();
        async move {
            let response = next.run(request).await;
            tokio::spawn(async move { service.after_response().await });
            response
        }
    }))
}
