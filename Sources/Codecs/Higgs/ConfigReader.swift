// Reads the values of a config.json with their defaults, and says which key is wrong.

import PipelineKit

/// One object of a config.json.
struct ConfigReader {
    /// The largest size that is believed: more channels than any codec has.
    static let largest = 65_536

    var json: JSONValue
    var path: String
    /// The names of the objects around this one, with a dot behind.
    var prefix = ""

    func wrong(_ key: String, _ text: String) -> HiggsError {
        HiggsError(.config(key: prefix + key, text), at: path)
    }

    /// An object inside this one; an empty one where it is absent, for defaults hold then.
    func section(_ key: String) throws -> ConfigReader {
        let value = json[key] ?? .null
        guard value.isNull || value.objectValue != nil else { throw wrong(key, "not an object") }
        return ConfigReader(json: value, path: path, prefix: prefix + key + ".")
    }

    /// Requires a text value. `model_type` names models, the other keys variants of one.
    func expect(_ key: String, _ expected: String, isDefault: Bool = false) throws {
        let isModel = key == "model_type"
        guard let value = json[key] else {
            // The objects inside may leave their type out: the defaults are these very types.
            if isDefault || (isModel && !prefix.isEmpty) { return }
            throw HiggsError(.otherModel(key: prefix + key, got: "absent", expected: expected), at: path)
        }
        if let text = value.stringValue, text.utf8.elementsEqual(expected.utf8) { return }
        let got = value.stringValue ?? value.pythonDump()
        throw HiggsError(
            isModel
                ? .otherModel(key: prefix + key, got: got, expected: expected)
                : .unsupported(key: prefix + key, got: got, supported: expected), at: path)
    }

    /// A flag that must not be set.
    func refuse(_ key: String) throws {
        if try flag(key, false) {
            throw HiggsError(.unsupported(key: prefix + key, got: "true", supported: "false"), at: path)
        }
    }

    func flag(_ key: String, _ fallback: Bool) throws -> Bool {
        guard let value = json[key], !value.isNull else { return fallback }
        if let flag = value.boolValue { return flag }
        throw wrong(key, "\(value.pythonDump()) is neither true nor false")
    }

    /// A whole number within bounds.
    func size(_ key: String, _ fallback: Int, least: Int = 1, most: Int = largest) throws -> Int {
        guard let value = json[key], !value.isNull else { return fallback }
        return try checked(value, key, least: least, most: most)
    }

    /// A list of at least one whole number.
    func sizes(_ key: String, _ fallback: [Int], most: Int = largest) throws -> [Int] {
        guard let value = json[key], !value.isNull else { return fallback }
        guard let list = value.arrayValue, !list.isEmpty else { throw wrong(key, "not a list of numbers") }
        return try list.map { try checked($0, key, least: 1, most: most) }
    }

    /// One number or a list of at least one, positive and finite.
    func numbers(_ key: String, _ fallback: [Double]) throws -> [Double] {
        guard let value = json[key], !value.isNull else { return fallback }
        let list = value.arrayValue ?? [value]
        guard !list.isEmpty else { throw wrong(key, "not a list of numbers") }
        return try list.map { item in
            guard let number = item.doubleValue, number > 0, number < 1e9 else {
                throw wrong(key, "\(item.pythonDump()) is not a positive number")
            }
            return number
        }
    }

    private func checked(_ value: JSONValue, _ key: String, least: Int, most: Int) throws -> Int {
        guard let number = value.intValue, number >= least, number <= most else {
            throw wrong(key, "\(value.pythonDump()) is not a whole number from \(least) to \(most)")
        }
        return number
    }
}
