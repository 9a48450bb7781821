import Foundation
import NIOCore
import Wire

/// A message in the proto3 JSON mapping, letter for letter as swift-protobuf writes it: field names of the schema, which are
/// those of the Swift properties in another spelling, and enums as numbers.
func protoJSON(_ message: any WireMessage) -> String {
    var members: [String] = []
    for property in Mirror(reflecting: message).children {
        guard let label = property.label, let member = member(label, property.value) else { continue }
        members.append(member)
    }
    return "{" + members.joined(separator: ",") + "}"
}

/// `"name":value`, or `nil` if the property is absent.
private func member(_ label: String, _ value: Any) -> String? {
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .optional {
        guard let present = mirror.children.first?.value else { return nil }
        let inner = Mirror(reflecting: present)
        if inner.displayStyle == .enum, let choice = inner.children.first, let name = choice.label {
            return "\"\(schemaName(name))\":\(json(choice.value))"
        }
        return "\"\(schemaName(label))\":\(json(present))"
    }
    return isDefault(value) ? nil : "\"\(schemaName(label))\":\(json(value))"
}

private func isDefault(_ value: Any) -> Bool {
    switch value {
    case let value as UInt32: value == 0
    case let value as UInt64: value == 0
    case let value as Bool: !value
    case let value as Double: value.bitPattern == 0
    case let value as Text: value.isEmpty
    case let value as ByteBuffer: value.readableBytes == 0
    case let value as any OpenEnum: value.rawValue == 0
    case let value as ErrorCode: value.rawValue == 0
    case let value as [Any]: value.isEmpty
    default: false
    }
}

private func json(_ value: Any) -> String {
    switch value {
    case let value as UInt32: String(value)
    case let value as UInt64: "\"\(value)\""
    case let value as Int64: "\"\(value)\""
    case let value as Bool: String(value)
    case let value as Double: json(floating: value)
    case let value as Float: json(floating: value)
    case let value as Text: json(text: value.string)
    case let value as ByteBuffer: "\"\(Data(value.readableBytesView).base64EncodedString())\""
    case let value as any OpenEnum: String(value.rawValue)
    case let value as ErrorCode: String(value.rawValue)
    case let value as [Any]: "[" + value.map(json).joined(separator: ",") + "]"
    case let value as any WireMessage: protoJSON(value)
    default: "unexpected \(type(of: value))"
    }
}

private func json<Value: BinaryFloatingPoint>(floating value: Value) -> String {
    if value.isNaN { return "\"NaN\"" }
    if value.isInfinite { return value < 0 ? "\"-Infinity\"" : "\"Infinity\"" }
    return "\(value)"
}

private func json(text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 8: quoted += "\\b"
        case 9: quoted += "\\t"
        case 10: quoted += "\\n"
        case 12: quoted += "\\f"
        case 13: quoted += "\\r"
        case 34: quoted += "\\\""
        case 92: quoted += "\\\\"
        case 0...31, 127...159: quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16, uppercase: true)
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}

/// `toolCallID` → `tool_call_id`.
private func schemaName(_ property: String) -> String {
    var name = ""
    var previousIsUpper = false
    for character in property {
        if character.isUppercase, !previousIsUpper { name += "_" }
        previousIsUpper = character.isUppercase
        name += character.lowercased()
    }
    return name
}
