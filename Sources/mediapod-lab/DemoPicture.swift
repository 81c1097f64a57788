internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// The recordings of both hosts as one picture, with the seams magnified: drawn by gnuplot.
enum DemoPicture {
    /// Frames shown on either side of a seam.
    private static let around = 120
    /// Frames that one point of the overview stands for.
    private static let stride = 2048

    static func draw(_ report: MusicMove.Report, to file: FilePath, scratch: FilePath) throws {
        let data = scratch.appending("picture")
        try attempt("make", data.string) { () throws(Errno) in
            try Files.makeFolders(data, permissions: .init(rawValue: 0o755))
        }
        var position = 0
        var starts: [Int] = []
        for (index, part) in report.parts.enumerated() {
            // Where it belongs, whatever silence there was within the parts before.
            position = FrameComparison.place(of: part.frames, in: report.reference, near: position) ?? position
            starts.append(position)
            try write(overview(part.frames, from: position), to: data.appending("part\(index).dat"))
            position += part.frames.count
        }
        for seam in 0..<2 {
            let start = starts[seam + 1]
            let before = report.parts[seam].frames.suffix(around)
            let after = report.parts[seam + 1].frames.prefix(around)
            try write(points(before, from: start - before.count), to: data.appending("before\(seam).dat"))
            try write(points(after, from: start), to: data.appending("after\(seam).dat"))
            let low = max(0, start - around)
            let high = min(report.reference.count, start + around)
            try write(points(report.reference[low..<high], from: low), to: data.appending("reference\(seam).dat"))
        }
        let script = data.appending("script")
        try write(self.script(data: data, output: file), to: script)
        let plot = try ChildProcess(
            Command("gnuplot", [script.string]), writingTo: data.appending("gnuplot.log"))
        guard plot.wait().isSuccess else {
            throw Failure("draw", file.string, "gnuplot failed", remedy: "run: make setup")
        }
    }

    private static func write(_ text: String, to file: FilePath) throws {
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Array(text.utf8), permissions: .init(rawValue: 0o644))
        }
    }

    private static func left(_ frame: UInt32) -> Int { Int(Int16(truncatingIfNeeded: frame)) }

    /// Lowest and highest sample of each stretch: time in s, low, high.
    private static func overview(_ frames: [UInt32], from position: Int) -> String {
        var text = ""
        for begin in Swift.stride(from: 0, to: frames.count, by: stride) {
            let samples = frames[begin..<min(begin + stride, frames.count)].map(left)
            let time = Double(position + begin) / 44100
            text += "\(time) \(samples.min() ?? 0) \(samples.max() ?? 0)\n"
        }
        return text
    }

    private static func points(_ frames: ArraySlice<UInt32>, from position: Int) -> String {
        var text = ""
        for (index, frame) in frames.enumerated() { text += "\(position + index) \(left(frame))\n" }
        return text
    }

    private static func script(data: FilePath, output: FilePath) -> String {
        let folder = data.string
        var text = """
            set terminal pngcairo size 1400,900 font "sans,10"
            set output "\(output.string)"
            set multiplot
            set style fill solid
            set size 1,0.5
            set origin 0,0.5
            set title "One piece of music, heard on two hosts (left channel)"
            set xlabel "place in the music, s"
            set autoscale xfix
            set ylabel "sample"
            plot "\(folder)/part0.dat" using 1:2:3 with filledcurves lc rgb "#3060a0" title "host A", \\
                 "\(folder)/part1.dat" using 1:2:3 with filledcurves lc rgb "#c06020" title "host B", \\
                 "\(folder)/part2.dat" using 1:2:3 with filledcurves lc rgb "#3060a0" notitle
            set size 0.5,0.5
            set xlabel "frame"
            set format x "%.0f"
            set xtics 80

            """
        for seam in 0..<2 {
            let (first, second) = seam == 0 ? ("A", "B") : ("B", "A")
            text += """
                set origin \(seam == 0 ? "0" : "0.5"),0
                set title "The seam from host \(first) to host \(second)"
                plot "\(folder)/reference\(seam).dat" with lines lw 5 lc rgb "#d8d8d8" title "decoded outside", \\
                     "\(folder)/before\(seam).dat" with points pt 7 ps 0.6 \\
                         lc rgb "\(seam == 0 ? "#3060a0" : "#c06020")" title "host \(first)", \\
                     "\(folder)/after\(seam).dat" with points pt 7 ps 0.6 \\
                         lc rgb "\(seam == 0 ? "#c06020" : "#3060a0")" title "host \(second)"

                """
        }
        return text + "unset multiplot\n"
    }
}
