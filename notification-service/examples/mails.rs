//! Writes every mail and text message from its sample into a folder, for `cargo xtask mail-pictures` and for developers:
//! `cargo run -p notification-service --example mails -- FOLDER`.

use std::{env, error::Error, fs, path::PathBuf};

use notification_service::templates::{Shop, Template, languages, mail, sample_message, text};
use strum::VariantArray;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("name a folder")?);
    let shop = Shop::new("Bodega".parse()?, "https://shop.example").in_zone("Europe/London".parse()?);
    let shop = shop.with_bases("https://images.example".parse()?, "https://parcels.example".parse()?);
    for language in languages() {
        // English words go with British money and days.
        let locale = if language == "en" { "en-GB".parse()? } else { language.parse()? };
        for &template in Template::VARIANTS {
            let message = sample_message(template, &shop).map_err(|errors| format!("{template:?}: {errors:?}"))?;
            let written = mail(&message, &shop, &locale)?;
            let file = |ending: &str| folder.join(format!("{}.{language}.{ending}", template.as_str()));
            fs::write(file("html"), written.html)?;
            fs::write(file("txt"), format!("{}\n\n{}", written.subject, written.text))?;
            if let Some(sms) = text(&message, &shop, &locale)? {
                fs::write(file("sms.txt"), sms + "\n")?;
            }
        }
    }
    Ok(())
}
