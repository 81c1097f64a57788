public import FoundationEssentials

/// How long ago something was, in the largest unit that fits.
public enum Age {
    public static func text(since date: Date, now: Date) -> String {
        let seconds = now.timeIntervalSince(date)
        // Another host's clock may be ahead.
        if seconds < 1 { return "just now" }
        for (length, unit) in [(86_400.0 * 365, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")]
        where seconds >= length {
            let count = Int(min(seconds / length, 1e6))
            return "\(count) \(unit)\(count == 1 ? "" : "s") ago"
        }
        return "\(Int(seconds)) s ago"
    }
}
