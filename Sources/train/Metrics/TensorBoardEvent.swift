// The scalar events that TensorBoard reads (tensorboard 2.21: compat/proto/event.proto and summary.proto), encoded by
// hand: of Event its wall_time = 1, step = 2, file_version = 3 and summary = 5; of Summary its value = 1; of Value its
// tag = 1 and simple_value = 2. Not a protobuf library: three messages of fixed fields need none.

/// One event.
struct TensorBoardEvent: Sendable, Equatable {
    struct Scalar: Sendable, Equatable {
        var tag: String
        var value: Float
    }

    enum Content: Sendable, Equatable {
        /// The first event of every file.
        case fileVersion
        case scalars([Scalar])
    }

    /// Seconds since 1970.
    var wallTime: Double
    /// From 0.
    var step: Int
    var content: Content

    static let version = "brain.Event:2"

    /// The message as protobuf's wire format has it. A step of 0 is left out, as proto3 does with defaults.
    var message: [UInt8] {
        var message = ProtobufMessage()
        message.add(1, double: wallTime)
        if step != 0 { message.add(2, integer: UInt64(step)) }
        switch content {
        case .fileVersion: message.add(3, bytes: Array(Self.version.utf8))
        case .scalars(let scalars):
            var summary = ProtobufMessage()
            for scalar in scalars {
                var value = ProtobufMessage()
                value.add(1, bytes: Array(scalar.tag.utf8))
                value.add(2, float: scalar.value)
                summary.add(1, bytes: value.bytes)
            }
            message.add(5, bytes: summary.bytes)
        }
        return message.bytes
    }

    /// The step of an encoded event; nil where the bytes are not one.
    static func step(ofMessage bytes: ArraySlice<UInt8>) -> Int? {
        var rest = bytes
        func varint() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: 0, through: 63, by: 7) {
                guard let byte = rest.popFirst() else { return nil }
                value |= UInt64(byte & 0x7F) << UInt64(shift)
                if byte < 0x80 { return value }
            }
            return nil
        }
        func skip(_ count: UInt64) -> Bool {
            guard count <= UInt64(rest.count) else { return false }
            rest = rest.dropFirst(Int(count))
            return true
        }
        while !rest.isEmpty {
            guard let key = varint() else { return nil }
            switch key & 7 {
            case 0:
                guard let value = varint() else { return nil }
                if key >> 3 == 2 { return Int(exactly: value) }
            case 1: guard skip(8) else { return nil }
            case 2: guard let count = varint(), skip(count) else { return nil }
            case 5: guard skip(4) else { return nil }
            default: return nil
            }
        }
        return 0
    }
}

/// Fields of a protobuf message, one after another.
private struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func key(_ field: UInt64, wireType: UInt64) { varint(field << 3 | wireType) }

    mutating func add(_ field: UInt64, integer value: UInt64) {
        key(field, wireType: 0)
        varint(value)
    }

    mutating func add(_ field: UInt64, double value: Double) {
        key(field, wireType: 1)
        bytes += littleEndianBytes(value.bitPattern)
    }

    mutating func add(_ field: UInt64, bytes value: [UInt8]) {
        key(field, wireType: 2)
        varint(UInt64(value.count))
        bytes += value
    }

    mutating func add(_ field: UInt64, float value: Float) {
        key(field, wireType: 5)
        bytes += littleEndianBytes(value.bitPattern)
    }
}

/// The bytes of an integer, the lowest first.
func littleEndianBytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
