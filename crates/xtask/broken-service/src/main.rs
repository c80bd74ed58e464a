//! A function that answers every request with 500: what rehearsals of going back are deployed with.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

async fn fail(_: Request) -> Result<Response<Body>, Error> {
    let problem =
        r#"{"type":"internal","title":"Internal error","status":500,"detail":"this release is broken on purpose"}"#;
    let response = Response::builder().status(500).header("content-type", "application/problem+json");
    Ok(response.body(Body::from(problem))?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(fail)).await
}
