import Scrubbing
import Testing

/// Credentials, keys and assignments; brackets as in ``NumbersTests``. Values are made up to the issuers' forms.
@Suite("Kinds: secrets")
struct SecretsTests {
    private static let hex32 = "0123456789abcdef0123456789abcdef"
    private static let word36 = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"
    private static let word43 = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0uV"
    private static let word64 = hex32 + hex32

    @Test(
        "credentials that are known by their form",
        arguments: [
            "key [sk-proj-\(word43)T3BlbkFJ\(word43)]", "[sk-ant-api03-\(word43)\(word43)AA],", "[AIzaSy\(word43.prefix(33))]",
            "[GOCSPX-\(word43.prefix(28))]", "[ya29.a0\(word43)]",
            "[AKIAZZZZZZZZZZZZZZZZ]", "id=[ASIAY34FZKBOKMUTVV7A]", "[abc8Q~\(word36.prefix(34))]", "[ghp_\(word36)]",
            "[ask_\(word43.prefix(32))_0a1B2c]", "[github_pat_\(word43)\(word43)]", "[glpat-\(word43.prefix(20))]",
            "[glpat-\(word43.prefix(27)).01.0a1b2c3d4]", "[xoxb-123456789012-1234567890123-\(word43.prefix(24))]",
            "[xapp-1-A0123456789-1234567890123-\(word64)]",
            "[https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/\(word43.prefix(24))]", "[sk_live_\(word43.prefix(24))]",
            "[rk_test_\(word43.prefix(24))]", "[whsec_\(word43.prefix(32))]",
            "[SK\(hex32)]", "[AC\(hex32)]", "[SG.\(word43.prefix(22)).\(word43)]", "//registry.npmjs.org/:_authToken=[npm_\(word36)]",
            "[pypi-AgEIcHlwaS5vcmc\(word43)\(word43)]",
            "[hf_abcdefghijklmnopqrstuvwxyzabcdefgh]", "[sbp_\(hex32)01234567]",
            "[v1.0-\(hex32.prefix(24))-\(word64)\(word64)012345678901234567]", "[110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0]",
            "[MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs]",
            "[https://discord.com/api/webhooks/123456789012345678/\(word64)abcd]", "[\(hex32)-us12]", "[dop_v1_\(word64)]",
            "[dapi\(hex32)]",
            "[lin_api_\(word43.prefix(40))]", "[PMAK-\(hex32.prefix(24))-\(hex32)01]", "[dp.pt.\(word43)]",
            "[hvs.\(word43)\(word43)\(word43.prefix(9))]", "[0a1B2c3D4e5F6g.atlasv1.\(word43)\(word43.prefix(24))]",
            "[glsa_\(word43.prefix(32))_0123abcd]", "[NRAK-ABCDEFGHIJKLMNOPQRSTUVWXY01]", "[sq0csp-\(word43)]", "[shpat_\(hex32)]",
            "[ATATT3xFfGF0\(word64)\(word64)=0123ABCD]", "[sl.\(word43)\(word43)\(word43)\(word43.prefix(9))]",
            "[gsk_\(word43)\(word43.prefix(9))]", "[xai-\(word43)\(word36)0]", "[pplx-\(word43)abcde]", "[r8_\(word36)x]",
            "[AGE-SECRET-KEY-1QQPQ5X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHC2Q]", "[patABCDEFGHIJ0123.\(word64)]",
            "[A3-ABC123-ABCDEFGH012-ABC12-ABC12-ABC12]", "[AKCp\(word43)\(word43.prefix(26))]", "[rubygems_\(hex32)\(hex32.prefix(16))]",
            "[EAAAE\(word43)\(word43.prefix(16))]", "[secret_\(word43)]",
            "[dt0c01.ABCDEFGHIJKLMNOPQRST0123.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVWXYZ234567]", "[squ_\(hex32)01234567]",
            "[key-3ax6xnjp29jd6fds4gc373sgvjxteol0]", "pass [oauth:xk3j9slq2vbn8mp4rty7wz1cxk3j9s]", "[er_live_\(word36)]",
            "[sk.eyJ1IjoiYWJjZGVmZ2giLCJhIjoiY2p4eXoxMjM0NTY3ODkwYWJjZGVmIn0.Xk3J9sLq2VbN8mP4RtY7wZ]",
            "[prtapi_3f8a1c9e7b5d2f4a6c8e0b1d3f5a7c9e]", "key-of-a-longer-name-than-others-are", "oauth:authorizationcodeandimplicits",
            "sk-learn-contrib-with-many-words", "ghp_tooshort", "AKIAshort", "xoxb-", "550e8400-e29b-41d4-a716-446655440000",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4", "npm_config_registry_and_others_long_name",
            "sk-abcdefghijklmnopqrstuvwxyz", "key-value-store-for-everything-2024-edition",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA", "hf_transformers_pipeline_documentation",
            "SGxlbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0",
        ])
    func forms(marked: String) { check(marked, "SECRET") }

