/// Credentials that are known by how they start. Prefix, alphabet and length as their issuers document them, or as the public secret
/// scanners agree on them.
struct CredentialRule: Sendable {
    /// What the bytes behind the prefix must have, so that a name or a placeholder is not taken for a credential.
    enum Floor: Sendable {
        case none
        /// Digits and letters; or capitals and small letters in a mix that no words have.
        case mixed
        /// At least ten different bytes.
        case varied
        /// Digits and letters, and sixteen bytes or more without a hyphen: no words with hyphens between them.
        case unhyphenated
        /// Digits, capitals and small letters.
        case random
        /// A UUID, and nothing behind it.
        case uuid
    }

    /// A part behind a separator: `.` and 43 bytes.
    struct Tail: Sendable {
        let separator: UInt8
        let minimum: Int
        let alphabet: ASCIISet
        var isOptional = false
    }

    /// Bytes before the run that the prefilter notices, up to a `.`, `~` or `/`: `SG.`; empty for most.
    let lead: StaticString
    let prefix: StaticString
    let alphabet: ASCIISet
    /// How many bytes stand behind the prefix.
    let length: ClosedRange<Int>
    let floor: Floor
    let tail: Tail?
    let secondTail: Tail?

    init(
        _ prefix: StaticString, _ minimum: Int, _ alphabet: ASCIISet = .token, most: Int = Limits.token, floor: Floor = .mixed,
        lead: StaticString = "",
        tails: [Tail] = []
    ) {
        self.lead = lead
        self.prefix = prefix
        self.alphabet = alphabet
        length = minimum...most
        self.floor = floor
        tail = tails.first
        secondTail = tails.dropFirst().first
    }

    /// The rules without a lead by first byte; most bytes have none.
    static let byFirstByte = ByteTable(all + newer) { $0.prefix.utf8Start[0] }

