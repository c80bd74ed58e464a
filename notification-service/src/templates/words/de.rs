//! German.

use super::{Labels, Wording, Words};

pub(in crate::templates) struct Language;

const QUESTIONS: &str = "Fragen? Antworten Sie auf diese E-Mail und nennen Sie die Bestellnummer.";

static LABELS: Labels = Labels {
    order: "Bestellung",
    placed_on: "Bestellt am",
    subtotal: "Zwischensumme",
    shipping: "Versand",
    tax: "Steuern",
    total: "Gesamtbetrag",
    sku: "Art.-Nr.",
    product: "Artikel",
    available: "Noch verkäuflich",
    low_stock_at: "Meldung gewünscht bei",
    it_goes_to: "Lieferadresse",
    it_went_to: "Geliefert an",
    pay_by: "Bitte bestätigen bis",
    carrier: "Versanddienst",
    tracking_number: "Sendungsnummer",
    see_order: "Bestellung ansehen",
    expected_on: "Voraussichtlich am",
    in_this_parcel: "In diesem Paket",
    delivered_at: "Zugestellt",
    refund: "Erstattung",
    received_at: "Eingegangen",
    items: "Betroffene Artikel",
    whole_order: "Die ganze Bestellung",
    declared_by: "Erklärt von",
    link_works_until: "Der Link gilt bis",
    when: "Zeitpunkt",
    device: "Gerät",
    place: "Ort",
    invoice: "Rechnung",
    issued_on: "Ausgestellt am",
};

