internal import CPulse

/// Ends a stream that has no callbacks any more, and gives it up.
///
/// libpulse refuses to disconnect a stream whose creation is not acknowledged yet: it would stay at the server for as
/// long as the connection lasts. A program that prepares its PCM twice would leave one each time.
func disconnect(_ stream: OpaquePointer) {
    guard pa_stream_get_state(stream) == PA_STREAM_CREATING else {
        pa_stream_disconnect(stream)
        pa_stream_unref(stream)
        return
    }
    pa_stream_set_state_callback(
        stream,
        { stream, _ in
            guard let stream else { return }
            switch pa_stream_get_state(stream) {
            case PA_STREAM_READY: pa_stream_disconnect(stream)
            case PA_STREAM_FAILED, PA_STREAM_TERMINATED:
                pa_stream_set_state_callback(stream, nil, nil)
                pa_stream_unref(stream)
            default: break
            }
        }, nil)
}
