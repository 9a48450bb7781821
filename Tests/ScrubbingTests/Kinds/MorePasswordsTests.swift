import Scrubbing
import Testing

/// Passwords in statements, in configurations and in forms of their own; brackets as in ``NumbersTests``. Values are made up.
@Suite("Kinds: passwords in statements and configurations")
struct MorePasswordsTests {
    private static let hex32 = "0123456789abcdef0123456789abcdef"

    @Test(
        "statements of databases",
        arguments: [
            "CREATE USER ana IDENTIFIED BY '[s3cret]';", "CREATE USER 'ana'@'localhost' IDENTIFIED BY '[abretesesamo]';",
            "ALTER USER 'root'@'%' IDENTIFIED WITH mysql_native_password BY '[Tr0ub4dor]';", "create user scott identified by [tiger];",
            "GRANT ALL ON *.* TO 'ana'@'%' IDENTIFIED BY \"[hunter2x]\";", "CREATE ROLE app LOGIN PASSWORD '[letmein]';",
            "CREATE USER app WITH ENCRYPTED PASSWORD '[letmein]';",
            "ALTER ROLE app WITH PASSWORD '[abretesesamo]' VALID UNTIL '2030-01-01';",
            "CREATE LOGIN app WITH PASSWORD = '[letmein1]';", "SET PASSWORD FOR 'ana'@'h' = PASSWORD('[letmein1]');",
            "CREATE USER app IDENTIFIED EXTERNALLY;", "the file is identified by a checksum", "rows are identified by 'id'",
            "it is identified by its name", "ALTER ROLE app PASSWORD NULL;", "CREATE USER app IDENTIFIED BY '${PASS}';",
            "CREATE USER app IDENTIFIED BY '<password>';", "unidentified by 'abretesesamo'",
        ])
    func statements(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "configurations",
        arguments: [
            "\"password\": \"[*xHx!9U63yS*QkZy]\"", "\"password\": \"***kZy\"",
            "masterauth [abretesesamo]\nport 6379", "masterauth \"[s3cr3tpw]\"\n", "db.example.com:5432:app:ana:[s3cr3t9]\n",
            "#host\nlocalhost:5432:*:postgres:[abretesesamo]\nx", "_auth=[dXNlcjpwYXNzd29yZA==]",
            "//r.example.com/:_password=\"[c2VjcmV0cGFzcw==]\"",
            "*:*:*:postgres:[abretesesamo]\n", "db.example.com:*:app:ana:[s3cr3t9]", "nobody:*:-2:-2:Nobody\n",
            "daemon:*:19000:0:99999:7:::\n",
            "cpe:2.3:a:vendor:product:*:*\n", "//npm.example.com/:_authToken=[0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d]",
            "{\"auths\":{\"https://x\":{\"auth\":\"[YW5hOnMzY3JldDk=]\"}}}",
            "variable \"db_password\" {\n  default = \"[S3cr3t!9]\"\n}", "  password             = \"[abretesesamo]\"",
            "api_token: |\n  [\(hex32)]", "api_token: >-\n  [\(hex32)]", "<apiToken>\n    [\(hex32)]\n</apiToken>",
            "<entry><key>apiToken</key><value>[\(hex32)]</value></entry>", "<key>apiToken</key>\n\t<string>[\(hex32)]</string>",
            "kind: Secret\ndata:\n  password: [MWYyZDFlMmU2N2Rm]", "ana:[{SHA}5en6G6MezRroT3XKqkdPOmYBfQ12=]",
            "masterauth is a directive of Redis", "masterauth <password>\n", "main.c:5431:a:b:error\n".replacing(":a:b", with: " a b"),
            "x.py:1234:dict:key:value\n", "at 10:5432:17:18", "variable \"region\" {\n  default = \"eu-west-1a\"\n}",
            "<key>name</key><string>\(hex32)</string>", "api_token: |\n\n", "ana:{SHA}short",
        ])
    func configurations(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "what is piped into chpasswd",
        arguments: [
            "RUN echo 'root:[toor99]' | chpasswd", "echo root:[s3cret] | chpasswd", "echo \"ana:[Passw0rd]\" | sudo chpasswd",
            "echo -e ana1:[letmein]|chpasswd", "echo ana:[12345678] | /usr/sbin/chpasswd -e", "echo user:name | wc -l",
            "echo 'root:$PASS' | chpasswd", "see host:port | chpasswd", "echo root:s3cret > file", "echo ana:abc | chpasswd",
        ])
    func piped(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "literals and comparisons in other languages, and values that begin as templates do",
        arguments: [
            "NSString *password = @\"[hunter22]\";", "var apiKey = $\"[q9w8e7r6t5y4u3]\";", "if (password != \"[s3cretpw1]\")",
            "\"password\": \"[{{q}r)t${w-kup(odv>-_$#x}}]\"",
            "my_password=[{{q}r)t${w-kup(odv>-_$#x}}]", "password: \"{{ vault_password }}\"", "password={{password}}",
            "token: {{ .Values.token }}", "secret: \"{{ lookup('env', 'S') }}\"", "password != null",
            "password={{cookiecutter.db_pass|default('x')}}",
        ])
    func literals(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "keys and salts of WordPress",
        arguments: [
            "define('AUTH_KEY',         '[put9#kJ!sd8&^lksd!0923lkjsdLKJ#@()*lkj2l3kjASD98]');",
            "define( 'SECURE_AUTH_KEY',  '[:@f8W|k+K#y-aB Q7;<Xz{1&dk2!e~P6?rJ^LmN%uT,o.c]' );",
            "define('LOGGED_IN_SALT', '[Xk-9 vQ|h2T+rZ{8yB!w&0mNc^5uLs*J~e@1aGd#3pFo$7i]');",
            "define('AUTH_KEY',         'put your unique phrase here');", "define('CACHE_KEY', 'a.plain.cache.key.of.many.words.2024');",
            "define('WP_DEBUG', false);", "define('NONCE_KEY', '');", "FOO_SALT, 'x'",
        ])
    func salts(marked: String) { check(marked, "PASSWORD") }

