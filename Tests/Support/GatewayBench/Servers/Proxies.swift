import Foundation

/// nginx as a plain proxy: one process, no log, connections to the provider kept.
struct NginxServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let tlsPort: Int
    let httpPort: Int

    init(_ folders: BenchFolders, upstream: UpstreamServer) throws {
        let program = try Command.find("nginx")
        tlsPort = try LocalPort.free()
        httpPort = try LocalPort.free()
        let folder = folders.work.path
        let certificate = try CertificateFiles.make(in: folders.work)
        let file = folders.work.appendingPathComponent("nginx.conf")
        try Data(Self.configuration(folder, certificate, tlsPort: tlsPort, httpPort: httpPort, providerPort: upstream.port).utf8).write(
            to: file)
        process = try PinnedProcess(
            program, ["-p", folder, "-e", "\(folder)/nginx.log", "-c", file.path], core: BenchCores.measured,
            folder: folders.work)
        probe = ProcessProbe(identifier: process.identifier)
        try process.waitForPort(tlsPort)
        try process.waitForPort(httpPort)
    }

    private static func configuration(
        _ folder: String, _ files: CertificateFiles, tlsPort: Int, httpPort: Int, providerPort: Int
    ) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "    \($0)_temp_path \(folder)/\($0);" }
        return """
            daemon off;
            master_process off;
            worker_processes 1;
            pid \(folder)/nginx.pid;
            error_log \(folder)/nginx.log crit;
            events { worker_connections 16384; }
            http {
            \(temporary.joined(separator: "\n"))
                access_log off;
                keepalive_requests 10000000;
                upstream provider {
                    server 127.0.0.1:\(providerPort);
                    keepalive 512;
                    keepalive_requests 10000000;
                }
                server {
                    listen 127.0.0.1:\(httpPort);
                    listen 127.0.0.1:\(tlsPort) ssl;
                    ssl_certificate \(files.certificate);
                    ssl_certificate_key \(files.key);
                    ssl_protocols TLSv1.3;
                    location / {
                        proxy_pass http://provider;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_buffering off;
                    }
                }
            }

            """
    }
}

/// HAProxy as a plain proxy: one thread, no log, connections to the provider kept.
struct HAProxyServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let tlsPort: Int
    let httpPort: Int

    init(_ folders: BenchFolders, upstream: UpstreamServer) throws {
        tlsPort = try LocalPort.free()
        httpPort = try LocalPort.free()
        let certificate = try CertificateFiles.make(in: folders.work)
        // HAProxy reads certificate and key from one file.
        let both = folders.work.appendingPathComponent("haproxy.pem")
        try Data([certificate.certificate, certificate.key].map { try String(contentsOfFile: $0, encoding: .utf8) }.joined().utf8).write(
            to: both)
        let file = folders.work.appendingPathComponent("haproxy.cfg")
        let text = """
            global
                nbthread 1
                maxconn 4096
                ssl-default-bind-options ssl-min-ver TLSv1.3
            defaults
                mode http
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                http-reuse always
            frontend bench
                bind 127.0.0.1:\(httpPort)
                bind 127.0.0.1:\(tlsPort) ssl crt \(both.path)
                default_backend provider
            backend provider
                server provider 127.0.0.1:\(upstream.port)

            """
        try Data(text.utf8).write(to: file)
        process = try PinnedProcess(try Command.find("haproxy"), ["-db", "-f", file.path], core: BenchCores.measured, folder: folders.work)
        probe = ProcessProbe(identifier: process.identifier)
        try process.waitForPort(tlsPort)
        try process.waitForPort(httpPort)
    }
}
