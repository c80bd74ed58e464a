//! Every currency code of ISO 4217, and how Stripe charges it: the one table behind prices, settings, quotes and
//! charges.
//!
//! | what | source | state of |
//! | --- | --- | --- |
//! | codes, names, minor units | [ISO 4217, list one](https://www.six-group.com/dam/download/financial-information/data-center/iso-currrency/lists/list-one.xml) | 1 January 2026 |
//! | withdrawn codes | ISO 4217, list three: those withdrawn since 2018 | 1 January 2026 |
//! | which currencies Stripe charges, in which unit, from and up to which amount | [Supported currencies](https://docs.stripe.com/currencies) | 30 November 2026 |
//!
//! Amounts are in the minor units of ISO 4217, Stripe's limits too: a test holds their conversion. How many decimals
//! are *shown* is another matter: the CLDR shows HUF, COP or IDR without, ISO 4217 counts two. Bodega counts and writes
//! by ISO 4217; see `docs/decisions/0027-currencies.md`.

/// The kind of a currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A currency for payments.
    Money,
    /// A fund, an index or a unit of account.
    Unit,
    /// A metal, a bond market unit, a test, or no currency at all.
    Reserved,
    /// A withdrawn currency, with its successor.
    Withdrawn(&'static str),
}

/// The rules by which Stripe charges a currency. Amounts are in ISO 4217's minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The decimals of Stripe's own unit: 2 for ISK, which has none, and 0 for MGA, which has two.
    pub decimals: u32,
    /// The step: every amount is a multiple of it.
    pub step: i64,
    /// The minimum. Where Stripe states none, it depends on an exchange rate, and one step is used here.
    pub minimum: i64,
    /// The maximum.
    pub maximum: i64,
}

/// A code with its properties.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) decimals: u32,
    pub(super) standing: Standing,
    pub(super) charge: Option<Charge>,
}

/// Stripe accepts amounts of eight digits in its own unit, with exceptions.
const DIGITS: u32 = 8;

impl Row {
    /// Stripe charges the currency, in units of this many decimals.
    const fn charged(self, decimals: u32) -> Self {
        let step = if self.decimals > decimals { 10_i64.pow(self.decimals - decimals) } else { 1 };
        let charge = Charge { decimals, step, minimum: step, maximum: most(self.decimals, decimals, step, DIGITS) };
        Self { charge: Some(charge), ..self }
    }

    /// Stripe requires multiples of a step.
    const fn in_steps_of(self, step: i64) -> Self {
        let Some(charge) = self.charge else { return self };
        let maximum = most(self.decimals, charge.decimals, step, DIGITS);
        Self { charge: Some(Charge { step, minimum: step, maximum, ..charge }), ..self }
    }

    /// Stripe has a minimum.
    const fn at_least(self, minimum: i64) -> Self {
        let Some(charge) = self.charge else { return self };
        Self { charge: Some(Charge { minimum, ..charge }), ..self }
    }

    /// Stripe accepts this many digits for card payments.
    const fn up_to_digits(self, digits: u32) -> Self {
        let Some(charge) = self.charge else { return self };
        let maximum = most(self.decimals, charge.decimals, charge.step, digits);
        Self { charge: Some(Charge { maximum, ..charge }), ..self }
    }
}

/// The largest multiple of `step` that has at most `digits` digits in Stripe's unit.
const fn most(decimals: u32, stripe_decimals: u32, step: i64, digits: u32) -> i64 {
    let theirs = 10_i64.pow(digits) - 1;
    let ours = if stripe_decimals > decimals {
        theirs / 10_i64.pow(stripe_decimals - decimals)
    } else {
        theirs * 10_i64.pow(decimals - stripe_decimals)
    };
    ours - ours % step
}

const fn money(code: &'static str, name: &'static str, decimals: u32) -> Row {
    Row { code, name, decimals, standing: Standing::Money, charge: None }
}

const fn unit(code: &'static str, name: &'static str, decimals: u32) -> Row {
    Row { code, name, decimals, standing: Standing::Unit, charge: None }
}

const fn reserved(code: &'static str, name: &'static str) -> Row {
    Row { code, name, decimals: 0, standing: Standing::Reserved, charge: None }
}

const fn withdrawn(code: &'static str, name: &'static str, decimals: u32, successor: &'static str) -> Row {
    Row { code, name, decimals, standing: Standing::Withdrawn(successor), charge: None }
}

