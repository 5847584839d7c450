// The one place that calls libsndfile (1.2): open, read, write, close, over memory or a descriptor. Never over a path of
// libsndfile's own, which opens devices and reads `-` as stdin. Unsafe code of the audio room sits here.

import CSndfile
import Foundation

/// Bytes that libsndfile reads or writes through its virtual I/O.
final class VirtualFile {
    enum Content {
        case memory(ArraySlice<UInt8>)
        /// A regular file, read with pread: the descriptor's own offset is neither used nor moved.
        case descriptor(Int32, size: Int)
        case sink([UInt8])
    }

    private(set) var content: Content
    /// `errno` of a read that failed.
    private(set) var errorCode: Int32?
    private var position = 0
    /// What libsndfile reads before the content, and how much of the content's beginning it does not read. `count` and
    /// `peek` know nothing of it.
    private var preface: (bytes: [UInt8], skipped: Int) = ([], 0)

    init(_ content: Content) { self.content = content }

    var count: Int {
        switch content {
        case .memory(let bytes): bytes.count
        case .descriptor(_, let size): size
        case .sink(let bytes): bytes.count
        }
    }

    /// How many bytes libsndfile sees.
    var length: Int { preface.bytes.count + count - preface.skipped }

    /// Gives libsndfile `bytes` in place of the first `skipped` of the content, and goes to the start of them.
    func replacePrefix(_ skipped: Int, by bytes: [UInt8]) {
        (preface, position) = ((bytes, skipped), 0)
    }

    func seek(_ offset: Int, _ whence: Int32) -> Int {
        let base = whence == SEEK_CUR ? position : whence == SEEK_END ? length : 0
        let (target, isOverflow) = base.addingReportingOverflow(offset)
        if !isOverflow, target >= 0 { position = target }
        return position
    }

    var tell: Int { position }

    func read(_ wanted: Int, into target: UnsafeMutableRawPointer) -> Int {
        var got = 0
        if position < preface.bytes.count {
            got = min(wanted, preface.bytes.count - position)
            preface.bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: target, count: got).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0[position..<position + got]))
            }
        }
        if got < wanted {
            let offset = position + got - preface.bytes.count + preface.skipped
            got += peek(wanted - got, at: offset, into: target + got)
        }
        position += got
        return got
    }

    /// Bytes of the content from `offset` on, without a trace in where libsndfile stands; how many there were.
    func peek(_ wanted: Int, at offset: Int, into target: UnsafeMutableRawPointer) -> Int {
        let readable = min(wanted, max(0, count - offset))
        guard readable > 0 else { return 0 }
        var got = 0
        switch content {
        case .memory(let bytes):
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: target, count: readable).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + readable]))
            }
            got = readable
        case .descriptor(let descriptor, _):
            while got < readable {
                let step = pread(descriptor, target + got, readable - got, off_t(offset + got))
                if step < 0, errno == EINTR { continue }
                if step < 0 { errorCode = errno }
                if step <= 0 { break }
                got += step
            }
        case .sink: break
        }
        return got
    }

    func write(_ source: UnsafeRawBufferPointer) -> Int {
        guard case .sink(var bytes) = content else { return 0 }
        content = .sink([])  // so that `bytes` is the only owner and grows in place
        let end = position + source.count
        if bytes.count < end { bytes.append(contentsOf: repeatElement(0, count: end - bytes.count)) }
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[position..<end]).copyMemory(from: source)
        }
        content = .sink(bytes)
        position = end
        return source.count
    }
}

/// An open libsndfile handle and the bytes under it. Not thread-safe; use from one thread at a time.
final class SoundFile {
    let info: SF_INFO
    let file: VirtualFile
    private let handle: OpaquePointer

    /// libsndfile's own words why it did not open a file.
    struct OpenError: Error { var words: String }

    /// Opens for reading, or for writing in the format of `info`.
    init(_ file: VirtualFile, mode: Int32 = Int32(SFM_READ), info wanted: SF_INFO = SF_INFO()) throws {
        var info = wanted
        guard var handle = Self.openShared(file, mode, &info) else {
            throw OpenError(words: Self.diagnose(file, mode, wanted))
        }
        // Where no tag counts an MP3's frames, libsndfile 1.2 takes all for as large as the first, and stops where the
        // file would then end. So it gets a tag.
        if mode == SFM_READ, Int(info.format) & SF_FORMAT_TYPEMASK == SF_FORMAT_MPEG,
            let tag = MPEGFrames.missingTag(in: file), Int(info.frames) < tag.samples
        {
            sf_close(handle)
            file.replacePrefix(tag.start, by: tag.frame)
            info = wanted
            guard let again = Self.openShared(file, mode, &info) else {
                throw OpenError(words: Self.diagnose(file, mode, wanted))
            }
            handle = again
        }
        self.info = info
        self.file = file
        self.handle = handle
    }

