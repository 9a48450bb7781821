import Foundation
import GatewayCore
import ProcessSupport
import Testing

@testable import AgentShieldGateway

@Suite("Read-only models: files", .timeLimit(.minutes(5)))
struct ModelFileTests {
    /// A copy of the shipped files in a folder of their own.
    private func withCopy<Result>(_ body: (ModelFiles) async throws -> Result) async throws -> Result {
        let shipped = try BuildProducts.executable("agentshield").deletingLastPathComponent().appendingPathComponent(
            "agentshield_AgentShieldGateway.resources/Models")
        return try await withTemporaryDirectory { directory in
            let copy = directory.appendingPathComponent("models")
            try FileManager.default.copyItem(at: shipped, to: copy)
            return try await body(ModelFiles(folder: copy))
        }
    }

    private func fault(_ files: ModelFiles) -> String {
        do throws(ModelFiles.Fault) {
            _ = try files.load()
            return ""
        } catch {
            return error.description
        }
    }

    @Test("the shipped files are those of the manifest, and know languages, families and models")
    func shipped() async throws {
        try await withCopy { files in
            let models = try files.load()
            var extractor = FeatureExtractor(languages: models.languages)
            func language(_ text: String) -> String? {
                let bytes = Array(text.utf8)
                let found = bytes.withUnsafeBytes { extractor.reading(of: $0, shape: RequestShape()).language }
                return found.map { models.languages.languages[$0] }
            }
            let sentences = [
                ("en", "What is the capital of the country where the river begins?"),
                ("de", "Wie heißt die Hauptstadt von Österreich, und warum?"),
                ("fr", "Quelle est la capitale du pays où il pleut le plus ?"), ("es", "¿Cuál es la capital del país donde nació?"),
                ("it", "Qual è la città più grande della regione, e perché?"),
                ("pt", "Qual é a cidade mais antiga e por que não é a capital?"),
                ("nl", "Wat is de hoofdstad van het land en waarom is dat zo?"),
                ("pl", "Jakie jest największe miasto i dlaczego nie jest stolicą?"),
                ("tr", "Bu şehir neden çok büyük ve nasıl bir yer?"), ("vi", "Thủ đô của nước này là gì và tại sao?"),
                ("ru", "Какой город самый большой и почему он не столица?"), ("uk", "Яке місто є найбільшим і чому воно не столиця?"),
                ("el", "Ποια είναι η πρωτεύουσα;"), ("he", "מה היא עיר הבירה?"), ("ar", "ما هي عاصمة هذا البلد ولماذا؟"),
                ("hi", "इस देश की राजधानी क्या है?"), ("th", "เมืองหลวงคืออะไร"), ("ja", "この国の首都はどこですか"), ("zh", "这个国家的首都是哪里"),
                ("ko", "이 나라의 수도는 어디입니까"),
            ]
            for (name, text) in sentences { #expect(language(text) == name, "\(text)") }
            #expect(models.tokenRates.rates(of: "gpt-4o-mini").cjk > models.tokenRates.rates(of: "gpt-4").cjk)
            #expect(models.tokenRates.rates(of: "claude-sonnet-4-5").ascii == 3.5)
            func strength(_ name: String) -> Double { models.strengths.strength(of: name, outputUSDPerMtok: nil) ?? 0 }
            #expect(strength("gpt-4o-mini") < strength("gpt-4o") && strength("gpt-4o-mini") > 0)
            #expect(strength("meta/llama-3.1-70b-instruct") > strength("meta/llama-3.1-8b-instruct"))
        }
    }

    @Test("a file that is another, or is not there, is refused with its name and how to mend it; nothing starts with it")
    func refused() async throws {
        try await withCopy { files in
            let path = files.folder.appendingPathComponent("strengths.tsv")
            var bytes = try Data(contentsOf: path)
            bytes[bytes.count - 2] ^= 1
            try bytes.write(to: path)
            let told = fault(files)
            #expect(told.contains(path.path) && told.contains("SHA-256") && told.contains("--models"), "\(told)")
            let configuration = files.folder.appendingPathComponent("gateway.yaml")
            try Data().write(to: configuration)
            for arguments in [["models"], ["dev", "--json"]] {
                let ended = try await ProductProcess.runToEnd("agentshield", arguments: arguments + ["--models", files.folder.path])
                #expect(ended.status == .exited(72) && ended.errorOutput.contains(path.path), "\(ended)")
            }
            try FileManager.default.removeItem(at: path)
            #expect(fault(files).contains("cannot be read"))
            let nowhere = try await ProductProcess.runToEnd("agentshield", arguments: ["models", "--models", "/no/such"])
            #expect(nowhere.status == .exited(72) && nowhere.errorOutput.contains("/no/such"))
        }
    }

    @Test("the command lists name, version, size, digest, and where each was loaded from")
    func listed() async throws {
        let text = try await ProductProcess.runToEnd("agentshield", arguments: ["models"])
        #expect(text.status == .exited(0), "\(text.errorOutput)")
        for entry in ModelManifest.entries {
            #expect(text.output.contains(entry.name) && text.output.contains(entry.sha256) && text.output.contains("\(entry.bytes)"))
        }
        let lines = try await ProductProcess.runToEnd("agentshield", arguments: ["models", "--json"]).output.split(separator: "\n")
        #expect(lines.count == ModelManifest.entries.count)
        for line in lines {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let path = try #require(object["path"] as? String)
            let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
            #expect(object["version"] as? Int == 1 && object["bytes"] as? Int == size)
        }
    }
}
