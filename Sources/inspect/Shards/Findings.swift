// The outcome of a verification: checks by name, each with the problems it found.

import PipelineKit

/// What was checked, and what did not hold.
struct Findings: Report {
    private struct Check {
        var name: String
        var checked = 0
        var problems: [String] = []
        var problemCount = 0
    }

    let directory: String
    private var checks: [Check] = []
    /// Problems of one check that are kept in words; all are counted.
    private let kept = 5

    init(directory: String) { self.directory = directory }

    /// Whether everything held.
    var isSound: Bool { checks.allSatisfy { $0.problemCount == 0 } }

    /// Counts one thing as checked under `check`, with the problem if there is one. Not escaped yet.
    mutating func note(_ check: String, problem: String? = nil) {
        let place = checks.firstIndex { $0.name == check } ?? checks.count
        if place == checks.count { checks.append(Check(name: check)) }
        checks[place].checked += 1
        guard let problem else { return }
        checks[place].problemCount += 1
        if checks[place].problems.count < kept { checks[place].problems.append(problem) }
    }

    /// Counts `body` as checked; what it throws is the problem. Interruptions and the like pass through.
    mutating func check(_ name: String, _ body: () throws -> Void) throws {
        do {
            try body()
            note(name)
        } catch let error as Interrupted {
            throw error
        } catch {
            note(name, problem: Failure(error).description)
        }
    }

    var text: String {
        var lines: [String] = []
        for check in checks {
            let good = check.problemCount == 0
            lines.append(
                "\(good ? "✓" : "✗") \(check.name): \(countText(check.checked)) checked"
                    + (good ? "" : ", \(counted(check.problemCount, "problem"))"))
            lines += check.problems.map { "    \($0)" }
            if check.problemCount > check.problems.count {
                lines.append("    … and \(check.problemCount - check.problems.count) more")
            }
        }
        lines.append("\(directory.escapedForTerminal): \(isSound ? "sound" : "NOT sound")")
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        [
            "kind": "verification", "sound": .bool(isSound),
            "checks": .array(
                checks.map {
                    [
                        "name": .string($0.name), "checked": .int($0.checked), "problems": .int($0.problemCount),
                        "first_problems": .array($0.problems.map { .string($0) }),
                    ]
                }),
        ]
    }
}
