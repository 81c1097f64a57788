internal import CX11
internal import Glibc
internal import LinuxSystem

extension Viewer {
    func handleEvents() {
        var resized: (width: Int, height: Int)?
        while end == nil, XPending(host.display) > 0 {
            var event = XEvent()
            XNextEvent(host.display, &event)
            if event.type == ConfigureNotify, event.xconfigure.window == window.window {
                // Only the last of a row matters.
                resized = (Int(event.xconfigure.width), Int(event.xconfigure.height))
                continue
            }
            handle(&event)
        }
        if let resized, window.resized(width: resized.width, height: resized.height) { viewResized() }
    }

    private func handle(_ event: inout XEvent) {
        if event.type == host.completionEvent {
            host.pending.completed()
            return
        }
        if keyboard.handle(&event, slot) || clipboard?.handle(&event, slot) == true { return }
        switch event.type {
        case Expose:
            let area = event.xexpose
            if area.window == window.view {
                let box = Box(
                    Int(area.x), Int(area.y), Int(area.x) + Int(area.width), Int(area.y) + Int(area.height))
                canvas.redraw(box)
                video?.exposed()
            } else if area.count == 0 {
                window.bar?.draw()
            }
        case KeyPress, KeyRelease: key(event.xkey)
        case ButtonPress, ButtonRelease: button(event.xbutton)
        case MotionNotify: motion(Int(event.xmotion.x), Int(event.xmotion.y))
        case EnterNotify where event.xcrossing.window == window.view:
            motion(Int(event.xcrossing.x), Int(event.xcrossing.y))
        case FocusIn where isAboutUs(event.xfocus): gainedFocus()
        case FocusOut where isAboutUs(event.xfocus): keyboard.lostFocus(slot)
        case KeymapNotify:
            let keys = withUnsafeBytes(of: event.xkeymap.key_vector) { Array($0.prefix(32)) }
            keyboard.held(keys, slot)
        case MapNotify where event.xmap.window == window.window:
            // Without a window manager nobody else gives us the keyboard.
            if !window.hasWindowManager {
                XSetInputFocus(host.display, window.window, Int32(RevertToPointerRoot), Time(CurrentTime))
            }
        case ClientMessage:
            if event.xclient.message_type == window.protocolsAtom,
                UInt(bitPattern: event.xclient.data.l.0) == window.deleteAtom
            {
                close()
            }
        case DestroyNotify where event.xdestroywindow.window == window.window:
            if job == nil { end = .detached }
        default: break
        }
    }

    /// The pointer's wanderings between our own windows are no change of focus.
    private func isAboutUs(_ event: XFocusChangeEvent) -> Bool {
        event.window == window.window && event.detail != NotifyInferior && event.detail != NotifyPointer
    }

    private func gainedFocus() {
        keyboard.push(to: slot)
        keyboard.gainedFocus(slot, podLeds: object.leds)
        if window.isFullScreen {
            // The desktop's own keys belong to the pod, too.
            XGrabKeyboard(
                host.display, window.window, False, Int32(GrabModeAsync), Int32(GrabModeAsync), Time(CurrentTime))
        }
    }

    private func key(_ event: XKeyEvent) {
        if farewell != nil {
            if event.type == KeyPress { end = farewell?.end }
            return
        }
        guard job == nil else { return }
        // Ctrl+Alt+Enter is ours.
        let both = UInt32(ControlMask | Mod1Mask)
        if event.type == KeyPress, event.state & both == both,
            XkbKeycodeToKeysym(host.display, KeyCode(truncatingIfNeeded: event.keycode), 0, 0) == KeySym(XK_Return)
        {
            slot.release()
            toggleFullScreen()
            return
        }
        keyboard.key(event, slot)
    }

    private func toggleFullScreen() {
        window.setFullScreen(!window.isFullScreen)
        if !window.isFullScreen { XUngrabKeyboard(host.display, Time(CurrentTime)) }
        viewResized()
    }

    private func motion(_ x: Int, _ y: Int) {
        guard job == nil, farewell == nil, let placement = canvas.placement else { return }
        let at = placement.toScreen(x: x, y: y)
        slot.motion(x: at.x, y: at.y)
    }

    private func button(_ event: XButtonEvent) {
        if let bar = window.bar, event.window == bar.window {
            guard event.type == ButtonPress, event.button == 1, job == nil, farewell == nil else { return }
            switch bar.button(x: Int(event.x)) {
            case .fullScreen: toggleFullScreen()
            case .detach: end = .detached
            case .suspend: suspend()
            case nil: break
            }
            return
        }
        guard event.window == window.view, job == nil, farewell == nil, (1...32).contains(event.button) else { return }
        motion(Int(event.x), Int(event.y))
        slot.button(event.button, isDown: event.type == ButtonPress)
    }

    // MARK: Closing

    private func close() {
        if let farewell {
            end = farewell.end
        } else if job == nil {
            if options.suspend == nil { end = .detached } else { suspend() }
        }
    }

    private func suspend() {
        guard job == nil, let command = options.suspend else { return }
        slot.release()
        slot.flush()
        do {
            job = try SuspendJob(command)
            if window.isFullScreen { toggleFullScreen() }
            say("suspending \(options.name)")
        } catch {
            say("\(error)")
        }
    }

    func lookAtJob() {
        guard let job else { return }
        guard let status = job.look() else {
            say("\(options.name): \(job.lastLine)")
            return
        }
        self.job = nil
        if status.isSuccess {
            farewell(.suspended, "\(options.name) is suspended: safe to remove", seconds: 3)
        } else {
            // It runs on: so do we.
            say("\(job.lastLine)")
            XBell(host.display, 0)
            failure = job.lastLine
        }
    }
}
