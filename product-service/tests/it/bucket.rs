//! An S3 server that checks signatures, expiry and policies, as the real one does.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch};

use crate::Shop;

pub(crate) const NAME: &str = "images";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A bucket of the test's own, and another beside it.
pub(crate) struct Bucket {
    folder: TempDir,
    address: String,
    mode: watch::Sender<FaultMode>,
    answered: Arc<AtomicUsize>,
}

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultMode {
    None,
    Broken,
    /// After so many more requests.
    BrokenAfter(usize),
    Hanging,
}

impl Shop {
    /// An empty shop with an empty bucket.
    pub(crate) async fn open_with_bucket() -> (Self, Bucket) {
        let bucket = Bucket::start().await;
        let shop = Self::open_with(&[
            ("IMAGE_BUCKET", NAME),
            ("AWS_ENDPOINT_URL", &bucket.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ])
        .await;
        (shop, bucket)
    }
}

impl Bucket {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in [NAME, "others"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (mode, modes) = watch::channel(FaultMode::None);
        let answered = Arc::new(AtomicUsize::new(0));
        let address = serve(builder.build(), modes, Arc::clone(&answered)).await;
        Self { folder, address, mode, answered }
    }

    fn endpoint(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn set_mode(&self, mode: FaultMode) {
        self.answered.store(0, Ordering::SeqCst);
        self.mode.send_replace(mode);
    }

    /// Where an object is on the disk, to look behind the server's back.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(NAME).join(key)
    }

    /// How many objects there are, in all buckets.
    pub(crate) fn objects(&self) -> usize {
        count(self.folder.path())
    }
}

/// Files that the server keeps beside the objects have names that begin with a dot.
fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

async fn serve(service: S3Service, modes: watch::Receiver<FaultMode>, answered: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move |request| {
        let nth = answered.fetch_add(1, Ordering::SeqCst);
        answer(service.clone(), modes.clone(), nth, request)
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn answer(service: S3Service, mut modes: watch::Receiver<FaultMode>, nth: usize, request: Request) -> Response {
    let mode = *modes.borrow_and_update();
    match mode {
        FaultMode::BrokenAfter(count) if nth >= count => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        FaultMode::None | FaultMode::BrokenAfter(_) => {
            let answer = service.call(request.map(s3s::Body::http_body_unsync)).await.unwrap();
            answer.map(axum::body::Body::new)
        }
        FaultMode::Broken => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        FaultMode::Hanging => {
            let _ = modes.changed().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
