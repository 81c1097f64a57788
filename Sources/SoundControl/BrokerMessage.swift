/// What the engine and `podaudio` ask of a broker, over its control socket: one JSON object a line each way.
public enum BrokerRequest: Codable, Sendable, Equatable {
    case status
    /// What `hw_params` offers from the next `open` on.
    case setPolicy(SoundPolicy)
    /// The pod is about to be frozen: stop every sink stream and take its exact position. Before the freeze,
    /// not after it: a program that is frozen while its sound plays on runs dry, and would find an xrun.
    case hold
    /// The pod is frozen: stop every sink stream, take its exact position, write it into the stream's shared
    /// header, close every connection with the pod. Answered with the records.
    case detach
    /// The suspend did not happen: listen again and take the streams back.
    case attach
    /// Let what lies in the device sound, then end.
    case quit
}

public enum BrokerReply: Codable, Sendable {
    case status(BrokerStatus)
    case records(SoundRecords)
    case done
    /// One line: what failed, on what, why, what to do.
    case failed(String)
}
