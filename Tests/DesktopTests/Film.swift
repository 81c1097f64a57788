import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage

/// A film of 640x400 at 25 frames a second. The number of each frame is in its top 40 lines, sixteen fields from the lowest
/// bit, black and white; its sound is noise, every stretch of which is unique, at 44.1 kHz.
struct Film {
    static let rate = 25.0
    static let size = (width: 640, height: 400)
    static let soundRate = 44100.0
    /// Where its window is put on a pod's screen.
    static let place = (x: 600, y: 320)
    /// Where it may be by then: IceWM arranges all windows anew on a screen of another size.
    fileprivate static let places = [place, (x: 0, y: 0)]
    private static let field = 40
    private static let bits = 16

    let file: FilePath
    let sound: [UInt32]

    init(seconds: Int, in folder: FilePath) throws {
        sound = Frames.noise(count: seconds * Int(Self.soundRate), seed: 7)
        file = folder.appending("film.mkv")
        let samples = folder.appending("sound.raw")
        try Files.write(samples, Frames.pack(sound), permissions: .ownerReadWrite)
        let stamp = "if(lt(Y,\(Self.field)),if(mod(floor(N/pow(2,floor(X/\(Self.field)))),2),235,16),lum(X,Y))"
        _ = try Pipeline.output(
            of: Command(
                "ffmpeg",
                [
                    "-v", "error", "-f", "lavfi", "-i",
                    "testsrc2=size=\(Self.size.width)x\(Self.size.height):rate=\(Int(Self.rate)):duration=\(seconds),"
                        + "format=yuv420p,geq=lum='\(stamp)':cb='\(Self.grey("cb"))':cr='\(Self.grey("cr"))'",
                    "-f", "s16le", "-ar", "44100", "-ac", "2", "-i", samples.string, "-c:v", "mjpeg", "-q:v", "3",
                    "-c:a", "pcm_s16le", "-y", file.string,
                ]))
    }

    /// No colour where the number is; planes of colour have half the lines.
    private static func grey(_ plane: String) -> String { "if(lt(Y,\(field / 2)),128,\(plane)(X,Y))" }

    /// The number of the frame that this is; `nil` when it is none.
    static func frame(in picture: Picture) -> Int? {
        var number = 0
        for bit in 0..<bits {
            let green = picture[bit * field + field / 2, field / 2] >> 8 & 0xff
            guard green < 60 || green > 195 else { return nil }
            if green > 195 { number |= 1 << bit }
        }
        return number
    }
}

/// Frames of the film that were seen on a screen, and when.
struct Sightings {
    private var seen: [(frame: Int, nanoseconds: UInt64)] = []

    /// Looks at where the film's window is on a screen that shows all of the pod's, until so many frames have been seen.
    init(of count: Int, on screen: XServer) throws {
        try waitUntil("\(count) frames of the film are seen") {
            let before = MonotonicClock.nanoseconds
            let picture = try screen.picture()
            let now = (before + MonotonicClock.nanoseconds) / 2
            let frames = Film.places.lazy.compactMap { place in
                Film.frame(
                    in: picture.cropped(x: place.x, y: place.y, width: Film.size.width, height: Film.size.height))
            }
            if let frame = frames.first, frame != seen.last?.frame, frame > 0 { seen.append((frame, now)) }
            return seen.count >= count
        }
    }

    /// How much later than its sound the picture is shown, s, in the median: what was being heard when it was seen.
    func lateness(in recording: [UInt32], of recorder: MonitorRecorder, _ film: Film) throws -> Double {
        guard let begin = recorder.time(ofFrame: 0) else { throw Failure("the recording", "has not ended") }
        let late = seen.compactMap { sighting -> Double? in
            guard sighting.nanoseconds > begin else { return nil }
            let index = Int(Double(sighting.nanoseconds - begin) * Film.soundRate / 1e9)
            let expected = Int(Double(sighting.frame) / Film.rate * Film.soundRate)
            guard index + 64 < recording.count,
                let place = FrameComparison.place(
                    of: Array(recording[index..<index + 64]), in: film.sound, near: expected)
            else { return nil }
            // A frame is seen at some moment of its time: half of that on average.
            return Double(place) / Film.soundRate - (Double(sighting.frame) + 0.5) / Film.rate
        }
        guard late.count > seen.count / 2 else {
            throw Failure("the film", "of \(seen.count) frames seen only \(late.count) had sound")
        }
        return late.sorted()[late.count / 2]
    }
}
