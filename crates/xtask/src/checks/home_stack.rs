//! `cargo xtask up`, started for real and used as a person would: in a folder and on a port of its own, so that a
//! developer's own stack goes on undisturbed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::home::{Home, LOCAL};
use crate::port::{self, LOOPBACK};
use crate::process::{Process, marked};
use crate::progress::step;
use crate::python::last_lines;
use crate::run::Run;
use crate::services::SERVICES;

/// The services may have to be built.
const PATIENCE: Duration = Duration::from_mins(10);
/// Limit for steps that take a moment.
const MOMENT: Duration = Duration::from_secs(10);
/// A change is noticed, built and acted upon within this time, when there is nothing to compile.
const REACTION: Duration = Duration::from_secs(6);

/// What the environment names is real, perhaps: stores, Stripe, the sender of mail. This stack makes its own.
const REAL: [&str; 18] = [
    "USER_DATABASE_URL",
    "TRANSACTION_DATABASE_URL",
    "MONGODB_URI",
    "AWS_ENDPOINT_URL",
    "IMAGE_BASE_URL",
    "STRIPE_API_BASE",
    "MAIL_PROVIDERS",
    "MAIL_FROM",
    "SMS_PROVIDERS",
    "SMS_COUNTRIES",
    "SENDGRID_API_BASE",
    "SENDGRID_API_KEY",
    "SENDGRID_WEBHOOK_KEY",
    "TWILIO_API_BASE",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM",
    "AWS_ENDPOINT_URL_SESV2",
];

pub(super) async fn check(home: &Home, run: &Run) -> Result<()> {
    let stack = Stack { home, run, folder: home.local("test/up"), log: home.local("test/up.log"), port: port::free()? };
    let outcome = stack.check().await;
    if outcome.is_err() {
        println!("the end of what cargo xtask up said:\n{}", last_lines(&stack.said(), 30));
    }
    outcome
}

/// Ends whatever is left of it when dropped, also when the check is interrupted.
struct Stack<'a> {
    home: &'a Home,
    run: &'a Run,
    folder: PathBuf,
    log: PathBuf,
    port: u16,
}