/// Sorted by code.
#[rustfmt::skip]
pub(super) static TABLE: [Row; 187] = [
    money("AED", "UAE Dirham", 2).charged(2).at_least(200),
    money("AFN", "Afghani", 2).charged(2),
    money("ALL", "Lek", 2).charged(2),
    money("AMD", "Armenian Dram", 2).charged(2),
    withdrawn("ANG", "Netherlands Antillean Guilder", 2, "XCG"),
    money("AOA", "Kwanza", 2).charged(2),
    money("ARS", "Argentine Peso", 2).charged(2),
    money("AUD", "Australian Dollar", 2).charged(2).at_least(50),
    money("AWG", "Aruban Florin", 2).charged(2),
    money("AZN", "Azerbaijan Manat", 2).charged(2),
    money("BAM", "Convertible Mark", 2).charged(2),
    money("BBD", "Barbados Dollar", 2).charged(2),
    money("BDT", "Taka", 2).charged(2),
    withdrawn("BGN", "Bulgarian Lev", 2, "EUR"),
    money("BHD", "Bahraini Dinar", 3).charged(3).in_steps_of(10),
    money("BIF", "Burundi Franc", 0).charged(0),
    money("BMD", "Bermudian Dollar", 2).charged(2),
    money("BND", "Brunei Dollar", 2).charged(2),
    money("BOB", "Boliviano", 2).charged(2),
    unit("BOV", "Mvdol", 2),
    money("BRL", "Brazilian Real", 2).charged(2).at_least(50),
    money("BSD", "Bahamian Dollar", 2).charged(2),
    money("BTN", "Ngultrum", 2),
    money("BWP", "Pula", 2).charged(2),
    money("BYN", "Belarusian Ruble", 2).charged(2),
    money("BZD", "Belize Dollar", 2).charged(2),
    money("CAD", "Canadian Dollar", 2).charged(2).at_least(50),
    money("CDF", "Congolese Franc", 2).charged(2),
    unit("CHE", "WIR Euro", 2),
    money("CHF", "Swiss Franc", 2).charged(2).at_least(50),
    unit("CHW", "WIR Franc", 2),
    unit("CLF", "Unidad de Fomento", 4),
    money("CLP", "Chilean Peso", 0).charged(0),
    money("CNY", "Yuan Renminbi", 2).charged(2),
    money("COP", "Colombian Peso", 2).charged(2).up_to_digits(10),
    unit("COU", "Unidad de Valor Real", 2),
    money("CRC", "Costa Rican Colon", 2).charged(2),
    withdrawn("CUC", "Peso Convertible", 2, "CUP"),
    money("CUP", "Cuban Peso", 2),
    money("CVE", "Cabo Verde Escudo", 2).charged(2),
    money("CZK", "Czech Koruna", 2).charged(2).at_least(1_500),
    money("DJF", "Djibouti Franc", 0).charged(0),
    money("DKK", "Danish Krone", 2).charged(2).at_least(250),
    money("DOP", "Dominican Peso", 2).charged(2),
    money("DZD", "Algerian Dinar", 2).charged(2),
    money("EGP", "Egyptian Pound", 2).charged(2),
    money("ERN", "Nakfa", 2),
    money("ETB", "Ethiopian Birr", 2).charged(2),
    money("EUR", "Euro", 2).charged(2).at_least(50),
    money("FJD", "Fiji Dollar", 2).charged(2),
    money("FKP", "Falkland Islands Pound", 2).charged(2),
    money("GBP", "Pound Sterling", 2).charged(2).at_least(30),
    money("GEL", "Lari", 2).charged(2),
    money("GHS", "Ghana Cedi", 2),
    money("GIP", "Gibraltar Pound", 2).charged(2),
    money("GMD", "Dalasi", 2).charged(2),
    money("GNF", "Guinean Franc", 0).charged(0),
    money("GTQ", "Quetzal", 2).charged(2),
    money("GYD", "Guyana Dollar", 2).charged(2),
    money("HKD", "Hong Kong Dollar", 2).charged(2).at_least(400),
    money("HNL", "Lempira", 2).charged(2),
    withdrawn("HRK", "Kuna", 2, "EUR"),
    money("HTG", "Gourde", 2).charged(2),
    money("HUF", "Forint", 2).charged(2).at_least(17_500).up_to_digits(10),
    money("IDR", "Rupiah", 2).charged(2).up_to_digits(12),
    money("ILS", "New Israeli Sheqel", 2).charged(2),
    money("INR", "Indian Rupee", 2).charged(2).at_least(50).up_to_digits(9),
    money("IQD", "Iraqi Dinar", 3),
    money("IRR", "Iranian Rial", 2),
    money("ISK", "Iceland Krona", 0).charged(2),
    money("JMD", "Jamaican Dollar", 2).charged(2),
    money("JOD", "Jordanian Dinar", 3).charged(3).in_steps_of(10),
    money("JPY", "Yen", 0).charged(0).at_least(50).up_to_digits(10),
    money("KES", "Kenyan Shilling", 2).charged(2),
    money("KGS", "Som", 2).charged(2),
    money("KHR", "Riel", 2).charged(2),
    money("KMF", "Comorian Franc", 0).charged(0),
    money("KPW", "North Korean Won", 2),
    money("KRW", "Won", 0).charged(0),
    money("KWD", "Kuwaiti Dinar", 3).charged(3).in_steps_of(10),
    money("KYD", "Cayman Islands Dollar", 2).charged(2),
    money("KZT", "Tenge", 2).charged(2),
    money("LAK", "Lao Kip", 2).charged(2),
    money("LBP", "Lebanese Pound", 2).charged(2).up_to_digits(11),
    money("LKR", "Sri Lanka Rupee", 2).charged(2),
    money("LRD", "Liberian Dollar", 2).charged(2),
    money("LSL", "Loti", 2).charged(2),
    money("LYD", "Libyan Dinar", 3),
    money("MAD", "Moroccan Dirham", 2).charged(2),
    money("MDL", "Moldovan Leu", 2).charged(2),
    money("MGA", "Malagasy Ariary", 2).charged(0),
    money("MKD", "Denar", 2).charged(2),
    money("MMK", "Kyat", 2).charged(2),
    money("MNT", "Tugrik", 2).charged(2),
    money("MOP", "Pataca", 2).charged(2),
    withdrawn("MRO", "Ouguiya", 2, "MRU"),
    money("MRU", "Ouguiya", 2),
    money("MUR", "Mauritius Rupee", 2).charged(2),
    money("MVR", "Rufiyaa", 2).charged(2),
    money("MWK", "Malawi Kwacha", 2).charged(2),
    money("MXN", "Mexican Peso", 2).charged(2).at_least(1_000),
    unit("MXV", "Mexican Unidad de Inversion (UDI)", 2),
    money("MYR", "Malaysian Ringgit", 2).charged(2).at_least(200),
    money("MZN", "Mozambique Metical", 2).charged(2),
    money("NAD", "Namibia Dollar", 2).charged(2),
    money("NGN", "Naira", 2).charged(2),
    money("NIO", "Cordoba Oro", 2).charged(2),
    money("NOK", "Norwegian Krone", 2).charged(2).at_least(300),
    money("NPR", "Nepalese Rupee", 2).charged(2),
    money("NZD", "New Zealand Dollar", 2).charged(2).at_least(50),
    money("OMR", "Rial Omani", 3).charged(3).in_steps_of(10),
    money("PAB", "Balboa", 2).charged(2),
    money("PEN", "Sol", 2).charged(2),
    money("PGK", "Kina", 2).charged(2),
    money("PHP", "Philippine Peso", 2).charged(2),
    money("PKR", "Pakistan Rupee", 2).charged(2),
    money("PLN", "Zloty", 2).charged(2).at_least(200),
    money("PYG", "Guarani", 0).charged(0),
    money("QAR", "Qatari Rial", 2).charged(2),
    money("RON", "Romanian Leu", 2).charged(2).at_least(200),
    money("RSD", "Serbian Dinar", 2).charged(2),
    money("RUB", "Russian Ruble", 2).charged(2),
    money("RWF", "Rwanda Franc", 0).charged(0),
    money("SAR", "Saudi Riyal", 2).charged(2),
    money("SBD", "Solomon Islands Dollar", 2).charged(2),
    money("SCR", "Seychelles Rupee", 2).charged(2),
    money("SDG", "Sudanese Pound", 2),
    money("SEK", "Swedish Krona", 2).charged(2).at_least(300),
    money("SGD", "Singapore Dollar", 2).charged(2).at_least(50),
    money("SHP", "Saint Helena Pound", 2).charged(2),
    money("SLE", "Leone", 2).charged(2),
    withdrawn("SLL", "Leone", 2, "SLE"),
    money("SOS", "Somali Shilling", 2).charged(2),
    money("SRD", "Surinam Dollar", 2).charged(2),
    money("SSP", "South Sudanese Pound", 2),
    withdrawn("STD", "Dobra", 2, "STN"),
    money("STN", "Dobra", 2),
    money("SVC", "El Salvador Colon", 2),
    money("SYP", "Syrian Pound", 2),
    money("SZL", "Lilangeni", 2).charged(2),
    money("THB", "Baht", 2).charged(2).at_least(1_000),
    money("TJS", "Somoni", 2).charged(2),
    money("TMT", "Turkmenistan New Manat", 2),
    money("TND", "Tunisian Dinar", 3).charged(3).in_steps_of(10),
    money("TOP", "Pa’anga", 2).charged(2),
    money("TRY", "Turkish Lira", 2).charged(2),
    money("TTD", "Trinidad and Tobago Dollar", 2).charged(2),
    money("TWD", "New Taiwan Dollar", 2).charged(2),
    money("TZS", "Tanzanian Shilling", 2).charged(2),
    money("UAH", "Hryvnia", 2).charged(2),
    money("UGX", "Uganda Shilling", 0).charged(2),
    money("USD", "US Dollar", 2).charged(2).at_least(50),
    unit("USN", "US Dollar (Next day)", 2),
    unit("UYI", "Uruguay Peso en Unidades Indexadas (UI)", 0),
    money("UYU", "Peso Uruguayo", 2).charged(2),
    unit("UYW", "Unidad Previsional", 4),
    money("UZS", "Uzbekistan Sum", 2).charged(2),
    money("VED", "Bolívar Soberano", 2),
    withdrawn("VEF", "Bolivar", 2, "VES"),
    money("VES", "Bolívar Soberano", 2),
    money("VND", "Dong", 0).charged(0),
    money("VUV", "Vatu", 0).charged(0),
    money("WST", "Tala", 2).charged(2),
    unit("XAD", "Arab Accounting Dinar", 2),
    money("XAF", "CFA Franc BEAC", 0).charged(0),
    reserved("XAG", "Silver"),
    reserved("XAU", "Gold"),
    reserved("XBA", "Bond Markets Unit European Composite Unit (EURCO)"),
    reserved("XBB", "Bond Markets Unit European Monetary Unit (E.M.U.-6)"),
    reserved("XBC", "Bond Markets Unit European Unit of Account 9 (E.U.A.-9)"),
    reserved("XBD", "Bond Markets Unit European Unit of Account 17 (E.U.A.-17)"),
    money("XCD", "East Caribbean Dollar", 2).charged(2),
    money("XCG", "Caribbean Guilder", 2).charged(2),
    reserved("XDR", "SDR (Special Drawing Right)"),
    money("XOF", "CFA Franc BCEAO", 0).charged(0),
    reserved("XPD", "Palladium"),
    money("XPF", "CFP Franc", 0).charged(0),
    reserved("XPT", "Platinum"),
    reserved("XSU", "Sucre"),
    reserved("XTS", "Codes specifically reserved for testing purposes"),
    reserved("XUA", "ADB Unit of Account"),
    reserved("XXX", "The codes assigned for transactions where no currency is involved"),
    money("YER", "Yemeni Rial", 2).charged(2),
    money("ZAR", "Rand", 2).charged(2),
    money("ZMW", "Zambian Kwacha", 2).charged(2),
    money("ZWG", "Zimbabwe Gold", 2),
    withdrawn("ZWL", "Zimbabwe Dollar", 2, "ZWG"),
];

