/// A certificate for clients of tests of mutual TLS, its key, and the CA that signed it, whose own key was never kept. Valid from 2020 to 2119.
enum TestClient {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBrjCCAVSgAwIBAgIBATAKBggqhkjOPQQDAjA8MTowOAYDVQQDDDFBZ2VudFNo
        aWVsZCB0ZXN0IGNsaWVudCBDQSwgdHJ1c3RlZCBieSB0ZXN0cyBvbmx5MCAXDTIw
        MDEwMTAwMDAwMFoYDzIxMTkxMjMxMDAwMDAwWjA8MTowOAYDVQQDDDFBZ2VudFNo
        aWVsZCB0ZXN0IGNsaWVudCBDQSwgdHJ1c3RlZCBieSB0ZXN0cyBvbmx5MFkwEwYH
        KoZIzj0CAQYIKoZIzj0DAQcDQgAEe9yNCJmOAo+iRCpV3UAU387N1MkZkaql2XUd
        KhTushBygYyMvwvdJwrIFbeYh04tnzZ7NCYxI+AFZsp9uSiSSaNFMEMwEgYDVR0T
        AQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAgQwHQYDVR0OBBYEFFTMIRrRTw0S
        fIzzZNwUjyxCLivXMAoGCCqGSM49BAMCA0gAMEUCIQDm4fL6aNC2dIs3mhYeMPEb
        kwhurWqy9nXSc8hhhDD7TgIgAIQ4JSPsDaE6gusaWILS2twrHULI/u00gHBdlhgH
        2wo=
        -----END CERTIFICATE-----
        """

    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBgzCCASmgAwIBAgIBAjAKBggqhkjOPQQDAjA8MTowOAYDVQQDDDFBZ2VudFNo
        aWVsZCB0ZXN0IGNsaWVudCBDQSwgdHJ1c3RlZCBieSB0ZXN0cyBvbmx5MCAXDTIw
        MDEwMTAwMDAwMFoYDzIxMTkxMjMxMDAwMDAwWjAQMQ4wDAYDVQQDDAVhZ2VudDBZ
        MBMGByqGSM49AgEGCCqGSM49AwEHA0IABP8YXN3gsj25jB2CotSrm+otgEhjj7VN
        yg5JYWreZltYllLsiX/C67MGNQe6EJM5NE2njSUza5dGj/wr/1rWMbyjRjBEMAwG
        A1UdEwEB/wQCMAAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHwYDVR0jBBgwFoAUVMwh
        GtFPDRJ8jPNk3BSPLEIuK9cwCgYIKoZIzj0EAwIDSAAwRQIgbPt44ZzpJGBYuHMf
        x/pGXYQnFscyc0J+oI9kItzV3D4CIQDppGlpOUW7fHUM3J1niquTQR+M9EKF2nH9
        VpIL9VUM0g==
        -----END CERTIFICATE-----
        """

    static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgx2XUHaI0njHtlm1L
        DmZLFypF4vP0xpsGptMa5cVwnbuhRANCAAT/GFzd4LI9uYwdgqLUq5vqLYBIY4+1
        TcoOSWFq3mZbWJZS7Il/wuuzBjUHuhCTOTRNp40lM2uXRo/8K/9a1jG8
        -----END PRIVATE KEY-----
        """
}
