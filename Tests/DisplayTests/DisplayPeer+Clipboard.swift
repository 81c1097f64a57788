import DisplayABI
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// The clipboard, as a viewer has it.
extension DisplayPeer {
    var podClipboard: display_clipboard {
        get throws {
            var said = display_clipboard()
            try waitUntil("the clipboard can be read") { display_read_pod_clipboard(object, &said) != 0 }
            return said
        }
    }

    /// Waits for the pod to offer these formats of a selection; returns the offer's serial.
    func waitForOffer(_ formats: UInt32, of selection: display_selection = DISPLAY_CLIPBOARD, after serial: UInt32 = 0)
        throws -> UInt32
    {
        var offer = display_offer()
        try waitUntil("the pod offers \(formats) of selection \(selection.rawValue)") {
            beat()
            let said = try podClipboard
            offer = selection == DISPLAY_CLIPBOARD ? said.offers.0 : said.offers.1
            return offer.formats == formats && offer.serial != serial
        }
        return offer.serial
    }

    /// Wishes for an offer's data; returns it, or why there is none.
    func take(_ format: display_clipboard_format, _ serial: UInt32, of selection: display_selection = DISPLAY_CLIPBOARD)
        throws -> (status: display_answer_status, data: [UInt8])
    {
        clipboard.owner = owner
        wishes += 1
        clipboard.wish = display_wish(
            number: wishes, viewer: 0, owner: 0, selection: selection.rawValue, serial: serial, format: format.rawValue)
        tell()
        var answer = display_answer()
        try waitUntil("the pod answers") {
            beat()
            answer = try podClipboard.answer
            return answer.number == wishes && answer.viewer == slot && answer.owner == owner
        }
        var data: [UInt8] = []
        if answer.status == DISPLAY_ANSWER_DATA.rawValue, answer.bytes <= DISPLAY_MAX_CLIPBOARD {
            data = try bytes(at: Int(DISPLAY_POD_CLIPBOARD_OFFSET), Int(answer.bytes))
        }
        clipboard.wish = display_wish()
        tell()
        return (display_answer_status(answer.status), data)
    }

    private func tell() {
        display_write_clipboard(display_viewer_at(object, slot), &clipboard)
        display_ring(display_clipboard_doorbell(object))
    }
}
