/// Credentials that are known by how they start. Prefix and length as their issuers document them, or as gitleaks' rules have them.
struct CredentialRule: Sendable {
    enum Alphabet: Sendable {
        case token, alphanumeric, hex, upper
    }

    let prefix: [UInt8]
    let alphabet: Alphabet
    /// The least bytes behind the prefix.
    let minimum: Int
    /// The body has digits and letters: else it is rather a name.
    var isMixed = true

    init(_ prefix: String, _ minimum: Int, _ alphabet: Alphabet = .token, isMixed: Bool = true) {
        self.prefix = Array(prefix.utf8)
        self.minimum = minimum
        self.alphabet = alphabet
        self.isMixed = isMixed
    }

    func allows(_ byte: UInt8) -> Bool {
        switch alphabet {
        case .token: byte.isTokenByte
        case .alphanumeric: byte.isAlphanumeric
        case .hex: byte.isHexDigit
        case .upper: byte.isDigit || byte &- 0x41 < 26
        }
    }

    /// The rules by first byte; most bytes have none.
    static let byFirstByte: [[CredentialRule]] = {
        var table = [[CredentialRule]](repeating: [], count: 256)
        for rule in all { table[Int(rule.prefix[0])].append(rule) }
        return table
    }()

    private static let all: [CredentialRule] = [
        // OpenAI, Anthropic, OpenRouter, DeepSeek and others
        .init("sk-", 20), .init("sess-", 40, .alphanumeric), .init("gsk_", 40, .alphanumeric), .init("xai-", 40, .alphanumeric),
        .init("pplx-", 40, .alphanumeric), .init("r8_", 30, .alphanumeric), .init("hf_", 30, .alphanumeric),
        .init("api_org_", 30, .alphanumeric),
        .init("nvapi-", 50), .init("fw_", 20, .alphanumeric), .init("tgp_v1_", 30), .init("lsv2_pt_", 30), .init("jina_", 50),
        // Google
        .init("AIza", 35), .init("GOCSPX-", 20),
        // AWS
        .init("AKIA", 16, .upper, isMixed: false), .init("ASIA", 16, .upper, isMixed: false), .init("ABIA", 16, .upper, isMixed: false),
        .init("ACCA", 16, .upper, isMixed: false), .init("A3T", 17, .upper), .init("ABSK", 90, .alphanumeric),
        // GitHub, GitLab, Atlassian
        .init("ghp_", 36, .alphanumeric), .init("gho_", 36, .alphanumeric), .init("ghu_", 36, .alphanumeric),
        .init("ghs_", 36, .alphanumeric),
        .init("ghr_", 36, .alphanumeric), .init("github_pat_", 50), .init("glpat-", 20), .init("gldt-", 20), .init("glrt-", 20),
        .init("glcbt-", 20), .init("glptt-", 20), .init("glsoat-", 20), .init("glimt-", 20), .init("glagent-", 20), .init("gloas-", 20),
        .init("glffct-", 20), .init("GR1348941", 20), .init("ATATT3", 60), .init("ATCTT3", 60), .init("ATBB", 32, .alphanumeric),
        // Slack, Discord, Telegram are in Credential too
        .init("xoxb-", 16), .init("xoxp-", 16), .init("xoxa-", 16), .init("xoxr-", 16), .init("xoxs-", 16), .init("xoxe-", 16),
        .init("xapp-", 16),
        .init("xoxo-", 16), .init("xoxc-", 16), .init("xoxd-", 16),
        // Payments
        .init("sk_live_", 16, .alphanumeric), .init("sk_test_", 16, .alphanumeric), .init("rk_live_", 16, .alphanumeric),
        .init("rk_test_", 16, .alphanumeric), .init("sk_prod_", 16, .alphanumeric), .init("rk_prod_", 16, .alphanumeric),
        .init("whsec_", 24),
        .init("sq0atp-", 20), .init("sq0csp-", 40), .init("EAAA", 56), .init("shpat_", 32, .hex), .init("shpss_", 32, .hex),
        .init("shpca_", 32, .hex), .init("shppa_", 32, .hex), .init("access_token-production-", 32), .init("APP_USR-", 30),
        // Twilio, mail
        .init("SK", 32, .hex), .init("AC", 32, .hex), .init("key-", 32, .hex), .init("xkeysib-", 60), .init("xsmtpsib-", 60),
        // Packages
        .init("npm_", 36, .alphanumeric), .init("pypi-", 50), .init("rubygems_", 48, .hex), .init("cio", 32, .alphanumeric),
        .init("oy2", 43, .alphanumeric),
        .init("dckr_pat_", 20), .init("dckr_oat_", 20),
        // Data, hosting, monitoring
        .init("sbp_", 40, .hex), .init("sb_secret_", 20), .init("dop_v1_", 64, .hex), .init("doo_v1_", 64, .hex),
        .init("dor_v1_", 64, .hex),
        .init("dapi", 32, .hex), .init("pscale_tkn_", 32), .init("pscale_pw_", 32), .init("pscale_oauth_", 32), .init("HRKU-", 36),
        .init("rnd_", 24, .alphanumeric), .init("cfut_", 30), .init("cfat_", 30), .init("FlyV1", 40), .init("fo1_", 40), .init("tfp_", 40),
        .init("glsa_", 32), .init("glc_", 32), .init("sntrys_", 40), .init("sntryu_", 40), .init("NRAK-", 27, .upper),
        .init("NRJS-", 19, .hex),
        .init("phc_", 40, .alphanumeric), .init("phx_", 40, .alphanumeric), .init("dp_pt_", 40), .init("pul-", 40, .hex),
        .init("PMAK-", 50),
        .init("lin_api_", 40, .alphanumeric), .init("ntn_", 40, .alphanumeric), .init("secret_", 43, .alphanumeric), .init("figd_", 40),
        .init("AGE-SECRET-KEY-1", 58, .upper), .init("CFPAT-", 43), .init("EZAK", 54, .alphanumeric), .init("EZTK", 54, .alphanumeric),
        .init("hvs", 90), .init("duffel_live_", 43), .init("shippo_live_", 40, .hex), .init("patv1", 40), .init("AQVN", 35),
        .init("t1", 60),
        .init("LTAI", 20, .alphanumeric), .init("AKID", 32, .alphanumeric), .init("YCAJ", 30), .init("pnu_", 36, .alphanumeric),
        .init("tk-us-", 40), .init("ops_ey", 200), .init("rpa_", 40, .alphanumeric), .init("sgp_", 40), .init("e2b_", 40, .hex),
    ]
}
