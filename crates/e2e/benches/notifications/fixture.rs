//! notification-service's queue functions, with stores and vendors of their own.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use e2e::{Settings, configure, usage::processor_time};
use lambda_double::Function;
use notification_service::App;
use platform::{Service, trigger::Direction};
use serde_json::{Value, json};
use tokio::{process::Child, time::sleep};
use vendor_doubles::{Options, Vendor, VendorDoubles};

/// DynamoDB and SQS, the vendors, and the settings by which functions find them.
#[derive(Debug)]
pub(crate) struct QueueFixture {
    pub(crate) app: App,
    pub(crate) vendors: VendorDoubles,
    pub(crate) logs: PathBuf,
    settings: Settings,
    aws: String,
    dead_letters: String,
    started: AtomicUsize,
    store: Child,
}

impl QueueFixture {
    /// Mail goes by these providers, each of which answers after `latency`.
    pub(crate) async fn open(python: &str, mail_providers: &str, latency: Duration) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../xtask/python/aws_double.py");
        let mut command = tokio::process::Command::new(python);
        command.args([script, &port.to_string()]).kill_on_drop(true);
        let store = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let aws = format!("http://127.0.0.1:{port}");
        for _ in 0..600 {
            if reqwest::get(format!("{aws}/moto-api/")).await.is_ok() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let dead = sqs(&aws, "CreateQueue", json!({"QueueName": "dead-letters"})).await;
        let dead_letters = dead["QueueUrl"].as_str().unwrap_or_else(|| panic!("{dead}")).to_owned();
        let vendors = VendorDoubles::start(Options { latency, ..Options::default() }).await;
        let settings = settings(&aws, &dead_letters, mail_providers, &vendors);
        let app: App = configure(&settings);
        app.migrate(Direction::Up).await.unwrap();
        // Kept where a run fails, so that they are read: below the target folder, which `cargo clean` removes.
        let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("notifications-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&logs).unwrap();
        Self { app, vendors, logs, settings, aws, dead_letters, started: AtomicUsize::new(0), store }
    }

    /// A function that the queue wakes.
    pub(crate) async fn start(&self) -> Function {
        let nth = self.started.fetch_add(1, Ordering::Relaxed);
        let log = File::create(self.logs.join(format!("{nth}.log"))).unwrap();
        let mut command = tokio::process::Command::new(binary());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.env("TRIGGER", "queue").env("LOG_LEVEL", "info").stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let function = Function::launch(command, "notification-service").await.unwrap();
        function.cold_start().await.unwrap_or_else(|error| panic!("notification-service does not start: {error}"));
        function
    }

    /// The processor time of moto since it was started.
    pub(crate) fn processor_time_of_the_store(&self) -> Duration {
        processor_time(self.store.id().unwrap())
    }

    /// How many functions were started so far.
    pub(crate) fn starts(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// What all functions logged.
    pub(crate) fn log(&self) -> String {
        let files = (0..self.starts()).map(|nth| self.logs.join(format!("{nth}.log")));
        files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// Body and reason of each dead letter.
    pub(crate) async fn dead_letters(&self) -> Vec<(Value, String)> {
        let wish = json!({
            "QueueUrl": self.dead_letters, "MaxNumberOfMessages": 10, "VisibilityTimeout": 3_600,
            "MessageAttributeNames": ["All"]
        });
        let mut letters = Vec::new();
        loop {
            let answer = sqs(&self.aws, "ReceiveMessage", wish.clone()).await;
            let some = answer["Messages"].as_array().cloned().unwrap_or_default();
            if some.is_empty() {
                return letters;
            }
            letters.extend(some.iter().map(|letter| {
                let body = letter["Body"].as_str().and_then(|body| serde_json::from_str(body).ok());
                let reason = letter["MessageAttributes"]["reason"]["StringValue"].as_str().unwrap_or_default();
                (body.unwrap_or_default(), reason.to_owned())
            }));
        }
    }
}

async fn sqs(aws: &str, operation: &str, body: Value) -> Value {
    let call = reqwest::Client::new().post(format!("{aws}/")).header("x-amz-target", format!("AmazonSQS.{operation}"));
    let call = call.header("content-type", "application/x-amz-json-1.0").header(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
    );
    call.body(body.to_string()).send().await.unwrap().json().await.unwrap()
}

fn settings(aws: &str, dead_letters: &str, mail_providers: &str, vendors: &VendorDoubles) -> Settings {
    let twilio = vendors.twilio();
    let settings = [
        ("ISSUER", "http://issuer.test"),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked"),
        // Vendors put the event's id into the address that they call; nothing is called here.
        ("PUBLIC_URL", "https://shop.example"),
        ("MAIL_PROVIDERS", mail_providers),
        ("MAIL_FROM", "Bodega <shop@bodega.example>"),
        ("SMS_PROVIDERS", "twilio"),
        ("SMS_COUNTRIES", "US"),
        ("SMS_PER_RECIPIENT", "1000"),
        ("SMS_PER_COUNTRY_PER_HOUR", "100000"),
        ("SENDGRID_API_BASE", vendors.base(Vendor::Sendgrid)),
        ("SENDGRID_API_KEY", vendors.sendgrid_key()),
        ("TWILIO_API_BASE", vendors.base(Vendor::Twilio)),
        ("TWILIO_ACCOUNT_SID", &twilio.account_sid),
        ("TWILIO_AUTH_TOKEN", &twilio.auth_token),
        ("TWILIO_FROM", "+15005550006"),
        ("SHOP_NAME", "Bodega"),
        ("SHOP_URL", "https://shop.example"),
        ("FINGERPRINT_KEY", "a key for proofs, of 32 characters and more"),
        ("NOTIFICATION_TABLE", "notifications"),
        ("NOTIFICATION_DEAD_LETTER_QUEUE_URL", dead_letters),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", aws),
        ("AWS_ENDPOINT_URL_SESV2", vendors.base(Vendor::Ses)),
    ];
    settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// In the folder above the benchmark's own.
fn binary() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("notification-service")
}
