//! HTTP in front of the double of AWS that keeps its clients' connections, as AWS does: the double ends each after one
//! answer, and a function would begin TLS anew for every call.

use anyhow::Result;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;

use super::listening::Listening;

/// More than any call of a benchmark has.
const LARGEST: usize = 4 * 1024 * 1024;
/// Members that describe the connection, not the message.
const OF_A_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::EXPECT];

/// Listens in front of `base`, such as `http://127.0.0.1:5000`.
pub(super) async fn open(base: &str) -> Result<Listening> {
    let (http, base) = (Client::new(), base.trim_end_matches('/').to_owned());
    let router = Router::new().fallback(async move |request: Request| {
        let answer = forward(&http, &base, request).await;
        answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
    });
    Listening::serve(router).await
}

async fn forward(http: &Client, base: &str, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let call = http.request(head.method, format!("{base}{path}")).headers(of_the_message(head.headers));
    let answered = call.body(to_bytes(body, LARGEST).await?).send().await?;
    let (status, headers) = (answered.status(), of_the_message(answered.headers().clone()));
    Ok((status, headers, answered.bytes().await?).into_response())
}

fn of_the_message(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_A_CONNECTION {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn one_connection_takes_many_calls_though_each_is_the_last_for_the_double() {
        let closing = Router::new().route("/", post(async |body: String| ([(header::CONNECTION, "close")], body)));
        let double = Listening::serve(closing).await.unwrap();
        let front = open(&format!("http://127.0.0.1:{}/", double.port())).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", front.port())).await.unwrap();
        for text in ["one", "two"] {
            let call = format!("POST / HTTP/1.1\r\nhost: aws\r\ncontent-length: 3\r\n\r\n{text}");
            client.write_all(call.as_bytes()).await.unwrap();
            let mut answer = String::new();
            while !answer.ends_with(text) {
                let mut part = [0; 512];
                let length = client.read(&mut part).await.unwrap();
                assert!(length > 0, "the connection was ended: {answer}");
                answer.push_str(std::str::from_utf8(&part[..length]).unwrap());
            }
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
}