/// The index of a code in the table.
pub(super) fn position(code: &str) -> Option<usize> {
    TABLE.binary_search_by(|row| row.code.cmp(code)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// List one as SIX published it on 1 January 2026 for ISO: code, minor units, name.
    const LIST_ONE: &str = include_str!("iso-4217-2026-01-01.tsv");

    /// <https://docs.stripe.com/currencies#presentment-currencies>, without ANG, BGN and STD, which ISO has withdrawn,
    /// and with the currencies of three decimals, which accounts in some countries have.
    const CHARGED: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF \
        CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS \
        INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN \
        MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS \
        SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW";

    fn codes(is: impl Fn(&Row) -> bool) -> String {
        TABLE.iter().filter(|row| is(row)).map(|row| row.code).collect::<Vec<_>>().join(" ")
    }

    fn charge(code: &str) -> Charge {
        TABLE[position(code).unwrap()].charge.unwrap()
    }

    #[test]
    fn the_table_is_list_one_of_iso_4217_of_2026_and_what_was_withdrawn() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        let current = TABLE.iter().filter(|row| !matches!(row.standing, Standing::Withdrawn(_)));
        let written = current.map(|row| match row.standing {
            Standing::Reserved => format!("{}\tN.A.\t{}\n", row.code, row.name),
            _ => format!("{}\t{}\t{}\n", row.code, row.decimals, row.name),
        });
        assert_eq!(written.collect::<String>(), LIST_ONE);
        assert_eq!(LIST_ONE.lines().count(), 178);
        assert_eq!(codes(|row| matches!(row.standing, Standing::Withdrawn(_))), "ANG BGN CUC HRK MRO SLL STD VEF ZWL");
    }

    #[test]
    fn funds_units_of_account_metals_and_tests_are_no_money() {
        assert_eq!(codes(|row| row.standing == Standing::Unit), "BOV CHE CHW CLF COU MXV USN UYI UYW XAD");
        let reserved = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX";
        assert_eq!(codes(|row| row.standing == Standing::Reserved), reserved);
        assert_eq!(TABLE.iter().filter(|row| row.standing == Standing::Money).count(), 155);
    }

    #[test]
    fn what_was_withdrawn_has_a_successor_that_is_money() {
        for row in &TABLE {
            let Standing::Withdrawn(successor) = row.standing else { continue };
            let successor = &TABLE[position(successor).unwrap()];
            assert_eq!(successor.standing, Standing::Money, "{} became {}", row.code, successor.code);
        }
    }

    #[test]
    fn stripe_charges_the_currencies_of_its_list() {
        assert_eq!(codes(|row| row.charge.is_some()), CHARGED);
        assert_eq!(CHARGED.split_whitespace().count(), 137);
        assert!(TABLE.iter().all(|row| row.charge.is_none() || row.standing == Standing::Money));
    }

    #[test]
    fn stripe_counts_as_iso_4217_does_with_three_exceptions() {
        let of = |decimals| codes(|row| row.charge.is_some_and(|charge| charge.decimals == decimals));
        // UGX is on Stripe's list of zero-decimal currencies, too; the special case that it also is says how it is
        // sent.
        assert_eq!(of(0), "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF");
        assert_eq!(of(3), "BHD JOD KWD OMR TND");
        assert_eq!(codes(|row| row.charge.is_some_and(|charge| charge.decimals != row.decimals)), "ISK MGA UGX");
    }

    #[test]
    fn amounts_go_in_steps_where_stripe_has_fewer_digits() {
        assert_eq!(codes(|row| row.charge.is_some_and(|charge| charge.step != 1)), "BHD JOD KWD MGA OMR TND");
        assert_eq!((charge("KWD").step, charge("TND").step, charge("MGA").step), (10, 10, 100));
    }

    #[test]
    fn limits_are_those_of_stripe_in_our_units() {
        let limits = |code: &str| (charge(code).minimum, charge(code).maximum);
        assert_eq!(limits("USD"), (50, 99_999_999));
        assert_eq!(limits("GBP"), (30, 99_999_999));
        assert_eq!(limits("JPY"), (50, 9_999_999_999));
        assert_eq!(limits("HUF"), (17_500, 9_999_999_999));
        assert_eq!(limits("COP"), (1, 9_999_999_999));
        assert_eq!(limits("LBP"), (1, 99_999_999_999));
        assert_eq!(limits("IDR"), (1, 999_999_999_999));
        assert_eq!(limits("INR"), (50, 999_999_999));
        // 99,999,999 hundredths of a krona, of which only whole kronur can be charged.
        assert_eq!((limits("ISK"), limits("UGX")), ((1, 999_999), (1, 999_999)));
        // 99,999,999 ariary, which ISO 4217 counts in hundredths.
        assert_eq!(limits("MGA"), (100, 9_999_999_900));
        assert_eq!(limits("KWD"), (10, 99_999_990));
        let stated = codes(|row| row.charge.is_some_and(|charge| charge.minimum != charge.step));
        let list = "AED AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF INR JPY MXN MYR NOK NZD PLN RON SEK SGD THB USD";
        assert_eq!(stated, list);
        for row in &TABLE {
            let Some(Charge { step, minimum, maximum, .. }) = row.charge else { continue };
            assert!(0 < minimum && minimum < maximum && maximum <= super::super::MAX_AMOUNT, "{}", row.code);
            assert_eq!((minimum % step, maximum % step), (0, 0), "{}", row.code);
        }
    }
}