impl Words for Language {
    fn tag(&self) -> &'static str {
        "de"
    }

    fn labels(&self) -> &'static Labels {
        &LABELS
    }

    fn each(&self, price: &str) -> String {
        format!("je {price}")
    }

    fn times_are_of(&self, zone: &str) -> String {
        format!("Alle Daten und Uhrzeiten gelten in der Zeitzone {zone}.")
    }

    fn order_confirmation(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihre Bestellung bei {shop} ist bestätigt"),
            preheader: "Wir machen alles bereit und melden uns, sobald es unterwegs ist.".into(),
            heading: "Vielen Dank für Ihre Bestellung".into(),
            paragraphs: vec!["Ihre Zahlung ist eingegangen, und wir machen alles bereit.".into()],
            button: "Bestellung ansehen",
            why: "Etwas stimmt nicht? Antworten Sie auf diese E-Mail und nennen Sie die Bestellnummer.".into(),
        }
    }

    fn payment_failed(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihre Zahlung an {shop} ist fehlgeschlagen"),
            preheader: "Es wurde nichts abgebucht. Sie können gern erneut bestellen.".into(),
            heading: "Ihre Zahlung ist fehlgeschlagen".into(),
            paragraphs: vec![
                "Es wurde nichts abgebucht, und Ihre Auswahl ist nicht mehr für Sie reserviert. Sie können gern erneut \
                 bestellen, auch mit einer anderen Karte."
                    .into(),
            ],
            button: "Zurück zum Shop",
            why: QUESTIONS.into(),
        }
    }

    fn order_cancelled(&self, shop: &str, total: &str, sold_out: bool) -> Wording {
        let why = "Es tut uns leid: Ein bestellter Artikel war ausverkauft, bevor wir ihn für Sie zurücklegen konnten.";
        let back = format!(
            "Wir erstatten Ihnen den gesamten Betrag von {total} auf dem Weg, auf dem Sie bezahlt haben. Bis Ihre Bank ihn \
             anzeigt, können einige Tage vergehen. Sie müssen nichts weiter tun."
        );
        Wording {
            subject: format!("Ihre Bestellung bei {shop} ist storniert, Ihr Geld kommt zurück"),
            preheader: format!("Wir erstatten Ihnen {total}. Sie müssen nichts weiter tun."),
            heading: "Wir mussten Ihre Bestellung stornieren".into(),
            paragraphs: sold_out.then(|| why.to_owned()).into_iter().chain([back]).collect(),
            button: "Bestellung ansehen",
            why: QUESTIONS.into(),
        }
    }

    fn account_created(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Willkommen bei {shop}"),
            preheader: "Ihr Konto ist eröffnet.".into(),
            heading: format!("Willkommen bei {shop}"),
            paragraphs: vec![
                "Mit dieser E-Mail-Adresse wurde ein Konto eröffnet. Sie können sich mit ihr und mit dem dabei gewählten \
                 Passwort anmelden."
                    .into(),
            ],
            button: "Zum Konto",
            why: "Das waren nicht Sie? Dann hat jemand Ihre Adresse benutzt, vielleicht aus Versehen. Antworten Sie auf \
                  diese E-Mail, und wir schließen das Konto."
                .into(),
        }
    }

    fn account_exists(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Sie haben bereits ein Konto bei {shop}"),
            preheader: "Melden Sie sich mit Ihrem bisherigen Passwort an.".into(),
            heading: "Sie haben bereits ein Konto".into(),
            paragraphs: vec![format!(
                "Jemand, vielleicht Sie selbst, wollte bei {shop} mit dieser E-Mail-Adresse ein Konto eröffnen; es gibt \
                 aber schon eines. Nichts wurde geändert: Melden Sie sich mit Ihrer Adresse und Ihrem bisherigen Passwort \
                 an."
            )],
            button: "Zum Konto",
            why: "Das waren nicht Sie? Dann müssen Sie nichts tun. Niemand hat erfahren, dass Sie ein Konto haben.".into(),
        }
    }

    fn low_stock(&self, shop: &str, sku: &str, title: &str, available: i64) -> Wording {
        Wording {
            subject: format!("{shop}: noch {available} von {sku}"),
            preheader: title.into(),
            heading: format!("Nur noch wenig da von {title}"),
            paragraphs: Vec::new(),
            button: "",
            why: "Sie erfahren es einmal, und wieder, wenn der Bestand aufgefüllt wurde und erneut zur Neige geht.".into(),
        }
    }

    fn payment_action_required(&self, shop: &str, total: &str) -> Wording {
        Wording {
            subject: format!("Bitte bestätigen Sie Ihre Zahlung an {shop}"),
            preheader: format!("Ihre Bank bittet Sie, {total} zu bestätigen. Bis dahin wartet Ihre Bestellung."),
            heading: "Ihre Zahlung wartet auf Sie".into(),
            paragraphs: vec![format!(
                "Ihre Bank bittet Sie, die Zahlung von {total} zu bestätigen. Bis dahin wird nichts abgebucht, und Ihre \
                 Bestellung wartet. Ohne rechtzeitige Bestätigung verfällt sie."
            )],
            button: "Zahlung bestätigen",
            why: "Sie haben nichts bestellt? Dann bestätigen Sie nichts und antworten Sie auf diese E-Mail.".into(),
        }
    }

    fn order_shipped(&self, shop: &str, is_part: bool) -> Wording {
        let paragraph = if is_part {
            "Ein Teil Ihrer Bestellung ist unterwegs. Was in diesem Paket ist, steht unten; der Rest kommt von selbst."
        } else {
            "Ihre Bestellung hat vollständig unser Haus verlassen."
        };
        Wording {
            subject: if is_part {
                format!("Ein Teil Ihrer Bestellung bei {shop} ist unterwegs")
            } else {
                format!("Ihre Bestellung bei {shop} ist unterwegs")
            },
            preheader: "So verfolgen Sie Ihr Paket.".into(),
            heading: "Ihr Paket ist unterwegs".into(),
            paragraphs: vec![paragraph.into()],
            button: "Sendung verfolgen",
            why: QUESTIONS.into(),
        }
    }

    fn order_delivered(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihre Bestellung bei {shop} ist angekommen"),
            preheader: "Wir hoffen, dass sie Ihnen gefällt.".into(),
            heading: "Ihre Bestellung ist angekommen".into(),
            paragraphs: vec![
                "Laut Versanddienst wurde Ihr Paket zugestellt. Wir hoffen, dass Ihnen der Inhalt gefällt.".into(),
            ],
            button: "Bestellung ansehen",
            why: "Es ist nicht da, oder etwas stimmt nicht? Antworten Sie auf diese E-Mail und nennen Sie die \
                  Bestellnummer."
                .into(),
        }
    }

    fn order_refunded(&self, shop: &str, amount: &str) -> Wording {
        Wording {
            subject: format!("{shop} erstattet Ihnen {amount}"),
            preheader: "Das Geld kommt auf dem Zahlungsweg zurück. Sie müssen nichts weiter tun.".into(),
            heading: "Ihr Geld kommt zurück".into(),
            paragraphs: vec![format!(
                "Wir erstatten Ihnen {amount} auf dem Weg, auf dem Sie bezahlt haben. Bis Ihre Bank den Betrag anzeigt, \
                 können einige Tage vergehen. Sie müssen nichts weiter tun."
            )],
            button: "Bestellung ansehen",
            why: QUESTIONS.into(),
        }
    }

    fn return_received(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihre Rücksendung an {shop} ist eingetroffen"),
            preheader: "Wir prüfen sie und melden uns, sobald Ihr Geld unterwegs ist.".into(),
            heading: "Ihre Rücksendung ist eingetroffen".into(),
            paragraphs: vec![
                "Ihre Rücksendung ist bei uns. Wir prüfen sie und melden uns, sobald Ihr Geld unterwegs ist.".into(),
            ],
            button: "Bestellung ansehen",
            why: QUESTIONS.into(),
        }
    }

    fn withdrawal_received(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("{shop} hat Ihren Widerruf erhalten"),
            preheader: "Diese E-Mail ist Ihre Eingangsbestätigung. Bitte bewahren Sie sie auf.".into(),
            heading: "Wir haben Ihren Widerruf erhalten".into(),
            paragraphs: vec![
                "Sie haben den Vertrag widerrufen. Mit dieser E-Mail bestätigen wir den Eingang Ihrer Erklärung mit Inhalt, \
                 Datum und Uhrzeit. Bitte bewahren Sie sie auf."
                    .into(),
            ],
            button: "Bestellung ansehen",
            why: "Das haben Sie nicht erklärt? Antworten Sie auf diese E-Mail und nennen Sie die Bestellnummer.".into(),
        }
    }

    fn verify_email(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Bitte bestätigen Sie Ihre E-Mail-Adresse für {shop}"),
            preheader: "Ein Klick, und wir wissen, dass sie Ihnen gehört.".into(),
            heading: "Ist das Ihre E-Mail-Adresse?".into(),
            paragraphs: vec![format!(
                "Diese Adresse wurde für ein Konto bei {shop} angegeben. Bitte bestätigen Sie, dass sie Ihnen gehört."
            )],
            button: "Adresse bestätigen",
            why: "Das waren nicht Sie? Dann müssen Sie nichts tun; die Adresse wird nicht bestätigt.".into(),
        }
    }

    fn password_reset(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Wählen Sie ein neues Passwort für {shop}"),
            preheader: "Bis dahin gilt Ihr bisheriges Passwort.".into(),
            heading: "Wählen Sie ein neues Passwort".into(),
            paragraphs: vec![format!(
                "Jemand, vielleicht Sie selbst, hat ein neues Passwort für Ihr Konto bei {shop} angefordert. Bis Sie eines \
                 wählen, gilt das bisherige."
            )],
            button: "Neues Passwort wählen",
            why: "Das waren nicht Sie? Dann müssen Sie nichts tun. Geben Sie diesen Link nicht weiter: Wer ihn hat, kommt \
                  in Ihr Konto."
                .into(),
        }
    }

    fn password_changed(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihr Passwort für {shop} wurde geändert"),
            preheader: "Waren Sie das nicht, wählen Sie sofort ein neues Passwort.".into(),
            heading: "Ihr Passwort wurde geändert".into(),
            paragraphs: vec![format!(
                "Das Passwort Ihres Kontos bei {shop} wurde geändert. Wenn Sie das waren, müssen Sie nichts tun."
            )],
            button: "Zum Konto",
            why: "Das waren nicht Sie? Dann wählen Sie sofort ein neues Passwort und antworten Sie auf diese E-Mail.".into(),
        }
    }

    fn new_sign_in(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Neue Anmeldung bei Ihrem Konto bei {shop}"),
            preheader: "Wenn Sie das waren, müssen Sie nichts tun.".into(),
            heading: "Neue Anmeldung bei Ihrem Konto".into(),
            paragraphs: vec![
                "Bei Ihrem Konto gab es eine Anmeldung von einem Gerät, das bisher nicht benutzt wurde. Wenn Sie das waren, \
                 müssen Sie nichts tun."
                    .into(),
            ],
            button: "Zum Konto",
            why: "Das waren nicht Sie? Dann wählen Sie sofort ein neues Passwort und antworten Sie auf diese E-Mail.".into(),
        }
    }

    fn email_changed_from(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihr Konto bei {shop} hat eine andere E-Mail-Adresse"),
            preheader: "Ab jetzt schreiben wir an die andere Adresse.".into(),
            heading: "Ihre E-Mail-Adresse wurde geändert".into(),
            paragraphs: vec![format!(
                "Ihr Konto bei {shop} hat jetzt eine andere E-Mail-Adresse. Dies ist die letzte E-Mail dazu an diese \
                 Adresse."
            )],
            button: "",
            why: "Das waren nicht Sie? Dann antworten Sie sofort auf diese E-Mail, und wir geben Ihnen das Konto zurück."
                .into(),
        }
    }

    fn email_changed_to(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Das ist jetzt die E-Mail-Adresse Ihres Kontos bei {shop}"),
            preheader: "Ab jetzt melden Sie sich mit dieser Adresse an.".into(),
            heading: "Ihre E-Mail-Adresse wurde geändert".into(),
            paragraphs: vec![format!(
                "Ihr Konto bei {shop} hat jetzt diese E-Mail-Adresse. Ab jetzt melden Sie sich mit ihr an."
            )],
            button: "Zum Konto",
            why: "Das waren nicht Sie? Dann hat jemand Ihre Adresse benutzt, vielleicht aus Versehen. Antworten Sie auf \
                  diese E-Mail."
                .into(),
        }
    }

    fn staff_invited(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Sie sind eingeladen, bei {shop} mitzuarbeiten"),
            preheader: "Wählen Sie ein Passwort, und Ihr Konto ist offen.".into(),
            heading: format!("Willkommen im Team von {shop}"),
            paragraphs: vec![
                "Für Sie wurde ein Konto für Mitarbeitende angelegt. Wählen Sie ein Passwort, und es ist offen.".into(),
            ],
            button: "Konto eröffnen",
            why: "Sie wissen nicht, warum Sie das bekommen? Dann müssen Sie nichts tun. Geben Sie diesen Link nicht weiter: \
                  Wer ihn hat, kommt in das Konto."
                .into(),
        }
    }

    fn guest_order_link(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Ihr Zugang zu Ihrer Bestellung bei {shop}"),
            preheader: "Sehen Sie ohne Konto, wie weit Ihre Bestellung ist.".into(),
            heading: "Ihre Bestellung ansehen".into(),
            paragraphs: vec![
                "Mit diesem Link sehen Sie Ihre Bestellung und wie weit sie ist, auch ohne Konto.".into(),
            ],
            button: "Bestellung ansehen",
            why: "Sie haben ihn nicht angefordert? Dann müssen Sie nichts tun. Geben Sie diesen Link nicht weiter: Wer ihn \
                  hat, sieht Ihre Bestellung."
                .into(),
        }
    }

    fn invoice(&self, shop: &str, number: &str) -> Wording {
        Wording {
            subject: format!("Ihre Rechnung {number} von {shop}"),
            preheader: "Sie steht zum Herunterladen bereit.".into(),
            heading: "Ihre Rechnung ist da".into(),
            paragraphs: vec!["Sie können die Rechnung zu Ihrer Bestellung herunterladen.".into()],
            button: "Rechnung herunterladen",
            why: QUESTIONS.into(),
        }
    }

    fn direct(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Eine Nachricht von {shop}"),
            preheader: String::new(),
            heading: format!("Eine Nachricht von {shop}"),
            paragraphs: Vec::new(),
            button: "",
            why: "Sie können auf diese E-Mail antworten.".into(),
        }
    }

    fn sms_order_confirmation(&self, shop: &str, total: &str, page: &str) -> String {
        format!("{shop}: Danke, Ihre Bestellung über {total} ist bestätigt. {page}")
    }

    fn sms_payment_failed(&self, shop: &str, page: &str) -> String {
        format!("{shop}: Ihre Zahlung ist fehlgeschlagen, nichts wurde abgebucht. Neu bestellen: {page}")
    }

    fn sms_order_cancelled(&self, shop: &str, total: &str, page: &str) -> String {
        format!("{shop}: Wir mussten Ihre Bestellung stornieren. {total} kommen zurück. {page}")
    }

    fn sms_payment_action_required(&self, shop: &str, total: &str, by: Option<&str>, page: &str) -> String {
        let by = by.map(|by| format!(" bis {by}")).unwrap_or_default();
        format!("{shop}: Bitte bestätigen Sie die Zahlung von {total}{by}: {page}")
    }

    fn sms_order_shipped(&self, shop: &str, carrier: Option<&str>, page: &str) -> String {
        let carrier = carrier.map(|carrier| format!(" mit {carrier}")).unwrap_or_default();
        format!("{shop}: Ihr Paket ist unterwegs{carrier}. {page}")
    }

    fn sms_order_delivered(&self, shop: &str, page: &str) -> String {
        format!("{shop}: Ihr Paket wurde zugestellt. {page}")
    }

    fn sms_order_refunded(&self, shop: &str, amount: &str, page: &str) -> String {
        format!("{shop}: {amount} sind auf dem Weg zurück zu Ihnen. {page}")
    }
}
