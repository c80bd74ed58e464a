//! Pictures of every mail, as a browser shows it: narrow and wide, light and dark, in `docs/mail/`.

mod picture;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

use self::picture::Picture;
use crate::home::Home;
use crate::{catalogue, pictures, services};

/// The mails' width, in points: a small telephone, and more than a mail fills.
const WIDTHS: [u32; 2] = [320, 640];
/// Higher than any mail; what is below a mail is cut off.
const HEIGHT: u32 = 2_400;
/// Blink's numbers for what a page can ask for.
const SCHEMES: [(&str, u8); 2] = [("light", 1), ("dark", 0)];
/// Programs that are looked for on the PATH unless `CHROMIUM` names one.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
/// The address of pictures in the samples. No such server exists, so files stand in for it.
const IMAGES: &str = "https://images.example/";
/// The products of the samples, each with its colour.
const PRODUCTS: [(&str, &str); 2] = [("organic-cotton-t-shirt", "Navy"), ("brass-wall-hook", "Brass")];

/// Takes all pictures anew, and lists them.
pub(crate) async fn take(home: &Home) -> Result<()> {
    let browser = find_browser()?;
    let written = tempfile::tempdir().context("making a folder for the mails")?;
    write_mails(home, written.path()).await?;
    write_products(written.path())?;
    let folder = home.root().join("docs/mail");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("removing the old pictures")?;
    }
    fs::create_dir_all(&folder).context("making docs/mail")?;
    let mails = mails(written.path())?;
    ensure!(!mails.is_empty(), "no mail was written");
    let mut bytes = 0;
    for mail in &mails {
        localize(&written.path().join(format!("{mail}.html")), written.path())?;
        for width in WIDTHS {
            for (scheme, number) in SCHEMES {
                let png = photograph(&browser, written.path(), mail, width, number).await?;
                bytes += png.len();
                fs::write(folder.join(format!("{mail}.{width}.{scheme}.png")), png)?;
            }
        }
    }
    fs::write(folder.join("README.md"), list(&mails, written.path())?)?;
    println!("{}: {} mails, {} kB of pictures", home.show(&folder), mails.len(), bytes / 1024);
    Ok(())
}

fn find_browser() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let mut all = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let names = BROWSERS.join(", ");
    all.find(|path| path.is_file()).with_context(|| {
        format!("no Chromium here: none of {names} is on the PATH, and CHROMIUM names none (Debian: apt-get install chromium-headless-shell)")
    })
}

async fn write_mails(home: &Home, folder: &Path) -> Result<()> {
    let mut cargo = services::cargo(home);
    cargo.args(["run", "--quiet", "--package", "notification-service", "--example", "mails", "--"]).arg(folder);
    let status = cargo.status().await.context("running cargo")?;
    if !status.success() {
        bail!("the mails could not be written: {status}");
    }
    Ok(())
}

fn write_products(folder: &Path) -> Result<()> {
    let (catalogue, pictures) = (catalogue::read()?, pictures::read()?);
    for (slug, colour) in PRODUCTS {
        let product = catalogue.products.iter().find(|product| product.slug == slug);
        let pictures = pictures.of(product.with_context(|| format!("the catalogue has no {slug}"))?)?;
        let picture = pictures.iter().find(|picture| picture.alt.starts_with(colour));
        let picture = picture.with_context(|| format!("{slug} has no picture in {colour}"))?;
        fs::write(folder.join(format!("{slug}.png")), picture.png()?)?;
    }
    Ok(())
}

/// The names of the mails, such as `order_shipped.en`.
fn mails(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".html").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn localize(file: &Path, folder: &Path) -> Result<()> {
    let html = fs::read_to_string(file)?;
    Ok(fs::write(file, html.replace(IMAGES, &format!("file://{}/", folder.display())))?)
}

async fn photograph(browser: &Path, folder: &Path, mail: &str, width: u32, scheme: u8) -> Result<Vec<u8>> {
    let png = folder.join("picture.png");
    // A browser of root's, as in containers, runs without its sandbox or not at all; it sees only pages written here.
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--window-size={width},{HEIGHT}"))
        .arg(format!("--screenshot={}", png.display()))
        .arg(format!("file://{}/{mail}.html", folder.display()))
        .output()
        .await;
    let output = output.with_context(|| format!("running {}", browser.display()))?;
    let taken = fs::read(&png);
    let _ = fs::remove_file(&png);
    let Ok(taken) = taken else {
        bail!("{} took no picture of {mail}: {}", browser.display(), String::from_utf8_lossy(&output.stderr).trim());
    };
    let mut picture = Picture::read(&taken)?;
    ensure!(picture.width() == width, "{mail}: {} points wide where {width} were asked for", picture.width());
    ensure!(picture.cut_below(), "{mail} is higher than {HEIGHT} points");
    picture.png()
}

/// A page that shows all pictures beside what else is sent.
fn list(mails: &[String], folder: &Path) -> Result<String> {
    let mut page = String::from(
        "# Every mail\n\nTaken by `cargo xtask mail-pictures` in headless Chromium, from the samples: 320 and 640 points wide, \
         light and dark.\n",
    );
    for mail in mails {
        let text = fs::read_to_string(folder.join(format!("{mail}.txt")))?;
        let subject = text.lines().next().unwrap_or_default();
        write!(page, "\n## {mail}\n\n{subject}\n\n")?;
        if let Ok(sms) = fs::read_to_string(folder.join(format!("{mail}.sms.txt"))) {
            let quoted: Vec<String> =
                sms.trim_end().lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
            write!(page, "SMS:\n\n{}\n\n", quoted.join("\n"))?;
        }
        let views = WIDTHS.iter().flat_map(|width| SCHEMES.map(|(scheme, _)| (width, scheme)));
        for (width, scheme) in views {
            writeln!(page, "![{mail}, {width} points, {scheme}]({mail}.{width}.{scheme}.png)")?;
        }
    }
    Ok(page)
}
