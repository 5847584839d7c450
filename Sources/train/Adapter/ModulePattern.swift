// Which modules an adapter acts on, in peft's words (0.21, `check_target_module_exists`): a list of names, each of which
// is a module's name or the end of it behind a dot, or one regular expression for the whole name.

import PipelineKit

/// `target_modules` as configs and adapter_config.json have it.
enum ModulePattern: Sendable, Equatable {
    case names([String])
    case pattern(String)

    /// `q_proj` is `layers.3.self_attn.q_proj`'s end.
    static func matches(_ module: String, name: String) -> Bool {
        module.utf8.elementsEqual(name.utf8) || ends(module, with: ".\(name)")
    }

    /// By bytes.
    static func ends(_ module: String, with end: String) -> Bool {
        module.utf8.reversed().starts(with: end.utf8.reversed())
    }

    var json: JSONValue {
        switch self {
        case .names(let names): .array(names.map { .string($0) })
        case .pattern(let pattern): .string(pattern)
        }
    }

    /// nil for anything but a string or a list of strings.
    init?(json: JSONValue) {
        if let text = json.stringValue {
            self = .pattern(text)
        } else if let list = json.arrayValue {
            let names = list.compactMap(\.stringValue)
            guard names.count == list.count else { return nil }
            self = .names(names)
        } else {
            return nil
        }
    }

    init(_ names: [String]) { self = .names(names) }
}

extension LoRAOptions.TargetMode {
    /// The decoder's layers in both layouts, never the tower's, whose projections have the same names.
    var pattern: ModulePattern {
        let layers = #"(model\.)?layers\.\d+\."#
        let attention = #"self_attn\.[qkvo]_proj"#
        return switch self {
        case .comprehensive: .pattern("\(layers)(\(attention)|(audio_)?mlp\\.(gate|up|down)_proj)")
        case .audioFocused: .pattern("\(layers)(\(attention)|audio_mlp\\.(gate|up|down)_proj)")
        case .attentionOnly: .pattern("\(layers)\(attention)")
        }
    }
}

extension ModulePattern {
    /// The modules of the list that are meant.
    /// - Parameter location: where the pattern stands, for errors.
    /// - Throws: `AdapterError.noSuchModule` for a name or pattern that means none; `.pattern` for one that is no regular
    ///   expression.
    func matched(in modules: [String], location: String) throws -> Set<Int> {
        func require(_ places: [Int], _ text: String) throws -> Set<Int> {
            if !places.isEmpty { return Set(places) }
            throw AdapterError.noSuchModule(text, nearest: Self.nearest(to: text, among: modules), location: location)
        }
        switch self {
        case .names(let names):
            guard !names.isEmpty else {
                throw AdapterError.noSuchModule("[]", nearest: Self.nearest(to: "", among: modules), location: location)
            }
            return try names.reduce(into: Set()) { all, name in
                all.formUnion(try require(modules.indices.filter { Self.matches(modules[$0], name: name) }, name))
            }
        case .pattern(let pattern):
            let expression: Regex<AnyRegexOutput>
            do {
                // Module names are ASCII; scalars are what Python's re sees.
                expression = try Regex(pattern).matchingSemantics(.unicodeScalar)
            } catch {
                throw AdapterError.pattern(pattern, location: location)
            }
            let places = try modules.indices.filter { try expression.wholeMatch(in: modules[$0]) != nil }
            return try require(places, pattern)
        }
    }

    /// The three known names that come closest: last parts of modules, whole ones where the text has a dot.
    private static func nearest(to text: String, among modules: [String]) -> [String] {
        let last = modules.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
        let candidates = text.contains(".") && !text.contains("*") ? modules : last
        var seen = Set<String>()
        let distinct = candidates.filter { seen.insert($0).inserted }
        return distinct.map { ($0, editDistance(text, $0)) }.sorted { $0.1 < $1.1 }.prefix(3).map(\.0)
    }
}