    @Test(
        "commands and URLs",
        arguments: [
            "PASSWORD:htpasswd -b file ana [s3cret9]", "PASSWORD:htpasswd -bc f ana [abretesesamo]",
            "PASSWORD:openssl enc -aes-256-cbc -k [s3cret9x]", "PASSWORD:smbclient -U ana%[s3cret9x] //h/x",
            "PASSWORD:htpasswd -b file ana", "PASSWORD:ls -b file ana s3cret9x", "PASSWORD:openssl req -key server.key",
            "PASSWORD:smbclient -U ana //h/x",
            "URL_CREDENTIALS:jdbc:oracle:thin:[scott/tiger]@//host:1521/svc", "URL_CREDENTIALS:postgresql://[ana:p@ss]@h/db",
            "URL_CREDENTIALS:https://[ana:s3@cr3t]@h/x", "URL_CREDENTIALS:a/b@c.example.com", "URL_CREDENTIALS:path/scott/tiger@host",
        ])
    func commands(marked: String) { checkNamed(marked) }

    @Test(
        "private keys of SSH2",
        arguments: [
            "[---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\nP2/56wAAAgIAAAAm\n---- END SSH2 ENCRYPTED PRIVATE KEY ----]",
            "[---- BEGIN SSH2 PRIVATE KEY ----\nP2/56wAA\n---- END SSH2 PRIVATE KEY ----]\n",
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3\n---- END SSH2 PUBLIC KEY ----", "---- BEGIN ----", "---- a line ----",
        ])
    func keys(marked: String) { check(marked, "PRIVATE_KEY") }

    @Test(
        "credentials of more issuers",
        arguments: [
            "[snyk_uat.0a1b2c3d.0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0uV]", "[1000.\(hex32).\(hex32)]",
            "[api-550e8400-e29b-41d4-a716-446655440000]",
            "[sk-lf-550e8400-e29b-41d4-a716-446655440000]", "[access_token$production$0a1b2c3d4e5f6g7h$\(hex32)]",
            "[vck_0a1B2c3D4e5F6g7H8i9J0k1L2m3N]",
            "[AGE-SECRET-KEY-PQ-1QQPQ5X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHC2Q]",
            "[SWMTKN-1-0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0u1v2w3x4y-0a1b2c3d4e5f6g7h8i9j0k1l2]",
            "[pk_44456760_ASOO4JFGD76BW3VBWO3VCK2X4XIXX35X]", "[xnd_production_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0uV]",
            "[signkey-prod-\(hex32)\(hex32)]", "[crsr_\(hex32)\(hex32)]", "[key_\(hex32)\(hex32)]",
            "[bce-v3/ALTAK-3NGDo5jpHOfPaZzXiYzhV/\(hex32)01234567]",
            "[sc_0a1B2c3D4e5F6g7H8i9J.abc1.acc-0a1B2c3D4e5F.0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R]", "[mlsn.\(hex32)\(hex32)]",
            "[\(hex32)\(hex32.prefix(20).uppercased())JQQJ99BCAC5RqLJXJ3w3AAAAACOGA1B2]",
            "api-gateway-service-with-several-words-01", "sdk-for-something-else-entirely-20240101",
            "key_of_something_that_is_long_and_has_64_bytes_in_it_0123456789ab",
            "user_profile_picture_url_with_a_very_long_name_that_goes_on_and_on_01", "live_update_of_the_dashboard_0123456789abcdef",
            "pk_orders_20240101_customers_products_idx", "sk_learn_extra_features_and_more_01", "md-list-item-text-with",
            "b_this_is_a_long_identifier_with_44_bytes_0123",
            "1000.000.000", "cr-0123456789",
        ])
    func issuers(marked: String) { check(marked, "SECRET") }
}
