/// What the engine and `podaudio` ask of a broker, over its control socket: one JSON object a line each way.
public enum BrokerRequest: Codable, Sendable, Equatable {
    case status
    /// The same, with each stream's peaks since the last such request.
    case levels
    /// What `hw_params` offers from the next `open` on.
    case setPolicy(SoundPolicy)
    /// How loud the pod is, from now on.
    case setMixer(MixerState)
    /// Where sound goes from now on, as `--sound` says it; with `downmix` also what needs more speakers than are there.
    /// Streams go on there at the very next frame.
    case move(sink: String, downmix: Bool)
    /// From now on this connection carries what the pod plays: 32-bit float frames, interleaved, of the sink's rate and
    /// channels, after a `tap` reply.
    case tap
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
    /// Hz, and the number of channels of the frames that follow.
    case tap(rate: UInt32, channels: UInt32)
    case done
    /// One line: what failed, on what, why, what to do.
    case failed(String)
}
