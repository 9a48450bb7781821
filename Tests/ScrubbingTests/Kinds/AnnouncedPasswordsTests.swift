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
        "arguments of commands",
        arguments: [
            "URL_CREDENTIALS:curl -u [ana:s3creta9] https://x.es", "URL_CREDENTIALS:curl -k --proxy-user \"[ana:S3cret!9]\" https://x.es",
            "URL_CREDENTIALS:curl -s -u[ana:s3creta9] x.es", "URL_CREDENTIALS:curl --user=[ana:abretesesamo] x.es",
            "PASSWORD:mysql -u root -p[s3creto] shop", "PASSWORD:mysql -uroot -p'[S3cret!o]' -e 'select 1'",
            "PASSWORD:docker login -u ana -p [s3creta9] r.io", "PASSWORD:podman login -u=ana -p=[s3creta9]",
            "PASSWORD:az login --service-principal -u app -p [s3creta9]", "PASSWORD:sshpass -p '[abrete]' ssh ana@h",
            "PASSWORD:redis-cli -h h -a [s3creta9] ping", "PASSWORD:sqlcmd -S srv -U sa -P [S3cret!9]",
            "PASSWORD:psexec.exe \\\\h -u Administrator -p [dev_admin] cmd",
            "PASSWORD:mysql -u root -p shop", "PASSWORD:mysql -u root -p$DB_PASS", "PASSWORD:mkdir -p src/main2/java",
            "PASSWORD:docker run -p 8080:80 nginx1", "PASSWORD:docker login -u ana -p <token>",
            "PASSWORD:docker login -u ana --password-stdin",
            "URL_CREDENTIALS:curl -u $USER:$PASS https://x.es", "URL_CREDENTIALS:curl -u username:password https://x.es",
            "URL_CREDENTIALS:curl -u admin: https://x.es", "URL_CREDENTIALS:docker run -u 1000:1000x image",
            "PASSWORD:psexec -u u -p %nothing%",
        ])
    func commands(marked: String) { checkNamed(marked) }

    @Test(
        "hashes of passwords",
        arguments: [
            "[$1$OKgLCmVl$d02jECa4DXn/oXX0R.MoQ/]", "[$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW]",
            "root:[$6$52450745$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/]:18000:0:99999:7:::",
            "[$5$rounds=5000$GX7BopJZJxPc/KEK$le16UF8I2Anb.rOrn22AUPWvzUETDGefUmAV8AZkGcD]", "ana:[$apr1$7fK2pQ9z$kJ3mN5pR7tV9xB1dF3hJ5/]",
            "[$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b7Qq3bHYrL4Yx1mDLBDVAPYzqA]",
            "[pbkdf2_sha256$260000$abcDEF123456$k2j3h4k5j6h7k8j9h0k1j2h3k4j5h6k7j8h9k0j1h2k=]",
            "echo $1$2$3", "US$5$6 or $10$", "$1$short$short", "awk '{print $2$10$12}'",
        ])
    func hashes(marked: String) { check(marked, "PASSWORD") }

    @Test("the secret beside an AWS key's identifier needs no name")
    func besideIdentifier() {
        let secret = "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0"
        for gap in [",", " ", ":", "\n", "\", \"", "'\n  '"] { check("[AKIAZZZZZZZZZZZZZZZZ]\(gap)[\(secret)]", "SECRET") }
        check("[AKIAZZZZZZZZZZZZZZZZ] and then \(secret)", "SECRET")
        check("AKIAZZZZ,\(secret)", "SECRET")
    }

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
