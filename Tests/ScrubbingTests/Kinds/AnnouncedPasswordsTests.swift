import Scrubbing
import Testing

/// Passwords behind a word for them, and what stands there instead; brackets as in ``NumbersTests``. Values are made up.
@Suite("Kinds: passwords behind a word for them")
struct AnnouncedPasswordsTests {
    private static let mixed = "YXNkRmZmWmZt_QmVpc3BpZWw"
    private static let base64 = "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x1C="

    @Test(
        "in any case, as an argument, a default or an option",
        arguments: [
            "define('DB_PASSWORD', '[hunter2!x]');", "define(\"static_password02\", \"[escrito1]\", true);",
            "os.getenv(\"PASSWORD\", \"[escrito5]\")", "SMTP_PASS = '[escrito5]'", "if password == f\"[escrito1]\":",
            "app.secret_key = b'[q1W2e3R4t5Y6]'", "API_TOKEN=${API_TOKEN:-[\(mixed)9]}", "ENV DB_PASSWORD [hunter2x]",
            "curl --tlspassword [\(mixed)] https://x.org", "wget --password=[\(mixed)] https://x.org", "keytool -storepass [abretesesamo]",
            "mysqladmin -u root password [S3cret9]", "ALTER USER postgres WITH PASSWORD '[s3creta9]';", "DRONE_TOKEN=[\(mixed)]",
            "define('DB_PASSWORD', 'password_here');", "os.getenv(\"PASSWORD\", \"\")", "define(\"dynamic_password\", load_password());",
            "API_TOKEN=${API_TOKEN:-}", "curl --tlspassword https://localhost", "the --password option and the --password flag",
            "wget --user=admin --password= https://localhost", "ENV DB_PASSWORD $DB_PASSWORD",
        ])
    func arguments(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "in configurations and in sentences",
        arguments: [
            "requirepass [abretesesamo]", "requirepass \"[abrete]\"", "machine x.org login ana password [abrete]",
            "machine x.org\n\tlogin ana\n\tpassword [abrete]", "default login anonymous password [abrete]",
            "username root\npassword [crickets]", "enable password 7 [094F471A1A0A]", "username ana password 7 [0822455D0A16]",
            "the password is \"[centipede]\" and", "The default Password is '[arandano]'", "password         = \"[arandano]\"",
            "<entry key=\"db.password\">[arandano7]</entry>", "userPassword: [{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3]",
            "{\"Authorization\": \"Bearer [q1W2e3R4t5Y6]\"}", "'Authorization' => 'Basic [anVhbjpzM2NyZXQ=]'",
            "PrivateKey = [\(base64)]", "PASS = '[123QWERasdf]'",
            "requirepass <password>", "# requirepass is off", "login with password authentication", "PASS: test_login2", "pass the salt",
            "the password is \"required\"", "Authorization: Basic realm", "a class password",
        ])
    func announced(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "what stands in a value's place is none",
        arguments: [
            "password: %DB_PASSWORD%", "password=@PASSWORD@\n", "password=__PASSWORD__\n", "MasterUserPassword: !Ref 'MasterUserPassword'",
            "- DB_PASSWORD=DB_PASSWORD\n", "webhookApiSecret: ZENDESK_WEBHOOK_API_SECRET", "echo 'DATABASE_PASSWORD=\"'$PRECOMPILED'\"'",
            "\"password\": \"&lt;YOURPASSWORD&gt;\"", "put '/forgot-password' => \"cms/sites/passwords#update\"",
            "IAMUserChangePassword = \"arn:aws:iam::aws:policy/IAMUserChangePassword\"", "this.addPassword = \"#add-password\";",
            "passwordLabel:\"Password:\"", "format_password = \"prefix_{}\".format(x)",
            "{\"login\": login, \"password\": new_password, \"x\": 1}",
            "ProjectKey: h4rdc0dedOkay02", "api_key=\"INSERT_API_KEY_HERE\"", "secret: \"REPLACE_ME\"",
        ])
    func standIns(text: String) { check(text, "PASSWORD") }
}
