//! The locales of tags without a region or with a script: data after CLDR's likely subtags.

/// The locale of each language without a region. Sorted.
#[rustfmt::skip]
pub(super) const LANGUAGES: [&str; 198] = [
    "aa_ET", "af_ZA", "agr_PE", "ak_GH", "am_ET", "an_ES", "anp_IN", "ar_EG", "as_IN", "ast_ES", "ayc_PE", "az_AZ",
    "be_BY", "bem_ZM", "ber_MA", "bg_BG", "bhb_IN", "bho_IN", "bi_VU", "bn_BD", "bo_CN", "br_FR", "brx_IN", "bs_BA",
    "byn_ER", "ca_ES", "ce_RU", "chr_US", "cmn_TW", "crh_UA", "cs_CZ", "csb_PL", "cv_RU", "cy_GB", "da_DK", "de_DE",
    "doi_IN", "dsb_DE", "dv_MV", "dz_BT", "el_GR", "en_US", "eo", "es_ES", "et_EE", "eu_ES", "fa_IR", "ff_SN",
    "fi_FI", "fil_PH", "fo_FO", "fr_FR", "fur_IT", "fy_NL", "ga_IE", "gd_GB", "gez_ET", "gl_ES", "gu_IN", "gv_GB",
    "ha_NG", "hak_TW", "he_IL", "hi_IN", "hif_FJ", "hne_IN", "hr_HR", "hsb_DE", "ht_HT", "hu_HU", "hy_AM", "ia_FR",
    "id_ID", "ig_NG", "ik_CA", "is_IS", "it_IT", "iu_CA", "ja_JP", "ka_GE", "kab_DZ", "kk_KZ", "kl_GL", "km_KH",
    "kn_IN", "ko_KR", "kok_IN", "ks_IN", "ku_TR", "kw_GB", "ky_KG", "lb_LU", "lg_UG", "li_NL", "lij_IT", "ln_CD",
    "lo_LA", "lt_LT", "lv_LV", "lzh_TW", "mag_IN", "mai_IN", "mfe_MU", "mg_MG", "mhr_RU", "mi_NZ", "miq_NI", "mjw_IN",
    "mk_MK", "ml_IN", "mn_MN", "mni_IN", "mnw_MM", "mr_IN", "ms_MY", "mt_MT", "my_MM", "nan_TW", "nb_NO", "nds_DE",
    "ne_NP", "nhn_MX", "niu_NU", "nl_NL", "nn_NO", "no_NO", "nr_ZA", "nso_ZA", "oc_FR", "om_ET", "or_IN", "os_RU",
    "pa_IN", "pap_CW", "pl_PL", "ps_AF", "pt_BR", "quz_PE", "raj_IN", "ro_RO", "ru_RU", "rw_RW", "sa_IN", "sah_RU",
    "sat_IN", "sc_IT", "sd_IN", "se_NO", "sgs_LT", "shn_MM", "shs_CA", "si_LK", "sid_ET", "sk_SK", "sl_SI", "sm_WS",
    "so_SO", "sq_AL", "sr_RS", "ss_ZA", "st_ZA", "sv_SE", "sw_TZ", "szl_PL", "ta_IN", "tcy_IN", "te_IN", "tg_TJ",
    "th_TH", "the_NP", "ti_ET", "tig_ER", "tk_TM", "tl_PH", "tn_ZA", "to_TO", "tpi_PG", "tr_TR", "ts_ZA", "tt_RU",
    "ug_CN", "uk_UA", "unm_US", "ur_PK", "uz_UZ", "ve_ZA", "vi_VN", "wa_BE", "wae_CH", "wal_ET", "wo_SN", "xh_ZA",
    "yi_US", "yo_NG", "yue_HK", "yuw_PG", "zh_CN", "zu_ZA",
];

/// glibc's names of scripts: a modifier of a locale's name, or another locale.
pub(super) const SCRIPTS: [(&str, &str); 5] =
    [("Cyrl", "cyrillic"), ("Deva", "devanagari"), ("Hans", "zh_CN"), ("Hant", "zh_TW"), ("Latn", "latin")];

/// Locales of areas larger than a country (UN M.49), and of a name that glibc has replaced.
pub(super) const AREAS: [(&str, &str); 4] =
    [("en_001", "en_GB"), ("en_150", "en_GB"), ("es_419", "es_MX"), ("no_NO", "nb_NO")];

#[cfg(test)]
mod tests {
    use pure_rust_locales::Locale;

    use super::*;

    #[test]
    fn every_language_is_sorted_and_has_a_locale() {
        assert!(LANGUAGES.windows(2).all(|pair| pair[0] < pair[1]));
        let replaced = |name| AREAS.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| *to);
        for name in LANGUAGES.map(replaced).iter().chain(AREAS.iter().map(|(_, to)| to)) {
            assert!(Locale::try_from(*name).is_ok(), "{name}");
        }
    }
}