    /// A rule's prefix may start with these three bytes: false for most.
    @inline(__always)
    static func mayStart(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Bool {
        beginnings[Int(first & 31) << 5 | Int(second & 31)] &>> UInt32(third & 31) & 1 != 0
    }

    /// By the lower five bits of a prefix's first two bytes, a bit for those of its third one; all of them where there is none.
    private static let beginnings: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 1024)
        for rule in all + newer {
            let prefix = rule.prefix.utf8Start
            table[Int(prefix[0] & 31) << 5 | Int(prefix[1] & 31)] |= rule.prefix.utf8CodeUnitCount > 2 ? 1 << UInt32(prefix[2] & 31) : .max
        }
        return table
    }()

    /// The rules with a lead by the byte before its last one.
    static let byLead = ByteTable(led) { $0.lead.utf8Start[$0.lead.utf8CodeUnitCount - 2] }

    private static let led: [CredentialRule] = [
        .init("", 22, most: 22, floor: .varied, lead: "SG.", tails: [dot(43)]),  // SendGrid
        .init("", 24, lead: "hvs."), .init("", 24, lead: "hvb."), .init("", 24, lead: "hvr."),
        .init("", 24, .alphanumeric, most: 24, floor: .random, lead: "s."),  // HashiCorp Vault
        .init("Ab8RN6", 30, lead: "AQ."), .init("0", 40, lead: "1//"),  // Google
        .init("", 30, .dotted, lead: "ya29."),  // Google OAuth
        .init("", 100, lead: "sl."),  // Dropbox
        .init("", 40, .alphanumeric, lead: "dp.pt."), .init("", 40, .alphanumeric, lead: "dp.st."),
        .init("", 40, .alphanumeric, lead: "dp.ct."),
        .init("", 40, .alphanumeric, lead: "dp.sa."), .init("", 40, .alphanumeric, lead: "dp.scim."),
        .init("", 40, .alphanumeric, lead: "dp.audit."),
        .init("0-", 150, lead: "v1."),  // Cloudflare Origin CA
        .init("", 24, .alphanumeric, most: 24, lead: "dt0c01.", tails: [dot(64, .alphanumeric)]),
        .init("", 24, .alphanumeric, most: 24, lead: "dt0s01.", tails: [dot(64, .alphanumeric)]),
        .init("", 22, most: 22, lead: "pat.", tails: [dot(24, .alphanumeric), dot(20, .alphanumeric)]),  // Harness
        .init("", 22, most: 22, lead: "sat.", tails: [dot(24, .alphanumeric), dot(20, .alphanumeric)]),
        .init("", 43, lead: "sha256~"),  // OpenShift
        .init("", 60, floor: .varied, lead: "pk.", tails: [dot(22, .alphanumeric)]),
        .init("", 60, floor: .varied, lead: "sk.", tails: [dot(22, .alphanumeric)]),  // Mapbox
        .init("eyJ1Ijoi", 40, lead: "pk.", tails: [dot(22)]), .init("eyJ1Ijoi", 40, lead: "sk.", tails: [dot(22)]),
        .init("", 30, .lower, most: 30, lead: "oauth:"),  // Twitch
        .init("", 40, lead: "t1."),  // Yandex
        .init("", 36, most: 36, lead: "amzn.mws."),
        .init("", 16, .hex, most: 16, floor: .none, lead: "0/", tails: [asana]),
        .init("", 16, .hex, most: 16, floor: .none, lead: "1/", tails: [asana]),
        .init("", 20, lead: "eyJ0eXAiOiAiVENWMiJ9.", tails: [dot(20)]),  // TeamCity
        .init("", 40, .alphanumeric, lead: "dp.st.dev."), .init("", 40, .alphanumeric, lead: "dp.st.stg."),
        .init("", 40, .alphanumeric, lead: "dp.st.prd."),
        .init("", 32, lead: "api_live."), .init("", 32, lead: "api_sandbox."),  // Onfido
        .init("", 40, lead: "dsapi."), .init("", 30, lead: "st."),
        .init("", 66, .dotted, most: 66, floor: .varied, lead: "SG."), .init("", 60, lead: "mlsn."), .init("", 100, lead: "sl.u."),
        .init("", 40, .hex, most: 40, lead: "v1."), .init("", 60, lead: "k8s-aws-v1."),
        .init("ALTAK-", 16, .alphanumeric, lead: "bce-v3/", tails: [Tail(separator: UInt8(ascii: "/"), minimum: 40, alphabet: .hex)]),
        .init("eyJ", 40, lead: "p.", tails: [dot(20)]),  // Tinybird
    ]

    /// A colon and the secret behind an Asana client's or user's number.
    private static let asana = Tail(separator: UInt8(ascii: ":"), minimum: 32, alphabet: .hex)

    private static func dot(_ minimum: Int, _ alphabet: ASCIISet = .token, isOptional: Bool = false) -> Tail {
        Tail(separator: UInt8(ascii: "."), minimum: minimum, alphabet: alphabet, isOptional: isOptional)
    }

    private static let all: [CredentialRule] = [
        // Model providers: OpenAI, Anthropic, OpenRouter, DeepSeek and others
        .init("sk-", 20, floor: .unhyphenated), .init("sess-", 40, .alphanumeric), .init("gsk_", 40, .alphanumeric),
        .init("xai-", 40, .alphanumeric), .init("pplx-", 40, .alphanumeric), .init("r8_", 30, .alphanumeric),
        .init("hf_", 30, .alphanumeric, floor: .varied), .init("api_org_", 30, .alphanumeric, floor: .varied), .init("nvapi-", 50),
        .init("fw_", 20, .alphanumeric), .init("tgp_v1_", 30), .init("lsv2_pt_", 30), .init("lsv2_sk_", 30), .init("jina_", 50),
        .init("wandb_v1_", 40),
        .init("csk-", 40, .alphanumeric), .init("pcsk_", 40), .init("esecret_", 30), .init("fc-", 32, .hex), .init("tvly-", 28),
        .init("BSA", 28),
        .init("llx-", 48, .alphanumeric), .init("sk_", 48, .hex, most: 48), .init("napi_", 60, .alphanumeric), .init("bb_live_", 22),
        .init("pa-", 40, floor: .unhyphenated), .init("voyage-", 40, floor: .unhyphenated),
        // This gateway
        .init(
            "ask_", 32, .alphanumeric, most: 32,
            tails: [Tail(separator: UInt8(ascii: "_"), minimum: 6, alphabet: .alphanumeric)]),
        // Google
        .init("AIza", 35), .init("GOCSPX-", 20), .init("APA91b", 100),
        // AWS and other clouds
        .init("AKIA", 16, .upper, most: 16, floor: .none), .init("ASIA", 16, .upper, most: 16, floor: .none),
        .init("ABIA", 16, .upper, most: 16, floor: .none), .init("ACCA", 16, .upper, most: 16, floor: .none),
        .init("AGPA", 16, .upper, most: 16), .init("AIDA", 16, .upper, most: 16), .init("AROA", 16, .upper, most: 16),
        .init("AIPA", 16, .upper, most: 16), .init("ANPA", 16, .upper, most: 16), .init("ANVA", 16, .upper, most: 16),
        .init("da2-", 26, .lower, most: 26), .init("A3T", 17, .upper, most: 17), .init("ABSK", 90, .base64),
        .init("bedrock-api-key-", 28, .base64),
        .init("LTAI", 16, .alphanumeric),
        .init("AKID", 32, .alphanumeric), .init("YCAJ", 30), .init("YCMj", 30), .init("AQVN", 35), .init("ocid1-", 60),
        .init("ALTAK", 40), .init("AKLT", 40, .alphanumeric), .init("SCW", 17, .upper, most: 17), .init("EXO", 24, .alphanumeric, most: 24),
        .init("y0_", 50), .init("ucat_", 26, .upper), .init("akab-", 33, floor: .unhyphenated), .init("AVNS_", 19, most: 19),
        // GitHub, GitLab, Bitbucket and Atlassian
        .init("ghp_", 36, .alphanumeric), .init("gho_", 36, .alphanumeric), .init("ghu_", 36, .alphanumeric),
        .init("ghs_", 36, .alphanumeric), .init("ghr_", 36, .alphanumeric), .init("github_pat_", 50), .init("gitlab_session", 32),
        .init("glpat-", 20, tails: [dot(2, .lower, isOptional: true), dot(7, .lower, isOptional: true)]), .init("gldt-", 20),
        .init("glft-", 20),
        .init("glrt-", 20, tails: [dot(2, .lower, isOptional: true), dot(7, .lower, isOptional: true)]), .init("glrtr-", 20),
        .init("glcbt-", 20),
        .init("glwt-", 20), .init("gitlab_runner_", 20), .init("glptt-", 20), .init("glsoat-", 20), .init("glimt-", 20),
        .init("glagent-", 20), .init("gloas-", 20), .init("glffct-", 20),
        .init("GR1348941", 20),
        .init("ATATT3", 60, tails: [equals]), .init("ATCTT3", 60, tails: [equals]), .init("ATBB", 32, .alphanumeric),
        // Slack
        .init("xoxb-", 16), .init("xoxp-", 16), .init("xoxa-", 16), .init("xoxr-", 16), .init("xoxs-", 16), .init("xoxe-", 16, .dotted),
        .init("xapp-", 16), .init("xoxo-", 16), .init("xoxc-", 16), .init("xoxd-", 16, .dotted),
        // Payments and shops
        .init("sk_live_", 10, .alphanumeric), .init("sk_test_", 10, .alphanumeric), .init("rk_live_", 10, .alphanumeric),
        .init("rk_test_", 10, .alphanumeric), .init("sk_prod_", 10, .alphanumeric), .init("rk_prod_", 10, .alphanumeric),
        .init("whsec_", 24, .base64),
        .init("sq0atp-", 20), .init("sq0csp-", 40), .init("EAAA", 22), .init("EAAM", 80), .init("EAAC", 80), .init("EAAG", 80),
        .init("EAAB", 80),
        .init("shpat_", 32, .hex), .init("shpss_", 32, .hex), .init("shpca_", 32, .hex), .init("shppa_", 32, .hex),
        .init("shptka_", 32, .hex),
        .init("access_token-production-", 32), .init("access_token-sandbox-", 32), .init("access-production-", 36),
        .init("access-sandbox-", 36),
        .init("sk_live_", 32), .init("sk_test_", 32), .init("pk_test_", 24, .alphanumeric), .init("sq0idp-", 22), .init("skapi_", 30),
        .init("live_", 30, .alphanumeric, floor: .random), .init("rzp_test_", 14, .alphanumeric), .init("pdl_sdbx_apikey_", 20),
        .init("pdl_live_apikey_", 20), .init("polar_oat_", 30), .init("polar_pat_", 30), .init("ramp_sec_", 40),
        .init("access-development-", 36), .init("APP_USR-", 30), .init("FLWSECK_TEST-", 12), .init("FLWSECK-", 32),
        .init("FLWPUBK_TEST-", 32),
        .init("EZAK", 54, .alphanumeric), .init("EZTK", 54, .alphanumeric), .init("duffel_live_", 43, .dotted),
        .init("duffel_test_", 43, .dotted),
        .init("shippo_live_", 40, .hex), .init("shippo_test_", 40, .hex), .init("rzp_live_", 14, .alphanumeric), .init("amzn1-mws-", 30),
        .init("live_", 35, .hex), .init("test_", 35, .hex), .init("pk_live_", 24, .alphanumeric), .init("paystack_", 40),
        .init("pdl_live_", 40),
        // Telephony and mail
        .init("SK", 32, .hex, most: 32), .init("AC", 32, .hex, most: 32), .init("key-", 32, .hex), .init("pubkey-", 32, .hex),
        .init("xkeysib-", 60),
        .init("xsmtpsib-", 60), .init("KEY0", 40), .init("re_", 20), .init("mlsn-", 50),
        // Packages and images
        .init("npm_", 36, .alphanumeric), .init("pypi-", 50), .init("rubygems_", 48, .hex), .init("cio", 32, .alphanumeric, most: 32),
        .init("oy2", 43, .alphanumeric), .init("dckr_pat_", 20), .init("dckr_oat_", 20), .init("CLOJARS_", 60, .alphanumeric),
        .init("AKCp", 60, .alphanumeric), .init("AP", 64, .alphanumeric, most: 90), .init("cmVmd", 55, .alphanumeric),
        .init("CCIPRJ_", 40), .init("tss_", 32, .alphanumeric), .init("ion_", 42, .lower), .init("exp_", 40, .alphanumeric),
        // Data and hosting
        .init("sbp_", 40, .hex), .init("sb_secret_", 20), .init("dop_v1_", 64, .hex), .init("doo_v1_", 64, .hex),
        .init("dor_v1_", 64, .hex),
        .init("dapi", 32, .hex, tails: [Tail(separator: UInt8(ascii: "-"), minimum: 1, alphabet: .hex, isOptional: true)]),
        .init("pscale_tkn_", 32, .dotted),
        .init("pscale_pw_", 32, .dotted), .init("pscale_oauth_", 32, .dotted), .init("HRKU-", 36), .init("rnd_", 24, .alphanumeric),
        .init("cfut_", 30),
        .init("cfat_", 30), .init("cfk_", 30), .init("FlyV1", 40), .init("fo1_", 40), .init("fm1r_", 80, .base64),
        .init("fm1a_", 80, .base64),
        .init("fm2_", 80, .base64), .init("tfp_", 40, .dotted), .init("nfp_", 36), .init("nfc_", 36), .init("vcp_", 24),
        .init("vercel_blob_rw_", 20),
        .init("4b1d", 38, .alphanumeric, most: 38),
        .init("dnkey-", 60, .dotted), .init("pat", 14, .alphanumeric, most: 14, floor: .none, tails: [dot(64, .hex)]), .init("fnAE", 36),
        .init("CCDB1_", 40), .init("mdb_sa_sk_", 40), .init("dkea", 32, .hex), .init("dose", 32, .hex), .init("xau_", 30, .alphanumeric),
        .init("vtwn_", 28, .alphanumeric), .init("zpka_", 40), .init("aio_", 28, .alphanumeric, most: 28), .init("cio_", 32),
        // Monitoring
        .init("glsa_", 32), .init("glc_", 32, .base64), .init("eyJrIjoi", 60, .base64),
        .init("sntrys_", 40, .base64, tails: [Tail(separator: UInt8(ascii: "_"), minimum: 20, alphabet: .base64, isOptional: true)]),
        .init("sntryu_", 40),
        .init("NRAK-", 27, .upper), .init("NRJS-", 19, .hex), .init("NRII-", 32), .init("NRAA-", 27),
        .init("NRRA-", 42, .hex), .init("NRIQ-", 32), .init("NRSP-", 37), .init("xaat-", 36), .init("xapt-", 36),
        .init("hcaik_", 58, .lower), .init("hcxik_", 58, .lower),
        .init("dG9rO", 54, .base64, most: 60), .init("lmb_", 40),
        .init("persona_production_", 30), .init("persona_sandbox_", 30), .init("phc_", 40, .alphanumeric),
        .init("phx_", 40, .alphanumeric), .init("squ_", 40), .init("sqp_", 40), .init("sqa_", 40), .init("ddpat_", 40), .init("hlx_", 40),
        // Secrets, work and design tools
        .init("dp_pt_", 40), .init("pul-", 40, .hex), .init("PMAK-", 50), .init("PMAT-", 26), .init("lin_api_", 32, .alphanumeric),
        .init("lin_oauth_", 32, .alphanumeric), .init("ntn_", 40, .alphanumeric), .init("secret_", 43, .alphanumeric), .init("figd_", 40),
        .init("AGE-SECRET-KEY-1", 58, .upper), .init("age-secret-key-1", 58, .lower), .init("CFPAT-", 43), .init("patv1", 40),
        .init("pnu_", 36, .alphanumeric),
        .init("tk-us-", 40), .init("ops_ey", 200), .init("rpa_", 40, .alphanumeric), .init("sgp_", 40), .init("sgd_", 40),
        .init("e2b_", 40, .hex),
        .init("A3-", 32, .token), .init("p8e-", 32, .lower), .init("ico-", 32, .alphanumeric), .init("rdme_", 60, .lower),
        .init("fio-u-", 60),
        .init("s-s4t2ud-", 64, .hex), .init("s-s4t2af-", 64, .hex), .init("pat-na1-", 36), .init("pat-eu1-", 36),
        .init("API-", 26, .upper, most: 26),
        .init("apify_api_", 36, .alphanumeric), .init("tskey-", 20), .init("buildkite_", 40), .init("bkua_", 40, .hex),
        .init("CCIPAT_", 40),
        .init("figo_", 40), .init("figdr_", 40), .init("ATTA", 72, .alphanumeric, most: 72), .init("slk_", 64, .hex), .init("cnvca", 48),
        .init("bkpt_", 40), .init("bkaj_", 40), .init("pina_", 32, .alphanumeric), .init("samsara_api_", 30, .alphanumeric),
        .init("rootly_", 64, .hex), .init("ctp_", 30), .init("secret-live-", 32), .init("secret-test-", 32), .init("ptk_", 30),
        .init("dvc_server_", 30), .init("wrkaus-", 40), .init("lip_", 40),
        .init("ubkey_", 22), .init("ory_at_", 40), .init("whop_", 40), .init("waka_", 36), .init("EAAI", 80),
        .init("ZXlKaGJHY2lPaUp", 40, .base64),
        .init("sm_aat_", 16, .alphanumeric), .init("sm_pat_", 16, .alphanumeric), .init("sm_sat_", 16, .alphanumeric),
        .init("cal_live_", 32), .init("mmk_", 40),
        .init("hooks_", 60), .init("AAAAAAAAAAAAAAAAAAAAAA", 60, .percent),
    ]

    /// Newer ones, in the order of their prefixes.
    private static let newer: [CredentialRule] = [
        .init("6Lc", 37, most: 37, floor: .random), .init("6Ld", 37, most: 37, floor: .random), .init("6Le", 37, most: 37, floor: .random),
        .init("6Lf", 37, most: 37, floor: .random), .init("a9_", 32, .alphanumeric, most: 40), .init("aact_", 40),
        .init("AGE-SECRET-KEY-PQ-1", 58, .upper), .init("AIK_CI_", 40, .alphanumeric), .init("AIK_SECRET_", 40, .alphanumeric),
        .init("ak-", 22, .alphanumeric, most: 22, floor: .random), .init("as-", 22, .alphanumeric, most: 22, floor: .random),
        .init("api-", 36, most: 36, floor: .uuid),
        .init("api_", 22, .alphanumeric, most: 22, floor: .random, tails: [dot(22, .alphanumeric)]),
        .init("apik_", 40), .init("APKA", 16, .upper, most: 16), .init("AQE", 60, .base64, floor: .random),
        .init("ASCA", 16, .upper, most: 16), .init("authress_", 60, .dotted), .init("b_", 44, most: 44, floor: .random),
        .init("BBFF-", 30, .alphanumeric), .init("BBUS-", 30, .alphanumeric), .init("bkct_", 40), .init("con_", 64, .hex),
        .init("cr-", 58, .hex, most: 58), .init("crsr_", 64, .hex), .init("ctx7sk-", 36), .init("ctx7sk_", 32),
        .init("db-", 29, .alphanumeric, most: 29, floor: .random), .init("ddo_", 36, .alphanumeric), .init("ddp_", 36, .alphanumeric),
        .init("ddw_", 36, .alphanumeric), .init("er_live_", 20, .alphanumeric), .init("esecret_", 26), .init("essa_", 40, .base64),
        .init("essu_", 40, .base64),
        .init("ext_", 60, .dotted), .init("figdh_", 40), .init("figu_", 40), .init("flb_live_", 20, .alphanumeric),
        .init("gAAAAA", 80, floor: .random), .init("gta_", 40, .hex), .init("hcalk_", 58, .lower), .init("IGQV", 80),
        .init("jca_", 36, .alphanumeric), .init("key-", 32, .lower, most: 32), .init("key_", 64, .hex), .init("live_", 32, .hex),
        .init("live_", 40, most: 42, floor: .random),
        .init("ls__", 32, .hex, most: 32), .init("lsxs_pt_", 32, .alphanumeric), .init("luma-", 60), .init("m0-", 40, .alphanumeric),
        .init("MA", 18, .upper, most: 18), .init("SA", 18, .upper, most: 18), .init("md-", 22, most: 22, floor: .random),
        .init("mka_", 40, .alphanumeric), .init("mob-", 36, most: 36, floor: .uuid), .init("msy_", 40, .alphanumeric),
        .init("NF-", 32, .alphanumeric, most: 32), .init("nfb_", 36, .alphanumeric), .init("nfo_", 36, .alphanumeric),
        .init("nfu_", 36, .alphanumeric), .init("nk-", 43, floor: .unhyphenated), .init("nyk_v0_", 40, .alphanumeric),
        .init("prtapi_", 32, .hex, most: 32), .init("salad_cloud_user_", 40), .init("ory_ac_", 32), .init("ory_pat_", 32),
        .init("ory_rt_", 32), .init("ory_st_", 32), .init("permit_key_", 60, .alphanumeric),
        .init("phs_", 40, .alphanumeric), .init("pk-helicone-", 28), .init("pk-lf-", 36, most: 36, floor: .uuid),
        .init("pk_", 34, .hex, most: 34),
        .init("pk_", 7, .digits, most: 9, floor: .none, tails: [Tail(separator: UInt8(ascii: "_"), minimum: 32, alphabet: .upper)]),
        .init("pl_", 32, .hex, most: 32), .init("pnb_", 36, .alphanumeric), .init("pub-c-", 36, most: 36, floor: .uuid),
        .init("pylf_v1_eu_", 40), .init("pylf_v1_us_", 40), .init("pylf_v2_eu_", 40), .init("pylf_v2_us_", 40), .init("qov_", 40),
        .init("retool_01", 30), .init("sandbox-sq0atb-", 22), .init("sandbox-sq0csb-", 22), .init("sbp_oauth_", 40, .hex),
        .init("sbp_v0_", 40, .hex), .init("sc_", 60, .dotted), .init("scauth_", 60, .dotted), .init("sdk-", 36, most: 36, floor: .uuid),
        .init("seam_", 24, .alphanumeric), .init("sec-c-", 40, .base64), .init("secret-", 40, .alphanumeric, most: 60, floor: .random),
        .init("signkey-branch-", 64, .hex), .init("signkey-prod-", 64, .hex), .init("signkey-test-", 64, .hex),
        .init("sk", 80, .alphanumeric, most: 220, floor: .random), .init("sk-helicone-", 28), .init("sk-lf-", 36, most: 36, floor: .uuid),
        .init("sk_", 24, .alphanumeric, most: 40), .init("sk_", 43, most: 43, floor: .random), .init("sk_1x1_", 64, .hex),
        .init("sk_2x2_", 64, .hex), .init("sk_3x3_", 64, .hex), .init("sk_5x5_", 64, .hex), .init("sk_dev_", 40),
        .init("sk_org_", 30), .init("sk_sbox_", 26, .lower), .init("spu-", 32, .hex), .init("sub-c-", 36, most: 36, floor: .uuid),
        .init("SWMKEY-1-", 40, .base64), .init("SWMTKN-1-", 50), .init("TEST-", 60, floor: .unhyphenated), .init("test_", 32, .hex),
        .init("testsk_", 32, .alphanumeric), .init("thog-agent-", 40, .hex), .init("tr_dev_", 20, .alphanumeric),
        .init("tr_pat_", 20, .alphanumeric), .init("tr_preview_", 20, .alphanumeric), .init("tr_prod_", 20, .alphanumeric),
        .init("tr_stg_", 20, .alphanumeric), .init("unkey_", 20, .alphanumeric), .init("up_", 29, .alphanumeric, most: 29, floor: .random),
        .init("user_", 64, most: 64, floor: .random), .init("vca_", 24, .alphanumeric), .init("vci_", 24, .alphanumeric),
        .init("vck_", 24, .alphanumeric), .init("vcr_", 24, .alphanumeric), .init("ww-", 50, .alphanumeric),
        .init("xnd_development_", 40, .alphanumeric), .init("xnd_production_", 40, .alphanumeric),
    ]

    /// `=` and a check sum behind it.
    private static let equals = Tail(separator: UInt8(ascii: "="), minimum: 8, alphabet: .hex, isOptional: true)
}
