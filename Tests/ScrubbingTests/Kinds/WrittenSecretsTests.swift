import Scrubbing
import Testing

/// How secrets are written down: in code, manifests, commands and markup; brackets as in ``NumbersTests``. Values are made up.
@Suite("Kinds: secrets as they are written down")
struct WrittenSecretsTests {
    private static let hex32 = "0123456789abcdef0123456789abcdef"
    private static let word27 = "0a1B2c3D4e5F6g7H8i9J0k1L2m3"
    private static let word36 = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"
    private static let guid = "550e8400-e29b-41d4-a716-446655440000"

    @Test(
        "a value beside the name that it belongs to",
        arguments: [
            "<add key=\"Password\" value=\"[S3cr3t!9]\" />", "<input type='password' value='[hunter2!]'>",
            "- name: DB_PASSWORD\n  value: \"[S3cr3t!9]\"", "- name: API_TOKEN\n  value: [\(word36)]",
            "{\"name\":\"DB_PASSWORD\",\"value\":\"[S3cr3t!9]\"}", "{\"name\": \"db_password\", \"value\": \"[S3cr3t!9]\"}",
            "\"password\":{\"value\":\"[S3cr3t!9]\"}", "{\\\"name\\\":\\\"DB_PASSWORD\\\",\\\"value\\\":\\\"[S3cr3t!9]\\\"}",
            "- name: LOG_LEVEL\n  value: debug-2024", "<input type=\"text\" value=\"S3cr3t!9\">",
            "{\"name\":\"key\",\"value\":\"abc123!x\"}",
            "password\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nvalue: S3cr3t!9", "- name: DB_PASSWORD\n  valueFrom: S3cr3t!9",
            "name: DB_PASSWORD\nvalue: $(cat /run/secret)", "- name: DB_PASSWORD\n  value: \"{{ .Values.password }}\"",
        ])
    func values(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "arguments",
        arguments: [
            "client.setPassword(\"[hunter2!]\")", "builder.password('[Tr0ub4dor&3]')", "new Password(\"[r0sebud1]\")",
            "define('db_password', '[Tr0ub4dor&3]');", "env(\"db_password\",\"[hunter2!]\")",
            "aws configure set aws_secret_access_key [wJalrXUtnFEMI/K7MDENG/bPx9fiCY2z1MPLEKEY]", "the token is [aBCDeFGhIJkLMNoPQRsTUVw9]",
            "findElement(By.id(\"password\"))", "getPassword(\"db.password\")", "(\"password\", \"username\")",
            "t('password', 'Your password: 1')",
            "setPassword(user.password)", "validatePassword(\"short\")", "password(\"hunter2!')", "the token is someVeryLongNameOfAThing9",
            "my_first_token someVeryLongNameOfAThing9",
        ])
    func arguments(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "sessions, and keys that are one word with their service",
        arguments: [
            "Cookie: session=[\(word36)]", "sessionid=[\(hex32)]; Path=/", "Set-Cookie: sid=[\(hex32)]; HttpOnly", "PHPSESSID=[\(hex32)]",
            "session_id: \"[\(guid)]\"", "_gitlab_session=[\(hex32)]", "algoliakey = \"[\(hex32)]\"", "twitterkey: '[\(word36)]'",
            "session: 2024-05-06T10:11:12", "?sid=827389&lang=en", "session=12", "monkey: business", "hotkey = \"ctrl+shift+alt+meta+7\"",
            "publickey = \"\(hex32)\"", "cachekey: 'user-profile-by-region-2024'", "sid: S-1-5-21-3623811015-3361044348-30300820-1013",
            "session_start_time: 1700000000000000000000",
        ])
    func sessions(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "names that end as no other one does",
        arguments: [
            "cookie=[\(word27)]", "session_cookie: \"[\(word27)]\"", "accesskeyid=[\(word27)]", "contraseñas: [S3cr3t!9]",
            "clave de api = [\(word27)]", "clave_secreta=[\(word27)]", "cred: [\(word27)]", "hatred: \(word27)",
            "Cookie: theme=dark-2024-05",
        ])
    func endings(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "newer forms of credentials",
        arguments: [
            "[hvs.\(word36.prefix(24))]", "vault [s.\(word36.prefix(24))]", "key [1//0\(word36)-\(word27)]",
            "[AQ.Ab8RN6\(word36)]", "[vercel_blob_rw_\(word36)]", "[wandb_v1_\(word36)\(word27)]",
            "[bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t]",
            "[sntrys_eyJpYXQiOjE3\(word36)\(word27)_\(word36)]", "[glpat-abcDEFghiJKLmnoPQRst]", "[sm_aat_aBcDeFgHiJkLmNoP]",
            "[amzn.mws.\(guid)]", "[0/1234567890123456:\(hex32)]", "[aio_\(word27)4]", "[da2-\(hex32.prefix(26))]",
            "[AVNS_\(word27.prefix(19))]",
            "[akab-\(word27.prefix(16))-\(word27.prefix(16))]", "[NRRA-\(hex32)0123456789]", "[SCW0123ABCD4567EFGH8]",
            "[duffel_live_\(word36)=ab_cd-e]", "[123456789012345|\(word27)]", "AAAA1234567:[APA91b\(word36)\(word36)\(word36)]",
            "[https://contoso.webhook.office.com/webhookb2/\(guid)@\(guid)/IncomingWebhook/\(hex32)/\(guid)]",
            "this.s.replaceAllTheOccurrences", "s.abcdefghijklmnopqrstuvwx", "glpat-your-token-goes-here", "1//0",
            "123456789012345|short", "https://contoso.webhook.office.com/webhookb2/short", "https://x.office.com/webhookb2/\(guid)@\(guid)",
            "vercel_blob_rw_yourtokengoeshereplease", "re_someFunctionNameInCamelCase", "12345678901234567890|\(word27)",
        ])
    func forms(marked: String) { check(marked, "SECRET") }
}