    deinit { sf_close(handle) }

    /// The words of the last error on this handle; nil where there is none.
    var errorWords: String? {
        sf_error(handle) == 0 ? nil : String(cString: sf_strerror(handle))
    }

    /// Sends one of libsndfile's switches.
    func set(_ command: Int, to value: Bool) {
        sf_command(handle, Int32(command), nil, value ? 1 : 0)
    }

    /// Goes to a frame; the frame where it arrived, or −1.
    func seek(toFrame frame: Int) -> Int { Int(sf_seek(handle, sf_count_t(frame), SEEK_SET)) }

    /// Reads interleaved frames into `target` (frames, channels); the number of frames that came.
    func read(_ frames: Int, into target: UnsafeMutablePointer<Float>) -> Int {
        Int(sf_readf_float(handle, target, sf_count_t(frames)))
    }
    func read(_ frames: Int, into target: UnsafeMutablePointer<Double>) -> Int {
        Int(sf_readf_double(handle, target, sf_count_t(frames)))
    }
    /// Integers are left-justified: full scale is 2³¹ at every depth.
    func read(_ frames: Int, into target: UnsafeMutablePointer<Int32>) -> Int {
        Int(sf_readf_int(handle, target, sf_count_t(frames)))
    }

    /// Writes interleaved samples (frames, channels); the number of frames taken.
    func write(_ samples: [Float]) -> Int { Int(sf_writef_float(handle, samples, frames(samples.count))) }
    func write(_ samples: [Double]) -> Int { Int(sf_writef_double(handle, samples, frames(samples.count))) }
    func write(_ samples: [Int32]) -> Int { Int(sf_writef_int(handle, samples, frames(samples.count))) }
    func write(_ samples: [Int16]) -> Int { Int(sf_writef_short(handle, samples, frames(samples.count))) }

    private func frames(_ samples: Int) -> sf_count_t { sf_count_t(samples / Int(info.channels)) }
}

extension SoundFile {
    /// libsndfile leaves the error of a failed open in one global word. Opens share this lock; the one that asks for the
    /// words takes it alone, so that what a clip is said to suffer from does not depend on its neighbours.
    private final class OpenLock: @unchecked Sendable {  // pthread's own lock, never moved
        let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
        init() { pthread_rwlock_init(lock, nil) }

        func shared<Result>(_ body: () -> Result) -> Result {
            pthread_rwlock_rdlock(lock)
            defer { pthread_rwlock_unlock(lock) }
            return body()
        }

        func alone<Result>(_ body: () -> Result) -> Result {
            pthread_rwlock_wrlock(lock)
            defer { pthread_rwlock_unlock(lock) }
            return body()
        }
    }

    private static let openLock = OpenLock()

    private static func openShared(_ file: VirtualFile, _ mode: Int32, _ info: inout SF_INFO) -> OpaquePointer? {
        openLock.shared { openVirtual(file, mode, &info) }
    }

    private static func diagnose(_ file: VirtualFile, _ mode: Int32, _ wanted: SF_INFO) -> String {
        openLock.alone {
            var info = wanted
            _ = file.seek(0, SEEK_SET)
            if let handle = openVirtual(file, mode, &info) { sf_close(handle) }
            return String(cString: sf_strerror(nil))
        }
    }

    private static func openVirtual(_ file: VirtualFile, _ mode: Int32, _ info: inout SF_INFO) -> OpaquePointer? {
        // libsndfile copies the table; the `SoundFile` keeps `file` alive for as long as the handle lives.
        var table = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(virtualFile($0).length) },
            seek: { sf_count_t(virtualFile($2).seek(Int($0), $1)) },
            read: { target, count, user in
                guard let target, count > 0 else { return 0 }
                return sf_count_t(virtualFile(user).read(Int(count), into: target))
            },
            write: { source, count, user in
                sf_count_t(virtualFile(user).write(UnsafeRawBufferPointer(start: source, count: Int(count))))
            },
            tell: { sf_count_t(virtualFile($0).tell) })
        return sf_open_virtual(&table, mode, &info, Unmanaged.passUnretained(file).toOpaque())
    }
}

func virtualFile(_ user: UnsafeMutableRawPointer?) -> VirtualFile { userData(user) }

/// The object that a C library gives back to its callbacks; whoever handed it over keeps it alive.
func userData<Object: AnyObject>(_ user: UnsafeMutableRawPointer?) -> Object {
    guard let user else { preconditionFailure("a C library called back without its user data") }
    return Unmanaged<Object>.fromOpaque(user).takeUnretainedValue()
}
