/// Certificates for tests of TLS on loopback: a root, a leaf for `localhost` and one for another name, both with one key. The root's key was never
/// kept. Valid from 2020 to 2120.
enum TestCertificates {
    static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBojCCAUegAwIBAgIBATAKBggqhkjOPQQDAjA3MTUwMwYDVQQDDCxBZ2VudFNo
        aWVsZCB0ZXN0IHJvb3QsIHRydXN0ZWQgYnkgdGVzdHMgb25seTAgFw0yMDAxMDEw
        MDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowNzE1MDMGA1UEAwwsQWdlbnRTaGllbGQg
        dGVzdCByb290LCB0cnVzdGVkIGJ5IHRlc3RzIG9ubHkwWTATBgcqhkjOPQIBBggq
        hkjOPQMBBwNCAASR5f6rnofpdm8QIprDtHeahMfCAVmL+QOLyjc8Bx/6pUbAq4Pf
        LTn740BN63peXtZ2KSS33TLI2NoiPHKoTAu2o0IwQDAPBgNVHRMBAf8EBTADAQH/
        MA4GA1UdDwEB/wQEAwICBDAdBgNVHQ4EFgQUXWgiXHelSeSVph3l8LAYk94MjCYw
        CgYIKoZIzj0EAwIDSQAwRgIhAJr66kTrvXrjpCZ0HhCQ9L09Y+M1V2N4Sfa15OX+
        XsI6AiEA3xycLet5j4750Vuw0wIqBGtEoS694+HMJqaNCe1gGq0=
        -----END CERTIFICATE-----
        """

    static let localhost = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIBAjAKBggqhkjOPQQDAjA3MTUwMwYDVQQDDCxBZ2VudFNo
        aWVsZCB0ZXN0IHJvb3QsIHRydXN0ZWQgYnkgdGVzdHMgb25seTAgFw0yMDAxMDEw
        MDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqb/vXzw/dVT36GiAicMplpAl9C/ig9hU
        UTeXNIMhdAyXP+134/JuD5X3MZEk6Avh8s5CaTNi8q0T21inSUj5jKNZMFcwFAYD
        VR0RBA0wC4IJbG9jYWxob3N0MAkGA1UdEwQCMAAwEwYDVR0lBAwwCgYIKwYBBQUH
        AwEwHwYDVR0jBBgwFoAUXWgiXHelSeSVph3l8LAYk94MjCYwCgYIKoZIzj0EAwID
        SAAwRQIgL0V3+Zx0qBBZHnlhg4h0g0g/tVfgbUU6NSwyxKr3SfwCIQDGkTuOjqST
        ENxbTKPRO2yraSkHAnzvp07ZbeCdrln83A==
        -----END CERTIFICATE-----
        """

    static let otherName = """
        -----BEGIN CERTIFICATE-----
        MIIBnTCCAUOgAwIBAgIBAzAKBggqhkjOPQQDAjA3MTUwMwYDVQQDDCxBZ2VudFNo
        aWVsZCB0ZXN0IHJvb3QsIHRydXN0ZWQgYnkgdGVzdHMgb25seTAgFw0yMDAxMDEw
        MDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGDEWMBQGA1UEAwwNcHJvdmlkZXIudGVz
        dDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKm/7188P3VU9+hogInDKZaQJfQv
        4oPYVFE3lzSDIXQMlz/td+Pybg+V9zGRJOgL4fLOQmkzYvKtE9tYp0lI+YyjXTBb
        MBgGA1UdEQQRMA+CDXByb3ZpZGVyLnRlc3QwCQYDVR0TBAIwADATBgNVHSUEDDAK
        BggrBgEFBQcDATAfBgNVHSMEGDAWgBRdaCJcd6VJ5JWmHeXwsBiT3gyMJjAKBggq
        hkjOPQQDAgNIADBFAiAFP3LhvrnlPfnovX/1BmQ23/xWaojfOX3V4ID9romPngIh
        AINJaGvAA2h4wzFwe4DhZlLJ8wQThiHCFgXZQa2QNSmg
        -----END CERTIFICATE-----
        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcROkO/IGVqEc09c1
        s/ridiUqLwq+oRBmsMAvTv8fLbShRANCAASpv+9fPD91VPfoaICJwymWkCX0L+KD
        2FRRN5c0gyF0DJc/7Xfj8m4PlfcxkSToC+HyzkJpM2LyrRPbWKdJSPmM
        -----END PRIVATE KEY-----
        """
}