    @Test(
        "values assigned to names of credentials",
        arguments: [
            "password=[hunter2!]", "db_password: \"[Correct-Horse]\"", "\"api_key\": \"[a8Fk20xPq17Zm4Lw]\"", "my_password='[s3cr3tV@lue]'",
            "PGPASSWORD=[abc12345] psql", "export DB_PASS=[q1w2e3r4]",
            "discordApiToken := \"[\(hex32)]\"", "asana_secret ::= \"[\(hex32)]\"", "token => '[\(hex32)]'", "secret ?= \"[\(hex32)]\"",
            "$apiToken .= \"[\(hex32)]\"", "<apiToken>[\(hex32)]</apiToken>", "var authToken: String = \"[\(hex32)]\"",
            "{\\\"client_secret\\\": \\\"[\(hex32)]\\\"}", "--password [hunter2pass]", "--api-key=[\(hex32)]", "--token [\(word36)]",
            "Authorization: Bearer [\(word36)]", "Authorization: Basic [dXNlcjpwYXNzd29yZA==]",
            "x-api-key: [\(hex32)]", "my password is [Tr0ub4dor&3].", "la contraseña es [Secreta99], ¿vale?", "contraseña: [Secreta99]",
            "clave=[abc123xyz]", "senha: [minh4senha]", "Passwort: [geheim123]", "mot de passe : [azerty123]",
            "Server=db;User Id=sa;Password=[secret];", "jdbc:mysql://h/db?user=root&password=[secret]",
            "AccountKey=[Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6==];", "username: root\npassword: [root1]",
            "login: snoopy pass: [brown]", "password: [12345678]",
            "aws_secret_access_key = [wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]", "password_hash = '[$2b$12$abcdefghijklmnopqrstuv]'",
            "SECRET_KEY_BASE=[\(word64)]".replacing("_BASE", with: ""), "config.password = '[x9Kd02mA]'",
            "https://acc.blob.core.windows.net/c?sv=2022&sig=[a8Fk20xPq17Zm4LwA8Fk20xPq17Zm4Lw%3D]",
            "REDIS_PASSWORD: '[p@55]w0rd]'".replacing("p@55]w0rd", with: "p@55w0rd"), "my api key is [\(word36)]",
            "heroku_api_key: [550e8400-e29b-41d4-a716-446655440000]",
            "password: required", "password = getPassword()", "password=$PASSWORD", "password: \"<secret>\"", "Password: please enter it",
            "token: string", "api_key=os.environ", "passing: 12345678a", "password=****", "password: \"{{ db_password }}\"",
            "PASS: binutils-all/pr21231a", "public_key = \"\(hex32)\"", "password: str = Field()", "password is required",
            "the password must be 8 characters", "token_type: bearer12345678", "password reset link", "primary_key: id12345678901",
            "passwd=${PASS1}",
            "secretary: Maria99", "max_tokens: 4096", "\"tokens\": 12345678901234", "keyboard: a8Fk20xPq17Zm4Lw",
            "const key = 'some-translation-key-2'", "auth: false", "#define set_encrypt_key nettle_aes128_set_encrypt_key",
            "token = self.token2",
        ])
    func assignments(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "credentials in URLs",
        arguments: [
            "https://[username:password]@yelp.com", "postgres://[user:s3cr3t]@db/x", "mongodb+srv://[u:p4ss]@c0.mongodb.net",
            "redis://[:s3cr3t]@localhost:6379", "amqp://[guest:guest]@mq", "jdbc:postgresql://[u:p]@h/db", "ftp://[a:b%40c]@h.org",
            "postgresql+psycopg2://[user:p]@db/x", "https://example.com:8080/a@b", "http://${USER}:${PASS}@host",
            "https://user@example.com", "git@github.com:org/repo.git", "ssh://git@github.com/x", "http://user:***@host",
            "https://medium.com/@user:x",
        ])
    func urls(marked: String) { check(marked, "URL_CREDENTIALS") }

    @Test(
        "tokens and keys",
        arguments: [
            "JWT:[eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U].",
            "JWT:Cookie [eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0].", "JWT:eyJhbGciOiJIUzI1NiJ9", "JWT:eyJ.eyJ.x",
            "PRIVATE_KEY:[-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----]\n",
            "PRIVATE_KEY:[-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdG\n=AbCd\n-----END PGP PRIVATE KEY BLOCK-----]",
            "PRIVATE_KEY:\"[-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----]\\n\"",
            // Google's service accounts.
            "PRIVATE_KEY:{\"type\": \"service_account\", \"private_key\": \"[-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----]\\n\", \"x\": 1}",
            "PASSWORD:{\"type\": \"service_account\", \"private_key_id\": \"[\(hex32)01234567]\", \"project_id\": \"acme\"}",
            "PRIVATE_KEY:[-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3Bl\r\n-----END OPENSSH PRIVATE KEY-----]",
            "PRIVATE_KEY:-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
            "PRIVATE_KEY:-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "PRIVATE_KEY:----- BEGIN -----",
            "PRIVATE_KEY:[-----BEGIN EC PRIVATE KEY-----]",
        ])
    func keys(marked: String) { checkNamed(marked) }
}
