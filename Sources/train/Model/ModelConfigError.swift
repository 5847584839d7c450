// What can be wrong with a model's config.

import PipelineKit

/// An error of a config.json, or of the mapping that describes a model.
struct ModelConfigError: PersonReadable, Equatable {
    enum Reason: Sendable, Equatable {
        case missing
        case type(expected: String)
        case value(got: String, expected: String)
        /// A variant of the architecture that is not computed here.
        case unsupported(got: String)
        case unknown(known: [String])
    }

    /// The path of config.json, or what the mapping is called.
    var location: String
    /// Dotted, as `text_config.hidden_size`.
    var key: String
    var reason: Reason

    var failure: Failure {
        let key = "'\(key.escapedForTerminal)'"
        let (what, remedy): (String, String?) =
            switch reason {
            case .missing: ("\(key) is missing", nil)
            case .type(let expected): ("\(key) is not \(expected)", nil)
            case .value(let got, let expected): ("\(key) is \(got.escapedForTerminal), expected \(expected)", nil)
            case .unsupported(let got):
                (
                    "\(key) is \(got.escapedForTerminal): this variant of Higgs Audio v2 is not supported",
                    "use a model without it"
                )
            case .unknown(let known): ("unknown key \(key)", "known are \(known.joined(separator: ", "))")
            }
        return Failure(.badUsage, what, at: location.escapedForTerminal, remedy: remedy)
    }
}

/// Typed access to the members of a JSON object, with errors that name the key.
struct ConfigReader {
    let object: JSONObject
    let location: String
    /// Put before keys in errors: `text_config.`.
    var prefix = ""

    func error(_ key: String, _ reason: ModelConfigError.Reason) -> ModelConfigError {
        ModelConfigError(location: location, key: prefix + key, reason: reason)
    }

    /// The value of a key; nil where it is absent or null.
    func value(_ key: String) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    /// A whole number in a range; `fallback` where it is absent, an error where there is none.
    func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
        guard let value = value(key) else {
            guard let fallback else { throw error(key, .missing) }
            return fallback
        }
        guard let integer = value.intValue else { throw error(key, .type(expected: "a whole number")) }
        guard range.contains(integer) else {
            throw error(key, .value(got: String(integer), expected: "\(range.lowerBound) to \(range.upperBound)"))
        }
        return integer
    }

    /// A finite number above 0, or from 0 on where `zero` is allowed.
    func number(_ key: String, default fallback: Double? = nil, allowingZero: Bool = false) throws -> Double {
        guard let value = value(key) else {
            guard let fallback else { throw error(key, .missing) }
            return fallback
        }
        guard let number = value.doubleValue else { throw error(key, .type(expected: "a number")) }
        guard number > 0 || (allowingZero && number == 0) else {
            throw error(key, .value(got: String(number), expected: allowingZero ? "0 or more" : "more than 0"))
        }
        return number
    }

    /// A flag: true, false, 1 or 0.
    func flag(_ key: String, default fallback: Bool) throws -> Bool {
        guard let value = value(key) else { return fallback }
        if let flag = value.boolValue { return flag }
        guard let integer = value.intValue, integer == 0 || integer == 1 else {
            throw error(key, .type(expected: "true or false"))
        }
        return integer == 1
    }

    func string(_ key: String, default fallback: String) throws -> String {
        guard let value = value(key) else { return fallback }
        guard let string = value.stringValue else { throw error(key, .type(expected: "a string")) }
        return string
    }

    /// The reader of a nested object; nil where it is absent or null.
    func nested(_ key: String) throws -> ConfigReader? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else { throw error(key, .type(expected: "a mapping")) }
        return ConfigReader(object: object, location: location, prefix: prefix + key + ".")
    }

    /// Refuses a flag that must have one value.
    func require(_ key: String, _ expected: Bool, default fallback: Bool) throws {
        let flag = try flag(key, default: fallback)
        if flag != expected { throw error(key, .unsupported(got: String(flag))) }
    }

    /// Refuses a string that must have one value.
    func require(_ key: String, _ expected: String, default fallback: String) throws {
        let string = try string(key, default: fallback)
        if !string.utf8.elementsEqual(expected.utf8) { throw error(key, .unsupported(got: string)) }
    }

    /// Refuses a number that is not 0, such as a dropout.
    func requireZero(_ key: String) throws {
        let number = try number(key, default: 0, allowingZero: true)
        if number != 0 { throw error(key, .unsupported(got: String(number))) }
    }
}