impl Stack<'_> {
    async fn check(&self) -> Result<()> {
        self.end();
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).context("wiping the folder of the run before")?;
        }
        let mut up = step("coming up", self.come_up()).await?;
        self.only_this_machine_reaches_it()?;
        step("the images of the catalogue", self.shows_images()).await?;
        step("a purchase", self.sells()).await?;
        step("a touched git index", self.ignores_git(&mut up)).await?;
        step("a touched source", self.reloads(&mut up)).await?;
        up.kill().await.context("kill -9")?;
        let stale = self.processes();
        ensure!(!stale.is_empty(), "kill -9 left no process behind, so the next check would prove nothing");
        let up = step("coming up after kill -9", self.come_up()).await?;
        step("the images of the catalogue", self.shows_images()).await?;
        step("a purchase", self.sells()).await?;
        for process in stale {
            ensure!(!process.lives(), "process {} of the killed run lives: {}", process.pid, process.command());
        }
        step("Ctrl-C", self.stops(up)).await
    }

    async fn come_up(&self) -> Result<Child> {
        let output = File::create(&self.log).with_context(|| format!("writing {}", self.log.display()))?;
        // This very program, also when cargo has put another one in its place meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.args(["up", "--port", &self.port.to_string()]).env(LOCAL, &self.folder);
        for name in REAL {
            command.env_remove(name);
        }
        self.run.enlist(&mut command);
        command.stdout(output.try_clone()?).stderr(output);
        let mut up = command.spawn().context("starting cargo xtask up")?;
        self.until_it_says(&mut up, "\nup after ").await?;
        self.is_ready().await?;
        Ok(up)
    }

    async fn is_ready(&self) -> Result<()> {
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build()?;
        for service in &SERVICES {
            let page = format!("http://127.0.0.1:{}/health/{}/ready", self.port, service.name);
            let status = http.get(&page).send().await?.status();
            ensure!(status == 200, "{page}: {status}");
        }
        Ok(())
    }

    /// Fails where the first image of a product cannot be fetched.
    async fn shows_images(&self) -> Result<()> {
        let list = format!("http://127.0.0.1:{}/products?limit=100", self.port);
        let page: Value = reqwest::get(&list).await?.json().await?;
        let products = page["items"].as_array().filter(|items| !items.is_empty()).context("nothing is on sale")?;
        for product in products {
            let image = &product["images"][0];
            let url = image["url"].as_str().with_context(|| format!("{} has no image", product["slug"]))?;
            let answer = reqwest::get(url).await.with_context(|| url.to_owned())?;
            ensure!(answer.status() == 200, "{url}: {}", answer.status());
            let says = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
            ensure!(says.is_some() && says == image["content_type"].as_str(), "{url}: {says:?} and {image}");
            ensure!(answer.bytes().await?.starts_with(b"\x89PNG"), "{url} is no PNG");
        }
        Ok(())
    }

    /// `cargo xtask demo` on it.
    async fn sells(&self) -> Result<()> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("demo").env(LOCAL, &self.folder).kill_on_drop(true);
        let demo = timeout(PATIENCE, command.output()).await.context("cargo xtask demo does not end")??;
        let said = String::from_utf8_lossy(&demo.stdout);
        if !demo.status.success() {
            bail!("cargo xtask demo: {}\n{said}{}", demo.status, String::from_utf8_lossy(&demo.stderr));
        }
        println!("{}", said.trim_end().lines().last().unwrap_or_default());
        Ok(())
    }

    fn only_this_machine_reaches_it(&self) -> Result<()> {
        let listeners = port::listeners_of(&self.processes());
        // The API and three stores; cargo lambda and the sweeps' doubles have more.
        let api = listeners.iter().any(|listener| listener.port == self.port);
        ensure!(api && listeners.len() >= 4, "sockets are missing among {listeners:?}");
        if let Some(open) = listeners.iter().find(|listener| listener.address != LOOPBACK) {
            bail!("not on 127.0.0.1: {open:?}");
        }
        println!("{} listening sockets, all on 127.0.0.1", listeners.len());
        Ok(())
    }

    async fn ignores_git(&self, up: &mut Child) -> Result<()> {
        // In a work tree of git's, and in an archive, there is none.
        if let Ok(index) = File::open(self.home.root().join(".git/index")) {
            index.set_modified(SystemTime::now())?;
            sleep(REACTION).await;
        }
        ensure!(up.try_wait()?.is_none() && !self.said().contains("restarting"), "git's index made it restart");
        self.is_ready().await
    }

    async fn reloads(&self, up: &mut Child) -> Result<()> {
        File::open(self.home.root().join("product-service/src/lib.rs"))?.set_modified(SystemTime::now())?;
        self.until_it_says(up, "restarting the services: done").await?;
        self.is_ready().await
    }

    async fn stops(&self, mut up: Child) -> Result<()> {
        up.id().and_then(Process::of).context("it ended by itself")?.interrupt();
        let status = timeout(MOMENT * 3, up.wait()).await.context("it still runs after Ctrl-C")??;
        ensure!(status.success(), "{status} after Ctrl-C");
        port::must_be_free(self.port)?;
        let ended = Instant::now();
        // A killed process takes a moment to end.
        while let Some(process) = self.processes().first() {
            ensure!(ended.elapsed() < MOMENT, "process {} lives: {}", process.pid, process.command());
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn until_it_says(&self, up: &mut Child, text: &str) -> Result<()> {
        let started = Instant::now();
        while !self.said().contains(text) {
            if let Some(status) = up.try_wait()? {
                bail!("it ended: {status}");
            }
            ensure!(started.elapsed() < PATIENCE, "nothing like {:?} within {PATIENCE:?}", text.trim());
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    fn said(&self) -> String {
        fs::read(&self.log).map(|said| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default()
    }

    /// Its processes: all inherit its folder's name.
    fn processes(&self) -> Vec<Process> {
        marked(LOCAL, &self.folder.display().to_string())
    }

    /// Ends all of them at once; again, as one that is being ended may just have started another.
    fn end(&self) {
        let started = Instant::now();
        while started.elapsed() < MOMENT {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(Process::kill);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
